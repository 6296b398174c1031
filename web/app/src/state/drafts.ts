import type { Faults } from "../api/failure.ts";
import type { Due } from "../sync/due.ts";
import type { Priority, Text } from "../sync/todo.ts";
import type { DraftStorage } from "./draft-storage.ts";
import type { Row } from "./rows.ts";

/** The key of a new todo's draft. An edited todo's draft has the key of its row. */
export const composerKey = "composer";

/** Text that the user is writing. */
export interface Draft extends Text {
  /** Its errors, by field. */
  readonly faults: Faults;
  /** What the user has chosen for a new todo besides its words; null is no due date. */
  readonly due?: Due | null | undefined;
  readonly priority?: Priority | undefined;
  readonly tags?: readonly string[] | undefined;
  /** Tags of the list that the new todo shall not have. */
  readonly withoutTags?: readonly string[] | undefined;
  /** The names of pieces that stay text. */
  readonly ignored?: readonly string[] | undefined;
  /** Whether all of it stays text: it has been understood before. */
  readonly isVerbatim?: boolean | undefined;
  /** The key of the refused entry of the outbox that the text comes from. */
  readonly entry?: string | undefined;
}

/** A draft, and what it is of. */
export interface DraftEntry {
  readonly draft: Draft;
  /** The edited row as it was before editing; undefined for a new todo. */
  readonly row?: Row | undefined;
}

const empty: Draft = { title: "", description: "", faults: {} };

/** The texts that the user is writing: a new todo, and edited ones. */
export class Drafts {
  readonly #entries: Map<string, DraftEntry>;
  readonly #storage: DraftStorage | undefined;
  readonly #changed: () => void;

  /** @param storage has the drafts of before the page was loaded again. */
  constructor(changed: () => void, storage?: DraftStorage) {
    this.#changed = changed;
    this.#storage = storage;
    this.#entries = new Map(storage?.load());
  }

  /** All drafts by their keys. */
  get all(): ReadonlyMap<string, DraftEntry> {
    return this.#entries;
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
    this.#keep();
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

  #put(key: string, entry: DraftEntry): void {
    this.#entries.set(key, entry);
    this.#keep();
  }

  #keep(): void {
    this.#storage?.save(this.#entries);
    this.#changed();
  }
}

/** Returns whether a draft has text that the service doesn't have. */
function differs(row: Row, draft: Draft): boolean {
  return row.id === undefined || draft.title !== row.title || draft.description !== row.description;
}
