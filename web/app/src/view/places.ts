/** What is left of a row that has gone from under the pointer. */
export interface Gap {
  readonly key: string;
  /** What was done to it. */
  readonly done: string;
}

interface Place {
  readonly height: number;
  readonly done: string;
}

/**
 * Keeps the lines of the list where they are while the user points at them. A
 * row that a click takes away, or makes lower, would bring another under the
 * pointer: the second click of two would hit that one.
 */
export class Places {
  /** By the keys of the rows that were clicked on. */
  readonly #places = new Map<string, Place>();
  /** The keys of all lines, from the top, at the last of these clicks. */
  #order: readonly string[] = [];
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
    // Whoever does one of these points at no line any more, or at another.
    document.addEventListener("keydown", () => this.#release());
    document.addEventListener("scroll", () => this.#release());
    addEventListener("hashchange", () => this.#release());
    document.addEventListener("pointerdown", ({ target }) => {
      if (!(target as Element).closest(".rows")) this.#release();
    });
  }

  /**
   * Keeps the place of a row that is about to change.
   *
   * @param done says what is done to it, if it goes.
   */
  hold(event: UIEvent, key: string, done = ""): void {
    if (event.detail === 0) return; // A click by keyboard.
    const line = lineOf(key);
    if (!line) return;
    this.#places.set(key, { height: line.getBoundingClientRect().height, done });
    this.#order = [...document.querySelectorAll<HTMLElement>("[data-line]")].map(({ dataset }) => dataset["line"] ?? "");
  }

  /** Hears that the pointer leaves the list. A finger does so each time it is lifted. */
  readonly leave = ({ pointerType }: PointerEvent): void => {
    if (pointerType !== "touch") this.#release();
  };

  /** Returns the rows, with gaps for those that are held and have gone. */
  lines<Row extends { readonly key: string }>(rows: readonly Row[]): (Row | Gap)[] {
    const lines: (Row | Gap)[] = [...rows];
    const at = (key: string | undefined) => lines.findIndex((line) => line.key === key);
    this.#order.forEach((key, i) => {
      const place = this.#places.get(key);
      if (!place || at(key) >= 0) return;
      const above = this.#order.slice(0, i).findLast((key) => at(key) >= 0);
      lines.splice(at(above) + 1, 0, { key, done: place.done });
    });
    return lines;
  }

  /** Gives the lines that are held their height, once they are drawn. */
  keep(): void {
    for (const [key, { height }] of this.#places) setHeight(key, `${height}px`);
  }

  #release(): void {
    if (this.#places.size === 0) return;
    for (const key of this.#places.keys()) setHeight(key, "");
    this.#places.clear();
    this.#changed();
  }
}

function lineOf(key: string): HTMLElement | null {
  return document.querySelector(`[data-line="${CSS.escape(key)}"]`);
}

function setHeight(key: string, height: string): void {
  const line = lineOf(key);
  if (line) line.style.minHeight = height;
}
