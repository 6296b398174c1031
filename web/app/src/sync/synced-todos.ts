import type { TodoClient } from "../api/client.ts";
import type { Failure } from "../api/failure.ts";
import { newId } from "../api/ids.ts";
import { Channel, type Message, type Status } from "./channel.ts";
import { Copy, type Changes, type Page } from "./copy.ts";
import { databaseName, openDatabase, type Database } from "./database.ts";
import { Feed, type FeedTimes } from "./feed.ts";
import { Leadership } from "./leadership.ts";
import { Mirror } from "./mirror.ts";
import type { NewTodo, Operation, Patch } from "./operation.ts";
import { Outbox, type Entry } from "./outbox.ts";
import { Sender } from "./sender.ts";
import { nowMicroseconds, type Text } from "./todo.ts";
import type { Change, Todos, TodosListener } from "./todos.ts";
import type { ShownTodo } from "./view.ts";

/** How long a hidden tab goes on following changes, in milliseconds: switching tabs costs no new stream. */
const hiddenLimit = 5 * 60_000;

/** The same where every visible tab has a stream of its own. */
const hiddenLimitAlone = 10_000;

/** How often expired trash is dropped, in milliseconds. */
const dropInterval = 60 * 60_000;

const nothing: Changes = { put: [], removed: [] };

/** The options of todos. */
export interface SyncOptions {
  /** The subject of the user's access tokens. Each user has a database of their own. */
  readonly userId: string;
  readonly client: TodoClient;
  readonly listener: TodosListener;
  /** The browser's locks; tests have their own. */
  readonly locks?: LockManager | undefined;
  readonly times?: Partial<FeedTimes> | undefined;
  /** How long a hidden tab goes on following changes, in milliseconds. */
  readonly hiddenLimit?: number | undefined;
}

/**
 * One user's todos in this browser. They can be read and changed at once, without the
 * network. Changes are sent, and changes made elsewhere come, as soon as the service
 * can be reached.
 */
export class SyncedTodos implements Todos {
  readonly hasTrash = true;
  readonly #options: SyncOptions;
  readonly #db: Database;
  readonly #mirror: Mirror;
  readonly #copy: Copy;
  readonly #outbox: Outbox;
  readonly #feed: Feed;
  readonly #sender: Sender;
  readonly #leadership: Leadership;
  readonly #channel: Channel;
  /** Names this tab. */
  readonly #tab = newId();
  /** Keys of the entries that were there before this tab, whose own tab may be gone. */
  #adopted: ReadonlySet<string> = new Set();
  /** Resolves when all entries so far are stored. */
  #storing: Promise<void> = Promise.resolve();
  #status: Status = {};
  #hiding: ReturnType<typeof setTimeout> | undefined;
  readonly #dropping: ReturnType<typeof setInterval>;
  #closed = false;

  /** Opens the user's database, or creates it. It fails when the browser has none to give. */
  static async open(options: SyncOptions): Promise<SyncedTodos> {
    let lose = () => {};
    const db = await openDatabase(options.userId, () => lose());
    const todos = new SyncedTodos(options, db);
    lose = () => todos.#lose();
    await todos.#mirror.load(todos.#copy);
    todos.#adopted = new Set(todos.#mirror.entries.map(({ key }) => key));
    todos.#channel.send({ kind: "hello" });
    todos.#leadership.join();
    return todos;
  }

