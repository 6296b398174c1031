import type { TodoClient } from "../api/client.ts";
import type { Patch } from "../sync/operation.ts";
import type { Entry } from "../sync/outbox.ts";
import { SyncedTodos } from "../sync/synced-todos.ts";
import type { Text } from "../sync/todo.ts";
import { composerKey, Drafts } from "./drafts.ts";
import { Notices } from "./notices.ts";
import { quote } from "./quote.ts";
import { ReturnedTexts } from "./returned-texts.ts";
import { matches, rowsOf, type Filter, type Row } from "./rows.ts";
import { descriptionFault, titleFault } from "./title.ts";

/** How long a message about an error stays, in seconds. */
const errorSeconds = 12;

/** The options of a store. */
export interface StoreOptions {
  readonly userId: string;
  readonly client: TodoClient;
  readonly filter: Filter;
  /** How long a deletion or a completion can be undone by its message. */
  readonly undoSeconds: number;
  /** Is called when a message leads the user to another list. */
  goTo(filter: Filter): void;
  /** Asks the user a question, and returns whether the answer is yes. */
  confirm(question: string): boolean;
  /** Is called when anything has changed that the user sees. */
  changed(): void;
  /** Is called when the user must sign in again. */
  sessionEnded(): void;
  /** Is called when the browser has lost the todos: the user has signed out in another tab. */
  lost(): void;
}

/** The page's state of one user's todos, and the user's actions. */
export class Store {
  readonly drafts: Drafts;
  readonly notices: Notices;
  readonly #todos: SyncedTodos;
  readonly #options: StoreOptions;
  #filter: Filter;
  #announcement = "";
  readonly #returned: ReturnedTexts;
  #isComplete: boolean;

  /** Opens the user's todos in this browser. It fails when the browser can't keep any. */
  static async open(options: StoreOptions): Promise<Store> {
    let store: Store | undefined;
    const { userId, client, sessionEnded, lost } = options;
    const todos = await SyncedTodos.open({
      userId,
      client,
      listener: {
        changed: () => store && store.#changed(),
        refused: (entries) => store && store.#refused(entries),
        sessionEnded,
        lost,
      },
    });
    store = new Store(options, todos);
    store.#refused(todos.refused);
    return store;
  }

