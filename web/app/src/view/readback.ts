// What screen readers say of what was understood of a new todo's words.

import { dueLabel } from "../state/due-text.ts";
import type { Now } from "../state/clock.ts";
import type { Details } from "../sync/todo.ts";
import { priorityNames } from "./plan.ts";

/** How long the user pauses until it is said, in milliseconds: each key would interrupt it. */
const pause = 700;

/** Says what a new todo will have besides its title; "" if nothing. */
export function understoodText({ due, priority, tags }: Pick<Details, "due" | "priority" | "tags">, now: Now): string {
  const parts = [
    due && `due ${dueLabel(due, now)}`,
    priority !== 0 && `${priorityNames[priority].toLowerCase()} priority`,
    ...tags.map((tag) => `tag ${tag}`),
  ].filter((part) => typeof part === "string");
  return parts.length === 0 ? "" : `Understood: ${parts.join(", ")}`;
}

/** Says it when the user pauses, and only when it has changed. */
export class Readback {
  #text = "";
  #latest = "";
  #said = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /**
   * Returns what is said now.
   *
   * @param text is what the user has written.
   * @param sentence says what is understood of it.
   */
  of(text: string, sentence: string): string {
    if (text === this.#text && sentence === this.#latest) return this.#said;
    this.#text = text;
    this.#latest = sentence;
    clearTimeout(this.#timer);
    if (text === "") this.#said = "";
    else this.#timer = setTimeout(() => this.#say(), pause);
    return this.#said;
  }

  #say(): void {
    const sentence = this.#latest === "" && this.#said !== "" ? "Nothing but the title" : this.#latest;
    if (sentence === this.#said) return;
    this.#said = sentence;
    this.#changed();
  }
}
