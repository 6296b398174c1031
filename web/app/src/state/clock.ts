/** The time, and where the user is. */
export interface Now {
  /** In milliseconds since 1970. */
  readonly instant: number;
  /** The name of the user's time zone. */
  readonly zone: string;
}

/** Returns the time of this computer. */
export function systemNow(): Now {
  return { instant: Date.now(), zone: new Intl.DateTimeFormat().resolvedOptions().timeZone };
}

const minute = 60_000;

/** Calls back as each minute begins: what is due today, and overdue, changes with it. */
export class MinuteTicks {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;
  readonly #tick: () => void;
  readonly #now: () => Now;

  constructor(now: () => Now, tick: () => void) {
    this.#now = now;
    this.#tick = tick;
    this.#wait();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #wait(): void {
    this.#timer = setTimeout(() => {
      this.#tick();
      if (!this.#isStopped) this.#wait();
    }, minute - (this.#now().instant % minute));
    // In Node.js it must not keep a test alive.
    (this.#timer as { unref?: () => void }).unref?.();
  }
}
