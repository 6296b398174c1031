import type { TodoClient } from "../api/client.ts";
import { failureOf } from "../api/failure.ts";
import type { TodoResult } from "../gen/todo/v1/todo_pb.ts";
import { newId } from "../api/ids.ts";
import type { Status } from "./channel.ts";
import { createsOf, etagFor, hasText, messageOf, updateOf, type NewTodo, type Operation, type Patch } from "./operation.ts";
import { entriesOf, maxOperations, type Entry, type Refusal } from "./outbox.ts";
import { localTodo, nowMicroseconds, type LocalTodo, type Text } from "./todo.ts";
import type { Change, Todos, TodosListener } from "./todos.ts";
import { viewOf, type ShownTodo, type View } from "./view.ts";

/** How often the todos are listed again, in milliseconds: nothing tells what has changed elsewhere. */
const refreshInterval = 30_000;

/** The most todos of a page: the contract's limit. */
const pageSize = 200;

/** The options of todos. */
export interface DirectOptions {
  readonly client: TodoClient;
  readonly listener: TodosListener;
}

/**
 * One user's todos on a service without a trash, which can't tell what has changed. They
 * are in memory only: without the network nothing can be read or changed.
 */
export class DirectTodos implements Todos {
  readonly hasTrash = false;
  readonly complete = true;
  readonly trash: readonly ShownTodo[] = [];
  readonly #options: DirectOptions;
  #copy = new Map<string, LocalTodo>();
  /** The todos that were deleted here: undoing that creates them again. */
  readonly #deleted = new Map<string, LocalTodo>();
  #entries: readonly Entry[] = [];
  #view: View | undefined;
  #status: Status = {};
  /** Resolves when all calls so far have ended: one follows the other. */
  #calls: Promise<void> = Promise.resolve();
  #refreshing: ReturnType<typeof setInterval> | undefined;
  #closed = false;

  /** Lists the todos. It fails when the service does. */
  static async open(options: DirectOptions): Promise<DirectTodos> {
    const todos = new DirectTodos(options);
    todos.#copy = await todos.#list();
    todos.setVisible(true);
    return todos;
  }

  private constructor(options: DirectOptions) {
    this.#options = options;
  }

  get todos(): readonly ShownTodo[] {
    return this.#shown.todos;
  }

  get status(): Status {
    return this.#status;
  }

  get unsent(): number {
    return this.#entries.filter(({ refusal }) => !refusal).length;
  }

  get refused(): readonly Entry[] {
    return this.#entries.filter(({ refusal }) => refusal);
  }

  find(id: string): ShownTodo | undefined {
    return this.#shown.byId.get(id);
  }

  create(...todos: readonly NewTodo[]): readonly string[] {
    const creates = createsOf(todos, nowMicroseconds());
    this.#do(creates);
    return creates.map(({ id }) => id);
  }

  update(id: string, patch: Patch, seen?: Text & { readonly etag: string }): void {
    this.#do([updateOf(id, patch, nowMicroseconds(), seen)]);
  }

  updateAll(changes: readonly Change[]): void {
    this.#do(changes.map(({ id, patch }) => updateOf(id, patch, nowMicroseconds())));
  }

  delete(...ids: readonly string[]): void {
    for (const id of ids) {
      const todo = this.find(id);
      if (todo) this.#deleted.set(id, todo);
    }
    this.#do(ids.map((id) => ({ kind: "delete", id, at: nowMicroseconds() }) as const));
  }

