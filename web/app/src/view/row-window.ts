import { focusedKey } from "./focus.ts";

/** Lists of up to so many lines are in the document as a whole, so that the browser can search in all of it. */
const wholeUpTo = 200;

/** How far beyond the window lines are drawn, in pixels: what a fast scroll covers until the next frame or two. */
const margin = 1_200;

/** The height of a line before any was measured, in pixels. */
const firstEstimate = 57;

/** The event by which a row is asked for that may not be drawn; its detail is the row's key. */
const wantedEvent = "todo-row-wanted";

/** The room of lines that are not drawn. */
export interface Space {
  readonly key: string;
  /** In pixels. */
  readonly space: number;
}

/** A line, and where it stands among all lines, counted from 1. */
export interface Placed<Line> {
  readonly key: string;
  readonly line: Line;
  readonly position: number;
}

/**
 * Draws only the lines of a long list that are near the window, so that a list of any
 * length costs as much as a screen of it. Lines that have the focus, and their
 * neighbours, stay drawn wherever they are.
 */
export class RowWindow {
  readonly #heights = new Map<string, number>();
  #estimate = firstEstimate;
  #keys: readonly string[] = [];
  #drawn = { top: 0, bottom: 0 };
  #wanted: string | undefined;
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
    addEventListener("scroll", () => this.#check(), { passive: true });
    addEventListener("resize", () => {
      this.#heights.clear(); // Lines break elsewhere now.
      this.#check();
    });
    addEventListener(wantedEvent, (event) => {
      this.#wanted = (event as CustomEvent<string>).detail;
      changed();
    });
  }

  /**
   * Returns the lines to draw, and spaces in place of the others.
   *
   * @param isKept returns whether a line is drawn wherever it is.
   */
  place<Line extends { readonly key: string }>(lines: readonly Line[], isKept: (line: Line) => boolean): (Placed<Line> | Space)[] {
    this.#keys = lines.map(({ key }) => key);
    const placed = lines.map((line, i) => ({ key: line.key, line, position: i + 1 }));
    if (lines.length <= wholeUpTo) return placed;
    const view = this.#view();
    this.#drawn = { top: view.top - margin, bottom: view.bottom + margin };
    const focus = focusedKey();
    const kept = new Set(this.#keys.flatMap((key, i) => (key === focus || key === this.#wanted ? [i - 1, i, i + 1] : [])));
    const items: (Placed<Line> | Space)[] = [];
    let y = 0;
    let space = 0;
    placed.forEach((item, i) => {
      const height = this.#heightOf(item.key);
      const isNear = y + height > this.#drawn.top && y < this.#drawn.bottom;
      y += height;
      if (!isNear && !kept.has(i) && !isKept(item.line)) {
        space += height;
        return;
      }
      if (space > 0) items.push({ key: `before ${item.key}`, space });
      space = 0;
      items.push(item);
    });
    if (space > 0) items.push({ key: "after all", space });
    return items;
  }

  /** Measures the lines that have been drawn. */
  measure(): void {
    if (this.#keys.length <= wholeUpTo) return;
    let sum = 0;
    const lines = document.querySelectorAll<HTMLElement>("[data-line]");
    for (const line of lines) {
      const height = line.getBoundingClientRect().height;
      this.#heights.set(line.dataset["line"] ?? "", height);
      sum += height;
    }
    if (lines.length > 0 && this.#heights.size === lines.length) this.#estimate = sum / lines.length;
    if (this.#wanted !== undefined && focusedKey() === this.#wanted) this.#wanted = undefined;
  }

  /** Draws again when the window comes near the end of what is drawn. */
  #check(): void {
    if (this.#keys.length <= wholeUpTo) return;
    const { top, bottom } = this.#view();
    const isCovered = this.#drawn.top < top - margin / 2 && this.#drawn.bottom > bottom + margin / 2;
    if (!isCovered) this.#changed();
  }

  /** Returns which part of the list the window shows, in pixels from the list's top. */
  #view(): { top: number; bottom: number } {
    const top = -(document.querySelector(".rows")?.getBoundingClientRect().top ?? 0);
    return { top, bottom: top + innerHeight };
  }

  #heightOf(key: string): number {
    return this.#heights.get(key) ?? this.#estimate;
  }
}

/** Asks for a row to be drawn, wherever it is. */
export function wantRow(key: string): void {
  dispatchEvent(new CustomEvent(wantedEvent, { detail: key }));
}
