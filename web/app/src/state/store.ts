import type { TodoClient } from "../api/client.ts";
import type { Failure, Faults } from "../api/failure.ts";
import { newId } from "../api/ids.ts";
import type { Todo } from "../gen/todo/v1/todo_pb.ts";
import { Connection } from "./connection.ts";
import { composerKey, Drafts } from "./drafts.ts";
import { Notices } from "./notices.ts";
import { Outbox } from "./outbox.ts";
import { rowsOf, type Filter, type Patch, type Pending, type Row, type Text } from "./pending.ts";
import { quote } from "./quote.ts";
import { TodoList } from "./todo-list.ts";

/** How long a message about an error stays, in seconds. */
const errorSeconds = 12;

/** What a store needs. */
export interface StoreOptions {
  readonly client: TodoClient;
  readonly filter: Filter;
  /** How long a deletion can be undone. */
  readonly undoSeconds: number;
  /** Is called when anything has changed that the user sees. */
  changed(): void;
  /** Is called when the user must sign in again. */
  sessionEnded(): void;
}

/** All that the page knows about one user's todos, and what the user can do. */
export class Store {
  readonly connection: Connection;
  readonly drafts: Drafts;
  readonly list: TodoList;
  readonly notices: Notices;
  readonly #outbox: Outbox;
  readonly #options: StoreOptions;
  #announcement = "";

