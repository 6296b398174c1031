// A service in memory that keeps the contract of changes: SyncTodos, WatchTodos and
// ApplyTodos. Tests change its todos as another device would, and make it fail.

import { create } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type Interceptor, type ServiceImpl } from "@connectrpc/connect";
import type { TodoClient } from "../api/client.ts";
import { newId } from "../api/ids.ts";
import { TodoSchema, TodoService, type ApplyTodosRequest, type Todo, type TodoOperation } from "../gen/todo/v1/todo_pb.ts";
import { derivedPosition } from "../sync/position.ts";
import { editTags } from "../sync/tags.ts";
import { clientOf } from "./service.ts";

/** A method of the service that a page with a copy calls. */
export type Procedure = "syncTodos" | "watchTodos" | "applyTodos" | "listTodos";

/** What a test, as another device, sets of a todo. */
export type Fields = Partial<
  Pick<Todo, "title" | "description" | "isCompleted" | "dueDate" | "dueTime" | "dueTimeZone" | "priority" | "tags" | "position">
>;

interface Stored {
  readonly todo: Todo;
  readonly revision: number;
}

interface Page {
  readonly todos: Todo[];
  readonly nextSyncToken: string;
  readonly hasMore: boolean;
  readonly reset: boolean;
}

/** One user's todos on a service. */
export class TodoServer {
  readonly client: TodoClient;
  /** What the client calls. */
  readonly methods: Partial<ServiceImpl<typeof TodoService>>;
  /** The calls so far, in order. */
  readonly calls: Procedure[] = [];
  /** The requests of applyTodos, in order. */
  readonly applied: ApplyTodosRequest[] = [];
  /** Runs before a call has its effect; what it throws is the answer. */
  before: (procedure: Procedure) => Promise<void> | void = () => {};
  /** Runs after the effect; what it throws is the answer. */
  after: (procedure: Procedure) => Promise<void> | void = () => {};
  /** Runs before each operation; what it throws is its result. */
  refuses: (operation: TodoOperation) => void = () => {};
  pageSize = 200;
  /** Without a trash, it deletes for good, and tells no changes. */
  hasTrash = true;
  /** How many streams are open. */
  streams = 0;

  readonly #todos = new Map<string, Stored>();
  readonly #codes = new Map<string, readonly { code: string; message: string; id: string }[]>();
  #revision = 0;
  #epoch = 1;
  #waiting: (() => void)[] = [];

