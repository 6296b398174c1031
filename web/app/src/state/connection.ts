import type { Failure } from "../api/failure.ts";
import { pauseBefore } from "../sync/backoff.ts";

/** The longest pause before an attempt, in milliseconds, whatever the service asks for. */
const longestPause = 10_000;

/**
 * Makes a read-only call, and returns why it failed.
 */
export type Probe = () => Promise<Failure | undefined>;

/**
 * Knows whether the service can be reached. When it can't, this class probes it
 * with growing pauses until it answers.
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

  /** Why the service can't be reached, for the user; undefined while it can. */
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

  /** Notes that a call failed, and starts to probe. */
  lost(failure: Failure & { kind: "away" }): void {
    if (this.#stopped) return;
    this.#problem = failure.message;
    this.#changed(false);
    if (!this.#recovering) void this.#recover(failure.retryAfter);
  }

  /** Probes now instead of after the pause. */
  retryNow(): void {
    this.#wake();
  }

  /** Ends probing. */
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
      else if (failure?.kind !== "canceled") this.heard(); // Any other error is a response, too.
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
