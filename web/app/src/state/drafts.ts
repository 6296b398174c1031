import type { Faults } from "../api/failure.ts";
import type { Row, Text } from "./pending.ts";

/** The key of the draft of a new todo; that of an edited one is its row's. */
export const composerKey = "composer";

/** Text that the user is writing. */
export interface Draft extends Text {
  /** What the service found wrong with it. */
  readonly faults: Faults;
}

const empty: Draft = { title: "", description: "", faults: {} };

/** All that the user is writing: a new todo, and the ones being edited. */
export class Drafts {
  readonly #drafts = new Map<string, Draft>();
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** The new todo. */
  get composer(): Draft {
    return this.#drafts.get(composerKey) ?? empty;
  }

  /** Whether the new todo has any text. */
  get composing(): boolean {
    return this.composer.title !== "" || this.composer.description !== "";
  }

  /** Returns what is being written in a row; undefined when it isn't edited. */
  of(key: string): Draft | undefined {
    return this.#drafts.get(key);
  }

  /** Begins to edit a row. */
  open({ key, title, description }: Row): void {
    if (!this.#drafts.has(key)) this.set(key, { title, description, faults: {} });
  }

  set(key: string, draft: Draft): void {
    this.#drafts.set(key, draft);
    this.#changed();
  }

  /** Takes what the user types into one field. What was wrong with it may be right now. */
  type(key: string, field: keyof Text, value: string): void {
    const draft = this.#drafts.get(key) ?? empty;
    const { [field]: _, "": __, ...faults } = draft.faults;
    this.set(key, { ...draft, [field]: value, faults });
  }

  /** Ends writing; the composer is then empty. */
  close(key: string): void {
    this.#drafts.delete(key);
    this.#changed();
  }

  /** Says whether leaving the page would lose text. */
  get any(): boolean {
    return this.composing || [...this.#drafts.keys()].some((key) => key !== composerKey);
  }
}
