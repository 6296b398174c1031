import type { TodoClient } from "../api/client.ts";
import type { Entry } from "../sync/outbox.ts";
import { DirectTodos } from "../sync/direct-todos.ts";
import { SyncedTodos, type SyncListener } from "../sync/synced-todos.ts";
import type { Todos } from "../sync/todos.ts";
import { Actions } from "./actions.ts";
import { MinuteTicks, systemNow, type Now } from "./clock.ts";
import { Composer } from "./composer.ts";
import type { Counts, TagCount } from "./counts.ts";
import { DraftStorage } from "./draft-storage.ts";
import { Drafts } from "./drafts.ts";
import { DueInput } from "./due-input.ts";
import { Editor } from "./editor.ts";
import type { Filter } from "./filter.ts";
import { Lists } from "./lists.ts";
import { Notices } from "./notices.ts";
import { ReturnedTexts } from "./returned-texts.ts";
import type { Row } from "./rows.ts";
import type { Section } from "./sections.ts";
import { Selection } from "./selection.ts";
import { Teller } from "./teller.ts";

/** How long changes may take to be sent before the page goes on without a copy, in milliseconds. */
const settleTimeout = 3_000;

/** The options of a store. */
export interface StoreOptions {
  readonly userId: string;
  readonly client: TodoClient;
  readonly filter: Filter;
  /** How long a deletion or a completion can be undone by its message. */
  readonly undoSeconds: number;
  /** The time and the user's zone; tests have their own. */
  readonly now?: (() => Now) | undefined;
  /** Where drafts outlast a reload; tests have their own. */
  readonly draftStorage?: DraftStorage | undefined;
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

/** The page's state of one user's todos. What the user does goes through its parts. */
export class Store {
  readonly actions: Actions;
  readonly composer: Composer;
  readonly drafts: Drafts;
  readonly dueInput: DueInput;
  readonly editor: Editor;
  readonly notices: Notices;
  readonly selection: Selection;
  #todos: Todos;
  readonly #options: StoreOptions;
  readonly #lists: Lists;
  readonly #returned: ReturnedTexts;
  readonly #teller: Teller;
  readonly #ticks: MinuteTicks;
  #isComplete: boolean;
  /** Resolves when the page goes on without a copy, or can't. */
  #going: Promise<boolean> | undefined;
  #closed = false;

