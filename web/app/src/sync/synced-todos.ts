import type { TodoClient } from "../api/client.ts";
import { newId } from "../api/ids.ts";
import type { Status } from "./channel.ts";
import { Copy, type Changes, type Page } from "./copy.ts";
import { databaseName, openDatabase, type Database } from "./database.ts";
import type { FeedTimes } from "./feed.ts";
import { Mirror } from "./mirror.ts";
import { createsOf, updateOf, type NewTodo, type Operation, type Patch } from "./operation.ts";
import { entriesOf, Outbox, type Entry } from "./outbox.ts";
import { ServiceLink } from "./service-link.ts";
import { nowMicroseconds, type Text } from "./todo.ts";
import type { Change, Todos, TodosListener } from "./todos.ts";
import type { ShownTodo } from "./view.ts";

/** How often expired trash is dropped, in milliseconds. */
const dropInterval = 60 * 60_000;

const nothing: Changes = { put: [], removed: [] };

/** The options of todos. */
export interface SyncOptions {
  /** The subject of the user's access tokens. Each user has a database of their own. */
  readonly userId: string;
  readonly client: TodoClient;
  readonly listener: SyncListener;
  /** The browser's locks; tests have their own. */
  readonly locks?: LockManager | undefined;
  readonly times?: Partial<FeedTimes> | undefined;
  /** How long a hidden tab goes on following changes, in milliseconds. */
  readonly hiddenLimit?: number | undefined;
}

/** Gets the events of the todos. */
export interface SyncListener extends TodosListener {
  /**
   * The service doesn't implement SyncTodos, as one without a trash: DirectTodos do without.
   * Returns whether the todos come in another way now.
   */
  unserved?(): Promise<boolean>;
}

/**
 * One user's todos in this browser. They can be read and changed at once, without the
 * network. Changes are sent, and changes made elsewhere come, as soon as the service
 * can be reached.
 */
export class SyncedTodos implements Todos {
  readonly hasTrash = true;
  readonly #listener: SyncListener;
  readonly #db: Database;
  readonly #mirror: Mirror;
  readonly #copy: Copy;
  readonly #outbox: Outbox;
  readonly #link: ServiceLink;
  /** Names this tab. */
  readonly #tab = newId();
  /** Keys of the entries that were there before this tab, whose own tab may be gone. */
  #adopted: ReadonlySet<string> = new Set();
  /** Resolves when all entries so far are stored. */
  #storing: Promise<void> = Promise.resolve();
  readonly #dropping: ReturnType<typeof setInterval>;
  #closed = false;

  /** Opens the user's database, or creates it. It fails when the browser has none to give. */
  static async open(options: SyncOptions): Promise<SyncedTodos> {
    let lose = () => {};
    const db = await openDatabase(options.userId, () => lose());
    lose = () => db.close();
    const todos = new SyncedTodos(options, db);
    lose = () => todos.#lose();
    await todos.#mirror.load(todos.#copy);
    todos.#adopted = new Set(todos.#mirror.entries.map(({ key }) => key));
    todos.#link.join();
    return todos;
  }

