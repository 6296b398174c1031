import { hashOf } from "../state/filter.ts";
import type { Row } from "../state/rows.ts";
import type { Store } from "../state/store.ts";
import type { Choosing } from "./choosing.ts";
import { edit } from "./editor.ts";
import { act, focusComposer, focusedKey, focusRow, moveFocus } from "./focus.ts";
import { openHelp } from "./help.ts";
import { focusSearch, listOfDigit } from "./nav.ts";
import type { Places } from "./places.ts";
import type { Plan } from "./plan.ts";
import { rendered } from "./render.ts";
import { complete } from "./row.ts";
import { wantRow } from "./row-window.ts";

/** What the shortcuts act on besides the store. */
export interface ShortcutParts {
  readonly plan: Plan;
  readonly choosing: Choosing;
  readonly places: Places;
}

/** Where it is kept, per browser, that single-letter shortcuts are off. */
const storageKey = "todo.shortcuts";

/** Keys that do something to a row, and must be pressed anew for the next one. */
const actsOnRow = /^(x|e|r|u|d|p|t|s|enter|delete|backspace)$/i;

/** The keyboard's shortcuts. */
export class Shortcuts {
  readonly #store: () => Store | undefined;
  readonly #parts: ShortcutParts;
  readonly #changed: () => void;
  readonly #actions: Readonly<Record<string, (store: Store, row: Row | undefined) => void>> = {
    n: () => focusComposer(),
    "/": () => focusSearch(),
    j: (store) => moveFocus(store.rows, 1),
    k: (store) => moveFocus(store.rows, -1),
    e: (store, row) => row && edit(store, row),
    x: (store, row) => row?.id && this.#complete(store, row),
    d: (store, row) => this.#plan(store, row, "due"),
    p: (store, row) => this.#plan(store, row, "priority"),
    t: (store, row) => this.#plan(store, row, "tags"),
    s: (store, row) => (row ? store.selection.toggle(row.key) : this.#parts.choosing.begin()),
    r: (store, row) => row?.deletedAt !== undefined && store.actions.restore(store.targets(row)),
    u: (store) => void act(store),
    "?": () => openHelp(),
  };

  /** @param store returns the store, if anybody is signed in. */
  constructor(store: () => Store | undefined, parts: ShortcutParts, changed: () => void) {
    this.#store = store;
    this.#parts = parts;
    this.#changed = changed;
  }

  /**
   * Whether shortcuts of one character work. They can be switched off, because
   * speech input can set them off (WCAG 2.1.4).
   */
  get letters(): boolean {
    return localStorage.getItem(storageKey) !== "off";
  }

  toggleLetters(): void {
    localStorage.setItem(storageKey, this.letters ? "off" : "on");
    this.#changed();
  }

  /** Does what a key stands for. */
  readonly handle = (event: KeyboardEvent): void => {
    const store = this.#store();
    if (!store || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (event.target instanceof HTMLInputElement && event.target.type === "search") return leaveSearch(store, event);
    if (isWriting(event.target)) return;
    if (isUndo(event)) {
      event.preventDefault();
      return void act(store);
    }
    const row = store.rows.find(({ key }) => key === focusedKey());
    if (this.#choose(event, store, row)) return event.preventDefault();
    if (event.ctrlKey || event.metaKey) return;
    if (event.altKey) return row && this.#move(event, store, row);
    if (event.repeat && actsOnRow.test(event.key)) return event.preventDefault();
    if (row && this.#handleInRow(event.key, store, row)) return event.preventDefault();
    if (!this.letters) return;
    const list = listOfDigit(event.key);
    const action = this.#actions[event.key.toLowerCase()];
    if (list === undefined && !action) return;
    event.preventDefault();
    if (list === undefined) return action?.(store, row);
    store.searchFor(""); // The address of the list that is shown does not change.
    location.hash = hashOf(list);
  };

  /** Chooses rows by Shift and arrows and Ctrl+A; Escape ends it. Returns whether it was such a key. */
  #choose({ key, ctrlKey, metaKey, altKey, shiftKey }: KeyboardEvent, store: Store, row: Row | undefined): boolean {
    if (key === "Escape") {
      if (this.#parts.choosing.end(store)) return true;
      if (store.search === "") return false;
      store.searchFor("");
      return true;
    }
    if (altKey) return false;
    if (key.toLowerCase() === "a" && ctrlKey !== metaKey && !shiftKey && row) {
      store.selection.selectAll();
      return true;
    }
    const step = key === "ArrowDown" ? 1 : key === "ArrowUp" ? -1 : 0;
    if (step === 0 || !shiftKey || ctrlKey || metaKey || !row) return false;
    const { rows, selection } = store;
    if (selection.size === 0) selection.toggle(row.key);
    const next = rows[rows.findIndex(({ key }) => key === row.key) + step];
    if (!next) return true;
    selection.extendTo(next.key);
    focusRow(next.key);
    return true;
  }

  /** Moves rows in the order by hand, and keeps the focus with them. */
  #move(event: KeyboardEvent, store: Store, row: Row): void {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : undefined;
    if (step === undefined || !store.canMove || row.isCompleted) return;
    event.preventDefault();
    store.actions.moveBy(store.targets(row), step);
    wantRow(row.key);
    void rendered().then(() => focusRow(row.key));
  }

  #complete(store: Store, row: Row): void {
    const targets = store.targets(row);
    if (targets.length === 1) return complete({ store, places: this.#parts.places }, row);
    store.actions.toggle(targets);
    this.#parts.choosing.end(store);
  }

  #plan(store: Store, row: Row | undefined, field: "due" | "priority" | "tags"): void {
    if (row?.id !== undefined && row.deletedAt === undefined) this.#parts.plan.open(store.targets(row).map(({ key }) => key), field);
  }

  /** Does what a key that is no character stands for; such keys mean nothing outside of a row. */
  #handleInRow(key: string, store: Store, row: Row): boolean {
    switch (key) {
      case "ArrowDown":
        moveFocus(store.rows, 1);
        return true;
      case "ArrowUp":
        moveFocus(store.rows, -1);
        return true;
      case "Delete":
      case "Backspace":
        if (store.drafts.of(row.key)) return false; // Its text would be lost.
        store.actions.delete(store.targets(row));
        this.#parts.choosing.end(store);
        return true;
      default:
        return false;
    }
  }
}

/** Leaves the search: with its words by an arrow or Enter, without them by Escape. */
function leaveSearch(store: Store, event: KeyboardEvent): void {
  if (event.key === "Escape") store.searchFor("");
  else if (event.key !== "ArrowDown" && event.key !== "Enter") return;
  event.preventDefault();
  const [first] = store.rows;
  if (event.key === "Escape" || !first) focusComposer();
  else focusRow(first.key, "title");
}

/** Ctrl+Z or ⌘+Z. */
function isUndo({ key, ctrlKey, metaKey, altKey, shiftKey }: KeyboardEvent): boolean {
  return key.toLowerCase() === "z" && ctrlKey !== metaKey && !altKey && !shiftKey;
}

function isWriting(target: EventTarget | null): boolean {
  return target instanceof HTMLTextAreaElement || (target instanceof HTMLInputElement && target.type !== "checkbox");
}