  constructor(options: StoreOptions) {
    const { client, filter, changed } = options;
    this.#options = options;
    this.drafts = new Drafts(changed);
    this.notices = new Notices(changed);
    this.list = new TodoList(client, filter, changed);
    this.connection = new Connection(
      () => this.#read(this.list.refresh()),
      (recovered) => {
        if (recovered) this.#outbox.resume();
        changed();
      },
    );
    this.#outbox = new Outbox(client, {
      changed,
      saved: (pending, todo) => this.#saved(pending, todo),
      refused: (pending, failure) => this.#refused(pending, failure),
      held: (failure) => this.#note(failure),
    });
  }

  /** The lines of the list, newest first. */
  get rows(): Row[] {
    return rowsOf(this.list.todos, this.#outbox.pending, this.list.filter);
  }

  /** What to tell those who can't see it happen. */
  get announcement(): string {
    return this.#announcement;
  }

  /** How many changes the service has yet to carry out. */
  get unsaved(): number {
    return this.#outbox.pending.length;
  }

  /** Whether leaving the page would lose what the user has done or written. */
  get wouldLose(): boolean {
    return this.drafts.any || this.#outbox.pending.some(({ progress }) => progress !== "held");
  }

  /** Loads the list, and sends what waited for the user to sign in again. */
  start(): void {
    void this.show(this.list.filter);
    this.#outbox.resume();
  }

  /** Lets nothing happen any more. */
  stop(): void {
    this.list.stop();
    this.connection.stop();
  }

  async show(filter: Filter): Promise<void> {
    if ((await this.#read(this.list.show(filter))) === undefined) this.#announce(this.#summary());
  }

  /** Loads the next page, if there is one and it can be had. */
  async more(): Promise<void> {
    if (!this.list.hasMore || this.list.loading || this.connection.problem) return;
    const before = this.list.todos.length;
    if ((await this.#read(this.list.more())) === undefined) {
      this.#announce(`${this.list.todos.length - before} more loaded`);
    }
  }

  /** Brings the list up to date. */
  async refresh(): Promise<void> {
    if (!this.list.loading && !this.connection.problem) await this.#read(this.list.refresh());
  }

  /** Adds what the user has written as a new todo. */
  create(): void {
    const { title, description } = this.drafts.composer;
    this.drafts.close(composerKey);
    this.#outbox.add({ kind: "create", id: newId(), title, description });
  }

  /** Completes a todo, or opens it again. */
  toggle(row: Row): void {
    this.#update(row, { isCompleted: !row.isCompleted });
    this.#announce(`${row.isCompleted ? "Opened" : "Completed"} ${quote(row.title)}`);
  }

  /** Takes over what the user has written in a row. */
  save(row: Row): void {
    const draft = this.drafts.of(row.key);
    if (!draft) return;
    this.drafts.close(row.key);
    if (row.id === undefined) {
      this.#outbox.discard(row.key);
      this.#outbox.add({ kind: "create", id: newId(), title: draft.title, description: draft.description });
      return;
    }
    const patch: Patch = {
      ...(draft.title !== row.title && { title: draft.title }),
      ...(draft.description !== row.description && { description: draft.description }),
    };
    if (Object.keys(patch).length > 0) this.#update(row, patch);
  }

  /** Ends editing a row without a change. */
  cancel(row: Row): void {
    this.drafts.close(row.key);
    if (row.progress === "refused") this.#outbox.discard(row.key);
  }

  /** Deletes a todo, when the time to undo it is over. */
  delete(row: Row): void {
    if (row.id === undefined) return;
    this.drafts.close(row.key);
    const key = this.#outbox.add({ kind: "delete", id: row.id, title: row.title }, "held");
    const undo = () => {
      this.#outbox.discard(key);
      this.#announce(`Restored ${quote(row.title)}`);
    };
    this.notices.add(
      { text: `Deleted ${quote(row.title)}`, tone: "info", action: { label: "Undo", run: undo } },
      this.#options.undoSeconds,
      () => this.#outbox.release(key),
    );
  }

  /** Sends the deletions that could still be undone, before the page goes. */
  flush(): void {
    this.notices.dismissAll();
  }

  /** Waits until nothing is on its way, but no longer than so many milliseconds. */
  settle(milliseconds: number): Promise<void> {
    return this.#outbox.settle(milliseconds);
  }

  #update({ id, title }: Row, patch: Patch): void {
    if (id !== undefined) this.#outbox.add({ kind: "update", id, title, patch });
  }

  #saved({ change }: Pending, todo: Todo | undefined): void {
    this.connection.heard();
    if (change.kind === "delete") return this.list.remove(change.id);
    if (!todo) return void this.refresh();
    if (change.kind === "update") return this.list.replace(todo);
    this.list.add(todo);
    this.#announce(`Added ${quote(todo.title)}`);
  }

  /** The change is rolled back by being no longer pending; this says why, and returns what was typed. */
  #refused({ change }: Pending, failure: Failure): void {
    const faults: Faults = failure.kind === "invalid" ? failure.fields : { "": failure.message };
    if (change.kind === "create") return this.#giveBack(change, faults);

    const row = this.rows.find(({ id }) => id === change.id);
    if (failure.kind === "gone") this.list.remove(change.id);
    const isText = change.kind === "update" && (change.patch.title ?? change.patch.description) !== undefined;
    if (isText && row) {
      const text = { ...row, ...change.patch, ...this.drafts.of(row.key) };
      if (failure.kind !== "gone") return this.drafts.set(row.key, { ...text, faults });
      this.drafts.close(row.key);
      return this.#giveBack(text, { "": "This was deleted elsewhere. Add it again?" });
    }
    const done = change.kind === "delete" ? "deleted" : "changed";
    this.complain(`${quote(change.title)} was not ${done}. ${failure.message}`);
  }

  /** Puts text back where it can be corrected: where it was typed, unless that is in use again. */
  #giveBack({ title, description }: Text, faults: Faults): void {
    const key = this.drafts.composing
      ? this.#outbox.add({ kind: "create", id: newId(), title, description }, "refused")
      : composerKey;
    this.drafts.set(key, { title, description, faults });
  }

  async #read(reading: Promise<Failure | undefined>): Promise<Failure | undefined> {
    const failure = await reading;
    if (failure) this.#note(failure);
    else this.connection.heard();
    return failure;
  }

  #note(failure: Failure): void {
    if (failure.kind === "away") this.connection.lost(failure);
    if (failure.kind === "session-ended") this.#options.sessionEnded();
  }

  /** Shows a message about an error. */
  complain(text: string): void {
    this.notices.add({ text, tone: "error" }, errorSeconds);
  }

  #summary(): string {
    const { filter, hasMore } = this.list;
    const count = this.rows.length;
    const todos = `${filter === "all" ? "" : `${filter} `}${count === 1 ? "todo" : "todos"}`;
    if (count === 0) return `No ${todos}`;
    return `${hasMore ? "The first " : ""}${count} ${todos}`;
  }

  #announce(text: string): void {
    // A text that equals the one before is read only if it differs.
    this.#announcement = this.#announcement === text ? `${text}\u00a0` : text;
    this.#options.changed();
  }
}
