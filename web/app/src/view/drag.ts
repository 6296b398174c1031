import type { Row } from "../state/rows.ts";
import type { Store } from "../state/store.ts";
import { after, dropPlace } from "./drop-place.ts";
import { wantRow } from "./row-window.ts";

/** How long a finger holds a row until it can be dragged, in milliseconds: as on phones' own lists. */
const holdTime = 380;

/** How far a finger may move meanwhile, in pixels: further, and it scrolls. */
const slack = 8;

/** How near to the window's edge dragging scrolls, and how far a frame at most, in pixels. */
const edge = 90;
const fastest = 18;

/** The rows that can change places: others that are being edited may stand above them. */
const movableRows = ".row[data-key][data-section=open]";

interface Lifted {
  readonly row: Row;
  readonly element: HTMLElement;
  readonly list: HTMLElement;
  readonly pointerId: number;
  /** Where the pointer is within the row, from its top. */
  readonly offset: number;
  /** The pointer's last place in the window. */
  y: number;
  /** Whether the pointer has moved: a press near the window's edge must not scroll. */
  isDragged: boolean;
  /** The key of the row in front of which it would be dropped; undefined is the end. */
  before: string | undefined;
  frame: number;
}

/** Moves rows by dragging them: by their grip with a mouse, by holding them with a finger. */
export class Drag {
  readonly #store: () => Store | undefined;
  #lifted: Lifted | undefined;
  #holding: ReturnType<typeof setTimeout> | undefined;

  /** @param store returns the store, if anybody is signed in. */
  constructor(store: () => Store | undefined) {
    this.#store = store;
    document.addEventListener("pointermove", this.#move);
    document.addEventListener("pointerup", this.#drop);
    document.addEventListener("pointercancel", this.#cancel);
    document.addEventListener("scroll", () => clearTimeout(this.#holding), { passive: true });
    // Before anything else does something with the key.
    document.addEventListener(
      "keydown",
      (event) => {
        if (!this.#lifted || event.key !== "Escape") return;
        event.stopImmediatePropagation();
        event.preventDefault();
        this.#cancel();
      },
      { capture: true },
    );
  }

  /** Hears that a pointer goes down in the list. */
  readonly begin = (event: PointerEvent): void => {
    clearTimeout(this.#holding);
    const store = this.#store();
    const target = event.target as Element;
    const element = target.closest<HTMLElement>(movableRows);
    if (!store?.canMove || !element || !event.isPrimary || event.button !== 0 || element.matches(".editing")) return;
    this.#down = { x: event.clientX, y: event.clientY };
    if (event.pointerType !== "touch") {
      if (!target.closest(".grip")) return;
      event.preventDefault(); // Or it would select text.
      this.#lift(store, element, event);
    } else if (!target.closest("a, .acts, .check")) {
      this.#holding = setTimeout(() => this.#lift(store, element, event), holdTime);
    }
  };
  #down = { x: 0, y: 0 };

  /** Keeps a finger that drags a row from scrolling, too. */
  readonly holdScroll = {
    passive: false,
    handleEvent: (event: TouchEvent): void => {
      if (this.#lifted && event.cancelable) event.preventDefault();
    },
  };

  /** Keeps the menu away that a held finger brings. */
  readonly noMenu = (event: Event): void => {
    if (this.#lifted) event.preventDefault();
  };

  #lift(store: Store, element: HTMLElement, event: PointerEvent): void {
    const row = store.rows.find(({ key }) => key === element.dataset["key"]);
    const list = element.closest<HTMLElement>(".rows");
    if (!row || !list || !element.isConnected) return;
    wantRow(row.key); // It stays drawn, however far it goes.
    const offset = event.clientY - element.getBoundingClientRect().top;
    const { pointerId, clientY: y } = event;
    this.#lifted = { row, element, list, pointerId, offset, y, isDragged: false, before: undefined, frame: 0 };
    list.classList.add("dragging");
    document.documentElement.classList.add("dragging");
    element.toggleAttribute("data-lifted", true); // A class would go with the next draw.
    if (event.pointerType === "touch") navigator.vibrate?.(10);
    this.#follow();
  }

  readonly #move = (event: PointerEvent): void => {
    const { x, y } = this.#down;
    if (Math.hypot(event.clientX - x, event.clientY - y) > slack) clearTimeout(this.#holding);
    const lifted = this.#lifted;
    if (lifted?.pointerId !== event.pointerId) return;
    lifted.y = event.clientY;
    lifted.isDragged ||= Math.abs(event.clientY - y) > slack / 2;
  };

  /** Each frame: scrolls near the edge, puts the row under the pointer, and makes room where it would go. */
  readonly #follow = (): void => {
    const lifted = this.#lifted;
    if (!lifted) return;
    const { list, element, y } = lifted;
    if (!element.isConnected) return this.#cancel(); // It was deleted or completed elsewhere.
    const over = y < edge ? y - edge : y > innerHeight - edge ? y - innerHeight + edge : 0;
    if (over !== 0 && lifted.isDragged) scrollBy(0, Math.max(-fastest, Math.min(fastest, over / 4)));
    const height = element.offsetHeight;
    const top = Math.max(0, Math.min(list.offsetHeight - height, y - lifted.offset - list.getBoundingClientRect().top));
    const others = [...list.querySelectorAll<HTMLElement>(movableRows)].filter((row) => row !== element);
    const next = others.find((row) => row.offsetTop + row.offsetHeight / 2 > top + (row.offsetTop > element.offsetTop ? height : 0));
    const store = this.#store();
    lifted.before = next?.dataset["key"] ?? after(orderOf(store), others.at(-1)?.dataset["key"]);
    element.style.transform = `translateY(${top - element.offsetTop}px)`;
    const to = next?.offsetTop ?? Infinity;
    for (const row of others) {
      const isBelow = row.offsetTop > element.offsetTop;
      const shift = isBelow && row.offsetTop < to ? -height : !isBelow && row.offsetTop >= to ? height : 0;
      row.style.transform = shift === 0 ? "" : `translateY(${shift}px)`;
    }
    lifted.frame = requestAnimationFrame(this.#follow);
  };

  readonly #drop = (event: PointerEvent): void => {
    clearTimeout(this.#holding);
    const lifted = this.#lifted;
    if (!lifted || lifted.pointerId !== event.pointerId) return;
    const store = this.#store();
    const { row, before } = lifted;
    // What the finger held is not tapped, too.
    document.addEventListener("click", swallow, { capture: true, once: true });
    setTimeout(() => document.removeEventListener("click", swallow, { capture: true }));
    this.#cancel();
    if (!store) return;
    const rows = store.targets(row);
    const place = dropPlace(orderOf(store), new Set(rows.map(({ key }) => key)), before);
    if (place) store.actions.move(rows, place.before);
  };

  readonly #cancel = (): void => {
    clearTimeout(this.#holding);
    const lifted = this.#lifted;
    this.#lifted = undefined;
    if (!lifted) return;
    cancelAnimationFrame(lifted.frame);
    lifted.list.classList.remove("dragging");
    document.documentElement.classList.remove("dragging");
    lifted.element.toggleAttribute("data-lifted", false);
    for (const row of lifted.list.querySelectorAll<HTMLElement>(".row")) row.style.transform = "";
  };
}

/** Returns the keys of the rows that can change places, in order. */
function orderOf(store: Store | undefined): readonly string[] {
  return store?.sections.find(({ kind }) => kind === "open")?.rows.map(({ key }) => key) ?? [];
}

function swallow(event: Event): void {
  event.preventDefault();
  event.stopPropagation();
}
