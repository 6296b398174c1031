/** The upper bounds of the first pause before a retry, and of every pause, in milliseconds. */
const firstPause = 500;
const longestPause = 10_000;

/** The longest Retry-After that is obeyed, in milliseconds: a wrong one must not stop a page for good. */
const longestWait = 60_000;

/**
 * Returns the pause before an attempt, in milliseconds. Attempts count from 0. The
 * pause doubles each time, within bounds. A random chance from 0 to 1 cuts up to
 * half of it, so that not all pages retry at the same time.
 */
export function pauseBefore(attempt: number, chance: number): number {
  return Math.min(firstPause * 2 ** attempt, longestPause) * (1 - chance / 2);
}

/** The growing pauses between the attempts of one loop. */
export class Backoff {
  #attempt = 0;

  /** Starts again with a short pause, after a success. */
  reset(): void {
    this.#attempt = 0;
  }

  /** Pauses before the next attempt, for at least retryAfter milliseconds, or until the signal. */
  async pause(retryAfter: number, signal: AbortSignal): Promise<void> {
    const wait = Math.min(retryAfter, longestWait);
    await sleep(Math.max(pauseBefore(this.#attempt++, Math.random()), wait), signal);
  }
}

/** Resolves after so many milliseconds, or at the signal. */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done);
  });
}