  /** Opens the user's todos in this browser. It fails when the browser can't keep any. */
  static async open(options: StoreOptions): Promise<Store> {
    let store: Store | undefined;
    const { userId, client, sessionEnded, lost } = options;
    const listener: SyncListener = {
      changed: () => store && store.#todosChanged(),
      refused: (entries) => store && store.#refused(entries),
      sessionEnded,
      lost,
      unserved: async () => store !== undefined && (await store.#goDirect(listener)),
    };
    const todos = await SyncedTodos.open({ userId, client, listener });
    store = new Store(options, todos);
    store.#refused(todos.refused);
    return store;
  }

  private constructor(options: StoreOptions, todos: Todos) {
    this.#options = options;
    this.#todos = todos;
    this.#isComplete = todos.complete;
    const changed = () => this.#changed();
    const now = options.now ?? systemNow;
    this.notices = new Notices(options.changed);
    this.drafts = new Drafts(() => {
      this.#returned.forgetClosed();
      changed();
    }, options.draftStorage ?? new DraftStorage(options.userId));
    const current = () => this.#todos;
    this.#returned = new ReturnedTexts(current, this.drafts);
    this.#lists = new Lists({ todos: current, now, filter: options.filter, writing: () => this.#writing });
    this.#teller = new Teller({
      notices: this.notices,
      undoSeconds: options.undoSeconds,
      isShown: (key) => this.rows.some((row) => row.key === key),
      show: (filter) => {
        this.show(filter);
        options.goTo(filter);
      },
      changed,
    });
    this.dueInput = new DueInput(changed);
    this.selection = new Selection(() => this.rows, changed);
    const { drafts, notices } = this;
    const parts = { todos: current, drafts, notices, teller: this.#teller, lists: this.#lists };
    this.actions = new Actions({ ...parts, confirm: options.confirm });
    this.composer = new Composer({ ...parts, dueInput: this.dueInput, now });
    this.editor = new Editor({ ...parts, returned: this.#returned, composer: this.composer });
    this.#ticks = new MinuteTicks(now, changed);
    if (this.#isComplete) this.#teller.announce(this.#lists.summary);
  }

  /** The list that is shown. */
  get filter(): Filter {
    return this.#lists.filter;
  }

  /** What is searched for; "" for nothing. */
  get search(): string {
    return this.#lists.search;
  }

  /** The parts of the list that is shown, or what is found. */
  get sections(): readonly Section[] {
    return this.#lists.sections;
  }

  /** The rows that are shown, in order. */
  get rows(): readonly Row[] {
    return this.#lists.rows;
  }

  /** Whether the rows can be moved by hand. */
  get canMove(): boolean {
    return this.#lists.canMove;
  }

  /** How many todos the lists have. */
  get counts(): Counts {
    return this.#lists.counts;
  }

  /** The tags of the todos that are not done. */
  get tags(): readonly TagCount[] {
    return this.#lists.tags;
  }

  /** The time that the lists are of. */
  get now(): Now {
    return this.#lists.now;
  }

  /** Whether deleted todos can be seen, and restored, for a while. */
  get hasTrash(): boolean {
    return this.#todos.hasTrash;
  }

  /** The last message for screen readers. */
  get announcement(): string {
    return this.#teller.announcement;
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

  /** Whether closing the page would lose text: what is being written is kept for a reload only. */
  get wouldLose(): boolean {
    return this.drafts.any;
  }

  /** Returns the rows of todos that are not deleted, whatever list is shown. */
  rowsOf(ids: readonly string[]): readonly Row[] {
    return this.#lists.rowsOf(ids).filter(({ deletedAt }) => deletedAt === undefined);
  }

  /** Returns the rows that something done to a row is meant for: the selected ones, if it is one of them. */
  targets(row: Row): readonly Row[] {
    return this.selection.has(row.key) ? this.selection.rows : [row];
  }

  /** Shows a list. */
  show(filter: Filter): void {
    this.#lists.show(filter);
    this.selection.clear();
    this.#teller.announce(this.#lists.summary);
  }

  /** Shows what has these words, as the user types them. */
  searchFor(text: string): void {
    this.#lists.searchFor(text);
    this.selection.keepShown();
    this.#teller.announce(this.#lists.summary);
  }

  /** Folds a section, or opens it. */
  toggleFold(key: string): void {
    this.#lists.toggleFold(key);
    this.#changed();
  }

  /** Goes on after the user has signed in again, or wants to reach the service now. */
  retryNow(): void {
    this.#todos.retryNow();
  }

  /** Notes whether the user sees the page. */
  setVisible(visible: boolean): void {
    this.#todos.setVisible(visible);
    if (visible) this.#changed(); // Timers stand still while a computer sleeps.
  }

  /** Shows a message about an error. */
  complain(text: string): void {
    this.#teller.complain(text);
  }

  /** Ends all activity. */
  close(): Promise<void> {
    this.#closed = true;
    this.#ticks.stop();
    return this.#todos.close();
  }

  /** Waits until all is sent, or can't be, for at most so many milliseconds. */
  settle(milliseconds: number): Promise<void> {
    return this.#todos.settle(milliseconds);
  }

  /** The rows that stay: those with unsaved text, and editors whose todo is deleted elsewhere while they are open. */
  get #writing(): readonly Row[] {
    const unsaved = new Set(this.drafts.rows);
    return this.drafts.openRows.filter((row) => unsaved.has(row) || !this.#returned.isThere(row.key));
  }

  #todosChanged(): void {
    this.#lists.forget();
    if (!this.#isComplete && this.#todos.complete) {
      this.#isComplete = true;
      this.#teller.announce(this.#lists.summary);
    }
    this.#returned.takeLostConflicts();
    this.selection.keepShown();
    this.#changed();
  }

  #changed(): void {
    this.#lists.forget();
    this.#options.changed();
  }

  /** Goes on without a copy, if the service lists todos although it tells no changes. */
  #goDirect(listener: SyncListener): Promise<boolean> {
    const gone = async () => {
      const before = this.#todos;
      const todos = await DirectTodos.open({ client: this.#options.client, listener });
      // What was done before is sent first; it needs no trash.
      await before.settle(settleTimeout);
      if (this.#closed) await todos.close();
      else this.#todos = todos;
      await before.close();
      todos.retryNow();
      this.#todosChanged();
      return true;
    };
    return (this.#going ??= gone().catch(() => {
      this.#going = undefined;
      return false;
    }));
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
}
