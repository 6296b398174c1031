import type { Failure } from "../api/failure.ts";

/** The longest first pause before trying again, and the longest of all, in milliseconds. */
const firstPause = 500;
const longestPause = 10_000;

/**
 * Asks the service something that changes nothing, and returns why there was
 * no answer.
 */
export type Probe = () => Promise<Failure | undefined>;

/**
 * Whether the service can be reached. Once it can't, this asks again by
 * itself, at growing distances, until it answers.
 */
export class Connection {
  #problem: string | undefined;
  #recovering = false;
  #stopped = false;
  #wake: () => void = () => {};
  readonly #probe: Probe;
  readonly #changed: (recovered: boolean) => void;

  /** @param changed is called when problem has changed. */
  constructor(probe: Probe, changed: (recovered: boolean) => void) {
    this.#probe = probe;
    this.#changed = changed;
  }

  /** What keeps the service away, for the user; undefined while it is there. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Notes that the service has answered. */
  heard(): void {
    if (this.#problem === undefined) return;
    this.#problem = undefined;
    this.#wake();
    this.#changed(true);
  }

  /** Notes that it has not, and begins to ask again. */
  lost(failure: Failure & { kind: "away" }): void {
    if (this.#stopped) return;
    this.#problem = failure.message;
    this.#changed(false);
    if (!this.#recovering) void this.#recover(failure.retryAfter);
  }

  /** Asks again now, rather than when the pause is over. */
  retryNow(): void {
    this.#wake();
  }

  /** Gives up. */
  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  async #recover(retryAfter: number): Promise<void> {
    this.#recovering = true;
    for (let attempt = 0; this.#problem !== undefined && !this.#stopped; attempt++) {
      await this.#pause(Math.max(pauseBefore(attempt, Math.random()), Math.min(retryAfter, longestPause)));
      if (this.#stopped || this.#problem === undefined) break;
      const failure = await this.#probe();
      if (failure?.kind === "away") retryAfter = failure.retryAfter;
      else if (failure?.kind !== "canceled") this.heard(); // A refusal is an answer, too.
    }
    this.#recovering = false;
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/**
 * Returns how long to wait before an attempt, the first of which is 0, in
 * milliseconds: twice as long each time, within bounds, of which chance, from
 * 0 to 1, takes up to half, so that not all pages come back at the same time.
 */
export function pauseBefore(attempt: number, chance: number): number {
  return Math.min(firstPause * 2 ** attempt, longestPause) * (1 - chance / 2);
}
