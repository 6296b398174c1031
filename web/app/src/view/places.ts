/** What is left of a row that has gone, or of one that has moved to another section. */
export interface Gap {
  readonly key: string;
  /** The key of the row that was here. */
  readonly of: string;
  /** What was done to it. */
  readonly done: string;
  /** Its title, when it was completed: it is shown ticked off. */
  readonly title?: string | undefined;
}

interface Place {
  readonly height: number;
  readonly section: string;
  readonly done: string;
  readonly title?: string | undefined;
}

/** A line of the list: a row, or a heading. */
interface Line {
  readonly key: string;
  readonly section: string;
}

/** How long a place is kept where things move, in milliseconds: longer than its row takes to fold away. */
const foldTime = 1_500;

/**
 * Keeps the lines of the list where they are for a while when a row goes. A row that a
 * click takes away would bring another under the pointer: the second click of two would
 * hit that one. Where things move, the row shows what was done to it, and folds away.
 * Where they don't, its place is kept as long as the user points at the list.
 */
export class Places {
  /** By the keys of the rows that were acted on. */
  readonly #places = new Map<string, Place>();
  /** The keys of all lines, from the top, at the last of these actions; of a gap, the key of its row. */
  #order: readonly string[] = [];
  readonly #changed: () => void;
  readonly #still = matchMedia("(prefers-reduced-motion: reduce)");
  /** Where a pointer is down. */
  #pressed: "list" | "elsewhere" | undefined;

  constructor(changed: () => void) {
    this.#changed = changed;
    // Whoever does one of these points at no line any more, or at another.
    document.addEventListener("keydown", () => this.#stop());
    document.addEventListener("scroll", () => this.#stop());
    addEventListener("hashchange", () => this.#release());
    document.addEventListener("pointerdown", ({ target }) => {
      if (!(target as Element).closest(".rows")) this.#stop();
    });
    const press = ({ target }: PointerEvent) => (this.#pressed = (target as Element).closest(".rows") ? "list" : "elsewhere");
    document.addEventListener("pointerdown", press, { capture: true });
    for (const end of ["pointerup", "pointercancel"]) {
      document.addEventListener(end, () => (this.#pressed = undefined), { capture: true });
    }
  }

  /**
   * Closes a row's editor, after the click that has left it, if one has: what is below
   * must not move before the click hits what it was aimed at.
   *
   * @param close is called when the row's place is kept.
   */
  closeEditor(key: string, close: () => void): void {
    const pressed = this.#pressed;
    if (!pressed) return void setTimeout(close);
    const end = new AbortController();
    const after = () => {
      end.abort();
      setTimeout(() => {
        if (pressed === "list") this.#keep(key, "");
        close();
      });
    };
    for (const type of ["pointerup", "pointercancel"]) document.addEventListener(type, after, { signal: end.signal });
  }

  /**
   * Keeps the place of a row that is about to go.
   *
   * @param event is absent when it was done by keyboard.
   * @param done says what is done to it.
   * @param title is that of a completed todo.
   */
  hold(event: UIEvent | undefined, key: string, done: string, title?: string): void {
    const byPointer = event !== undefined && event.detail > 0;
    if (this.#still.matches ? !byPointer : !byPointer && title === undefined) return;
    this.#keep(key, done, title);
  }

  #keep(key: string, done: string, title?: string): void {
    const line = lineOf(key);
    if (!line) return;
    this.#places.set(key, { height: line.getBoundingClientRect().height, section: line.dataset["section"] ?? "", done, title });
    this.#order = [...document.querySelectorAll<HTMLElement>("[data-line]")].map(({ dataset }) => dataset["gap"] ?? dataset["line"] ?? "");
    if (!this.#still.matches) setTimeout(() => this.#drop(key), foldTime);
  }

  /** Hears that the pointer leaves the list. A finger does so each time it is lifted. */
  readonly leave = ({ pointerType }: PointerEvent): void => {
    if (pointerType !== "touch") this.#stop();
  };

  /** Hears that a gap has folded away. */
  readonly folded = ({ animationName, target }: AnimationEvent): void => {
    if (animationName === "fold") this.#drop((target as HTMLElement).dataset["gap"] ?? "");
  };

  /** Returns the lines, with gaps for rows that are held and have gone from their section. */
  lines<L extends Line>(lines: readonly L[]): (L | Gap)[] {
    const all: (L | Gap)[] = [...lines];
    const at = (key: string | undefined) => all.findIndex((line) => line.key === key);
    this.#order.forEach((key, i) => {
      const place = this.#places.get(key);
      if (!place || lines.some((line) => line.key === key && line.section === place.section)) return;
      const before = this.#order.slice(0, i).flatMap((key) => [key, gapKey(key)]);
      const above = before.findLast((key) => at(key) >= 0 && isIn(all[at(key)], place.section));
      const { done, title } = place;
      all.splice(at(above) + 1, 0, { key: gapKey(key), of: key, done, title });
    });
    return all;
  }

  /** Gives the lines that are held their height, once they are drawn. */
  keep(): void {
    for (const [key, { height }] of this.#places) {
      const gap = lineOf(gapKey(key));
      if (gap) gap.style.height = `${height}px`;
      else setHeight(key, `${height}px`);
    }
  }

  /** Lets the places go, where the list doesn't move by itself. */
  #stop(): void {
    if (this.#still.matches) this.#release();
  }

  #drop(key: string): void {
    if (!this.#places.delete(key)) return;
    setHeight(key, "");
    this.#changed();
  }

  #release(): void {
    if (this.#places.size === 0) return;
    for (const key of this.#places.keys()) setHeight(key, "");
    this.#places.clear();
    this.#changed();
  }
}

function gapKey(key: string): string {
  return `gap ${key}`;
}

/** Returns whether a line can stand above a gap of a section: it is of that section, or a gap itself. */
function isIn(line: Line | Gap | undefined, section: string): boolean {
  return line !== undefined && (!("section" in line) || line.section === section);
}

function lineOf(key: string): HTMLElement | null {
  return document.querySelector(`[data-line="${CSS.escape(key)}"]`);
}

function setHeight(key: string, height: string): void {
  const line = lineOf(key);
  if (line) line.style.minHeight = height;
}
