import type { Notices } from "./notices.ts";
import { quote } from "./quote.ts";
import type { Filter } from "./filter.ts";
import type { Row } from "./rows.ts";

/** How long a message about an error stays, in seconds. */
const errorSeconds = 12;

/** What a teller needs. */
export interface TellerOptions {
  readonly notices: Notices;
  readonly undoSeconds: number;
  /** Returns whether a row is in the list that is shown. */
  isShown(key: string): boolean;
  /** Shows another list. */
  show(filter: Filter): void;
  /** Is called when there is something new for screen readers. */
  changed(): void;
}

/** Says what was done: on the screen, or for screen readers only if it can be seen anyway. */
export class Teller {
  readonly #options: TellerOptions;
  #announcement = "";

  constructor(options: TellerOptions) {
    this.#options = options;
  }

  /** The last message for screen readers. */
  get announcement(): string {
    return this.#announcement;
  }

  announce(text: string): void {
    // Screen readers read a text only if it differs from the one before.
    this.#announcement = this.#announcement === text ? `${text}\u00a0` : text;
    this.#options.changed();
  }

  /** Shows a message about an error. */
  complain(text: string): void {
    this.#options.notices.add({ text, tone: "error" }, errorSeconds);
  }

  /**
   * Shows what was done to rows, with an offer to undo all of it. Replaces earlier messages
   * about single rows of these.
   *
   * @param isAddition says that undoing takes them away.
   */
  offerUndo(did: string, rows: readonly Row[], takeBack: () => void, { isAddition = false } = {}): void {
    const [first] = rows;
    if (!first) return;
    const { notices, undoSeconds } = this.#options;
    for (const { key } of rows) notices.withdraw(key);
    const run = () => {
      takeBack();
      if (isAddition) this.announce(`Removed ${namesOf(rows)}`);
      else this.tell("Restored", rows, rows.map(({ key }) => key));
      return first.key;
    };
    const about = rows.length === 1 ? { about: first.key } : {};
    notices.add({ text: `${did} ${namesOf(rows)}`, tone: "info", ...about, action: { label: "Undo", undoes: true, run } }, undoSeconds);
  }

  /**
   * Says that a text is gone that was written, with an offer to bring it back.
   *
   * @param bringBack returns the key of the row that has it then.
   */
  offerText(bringBack: () => string): void {
    const { notices, undoSeconds } = this.#options;
    notices.add({ text: "Discarded your text", tone: "info", action: { label: "Undo", undoes: true, run: bringBack } }, undoSeconds);
  }

  /**
   * Reports added or restored todos; if the first is in a list that is not shown, with a button that shows the list.
   *
   * @param more ends the sentence.
   */
  tell(how: string, rows: readonly Pick<Row, "title" | "isCompleted">[], keys: readonly string[], more = ""): void {
    const [[row], [key]] = [rows, keys];
    if (!row || key === undefined) return;
    const { isShown, notices, show, undoSeconds } = this.#options;
    const text = `${how} ${namesOf(rows)}`;
    if (isShown(key)) return this.announce(text + more);
    const filter = row.isCompleted ? "done" : "all";
    const run = () => {
      show(filter);
      return key;
    };
    notices.add(
      { text: `${text} to ${row.isCompleted ? "Done" : "All"}${more}`, tone: "info", action: { label: "Show", undoes: false, run } },
      undoSeconds,
    );
  }
}

/** Names a todo by its title, and several by their count. */
function namesOf(rows: readonly Pick<Row, "title">[]): string {
  return rows.length === 1 ? quote(rows[0]!.title) : `${rows.length} todos`;
}
