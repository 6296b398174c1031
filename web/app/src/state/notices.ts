/** A short message that disappears by itself, and an action. */
export interface Notice {
  readonly key: number;
  readonly text: string;
  readonly tone: "info" | "error";
  /** What the message is about; withdraw takes it. */
  readonly about?: string;
  /** The action that the user can take. */
  readonly action?: {
    readonly label: string;
    /** Whether it undoes what the user has done. */
    readonly undoes: boolean;
    /** Runs the action, and returns the key of the row to go to. */
    run(): string;
  };
}

interface Entry {
  readonly notice: Notice;
  readonly seconds: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** The messages on the screen, oldest first. */
export class Notices {
  #entries: readonly Entry[] = [];
  #count = 0;
  /** The key of the last message that is passed over when none is named. */
  #passed = 0;
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get all(): readonly Notice[] {
    return this.#entries.map(({ notice }) => notice);
  }

  /** Shows a message for so many seconds. */
  add(message: Omit<Notice, "key">, seconds: number): void {
    const entry: Entry = { notice: { ...message, key: ++this.#count }, seconds, timer: undefined };
    this.#entries = [...this.#entries, entry];
    this.#start(entry);
    this.#changed();
  }

  /**
   * Runs the action of a message, or of the newest one that undoes something when
   * no message is named. Returns the key of the row to go to, or undefined when
   * there was no action.
   */
  act(key?: number): string | undefined {
    const isMeant = (notice: Notice) =>
      key === undefined ? notice.action?.undoes && notice.key > this.#passed : notice.key === key;
    const entry = this.#entries.findLast(({ notice }) => isMeant(notice));
    if (!entry?.notice.action) return undefined;
    this.#remove(entry);
    return entry.notice.action.run();
  }

  /**
   * Notes that something was done that leaves no message: "undo" alone must not take back
   * what was done before it. The messages' own buttons still do.
   */
  pass(): void {
    this.#passed = this.#count;
  }

  /** Removes a message before its time. */
  dismiss(key: number): void {
    const entry = this.#entries.find(({ notice }) => notice.key === key);
    if (entry) this.#remove(entry);
  }

  /** Removes the messages about something. */
  withdraw(about: string): void {
    for (const { notice } of this.#entries) if (notice.about === about) this.dismiss(notice.key);
  }

  /** Stops the clock while the user looks at the messages. */
  pause(): void {
    for (const entry of this.#entries) clearTimeout(entry.timer);
  }

  /** Restarts the clock. */
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