  private constructor(options: StoreOptions, todos: SyncedTodos) {
    this.#options = options;
    this.#todos = todos;
    this.#filter = options.filter;
    this.#isComplete = todos.complete;
    this.drafts = new Drafts(() => {
      this.#returned.forgetClosed();
      options.changed();
    });
    this.#returned = new ReturnedTexts(todos, this.drafts);
    this.notices = new Notices(options.changed);
    if (this.#isComplete) this.#announce(this.#summary());
  }

  /** The list that is shown. */
  get filter(): Filter {
    return this.#filter;
  }

  /** The rows of the list: todos newest first, or the trash, deleted last first. */
  get rows(): Row[] {
    if (this.#filter === "trash") return rowsOf(this.#todos.trash, "trash", this.#isAway);
    return rowsOf(this.#todos.todos, this.#filter, this.#isAway, this.#writing);
  }

  /** The last message for screen readers. */
  get announcement(): string {
    return this.#announcement;
  }

  /** Whether the todos are being loaded for the first time. */
  get isLoading(): boolean {
    return !this.#todos.complete && this.loadFault === undefined;
  }

  /** Why they can't be loaded, although the service can be reached. */
  get loadFault(): string | undefined {
    return this.#todos.complete ? undefined : this.#todos.status.fault;
  }

  /** Why the service can't be reached; undefined while it can. */
  get problem(): string | undefined {
    return this.#todos.status.problem;
  }

  /** How many changes the service has not carried out yet. */
  get unsent(): number {
    return this.#todos.unsent;
  }

  /** Whether leaving the page would lose text: what is done is kept, what is being written isn't. */
  get wouldLose(): boolean {
    return this.drafts.any;
  }

  /** The rows that stay: those with unsaved text, and editors whose todo is deleted elsewhere while they are open. */
  get #writing(): Row[] {
    const unsaved = new Set(this.drafts.rows);
    return this.drafts.openRows.filter((row) => unsaved.has(row) || !this.#returned.isThere(row.key));
  }

  get #isAway(): boolean {
    return this.problem !== undefined;
  }

  /** Goes on after the user has signed in again, or wants to reach the service now. */
  retryNow(): void {
    this.#todos.retryNow();
  }

  /** Notes whether the user sees the page. */
  setVisible(visible: boolean): void {
    this.#todos.setVisible(visible);
  }

  /** Ends all activity. */
  close(): Promise<void> {
    return this.#todos.close();
  }

  /** Waits until all is sent, or can't be, for at most so many milliseconds. */
  settle(milliseconds: number): Promise<void> {
    return this.#todos.settle(milliseconds);
  }

  show(filter: Filter): void {
    this.#filter = filter;
    this.#announce(this.#summary());
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
    if (id === undefined || row.deletedAt !== undefined) return;
    this.#todos.update(id, { isCompleted: !isCompleted });
    this.#offerUndo(isCompleted ? "Opened" : "Completed", row, () => this.#todos.update(id, { isCompleted }));
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
    if (this.#isFaulty(row.key, row.id === undefined ? draft : patch)) return false;
    if (row.id === undefined) this.#add(draft);
    else if (Object.keys(patch).length > 0) {
      if (!this.#returned.isThere(row.id)) return this.#returned.saveDeleted(row.key, draft);
      this.#todos.update(row.id, patch, before);
    }
    this.drafts.close(row.key); // Not before the outbox has it.
    return true;
  }

  /** Ends editing a row without a change. */
  cancel(row: Row): void {
    this.drafts.close(row.key);
  }

  /** Moves a todo to the trash. A todo that is being edited is not deleted, since its text would be lost. */
  delete(row: Row): void {
    const { id } = row;
    if (id === undefined || this.drafts.of(row.key)) return;
    if (row.deletedAt !== undefined) return this.purge(row);
    this.#todos.delete(id);
    this.#offerUndo("Deleted", row, () => this.#todos.undelete(id));
  }

  /** Restores a todo from the trash. */
  restore(row: Row): void {
    if (row.id === undefined) return;
    this.notices.withdraw(row.key);
    this.#todos.undelete(row.id);
    this.#tell("Restored", row);
  }

  /** Deletes a todo of the trash permanently, if the user is sure. */
  purge(row: Row): void {
    if (row.id === undefined || !this.#options.confirm(`Delete ${quote(row.title)} for good? This can’t be undone.`)) return;
    this.notices.withdraw(row.key);
    this.#todos.purge(row.id);
    this.#announce(`Deleted ${quote(row.title)} for good`);
  }

  /** Deletes all todos of the trash permanently, if the user is sure. */
  emptyTrash(): void {
    const { trash } = this.#todos;
    const all = trash.length === 1 ? "the todo" : `all ${trash.length} todos`;
    if (!this.#options.confirm(`Delete ${all} in the trash for good? This can’t be undone.`)) return;
    for (const { id } of trash) this.notices.withdraw(id);
    this.#todos.purge(...trash.map(({ id }) => id));
    this.#announce("The trash is empty");
  }

  /** Ends a conflict: with the user's own text, with the other one, or with a todo for each. */
  resolve({ conflict }: Row, choice: "mine" | "theirs" | "both"): void {
    if (!conflict) return;
    if (choice === "mine") return void this.#todos.insist(conflict.key);
    if (choice === "both") this.#add(conflict);
    void this.#todos.drop(conflict.key); // Not before the outbox has the copy.
  }

  /** Shows a message about an error. */
  complain(text: string): void {
    this.notices.add({ text, tone: "error" }, errorSeconds);
  }

  #add({ title, description }: Text): void {
    const key = this.#todos.create({ title, description });
    this.#tell("Added", { title, isCompleted: false, key });
  }

  #changed(): void {
    if (!this.#isComplete && this.#todos.complete) {
      this.#isComplete = true;
      this.#announce(this.#summary());
    }
    this.#returned.takeLostConflicts();
    this.#options.changed();
  }

  /** Says why the service has refused what the user did, and gives the text back. */
  #refused(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const message = this.#returned.take(entry);
      if (message === undefined) continue;
      this.notices.withdraw(entry.operation.id);
      this.complain(message);
    }
  }

  /** Checks texts, and shows their errors at their fields. */
  #isFaulty(key: string, text: Partial<Text>): boolean {
    const title = text.title === undefined ? undefined : titleFault(text.title);
    const description = text.description === undefined ? undefined : descriptionFault(text.description);
    if (title === undefined && description === undefined) return false;
    const draft = this.drafts.of(key) ?? this.drafts.composer;
    this.drafts.set(key, { ...draft, faults: { ...(title && { title }), ...(description && { description }) } });
    return true;
  }

  #summary(): string {
    const count = this.rows.length;
    if (this.#filter === "trash") return count === 0 ? "The trash is empty" : `${countOf(count)} in the trash`;
    const kind = this.#filter === "all" ? "" : this.#filter;
    return count === 0 ? `No ${kind} todos`.replace("  ", " ") : countOf(count, kind);
  }

  /** Shows what was done to a row, with an offer to undo it. Replaces an earlier message about the row. */
  #offerUndo(did: string, row: Row, takeBack: () => void): void {
    const run = () => {
      takeBack();
      this.#tell("Restored", row);
      return row.key;
    };
    this.notices.withdraw(row.key);
    this.notices.add(
      { text: `${did} ${quote(row.title)}`, tone: "info", about: row.key, action: { label: "Undo", undoes: true, run } },
      this.#options.undoSeconds,
    );
  }

  /** Reports an added or restored todo; if it is in a list that is not shown, with a button that shows the list. */
  #tell(how: string, { key, title, isCompleted }: Pick<Row, "key" | "title" | "isCompleted">): void {
    if (matches({ isCompleted }, this.#filter)) return this.#announce(`${how} ${quote(title)}`);
    const filter = isCompleted ? "done" : "open";
    const show = () => {
      this.show(filter);
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

function countOf(count: number, kind = ""): string {
  return [count, kind, count === 1 ? "todo" : "todos"].filter((part) => part !== "").join(" ");
}
