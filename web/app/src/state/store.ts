import type { TodoClient } from "../api/client.ts";
import type { Failure, Faults } from "../api/failure.ts";
import { newId } from "../api/ids.ts";
import type { Todo } from "../gen/todo/v1/todo_pb.ts";
import { Connection } from "./connection.ts";
import { composerKey, Drafts, type Draft } from "./drafts.ts";
import { Notices } from "./notices.ts";
import { Outbox } from "./outbox.ts";
import { matches, rowsOf, type Filter, type Patch, type Pending, type Row, type Text } from "./pending.ts";
import { quote } from "./quote.ts";
import { titleFault } from "./title.ts";
import { TodoList } from "./todo-list.ts";

/** How long a message about an error stays, in seconds. */
const errorSeconds = 12;

/** A todo without known content. */
const openTodo = { key: "", title: "", description: "", isCompleted: false, progress: "saved" } as const;

/** The options of a store. */
export interface StoreOptions {
  readonly client: TodoClient;
  readonly filter: Filter;
  /** How long a deletion or a completion can be undone. */
  readonly undoSeconds: number;
  /** Is called when a message leads the user to another list. */
  goTo(filter: Filter): void;
  /** Is called when anything has changed that the user sees. */
  changed(): void;
  /** Is called when the user must sign in again. */
  sessionEnded(): void;
}

