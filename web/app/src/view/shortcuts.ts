import type { Row } from "../state/rows.ts";
import type { Store } from "../state/store.ts";
import { act, focusComposer, focusedKey, moveFocus } from "./focus.ts";
import { openHelp } from "./help.ts";
import { edit } from "./row.ts";

/** Where it is kept, per browser, that single-letter shortcuts are off. */
const storageKey = "todo.shortcuts";

/** Keys that do something to a row, and must be pressed anew for the next one. */
const actsOnRow = /^(x|e|r|u|enter|delete|backspace)$/i;

/** The keyboard's shortcuts. */
export class Shortcuts {
  readonly #store: () => Store | undefined;
  readonly #changed: () => void;
  readonly #actions: Readonly<Record<string, (store: Store, row: Row | undefined) => void>> = {
    n: () => focusComposer(),
    "1": () => (location.hash = "all"),
    "2": () => (location.hash = "today"),
    "3": () => (location.hash = "done"),
    "4": () => (location.hash = "trash"),
    j: (store) => moveFocus(store.rows, 1),
    k: (store) => moveFocus(store.rows, -1),
    e: (store, row) => row && edit(store, row),
    x: (store, row) => row?.id && store.actions.toggle([row]),
    r: (store, row) => row?.deletedAt !== undefined && store.actions.restore([row]),
    u: (store) => void act(store),
    "?": () => openHelp(),
  };

  /** @param store returns the store, if anybody is signed in. */
  constructor(store: () => Store | undefined, changed: () => void) {
    this.#store = store;
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
    if (!store || event.defaultPrevented || isWriting(event.target) || document.querySelector("dialog[open]")) return;
    if (isUndo(event)) {
      event.preventDefault();
      return void act(store);
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.repeat && actsOnRow.test(event.key)) return event.preventDefault();
    const row = store.rows.find(({ key }) => key === focusedKey());
    if (row && this.#handleInRow(event.key, store, row)) return event.preventDefault();
    const action = this.letters ? this.#actions[event.key.toLowerCase()] : undefined;
    if (!action) return;
    event.preventDefault();
    action(store, row);
  };

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
        store.actions.delete([row]);
        return true;
      default:
        return false;
    }
  }
}

/** Ctrl+Z or ⌘+Z. */
function isUndo({ key, ctrlKey, metaKey, altKey, shiftKey }: KeyboardEvent): boolean {
  return key.toLowerCase() === "z" && ctrlKey !== metaKey && !altKey && !shiftKey;
}

function isWriting(target: EventTarget | null): boolean {
  return target instanceof HTMLTextAreaElement || (target instanceof HTMLInputElement && target.type !== "checkbox");
}