  constructor(interceptors: Interceptor[] = []) {
    this.methods = {
      syncTodos: async ({ syncToken, waitSeconds }, { signal }) => {
        await this.#enter("syncTodos");
        if (waitSeconds > 0 && this.#page(syncToken).todos.length === 0) await this.#change(signal);
        const page = this.#page(syncToken);
        await this.after("syncTodos");
        return page;
      },
      watchTodos: ({ syncToken }, { signal }) => this.#watch(syncToken, signal),
      applyTodos: async (request) => {
        await this.#enter("applyTodos");
        this.applied.push(request);
        const results = this.#apply(request);
        await this.after("applyTodos");
        return { results };
      },
      listTodos: async ({ pageToken }) => {
        await this.#enter("listTodos");
        const todos = this.todos.slice(Number(pageToken), Number(pageToken) + this.pageSize);
        const next = Number(pageToken) + todos.length;
        return { todos: [...todos], nextPageToken: next < this.todos.length ? `${next}` : "" };
      },
    };
    this.client = clientOf(this.methods, interceptors);
  }

  /** The todos that are not deleted, newest first. */
  get todos(): readonly Todo[] {
    return [...this.#todos.values()].map(({ todo }) => todo).filter(({ deletedAt }) => !deletedAt).reverse();
  }

  get titles(): readonly string[] {
    return this.todos.map(({ title }) => title);
  }

  find(title: string): Todo {
    const found = [...this.#todos.values()].find(({ todo }) => todo.title === title);
    if (!found) throw new Error(`no todo ${title}`);
    return found.todo;
  }

  /** Creates a todo; returns its id. */
  create(title: string, { id = newId(), ...fields }: Fields & { id?: string } = {}): string {
    this.#put({ ...create(TodoSchema, { id, title, createdAt: this.#now() }), ...fields });
    return id;
  }

  update(id: string, patch: Fields): void {
    this.#put({ ...this.#alive(id), ...patch });
  }

  delete(id: string, purgeTime = Date.now() + 30 * 86_400_000): void {
    const todo = this.#alive(id);
    if (!this.hasTrash) return void this.#todos.delete(id);
    this.#store({ ...todo, deletedAt: this.#now(), purgeTime: timestampFromMs(purgeTime) });
  }

  undelete(id: string): void {
    const { deletedAt: _, purgeTime: __, ...todo } = this.#known(id);
    this.#store(todo);
  }

  purge(id: string): void {
    this.#store({ ...this.#known(id), title: "deleted", description: undefined as never, purged: true, deletedAt: this.#now() });
  }

  /** Removes a todo without a trace, and forgets what tokens need: a restored backup. */
  restoreWithout(...ids: string[]): void {
    for (const id of ids) this.#todos.delete(id);
    this.#epoch++;
    this.#wake();
  }

  /** Ends all streams. */
  endStreams(): void {
    this.#streamsEnd.abort();
    this.#streamsEnd = new AbortController();
    this.#wake();
  }
  #streamsEnd = new AbortController();

  async #enter(procedure: Procedure): Promise<void> {
    this.calls.push(procedure);
    await this.before(procedure);
    if (!this.hasTrash && /sync|watch/.test(procedure)) throw new ConnectError("no trash", Code.Unimplemented);
  }

  async *#watch(token: string, signal: AbortSignal): AsyncGenerator<Page> {
    await this.#enter("watchTodos");
    const ends = this.#streamsEnd.signal;
    this.streams++;
    try {
      for (let isFirst = true; !signal.aborted; isFirst = false) {
        if (ends.aborted) throw new ConnectError("drain", Code.Unavailable);
        const page = this.#page(token);
        if (isFirst || page.todos.length > 0 || page.reset) {
          await this.after("watchTodos");
          yield page;
          token = page.nextSyncToken;
        }
        const next = this.#page(token);
        if (next.todos.length === 0 && !next.reset && !ends.aborted) await this.#change(signal);
      }
    } finally {
      this.streams--;
    }
  }

  #page(token: string): Page {
    const [epoch, after] = (token || `${this.#epoch}.0`).split(".").map(Number);
    const reset = epoch !== this.#epoch;
    const changes = [...this.#todos.values()]
      .filter(({ revision }) => reset || revision > after!)
      .sort((a, b) => a.revision - b.revision);
    const page = changes.slice(0, this.pageSize);
    const hasMore = changes.length > page.length;
    const head = hasMore ? page.at(-1)!.revision : this.#revision;
    return { todos: page.map(({ todo }) => todo), nextSyncToken: `${this.#epoch}.${head}`, hasMore, reset };
  }

  /** Waits until something has changed. */
  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener("abort", done);
        resolve();
      };
      signal.addEventListener("abort", done);
      this.#waiting.push(done);
    });
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #apply({ requestId, operations }: ApplyTodosRequest) {
    let codes = this.#codes.get(requestId);
    if (!codes) {
      codes = operations.map((operation) => this.#operate(operation));
      this.#codes.set(requestId, codes);
    }
    return codes.map(({ code, message, id }) => {
      const todo = this.#todos.get(id)?.todo;
      return { code, message, ...(todo && (code === "" || code === "aborted") && { todo }) };
    });
  }

  #operate(todoOperation: TodoOperation): { code: string; message: string; id: string } {
    const { operation } = todoOperation;
    const id = operation.value?.id ?? newId();
    try {
      this.refuses(todoOperation);
      switch (operation.case) {
        case "create": {
          const known = this.#todos.get(id)?.todo;
          const { $typeName: _, $unknown: __, title, id: ___, ...fields } = operation.value;
          if (known && known.title !== title) throw new ConnectError("exists", Code.AlreadyExists);
          if (!known) this.create(title, { id, ...present(fields) });
          break;
        }
        case "update": {
          this.#check(id, operation.value.etag);
          const { $typeName: _, $unknown: __, id: ___, etag: ____, tags: _____, addTags, removeTags, ...fields } = operation.value;
          const tags = editTags(this.#alive(id).tags, { add: addTags, remove: removeTags });
          this.update(id, { ...present(fields), tags: [...tags] });
          break;
        }
        case "delete":
          if (operation.value.permanently) {
            this.#check(id, operation.value.etag, this.#known(id));
            this.purge(id);
          } else {
            this.#check(id, operation.value.etag);
            this.delete(id);
          }
          break;
        case "undelete":
          if (this.#known(id).deletedAt) this.undelete(id);
      }
      return { code: "", message: "", id };
    } catch (error) {
      const { code, rawMessage } = ConnectError.from(error);
      return { code: Code[code]!.replace(/(?<!^)([A-Z])/g, "_$1").toLowerCase(), message: rawMessage, id };
    }
  }

  #check(id: string, etag: string | undefined, todo = this.#alive(id)): void {
    if (etag !== undefined && etag !== todo.etag) throw new ConnectError("changed since", Code.Aborted);
  }

  #alive(id: string): Todo {
    const todo = this.#known(id);
    if (todo.deletedAt) throw new ConnectError("no such todo", Code.NotFound);
    return todo;
  }

  #known(id: string): Todo {
    const todo = this.#todos.get(id)?.todo;
    if (!todo || todo.purged) throw new ConnectError("no such todo", Code.NotFound);
    return todo;
  }

  /** Stores a todo as the service does: what is empty is absent, and what follows from other fields follows. */
  #put(todo: Todo): void {
    const { description, dueDate, dueTime, dueTimeZone, priority, position, completedAt, isCompleted, ...rest } = todo;
    this.#store({
      ...rest,
      isCompleted,
      ...(description && { description }),
      ...(dueDate && { dueDate, ...(dueTime && { dueTime, ...(dueTimeZone && { dueTimeZone }) }) }),
      ...(priority && { priority }),
      position: position || derivedPosition(timestampMs(todo.createdAt!) * 1000),
      ...(isCompleted && { completedAt: completedAt ?? this.#now() }),
    });
  }

  #store(todo: Todo): void {
    const revision = ++this.#revision;
    this.#todos.set(todo.id, { todo: { ...todo, etag: `e${revision}`, updatedAt: this.#now() }, revision });
    this.#wake();
  }

  /** A time that moves forward with each change. */
  #now() {
    return timestampFromMs(1_700_000_000_000 + this.#revision);
  }
}

function present<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}
