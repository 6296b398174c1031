import type { Changes, Copy } from "./copy.ts";
import type { Database } from "./database.ts";
import type { Entry } from "./outbox.ts";
import type { LocalTodo } from "./todo.ts";
import { viewOf, type View } from "./view.ts";

/** What of the database a tab shows, in memory. */
export class Mirror {
  readonly #db: Database;
  readonly #todos = new Map<string, LocalTodo>();
  #entries: readonly Entry[] = [];
  /** The entries that are being stored. */
  #unstored: readonly Entry[] = [];
  #isComplete = false;
  #view: View | undefined;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Whether all todos have come at least once. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** The todos with the waiting operations applied. */
  get view(): View {
    return (this.#view ??= viewOf(this.#todos, this.entries));
  }

  /** The outbox, with the entries that are being stored. */
  get entries(): readonly Entry[] {
    return [...this.#entries, ...this.#unstored];
  }

  /** Returns the etag of a todo; "" if the service doesn't know it yet. */
  etagOf(id: string): string {
    return this.#todos.get(id)?.etag ?? "";
  }

  /** Reads all that is in the database. Other tabs may change it meanwhile, and say so. */
  async load(copy: Copy): Promise<void> {
    await copy.dropExpired();
    await this.reload(await this.#db.getAllKeys("todos"));
  }

  /** Reads these todos and the outbox, which another tab has changed. */
  async reload(ids: readonly string[]): Promise<void> {
    const tx = this.#db.transaction(["todos", "outbox", "state"]);
    const [entries, state, ...todos] = await Promise.all([
      tx.objectStore("outbox").getAll(),
      tx.objectStore("state").get("sync"),
      ...ids.map((id) => tx.objectStore("todos").get(id)),
    ]);
    await tx.done;
    this.#isComplete = state?.complete ?? false;
    const put = todos.filter((todo) => todo !== undefined);
    const there = new Set(put.map(({ id }) => id));
    this.take({ put, removed: ids.filter((id) => !there.has(id)) }, entries);
  }

  /** Takes over what this tab has changed in the database. */
  take({ put, removed }: Changes, entries = this.#entries, isComplete = this.#isComplete): void {
    for (const todo of put) this.#todos.set(todo.id, todo);
    for (const id of removed) this.#todos.delete(id);
    this.#entries = entries;
    this.#isComplete = isComplete;
    this.#view = undefined;
  }

  /** Shows entries before they are stored. */
  add(entries: readonly Entry[]): void {
    this.#unstored = [...this.#unstored, ...entries];
    this.#view = undefined;
  }

  /** Notes that entries are stored, or could not be. */
  settle(entries: readonly Entry[]): void {
    this.#unstored = this.#unstored.filter((entry) => !entries.includes(entry));
    this.#view = undefined;
  }
}