/** The page's state of one user's todos, and the user's actions. */
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
    this.list = new TodoList(client, filter, changed, (todo, filter) => this.#keeps(todo, filter));
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

  /** The rows of the list, newest first. */
  get rows(): Row[] {
    return rowsOf(this.list.todos, this.#outbox.pending, this.list.filter, this.drafts.rows);
  }

  /** The last message for screen readers. */
  get announcement(): string {
    return this.#announcement;
  }

  /** How many changes the service has not carried out yet. */
  get unsaved(): number {
    return this.#outbox.pending.length;
  }

  /** Whether leaving the page would lose the user's changes or text. */
  get wouldLose(): boolean {
    return this.drafts.any || this.#outbox.pending.some(({ progress }) => progress !== "held");
  }

  /** Loads the list, and sends the changes that waited for the user to sign in again. */
  start(): void {
    void this.show(this.list.filter);
    this.#outbox.resume();
  }

  /** Ends all activity. */
  stop(): void {
    this.list.stop();
    this.connection.stop();
  }

  async show(filter: Filter): Promise<void> {
    if ((await this.#read(this.list.show(filter))) === undefined) this.#announce(this.#summary());
  }

  /** Loads the next page if there is one and the service can be reached. */
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

  /** Adds the composer's text as a new todo. Returns whether it was valid. */
  create(): boolean {
    const { composer } = this.drafts;
    if (this.#isFaulty(composerKey, composer)) return false;
    this.#add(composer);
    this.drafts.close(composerKey); // Not before the outbox has it.
    return true;
  }

  /** Completes a todo, or opens it again. */
  toggle(row: Row): void {
    const { id, isCompleted } = row;
    if (id === undefined) return;
    this.#update(row, { isCompleted: !isCompleted });
    this.#offerUndo(isCompleted ? "Opened" : "Completed", row, () => this.#update(row, { isCompleted }));
  }

  /** Saves the text that the user has written in a row. Returns whether it was valid. */
  save(row: Row): boolean {
    const draft = this.drafts.of(row.key);
    if (!draft) return true;
    // Only the user's own changes are sent, so changes of others stay.
    const before = this.drafts.rowOf(row.key) ?? row;
    const patch: Patch = {
      ...(draft.title !== before.title && { title: draft.title }),
      ...(draft.description !== before.description && { description: draft.description }),
    };
    const isNew = row.id === undefined;
    if ((isNew || patch.title !== undefined) && this.#isFaulty(row.key, draft)) return false;
    if (isNew) {
      this.#outbox.discard(row.key);
      this.#add(draft);
    } else if (Object.keys(patch).length > 0) this.#update(row, patch);
    this.drafts.close(row.key); // Not before the outbox has it.
    return true;
  }

  /** Ends editing a row without a change. */
  cancel(row: Row): void {
    this.drafts.close(row.key);
    if (row.progress === "refused") this.#outbox.discard(row.key);
  }

  /** Deletes a todo when the time to undo is over. A todo that is being edited is not deleted, since its text would be lost. */
  delete(row: Row): void {
    if (row.id === undefined || this.drafts.of(row.key)) return;
    const key = this.#outbox.add({ kind: "delete", id: row.id, title: row.title }, "held");
    this.#offerUndo("Deleted", row, () => this.#outbox.discard(key), () => this.#outbox.release(key));
  }

  /** Sends the deletions that could still be undone, before the page is closed. */
  flush(): void {
    this.notices.flush();
  }

  /** Waits until no change is being sent, for at most so many milliseconds. */
  settle(milliseconds: number): Promise<void> {
    return this.#outbox.settle(milliseconds);
  }

  #add({ title, description }: Text): void {
    const id = newId();
    this.#outbox.add({ kind: "create", id, title, description });
    if (!matches(openTodo, this.list.filter)) this.#tell("Added", { ...openTodo, key: id, title });
  }

  /** A todo that has left the list stays known while that can be undone, and until undoing it is stored. */
  #keeps(todo: Todo, filter: Filter): boolean {
    const isChanging = this.#outbox.pending.some(({ change }) => change.kind === "update" && change.id === todo.id);
    return isChanging || (!matches(todo, filter) && this.notices.areAbout(todo.id));
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
    if (matches(todo, this.list.filter)) this.#announce(`Added ${quote(todo.title)}`);
  }

  /** Says why a change was rejected, and gives its text back to the user. It is rolled back, since it is no longer pending. */
  #refused({ change }: Pending, failure: Failure): void {
    const faults: Faults = failure.kind === "invalid" ? failure.fields : { "": failure.message };
    if (change.kind === "create") return this.#giveBack(change, faults);

    const known = rowsOf(this.list.todos, this.#outbox.pending, "all").find(({ id }) => id === change.id);
    if (failure.kind === "gone") this.list.remove(change.id);
    if (change.kind === "update" && (change.patch.title ?? change.patch.description) !== undefined) {
      const row = known ?? { ...openTodo, key: change.id, id: change.id, title: change.title };
      const text = { ...row, ...change.patch, ...this.drafts.of(row.key) };
      if (failure.kind !== "gone") return this.drafts.edit(row, { ...text, faults });
      this.#giveBack(text, { "": "This was deleted elsewhere. Add it again?" });
      return this.drafts.close(row.key);
    }
    this.notices.withdraw(change.id);
    const done = change.kind === "delete" ? "deleted" : "changed";
    this.complain(`${quote(change.title)} was not ${done}. ${failure.message}`);
  }

  /** Puts text back into the composer, or, while that is in use, into a row of its own, so that the user can correct it. */
  #giveBack({ title, description }: Text, faults: Faults): void {
    if (!this.drafts.composing) return this.drafts.set(composerKey, { title, description, faults });
    const id = newId();
    this.#outbox.add({ kind: "create", id, title, description }, "refused");
    this.drafts.edit({ ...openTodo, key: id, title, description, progress: "refused" }, { title, description, faults });
  }

  /** Checks a title, and shows its error at the field. */
  #isFaulty(key: string, draft: Draft): boolean {
    const title = titleFault(draft.title);
    if (title) this.drafts.set(key, { ...draft, faults: { title } });
    return title !== undefined;
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

  /** Shows what was done to a row, with an offer to undo it. Replaces an earlier message about the row. */
  #offerUndo(did: string, row: Row, takeBack: () => void, expired?: () => void): void {
    const run = () => {
      takeBack();
      this.#tell("Restored", row);
      return row.key;
    };
    this.notices.withdraw(row.key);
    this.notices.add(
      { text: `${did} ${quote(row.title)}`, tone: "info", about: row.key, action: { label: "Undo", undoes: true, run } },
      this.#options.undoSeconds,
      expired,
    );
  }

  /** Reports an added or restored todo; if it is in a list that is not shown, with a button that shows the list. */
  #tell(how: string, { key, title, isCompleted }: Row): void {
    if (matches({ isCompleted }, this.list.filter)) return this.#announce(`${how} ${quote(title)}`);
    const filter = isCompleted ? "done" : "open";
    const show = () => {
      void this.show(filter);
      this.#options.goTo(filter);
      return key;
    };
    this.notices.add(
      {
        text: `${how} ${quote(title)} to ${isCompleted ? "Done" : "Open"}`,
        tone: "info",
        action: { label: "Show", undoes: false, run: show },
      },
      this.#options.undoSeconds,
    );
  }

  #announce(text: string): void {
    // Screen readers read a text only if it differs from the one before.
    this.#announcement = this.#announcement === text ? `${text}\u00a0` : text;
    this.#options.changed();
  }
}
