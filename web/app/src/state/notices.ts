/** A short message that goes away by itself, with what can be done about it. */
export interface Notice {
  readonly key: number;
  readonly text: string;
  readonly tone: "info" | "error";
  /** Names what it is about, so that it can be withdrawn. */
  readonly about?: string;
  /** The one thing to do about it. */
  readonly action?: {
    readonly label: string;
    /** Whether it takes back what the user has done. */
    readonly undoes: boolean;
    /** Does it, and returns the key of the row to go to. */
    run(): string;
  };
}

interface Entry {
  readonly notice: Notice;
  readonly seconds: number;
  readonly expired: (() => void) | undefined;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** The messages on the screen, the oldest first. */
export class Notices {
  #entries: readonly Entry[] = [];
  #count = 0;
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get all(): readonly Notice[] {
    return this.#entries.map(({ notice }) => notice);
  }

  /**
   * Shows a message for so many seconds.
   *
   * @param expired is called when its time is over, or it is dismissed, but
   *   not after its action.
   */
  add(message: Omit<Notice, "key">, seconds: number, expired?: () => void): void {
    const entry: Entry = { notice: { ...message, key: ++this.#count }, seconds, expired, timer: undefined };
    this.#entries = [...this.#entries, entry];
    this.#start(entry);
    this.#changed();
  }

  /**
   * Runs the action of a message, of the newest that undoes something when none
   * is named. Returns the key of the row to go to, undefined when nothing was
   * done.
   */
  act(key?: number): string | undefined {
    const entry = this.#entries.findLast(({ notice }) => (key === undefined ? notice.action?.undoes : notice.key === key));
    if (!entry?.notice.action) return undefined;
    this.#remove(entry);
    return entry.notice.action.run();
  }

  /** Takes a message away before its time. */
  dismiss(key: number): void {
    const entry = this.#entries.find(({ notice }) => notice.key === key);
    if (!entry) return;
    this.#remove(entry);
    entry.expired?.();
  }

  /** Takes away what is no longer true, or is said anew; but no message whose end something waits for. */
  withdraw(about: string): void {
    for (const { notice, expired } of this.#entries) if (notice.about === about && !expired) this.dismiss(notice.key);
  }

  /** Takes away, before their time, the messages whose end something waits for. */
  flush(): void {
    for (const { notice, expired } of this.#entries) if (expired) this.dismiss(notice.key);
  }

  /** Stops the clock while the user looks at the messages. */
  pause(): void {
    for (const entry of this.#entries) clearTimeout(entry.timer);
  }

  /** Starts the clock anew. */
  resume(): void {
    for (const entry of this.#entries) this.#start(entry);
  }

  #start(entry: Entry): void {
    clearTimeout(entry.timer);
    entry.timer = setTimeout(() => this.dismiss(entry.notice.key), entry.seconds * 1000);
  }

  #remove(entry: Entry): void {
    clearTimeout(entry.timer);
    this.#entries = this.#entries.filter((e) => e !== entry);
    this.#changed();
  }
}
