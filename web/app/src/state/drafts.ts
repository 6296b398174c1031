import type { Faults } from "../api/failure.ts";
import type { Row, Text } from "./pending.ts";

/** The key of the draft of a new todo; that of an edited one is its row's. */
export const composerKey = "composer";

/** Text that the user is writing. */
export interface Draft extends Text {
  /** What is wrong with it. */
  readonly faults: Faults;
}

interface Entry {
  readonly draft: Draft;
  /** The row that is edited, as it was when that began; undefined for a new todo. */
  readonly row?: Row | undefined;
}

const empty: Draft = { title: "", description: "", faults: {} };

/** All that the user is writing: a new todo, and the ones being edited. */
export class Drafts {
  readonly #entries = new Map<string, Entry>();
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** The new todo. */
  get composer(): Draft {
    return this.of(composerKey) ?? empty;
  }

  /** Whether the new todo has any text. */
  get composing(): boolean {
    return this.composer.title !== "" || this.composer.description !== "";
  }

  /** Returns what is being written in a row; undefined when it isn't edited. */
  of(key: string): Draft | undefined {
    return this.#entries.get(key)?.draft;
  }

  /** Returns an edited row as it was when that began. */
  rowOf(key: string): Row | undefined {
    return this.#entries.get(key)?.row;
  }

  /** Begins to edit a row. */
  open(row: Row): void {
    if (!this.#entries.has(row.key)) this.edit(row, { title: row.title, description: row.description, faults: {} });
  }

  /** Begins or continues to edit a row with this text. */
  edit(row: Row, draft: Draft): void {
    this.#put(row.key, { draft, row });
  }

  /** Writes the new todo, or what is being edited already. */
  set(key: string, draft: Draft): void {
    this.#put(key, { ...this.#entries.get(key), draft });
  }

  /** Takes what the user types into one field. What was wrong with it may be right now. */
  type(key: string, field: keyof Text, value: string): void {
    const draft = this.of(key) ?? empty;
    const { [field]: _, "": __, ...faults } = draft.faults;
    this.set(key, { ...draft, [field]: value, faults });
  }

  /** Ends writing; the composer is then empty. What it held must be safe elsewhere, or unwanted. */
  close(key: string): void {
    this.#entries.delete(key);
    this.#changed();
  }

  /** The rows, as they were, in which the user has written what is nowhere else. */
  get rows(): Row[] {
    return [...this.#entries.values()].flatMap(({ row, draft }) => (row && differs(row, draft) ? [row] : []));
  }

  /** Says whether leaving the page would lose text. */
  get any(): boolean {
    return this.composing || this.rows.length > 0;
  }

  #put(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    this.#changed();
  }
}

/** Says whether a draft holds more than the service has. */
function differs(row: Row, draft: Draft): boolean {
  return row.id === undefined || draft.title !== row.title || draft.description !== row.description;
}
