import type { Faults } from "../api/failure.ts";
import type { Text } from "../sync/todo.ts";
import type { Row } from "./rows.ts";

/** The key of a new todo's draft. An edited todo's draft has the key of its row. */
export const composerKey = "composer";

/** Text that the user is writing. */
export interface Draft extends Text {
  /** Its errors, by field. */
  readonly faults: Faults;
}

interface Entry {
  readonly draft: Draft;
  /** The edited row as it was before editing; undefined for a new todo. */
  readonly row?: Row | undefined;
}

const empty: Draft = { title: "", description: "", faults: {} };

/** The texts that the user is writing: a new todo, and edited ones. */
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

  /** Returns the draft of a row; undefined when the row isn't edited. */
  of(key: string): Draft | undefined {
    return this.#entries.get(key)?.draft;
  }

  /** Returns an edited row as it was before editing. */
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

  /** Sets the draft of the new todo, or of a row that is being edited. */
  set(key: string, draft: Draft): void {
    this.#put(key, { ...this.#entries.get(key), draft });
  }

  /** Sets the text of one field, and clears its error. */
  type(key: string, field: keyof Text, value: string): void {
    const draft = this.of(key) ?? empty;
    const { [field]: _, "": __, ...faults } = draft.faults;
    this.set(key, { ...draft, [field]: value, faults });
  }

  /** Drops a draft; the composer is then empty. The text must be stored elsewhere, or unwanted. */
  close(key: string): void {
    this.#entries.delete(key);
    this.#changed();
  }

  /** The edited rows, as they were before, whose drafts have unsaved text. */
  get rows(): Row[] {
    return [...this.#entries.values()].flatMap(({ row, draft }) => (row && differs(row, draft) ? [row] : []));
  }

  /** The edited rows, as they were before, whether or not their drafts differ. */
  get openRows(): Row[] {
    return [...this.#entries.values()].flatMap(({ row }) => row ?? []);
  }

  /** Returns whether leaving the page would lose text. */
  get any(): boolean {
    return this.composing || this.rows.length > 0;
  }

  #put(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    this.#changed();
  }
}

/** Returns whether a draft has text that the service doesn't have. */
function differs(row: Row, draft: Draft): boolean {
  return row.id === undefined || draft.title !== row.title || draft.description !== row.description;
}
