import type { TodoClient } from "../api/client.ts";
import { failureOf, type Failure } from "../api/failure.ts";
import type { ListTodosResponse, Todo } from "../gen/todo/v1/todo_pb.ts";
import type { Filter } from "./pending.ts";

const canceled: Failure = { kind: "canceled", message: "Another list is being loaded." };

/**
 * The part of the user's list that is loaded, newest first, as the service has
 * it. One request is under way at a time; a newer one cancels the one before.
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

  constructor(client: TodoClient, filter: Filter, changed: () => void) {
    this.#client = client;
    this.#filter = filter;
    this.#changed = changed;
  }

  /** What is loaded. Some of it may not match the filter, or not any more: rowsOf leaves that out. */
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
   * Shows another list. What is loaded stays meanwhile: a change on its way
   * may bring any of it into this list.
   */
  show(filter: Filter): Promise<Failure | undefined> {
    this.#filter = filter;
    this.#nextPageToken = "";
    this.#loading = "first";
    this.#changed();
    return this.#load("", (page) => {
      this.#todos = page.todos;
      this.#nextPageToken = page.nextPageToken;
    });
  }

  /** Loads the next page, unless something is being loaded. */
  async more(): Promise<Failure | undefined> {
    if (this.#loading || !this.hasMore) return undefined;
    this.#loading = "more";
    this.#changed();
    return this.#load(this.#nextPageToken, (page) => {
      // What was created meanwhile pushed nothing over the page's border: a
      // page token names a place, not a number.
      const known = new Set(this.#todos.map(({ id }) => id));
      this.#todos = [...this.#todos, ...page.todos.filter(({ id }) => !known.has(id))];
      this.#nextPageToken = page.nextPageToken;
    });
  }

  /** Brings the list up to date from its top, without letting go of what is below. */
  refresh(): Promise<Failure | undefined> {
    if (this.#loading === "first") return this.show(this.#filter);
    this.#loading = undefined;
    return this.#load("", (page) => {
      const last = page.todos.at(-1);
      const seam = this.#todos.findIndex(({ id }) => id === last?.id);
      if (page.nextPageToken === "" || seam < 0) {
        this.#todos = page.todos;
        this.#nextPageToken = page.nextPageToken;
      } else {
        this.#todos = [...page.todos, ...this.#todos.slice(seam + 1)];
      }
    });
  }

  /**
   * Puts in a todo as it was created, unless it is there: the list may have been
   * read since, and then knows better.
   */
  add(todo: Todo): void {
    const known = this.#todos.some(({ id }) => id === todo.id);
    this.#write(known ? this.#todos : [todo, ...this.#todos]);
  }

  /** Puts in what a todo, when it is loaded, has become. */
  replace(todo: Todo): void {
    this.#write(this.#todos.map((t) => (t.id === todo.id ? todo : t)));
  }

  /** Takes out what no longer exists. */
  remove(id: string): void {
    this.#write(this.#todos.filter((todo) => todo.id !== id));
  }

  /** Gives up what is being loaded. */
  stop(): void {
    this.#request.abort();
  }

  #write(todos: readonly Todo[]): void {
    this.#writes++;
    this.#todos = todos;
    this.#changed();
  }

  /** Loads a page, and returns why it could not. */
  async #load(pageToken: string, use: (page: ListTodosResponse) => void): Promise<Failure | undefined> {
    this.#request.abort();
    const request = (this.#request = new AbortController());
    const query = this.#filter === "all" ? { pageToken } : { pageToken, isCompleted: this.#filter === "done" };
    try {
      for (;;) {
        const writes = this.#writes;
        const page = await this.#client.listTodos(query, { signal: request.signal });
        if (request.signal.aborted) return canceled;
        // A page that was read before a change and arrives after it would
        // bring back what the change replaced.
        if (writes !== this.#writes) continue;
        use(page);
        break;
      }
      this.#loading = this.#problem = undefined;
      return undefined;
    } catch (error) {
      const failure = failureOf(error);
      if (request.signal.aborted) return canceled;
      // The first page stays wanted while the service is away.
      if (failure.kind !== "away" || this.#loading === "more") this.#loading = undefined;
      this.#problem = failure.kind === "away" ? undefined : failure.message;
      return failure;
    } finally {
      this.#changed();
    }
  }
}
