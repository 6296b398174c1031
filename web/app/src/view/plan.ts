// The small editor for when todos are due, how important they are, and their tags.

import { composerKey } from "../state/drafts.ts";
import type { Row } from "../state/rows.ts";
import type { Store } from "../state/store.ts";
import { tagFault } from "./tag-fault.ts";
import { sameDue, type Due } from "../sync/due.ts";
import { hasTag } from "../sync/tags.ts";
import type { Priority } from "../sync/todo.ts";
import { focusComposer, focusRow } from "./focus.ts";
import { rendered } from "./render.ts";

/** The names of the priorities, by their numbers. */
export const priorityNames = ["None", "Low", "Medium", "High"] as const;

/** What of it the focus goes to first. */
export type PlanField = "due" | "priority" | "tags";

/** What is planned while the dialog is open. What isn't touched stays as it is. */
export interface Planned {
  /** Keys of rows, or the composer's. */
  readonly keys: readonly string[];
  readonly due?: Due | undefined;
  readonly dueBefore?: Due | undefined;
  readonly isDueTouched: boolean;
  /** Whether the rows differ in it. */
  readonly isDueMixed: boolean;
  /** What is written in the field for the due date. */
  readonly words: string;
  /** The field for a day or a time that is empty because the user types another one. */
  readonly retyped?: "date" | "time" | undefined;
  /** The zone of the last time that it had. */
  readonly zone?: string | undefined;
  /** Undefined when they differ. */
  readonly priority: Priority | undefined;
  readonly before: Priority | undefined;
  readonly tags: readonly string[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly tag: string;
  readonly tagFault?: string | undefined;
}

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
    const rows = rowsOf(store, keys);
    const composed = keys[0] === composerKey ? [store.composer.understood] : rows;
    if (composed.length === 0) return;
    const [first] = composed;
    const isSameDue = composed.every(({ due }) => sameDue(due, first?.due));
    const priority = composed.every((todo) => todo.priority === first?.priority) ? first?.priority : undefined;
    this.#open = {
      keys,
      due: isSameDue ? first?.due : undefined,
      dueBefore: isSameDue ? first?.due : undefined,
      isDueTouched: false,
      isDueMixed: !isSameDue,
      words: "",
      zone: isSameDue ? first?.due?.zone : undefined,
      priority,
      before: priority,
      tags: first?.tags.filter((tag) => composed.every(({ tags }) => tags.includes(tag))) ?? [],
      added: [],
      removed: [],
      tag: "",
    };
    this.#changed();
    void this.#show(field);
  }

  /** Changes what is planned. */
  set(part: Partial<Planned>): void {
    if (this.#open) this.#open = { ...this.#open, ...part };
    this.#changed();
  }

  /** Adds the tag that is written. Returns whether it is one. */
  addTag(): boolean {
    if (!this.#open) return false;
    const { added, removed, tags } = this.#open;
    const tag = this.#open.tag.trim().replace(/^#/, "");
    const found = tagFault(tag);
    if (found !== undefined) {
      this.set({ tagFault: found });
      return false;
    }
    const isThere = hasTag([...tags, ...added], tag);
    this.set({ tag: "", added: isThere ? added : [...added, tag], removed: removed.filter((other) => !hasTag([tag], other)) });
    return true;
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
    if (isKept && open.words.trim() !== "") store.dueInput.whenReady(() => apply(store, open));
    else if (isKept) apply(store, open);
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

/** Does what was chosen. */
function apply(store: Store, open: Planned): void {
  const { words, priority, before, added, removed, tag } = open;
  // What was written before its library had come is read now.
  const found = words === "" ? undefined : store.dueInput.parse(words, store.now);
  const due = found?.due ?? open.due;
  const isDueTouched = open.isDueTouched || found !== undefined;
  if (words.trim() !== "" && !store.dueInput.isReady) store.complain(`“${words.trim()}” can’t be read as a date at the moment.`);
  const written = tag.trim().replace(/^#/, "");
  const add = written !== "" && tagFault(written) === undefined ? [...added, written] : added;
  if (open.keys[0] === composerKey) {
    const { composer } = store;
    if (isDueTouched) composer.setDue(due);
    if (priority !== undefined && priority !== before) composer.setPriority(priority);
    for (const tag of add) composer.addTag(tag);
    for (const tag of removed) composer.removeTag(tag);
    return;
  }
  const rows = rowsOf(store, open.keys);
  if (rows.length === 0) return;
  const isOther = priority !== before;
  store.actions.plan(rows, {
    ...(isDueTouched && { due: due ?? null }),
    ...(isOther && { priority }),
    addTags: add,
    removeTags: removed,
  });
}

async function leave(key: string): Promise<void> {
  await rendered();
  if (key === composerKey) focusComposer();
  else focusRow(key, "title");
}

export function rowsOf(store: Store, keys: readonly string[]): readonly Row[] {
  return store.rows.filter(({ key }) => keys.includes(key));
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