  private constructor(options: SyncOptions, db: Database) {
    const { client, userId, times } = options;
    this.#options = options;
    this.#db = db;
    this.#mirror = new Mirror(db);
    this.#copy = new Copy(db);
    this.#outbox = new Outbox(db);
    this.#feed = new Feed({
      client,
      times,
      token: () => this.#copy.token(),
      put: (from, page) => this.#put(from, page),
      heard: () => this.#heard(),
      failed: (failure) => this.#failed(failure),
    });
    this.#sender = new Sender({
      client,
      outbox: this.#outbox,
      finished: ({ entries, refused, ...changes }) => {
        this.#take(changes, refused, entries);
        this.#heard();
      },
      failed: (failure) => this.#failed(failure),
    });
    const name = databaseName(userId);
    this.#channel = new Channel(name, (message) => void this.#listen(message).catch(() => this.#lose()));
    this.#leadership = new Leadership({
      name,
      locks: "locks" in options ? options.locks : globalThis.navigator?.locks,
      gained: () => this.#begin(),
      lost: () => this.#end(),
    });
    this.#dropping = setInterval(() => void this.#dropExpired(), dropInterval);
  }

  /** The todos that are not deleted, newest first. */
  get todos(): readonly ShownTodo[] {
    return this.#mirror.view.todos;
  }

  /** The deleted todos that can be restored, deleted last first. */
  get trash(): readonly ShownTodo[] {
    return this.#mirror.view.trash;
  }

  /** Whether the todos are known: all have come at least once. */
  get complete(): boolean {
    return this.#mirror.isComplete;
  }

  /** How the service is. */
  get status(): Status {
    return this.#status;
  }

  /** How many operations wait to be carried out. */
  get unsent(): number {
    return this.#mirror.entries.filter(({ refusal }) => !refusal).length;
  }

  /** The refused entries whose text the user has not dropped or sent again. */
  get refused(): readonly Entry[] {
    return this.#mirror.entries.filter(({ refusal }) => refusal);
  }

  /** Returns a todo, also a deleted one. */
  find(id: string): ShownTodo | undefined {
    return this.#mirror.view.byId.get(id);
  }

  create(...todos: readonly NewTodo[]): readonly string[] {
    const at = nowMicroseconds();
    const creates = todos.map((todo) => ({ ...todo, kind: "create", id: newId(), title: todo.title.trim(), at }) as const);
    this.#do(...creates);
    return creates.map(({ id }) => id);
  }

  /**
   * Changes a todo.
   *
   * @param seen the todo as the user saw it. With it, texts that somebody else has
   *   changed since are not overwritten: the todo then has a conflict.
   */
  update(id: string, { title, ...rest }: Patch, seen?: Text & { readonly etag: string }): void {
    const patch: Patch = title === undefined ? rest : { ...rest, title: title.trim() };
    const base = seen && {
      etag: seen.etag,
      ...(patch.title !== undefined && { title: seen.title }),
      ...(patch.description !== undefined && { description: seen.description }),
    };
    this.#do({ kind: "update", id, patch, base, at: nowMicroseconds() });
  }

  updateAll(changes: readonly Change[]): void {
    const at = nowMicroseconds();
    this.#do(...changes.map(({ id, patch }) => ({ kind: "update", id, patch, at }) as const));
  }

  /** Moves a todo to the trash. */
  delete(...ids: readonly string[]): void {
    const at = nowMicroseconds();
    this.#do(...ids.map((id) => ({ kind: "delete", id, at }) as const));
  }

  /** Restores a todo from the trash. */
  undelete(...ids: readonly string[]): void {
    this.#do(...ids.map((id) => ({ kind: "undelete", id }) as const));
  }

  /** Deletes todos of the trash permanently, except those that somebody restores meanwhile. */
  purge(...ids: readonly string[]): void {
    this.#do(...ids.map((id) => ({ kind: "purge", id, etag: this.#mirror.etagOf(id) }) as const));
  }

  /** Drops refused entries, with their texts. */
  drop(...keys: string[]): Promise<void> {
    return this.#store(() => this.#outbox.discard(...keys));
  }

  /** Overwrites what others have written in a todo with the text of a conflict. */
  insist(key: string): Promise<void> {
    return this.#store(() => this.#outbox.insist(key));
  }

  /** Waits until nothing is unsent, or the service can't be reached, for at most so many milliseconds. */
  async settle(milliseconds: number): Promise<void> {
    const deadline = Date.now() + milliseconds;
    await this.#storing;
    while (this.unsent > 0 && !this.#status.problem && !this.#closed && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Tries to reach the service now. */
  retryNow(): void {
    if (this.#leadership.leads) this.#begin();
    else this.#channel.send({ kind: "retry" });
  }

  /** Notes whether the user sees the tab. */
  setVisible(visible: boolean): void {
    clearTimeout(this.#hiding);
    if (visible) {
      this.#leadership.join();
      if (this.#leadership.leads) this.#feed.check();
      return;
    }
    const limit = this.#options.hiddenLimit ?? (this.#leadership.isShared ? hiddenLimit : hiddenLimitAlone);
    this.#hiding = setTimeout(() => this.#leadership.leave(), limit);
  }

  /** Ends all activity. What is unsent stays in the database. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#hiding);
    clearInterval(this.#dropping);
    this.#leadership.leave();
    this.#channel.close();
    await this.#storing;
    this.#db.close();
  }

  #begin(): void {
    if (this.#closed) return;
    this.#feed.start();
    this.#sender.start();
  }

  #end(): void {
    this.#feed.stop();
    this.#sender.stop();
  }

  /** Applies operations now, and stores them. */
  #do(...operations: readonly Operation[]): void {
    const added = operations.map((operation): Entry => {
      const title = operation.kind === "create" ? operation.title : (this.find(operation.id)?.title ?? "");
      return { key: newId(), origin: this.#tab, title, operation };
    });
    this.#mirror.add(added);
    this.#changed();
    void this.#store(
      () => this.#outbox.add(...added),
      () => this.#mirror.settle(added),
    ).catch((error: unknown) => {
      if (this.#closed) return;
      const refusal = { code: "not_stored", message: `This browser could not keep it. ${(error as Error).message}` };
      this.#options.listener.refused(added.map((entry) => ({ ...entry, refusal })));
    });
  }

  /** Changes the outbox, one change after the other. */
  #store(write: () => Promise<readonly Entry[]>, done = () => {}): Promise<void> {
    const stored = this.#storing.then(async () => {
      try {
        this.#mirror.take(nothing, await write());
      } finally {
        done();
        if (!this.#closed) this.#changed();
      }
      if (this.#closed) return;
      this.#channel.send({ kind: "changed", ids: [], refused: [] });
      this.#sender.wake();
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
    this.#channel.send({ kind: "changed", ids: [...changes.put.map(({ id }) => id), ...changes.removed], refused });
    this.#tell(refused);
    this.#changed();
  }

  async #listen(message: Message): Promise<void> {
    switch (message.kind) {
      case "changed":
        await this.#mirror.reload(message.ids);
        if (this.#closed) return;
        this.#changed();
        this.#sender.wake();
        return this.#tell(message.refused);
      case "status":
        if (!this.#leadership.leads) this.#setStatus(message.status);
        return;
      case "session-ended":
        return this.#options.listener.sessionEnded();
      case "hello":
        if (this.#leadership.leads) this.#channel.send({ kind: "status", status: this.#status });
        return;
      case "retry":
        if (this.#leadership.leads) this.#begin();
    }
  }

  #tell(refused: readonly Entry[]): void {
    const own = refused.filter(({ key, origin }) => origin === this.#tab || this.#adopted.has(key));
    if (own.length > 0) this.#options.listener.refused(own);
  }

  #heard(): void {
    if (this.#closed) return;
    const wasAway = this.#status.problem !== undefined;
    this.#setStatus({});
    // What failed while the service was away need not wait for its next attempt.
    if (wasAway) this.#sender.wake();
  }

  #failed({ kind, message }: Failure): void {
    if (this.#closed || kind === "canceled") return;
    if (kind === "session-ended") {
      this.#channel.send({ kind: "session-ended" });
      return this.#options.listener.sessionEnded();
    }
    this.#setStatus(kind === "away" ? { problem: message } : { fault: message });
  }

  #setStatus(status: Status): void {
    const { problem, fault } = this.#status;
    if (status.problem === problem && status.fault === fault) return;
    this.#status = status;
    if (this.#leadership.leads) this.#channel.send({ kind: "status", status });
    this.#changed();
  }

  #lose(): void {
    if (this.#closed) return;
    void this.close();
    this.#options.listener.lost();
  }

  #changed(): void {
    this.#options.listener.changed();
  }
}
