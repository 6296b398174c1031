import type { Due } from "../sync/due.ts";
import type { Now } from "./clock.ts";
import type { Range } from "./search.ts";

/** What hides from the reader of due dates what isn't one; no word has it. */
export const mask = "\ufffc";

/** A due date, and the words that it was read from. */
export interface Understood extends Range {
  readonly due: Due;
}

/** Finds due dates in a text, in order. */
export type DueReader = (text: string, now: Now) => readonly Understood[];

/** How long what is done with a text may wait until it can be read, in milliseconds. */
const waitLimit = 2_000;

/** Reads due dates from plain words. The library that does so is loaded when it is first needed. */
export class DueInput {
  #read: DueReader | undefined;
  #loading: Promise<void> | undefined;
  /** The last text that could not be read. */
  #unread = "";
  readonly #load: () => Promise<DueReader>;
  readonly #changed: () => void;

  /** @param changed is called when words can be read. */
  constructor(changed: () => void, load = loadReader) {
    this.#changed = changed;
    this.#load = load;
  }

  /** Whether words can be read; before, nothing is found. */
  get isReady(): boolean {
    return this.#read !== undefined;
  }

  /** Loads what is needed, if it isn't there yet. Without a network it may fail; the next call tries again. */
  prepare(): Promise<void> {
    return (this.#loading ??= this.#load().then(
      (read) => {
        this.#read = read;
        this.#changed();
      },
      () => {
        this.#loading = undefined;
      },
    ));
  }

  /** Runs what needs words to be read: now, or when they can be; without a network they can't, after a while. */
  whenReady(run: () => void): void {
    if (this.isReady) return run();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, waitLimit)));
    void Promise.race([this.prepare(), limit]).then(() => {
      clearTimeout(timer);
      run();
    });
  }

  /** Returns the due dates in a text. While none can be found, each new text tries to load what is needed. */
  all(text: string, now: Now): readonly Understood[] {
    if (this.#read) return this.#read(text, now);
    if (text.trim() !== "" && text !== this.#unread) {
      this.#unread = text;
      void this.prepare();
    }
    return [];
  }

  /** Returns the first due date in a text. */
  parse(text: string, now: Now): Understood | undefined {
    return this.all(text, now)[0];
  }
}

async function loadReader(): Promise<DueReader> {
  const { dueReader } = await import("./due-words.ts");
  return dueReader(globalThis.navigator?.languages ?? []); // Node.js may have none.
}
