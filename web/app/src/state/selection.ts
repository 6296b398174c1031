import type { Row } from "./rows.ts";

/** The rows that the user has selected, to do something to all of them. */
export class Selection {
  #keys = new Set<string>();
  /** The row that was selected last by itself: a range begins there. */
  #anchor: string | undefined;
  /** What the range from there has added. */
  #range: readonly string[] = [];
  readonly #shown: () => readonly Row[];
  readonly #changed: () => void;

  /** @param shown returns the rows that are shown, in order. */
  constructor(shown: () => readonly Row[], changed: () => void) {
    this.#shown = shown;
    this.#changed = changed;
  }

  /** The selected rows in the order of the list. Those that have left the list are selected no longer. */
  get rows(): readonly Row[] {
    if (this.#keys.size === 0) return [];
    return this.#shown().filter(({ key, id }) => id !== undefined && this.#keys.has(key));
  }

  get size(): number {
    return this.rows.length;
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /** Selects a row, or lets it go. */
  toggle(key: string): void {
    if (!this.#keys.delete(key)) this.#keys.add(key);
    this.#begin(key);
    this.#changed();
  }

  /** Selects the rows from the one that was selected last to this one, in place of the last such range. */
  extendTo(key: string): void {
    const rows = this.#shown();
    const [from, to] = [this.#anchor, key].map((end) => rows.findIndex((row) => row.key === end)) as [number, number];
    if (to < 0) return;
    if (from < 0) this.#begin(key);
    for (const other of this.#range) this.#keys.delete(other);
    const range = from < 0 ? [key] : rows.slice(Math.min(from, to), Math.max(from, to) + 1).map((row) => row.key);
    this.#range = range.filter((other) => !this.#keys.has(other));
    for (const other of this.#range) this.#keys.add(other);
    this.#changed();
  }

  /** Selects all rows that are shown. */
  selectAll(): void {
    this.#range = [];
    this.#keys = new Set(this.#shown().map(({ key }) => key));
    this.#changed();
  }

  /** Selects nothing. */
  clear(): void {
    this.#begin(undefined);
    if (this.#keys.size === 0) return;
    this.#keys.clear();
    this.#changed();
  }

  /** Lets those go that have left the list. */
  keepShown(): void {
    if (this.#keys.size === 0) return;
    const shown = new Set(this.#shown().map(({ key }) => key));
    for (const key of this.#keys) if (!shown.has(key)) this.#keys.delete(key);
  }

  /** Begins a range. */
  #begin(key: string | undefined): void {
    this.#anchor = key;
    this.#range = [];
  }
}