  undelete(...ids: readonly string[]): void {
    const todos = ids.flatMap((id) => this.#deleted.get(id) ?? []);
    const operations = todos.flatMap(({ id, title, description, due, priority, tags, position, isCompleted }): Operation[] => [
      { kind: "create", id, title, description, due, priority, tags, position, at: nowMicroseconds() },
      ...(isCompleted ? [updateOf(id, { isCompleted }, nowMicroseconds())] : []),
    ]);
    this.#do(operations);
  }

  /** There is no trash to delete from. */
  purge(): void {}

  async drop(...keys: string[]): Promise<void> {
    this.#set(this.#entries.filter(({ key, refusal }) => !refusal || !keys.includes(key)));
  }

  async insist(key: string): Promise<void> {
    const operation = this.#entries.find((entry) => entry.key === key)?.operation;
    const dropped = this.drop(key);
    if (operation?.kind === "update") this.update(operation.id, operation.patch, this.#copy.get(operation.id));
    await dropped;
  }

  async settle(milliseconds: number): Promise<void> {
    await Promise.race([this.#calls, new Promise((resolve) => setTimeout(resolve, milliseconds))]);
  }

  retryNow(): void {
    if (!this.#closed) this.#enqueue(() => this.#refresh());
  }

  setVisible(visible: boolean): void {
    clearInterval(this.#refreshing);
    if (!visible) return;
    this.#refreshing = setInterval(() => this.retryNow(), refreshInterval);
    (this.#refreshing as { unref?: () => void }).unref?.();
    this.retryNow();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#refreshing);
    await this.#calls;
  }

  get #shown(): View {
    return (this.#view ??= viewOf(this.#copy, this.#entries));
  }

  /** Applies operations now, and sends them. */
  #do(operations: readonly Operation[]): void {
    const added = entriesOf(operations, "", (id) => this.find(id));
    this.#set([...this.#entries, ...added]);
    for (let i = 0; i < added.length; i += maxOperations) this.#enqueue(() => this.#send(added.slice(i, i + maxOperations)));
  }

  async #send(entries: readonly Entry[]): Promise<void> {
    const operations = entries.map(({ operation }) => messageOf(operation, etagFor(operation, this.#copy.get(operation.id))));
    let results: readonly Pick<TodoResult, "todo" | "code" | "message">[];
    try {
      ({ results } = await this.#options.client.applyTodos({ requestId: newId(), operations }));
      this.#status = {};
    } catch (error) {
      const { kind, message } = failureOf(error);
      if (kind === "session-ended") this.#options.listener.sessionEnded();
      results = entries.map(() => ({ code: "not_stored", message }));
    }
    const refused = entries.flatMap((entry, i) => this.#finish(entry, results[i] ?? { code: "unknown", message: "" }));
    const done = new Set(entries.map(({ key }) => key));
    this.#set([...this.#entries.filter(({ key }) => !done.has(key)), ...refused.filter(({ operation }) => hasText(operation))]);
    if (refused.length > 0) this.#options.listener.refused(refused);
  }

  /** Takes over the result of an operation. Returns what was refused. */
  #finish(entry: Entry, { todo, code, message }: { todo?: TodoResult["todo"] } & Refusal): readonly Entry[] {
    const { operation } = entry;
    if (operation.kind === "delete" && (code === "" || code === "not_found")) {
      this.#copy.delete(operation.id);
      return [];
    }
    if (todo) this.#copy.set(todo.id, localTodo(todo));
    return code === "" ? [] : [{ ...entry, refusal: { code, message } }];
  }

  async #refresh(): Promise<void> {
    try {
      this.#copy = await this.#list();
      this.#status = {};
    } catch (error) {
      const { kind, message } = failureOf(error);
      if (kind === "session-ended") return this.#options.listener.sessionEnded();
      this.#status = { problem: message };
    }
    this.#set(this.#entries);
  }

  async #list(): Promise<Map<string, LocalTodo>> {
    const copy = new Map<string, LocalTodo>();
    let pageToken = "";
    do {
      const page = await this.#options.client.listTodos({ pageSize, pageToken });
      for (const todo of page.todos) copy.set(todo.id, localTodo(todo));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    return copy;
  }

  #enqueue(call: () => Promise<void>): void {
    this.#calls = this.#calls.then(() => (this.#closed ? undefined : call()));
  }

  #set(entries: readonly Entry[]): void {
    this.#entries = entries;
    this.#view = undefined;
    if (!this.#closed) this.#options.listener.changed();
  }
}
