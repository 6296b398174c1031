// The small editor for when todos are due, how important they are, and their tags.

import { composerKey } from "../state/drafts.ts";
import type { DueChange } from "../state/due.ts";
import { carryOut, plannedOf, withDue, withTag, type Planned } from "../state/planned.ts";
import type { Store } from "../state/store.ts";
import { focusComposer, focusRow } from "./focus.ts";
import { rendered } from "./render.ts";

/** The names of the priorities, by their numbers. */
export const priorityNames = ["None", "Low", "Medium", "High"] as const;

/** What of it the focus goes to first. */
export type PlanField = "due" | "priority" | "tags";

/** The dialog in which todos are planned. */
export class Plan {
  #open: Planned | undefined;
  #isCancelled = false;
  readonly #store: () => Store | undefined;
  readonly #changed: () => void;

  /** @param store returns the store, if anybody is signed in. */
  constructor(store: () => Store | undefined, changed: () => void) {
    this.#store = store;
    this.#changed = changed;
  }

  /** What is planned, while it is open. */
  get planned(): Planned | undefined {
    return this.#open;
  }

  /** Closes it, and drops what was chosen. */
  drop(): void {
    this.#isCancelled = true;
    this.close();
  }

  /** Closes it, and does what was chosen. */
  close(): void {
    element()?.close();
    this.closed(); // The event comes later: a key that is pressed before could open it again.
  }

  /** Opens it for rows, or for the new todo when the key is the composer's. */
  open(keys: readonly string[], field: PlanField = "due"): void {
    const store = this.#store();
    if (!store) return;
    this.closed();
    void store.dueInput.prepare();
    this.#open = plannedOf(store, keys);
    if (!this.#open) return;
    this.#changed();
    void this.#show(field);
  }

  /** Changes what is planned. */
  set(part: Partial<Planned>): void {
    if (this.#open) this.#open = { ...this.#open, ...part };
    this.#changed();
  }

  /** Changes the due dates further. */
  changeDue(next: DueChange): void {
    const store = this.#store();
    if (store && this.#open) this.set(withDue(store, this.#open, next));
  }

  /** Adds the tag that is written. Returns whether it is one. */
  addTag(): boolean {
    if (!this.#open) return false;
    const planned = withTag(this.#open);
    this.set(planned);
    return planned.tagFault === undefined;
  }

  removeTag(tag: string): void {
    if (!this.#open) return;
    const { added, removed } = this.#open;
    if (added.includes(tag)) this.set({ added: added.filter((other) => other !== tag) });
    else this.set({ removed: [...removed, tag] });
    document.getElementById("plan-tags")?.focus();
  }

  /** Escape leaves everything as it was. */
  readonly cancel = (): void => {
    this.#isCancelled = true;
  };

  /** Everything else that closes it keeps what was chosen. */
  readonly closed = (): void => {
    if (element()?.open) return; // It is open again already.
    const open = this.#open;
    const store = this.#store();
    const isKept = !this.#isCancelled;
    this.#open = undefined;
    this.#isCancelled = false;
    if (!open || !store) return;
    if (isKept) carryOut(store, open);
    this.#changed();
    void leave(open.keys[0] ?? "");
  };

  async #show(field: PlanField): Promise<void> {
    await rendered();
    const dialog = element();
    if (!dialog || dialog.open) return;
    const row = document.querySelector(`[data-key="${CSS.escape(this.#open?.keys[0] ?? "")}"]`);
    dialog.showModal();
    placeBeside(dialog, row);
    const selectors = { due: "#plan-due", priority: "#plan-priority input:checked, #plan-priority input", tags: "#plan-tags" };
    // A phone's keyboard would cover half of the dialog.
    const isTouch = matchMedia("(pointer: coarse)").matches;
    dialog.querySelector<HTMLElement>(isTouch ? "h2" : selectors[field])?.focus();
  }
}

async function leave(key: string): Promise<void> {
  await rendered();
  if (key === composerKey) focusComposer();
  else focusRow(key, "title");
}

/** Puts the dialog under the row that it is about, or above it, where the window has room beside it. */
function placeBeside(dialog: HTMLDialogElement, row: Element | null): void {
  dialog.style.inset = dialog.style.margin = "";
  if (!row || !matchMedia("(width >= 48rem)").matches) return;
  const { top, bottom, right } = row.getBoundingClientRect();
  const { width, height } = dialog.getBoundingClientRect();
  const y = bottom + height + 8 < innerHeight ? bottom + 4 : Math.max(8, Math.min(top - height - 4, innerHeight - height - 8));
  dialog.style.inset = `${y}px auto auto ${Math.max(8, right - width)}px`;
  dialog.style.margin = "0";
}

function element(): HTMLDialogElement | null {
  return document.getElementById("plan") as HTMLDialogElement | null;
}
