/** What a leadership needs. */
export interface LeadershipOptions {
  /** The same in all tabs that choose one leader. */
  readonly name: string;
  /** The browser's locks; undefined outside of secure contexts. */
  readonly locks: LockManager | undefined;
  /** Is called when this tab leads from now on. */
  gained(): void;
  /** Is called when it no longer does. */
  lost(): void;
}

/**
 * Chooses one tab of the browser to talk with the service. The leader holds a lock;
 * the browser gives it to the next tab when the leader leaves, is closed or crashes.
 * Without locks every tab leads that wants to.
 */
export class Leadership {
  readonly #options: LeadershipOptions;
  #membership: AbortController | undefined;
  #leads = false;

  constructor(options: LeadershipOptions) {
    this.#options = options;
  }

  /** Whether this tab leads. */
  get leads(): boolean {
    return this.#leads;
  }

  /** Whether one tab leads for all. */
  get isShared(): boolean {
    return this.#options.locks !== undefined;
  }

  /** Leads, now or when the tabs before have left. */
  join(): void {
    if (this.#membership) return;
    const membership = (this.#membership = new AbortController());
    const { name, locks } = this.#options;
    if (!locks) return this.#gain();
    const { signal } = membership;
    const held = () => {
      // The signal is the lock manager's only until the lock is granted.
      if (signal.aborted) return;
      this.#gain();
      return new Promise<void>((release) => signal.addEventListener("abort", () => release()));
    };
    locks.request(name, { signal }, held).catch(() => {
      // This tab has left before its turn came.
    });
  }

  /** Lets another tab lead. */
  leave(): void {
    this.#membership?.abort();
    this.#membership = undefined;
    if (!this.#leads) return;
    this.#leads = false;
    this.#options.lost();
  }

  #gain(): void {
    this.#leads = true;
    this.#options.gained();
  }
}