  private constructor(options: SyncOptions, db: Database) {
    const { client, userId, times, hiddenLimit, listener } = options;
    this.#listener = listener;
    this.#db = db;
    this.#mirror = new Mirror(db);
    this.#copy = new Copy(db);
    this.#outbox = new Outbox(db);
    this.#link = new ServiceLink({
      name: databaseName(userId),
      client,
      outbox: this.#outbox,
      locks: "locks" in options ? options.locks : globalThis.navigator?.locks,
      times,
      hiddenLimit,
      token: () => this.#copy.token(),
      put: (from, page) => this.#put(from, page),
      finished: ({ entries, refused, ...changes }) => this.#take(changes, refused, entries),
      reload: (ids, refused) => this.#reload(ids, refused),
      changed: () => listener.changed(),
      sessionEnded: () => listener.sessionEnded(),
      unserved: async () => (await listener.unserved?.()) ?? false,
      lost: () => this.#lose(),
    });
    this.#dropping = setInterval(() => void this.#dropExpired(), dropInterval);
  }

  get todos(): readonly ShownTodo[] {
    return this.#mirror.view.todos;
  }

  get trash(): readonly ShownTodo[] {
    return this.#mirror.view.trash;
  }

  get complete(): boolean {
    return this.#mirror.isComplete;
  }

  get status(): Status {
    return this.#link.status;
  }

  get unsent(): number {
    return this.#mirror.entries.filter(({ refusal }) => !refusal).length;
  }

  get refused(): readonly Entry[] {
    return this.#mirror.entries.filter(({ refusal }) => refusal);
  }

  find(id: string): ShownTodo | undefined {
    return this.#mirror.view.byId.get(id);
  }

  create(...todos: readonly NewTodo[]): readonly string[] {
    const creates = createsOf(todos, nowMicroseconds());
    this.#do(...creates);
    return creates.map(({ id }) => id);
  }

  update(id: string, patch: Patch, seen?: Text & { readonly etag: string }): void {
    this.#do(updateOf(id, patch, nowMicroseconds(), seen));
  }

  updateAll(changes: readonly Change[]): void {
    const at = nowMicroseconds();
    this.#do(...changes.map(({ id, patch }) => updateOf(id, patch, at)));
  }

  delete(...ids: readonly string[]): void {
    const at = nowMicroseconds();
    this.#do(...ids.map((id) => ({ kind: "delete", id, at }) as const));
  }

  undelete(...ids: readonly string[]): void {
    this.#do(...ids.map((id) => ({ kind: "undelete", id }) as const));
  }

  purge(...ids: readonly string[]): void {
    this.#do(...ids.map((id) => ({ kind: "purge", id, etag: this.#mirror.etagOf(id) }) as const));
  }

  drop(...keys: string[]): Promise<void> {
    return this.#store(() => this.#outbox.discard(...keys));
  }

  insist(key: string): Promise<void> {
    return this.#store(() => this.#outbox.insist(key));
  }

  async settle(milliseconds: number): Promise<void> {
    const deadline = Date.now() + milliseconds;
    await this.#storing;
    while (this.unsent > 0 && !this.status.problem && !this.#closed && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  retryNow(): void {
    this.#link.retryNow();
  }

  setVisible(visible: boolean): void {
    this.#link.setVisible(visible);
  }

  /** Ends all activity. What is unsent stays in the database. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#dropping);
    this.#link.close();
    await this.#storing;
    this.#db.close();
  }

  /** Applies operations now, and stores them. */
  #do(...operations: readonly Operation[]): void {
    if (operations.length === 0) return;
    const added = entriesOf(operations, this.#tab, (id) => this.find(id));
    this.#mirror.add(added);
    this.#listener.changed();
    void this.#store(
      () => this.#outbox.add(...added),
      () => this.#mirror.settle(added),
    ).catch((error: unknown) => {
      if (this.#closed) return;
      const refusal = { code: "not_stored", message: `This browser could not keep it. ${(error as Error).message}` };
      this.#listener.refused(added.map((entry) => ({ ...entry, refusal })));
    });
  }

  /** Changes the outbox, one change after the other. */
  #store(write: () => Promise<readonly Entry[]>, done = () => {}): Promise<void> {
    const stored = this.#storing.then(async () => {
      try {
        this.#mirror.take(nothing, await write());
      } finally {
        done();
        if (!this.#closed) this.#listener.changed();
      }
      if (this.#closed) return;
      this.#link.tell([]);
      this.#link.wake();
    });
    this.#storing = stored.catch(() => {});
    return stored;
  }

  async #put(from: string, page: Page): Promise<boolean> {
    const changes = await this.#copy.put(from, page);
    if (!changes || this.#closed) return false;
    const { complete } = changes.state;
    if (changes.put.length + changes.removed.length > 0 || complete !== this.complete) {
      this.#take(changes, [], undefined, complete);
    }
    return true;
  }

  async #dropExpired(): Promise<void> {
    const removed = await this.#copy.dropExpired();
    if (removed.length > 0 && !this.#closed) this.#take({ put: [], removed }, []);
  }

  /** Takes over what has changed in the database, and tells the other tabs. */
  #take(changes: Changes, refused: readonly Entry[], entries?: readonly Entry[], isComplete?: boolean): void {
    this.#mirror.take(changes, entries, isComplete);
    this.#link.tell([...changes.put.map(({ id }) => id), ...changes.removed], refused);
    this.#report(refused);
    this.#listener.changed();
  }

  /** Takes over what another tab has changed in the database. */
  async #reload(ids: readonly string[], refused: readonly Entry[]): Promise<void> {
    await this.#mirror.reload(ids);
    if (this.#closed) return;
    this.#listener.changed();
    this.#report(refused);
  }

  #report(refused: readonly Entry[]): void {
    const own = refused.filter(({ key, origin }) => origin === this.#tab || this.#adopted.has(key));
    if (own.length > 0) this.#listener.refused(own);
  }

  /** The database is closed only when all that was done is stored: another tab may be waiting to upgrade it. */
  #lose(): void {
    if (this.#closed) return;
    void this.close();
    this.#listener.lost();
  }
}
