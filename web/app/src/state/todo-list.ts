import type { TodoClient } from "../api/client.ts";
import { failureOf, type Failure } from "../api/failure.ts";
import type { ListTodosResponse, Todo } from "../gen/todo/v1/todo_pb.ts";
import type { Filter } from "./pending.ts";

const canceled: Failure = { kind: "canceled", message: "Another list is being loaded." };

/**
 * The loaded part of the user's list on the service, newest first. One request is
 * in flight at a time; a newer one cancels the one before.
 */
export class TodoList {
  #todos: readonly Todo[] = [];
  #filter: Filter;
  #nextPageToken = "";
  #loading: "first" | "more" | undefined;
  #problem: string | undefined;
  #writes = 0;
  #request = new AbortController();
  readonly #client: TodoClient;
  readonly #changed: () => void;
  readonly #keeps: (todo: Todo, filter: Filter) => boolean;

  /**
   * @param keeps returns whether a loaded todo stays although a page that was read
   *   later has left it out.
   */
  constructor(
    client: TodoClient,
    filter: Filter,
    changed: () => void,
    keeps: (todo: Todo, filter: Filter) => boolean = () => false,
  ) {
    this.#client = client;
    this.#filter = filter;
    this.#changed = changed;
    this.#keeps = keeps;
  }

  /** The loaded todos. Some may not match the filter; rowsOf leaves those out. */
  get todos(): readonly Todo[] {
    return this.#todos;
  }

  get filter(): Filter {
    return this.#filter;
  }

  /** Whether the first page, or a further one, is being loaded for the user. */
  get loading(): "first" | "more" | undefined {
    return this.#loading;
  }

  /** Whether there is another page. */
  get hasMore(): boolean {
    return this.#nextPageToken !== "";
  }

  /** Why the list could not be loaded; undefined when it could. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /**
   * Shows another list. The loaded todos stay meanwhile, since a pending change may
   * move any of them into this list.
   */
  show(filter: Filter): Promise<Failure | undefined> {
    this.#filter = filter;
    this.#nextPageToken = "";
    this.#loading = "first";
    this.#changed();
    return this.#load("", (page) => this.#start(page));
  }

  /** Loads the next page, unless something is being loaded. */
  async more(): Promise<Failure | undefined> {
    if (this.#loading || !this.hasMore) return undefined;
    this.#loading = "more";
    this.#changed();
    return this.#load(this.#nextPageToken, (page) => {
      // Todos created meanwhile don't shift the pages, since a page token is a
      // position, not a number.
      this.#todos = union(this.#todos, page.todos);
      this.#nextPageToken = page.nextPageToken;
    });
  }

  /** Loads the first page again, and keeps the todos after it. */
  refresh(): Promise<Failure | undefined> {
    if (this.#loading === "first") return this.show(this.#filter);
    this.#loading = undefined;
    return this.#load("", (page) => {
      const last = page.todos.at(-1);
      const seam = this.#todos.findIndex(({ id }) => id === last?.id);
      if (page.nextPageToken === "" || seam < 0) this.#start(page);
      else this.#todos = union([...page.todos, ...this.#todos.slice(seam + 1)], this.#kept());
    });
  }

  /**
   * Adds a todo as it was created, unless it is in the list: the list may have been
   * loaded since, and is then newer.
   */
  add(todo: Todo): void {
    const known = this.#todos.some(({ id }) => id === todo.id);
    this.#write(known ? this.#todos : [todo, ...this.#todos]);
  }

  /** Replaces a loaded todo by its new version. */
  replace(todo: Todo): void {
    this.#write(this.#todos.map((t) => (t.id === todo.id ? todo : t)));
  }

  /** Removes a todo that no longer exists. */
  remove(id: string): void {
    this.#write(this.#todos.filter((todo) => todo.id !== id));
  }

  /** Cancels the request in flight. */
  stop(): void {
    this.#request.abort();
  }

  /** Begins the list anew with its first page. */
  #start(page: ListTodosResponse): void {
    this.#todos = union(page.todos, this.#kept());
    this.#nextPageToken = page.nextPageToken;
  }

  #kept(): readonly Todo[] {
    return this.#todos.filter((todo) => this.#keeps(todo, this.#filter));
  }

  #write(todos: readonly Todo[]): void {
    this.#writes++;
    this.#todos = todos;
    this.#changed();
  }

  /** Loads a page, and returns the failure, if any. */
  async #load(pageToken: string, use: (page: ListTodosResponse) => void): Promise<Failure | undefined> {
    this.#request.abort();
    const request = (this.#request = new AbortController());
    const query = this.#filter === "all" ? { pageToken } : { pageToken, isCompleted: this.#filter === "done" };
    try {
      for (;;) {
        const writes = this.#writes;
        const page = await this.#client.listTodos(query, { signal: request.signal });
        if (request.signal.aborted) return canceled;
        // A page that was read before a change, but arrives after it, would undo
        // the change in the list.
        if (writes !== this.#writes) continue;
        use(page);
        break;
      }
      this.#loading = this.#problem = undefined;
      return undefined;
    } catch (error) {
      const failure = failureOf(error);
      if (request.signal.aborted) return canceled;
      // While the service can't be reached, the first page is still to be loaded.
      if (failure.kind !== "away" || this.#loading === "more") this.#loading = undefined;
      this.#problem = failure.kind === "away" ? undefined : failure.message;
      return failure;
    } finally {
      this.#changed();
    }
  }
}

/** Returns the todos, and those of more that are not among them, in the service's order. */
function union(todos: readonly Todo[], more: readonly Todo[]): readonly Todo[] {
  const known = new Set(todos.map(({ id }) => id));
  return [...todos, ...more.filter(({ id }) => !known.has(id))].sort(newestFirst);
}

/** Compares two todos as the service orders them: by creation, then by id, both descending. */
function newestFirst(a: Todo, b: Todo): number {
  const seconds = Number((b.createdAt?.seconds ?? 0n) - (a.createdAt?.seconds ?? 0n));
  const nanos = (b.createdAt?.nanos ?? 0) - (a.createdAt?.nanos ?? 0);
  return seconds || nanos || (a.id < b.id ? 1 : -1);
}
