import { type Account, type User } from "../api/account.ts";
import type { TodoClient } from "../api/client.ts";
import { failureOf, type Failure, type Faults } from "../api/failure.ts";
import { Connection } from "./connection.ts";
import type { Filter } from "./pending.ts";
import { Store } from "./store.ts";

/** How long signing out waits for changes that are being sent, in milliseconds. */
const settleTimeout = 3_000;

/** The values of the sign-in form. */
export interface Credentials {
  readonly name: string;
  readonly email: string;
  readonly password: string;
}

/** The options of a session. */
export interface SessionOptions {
  readonly account: Account;
  readonly undoSeconds: number;
  clientFor(user: User): TodoClient;
  /** Returns the list to show first. */
  filter(): Filter;
  /** Is called when the page has to be drawn again. */
  changed(): void;
  /** Is called when a message leads the user to another list. */
  goTo(filter: Filter): void;
  /** Asks the user a question, and returns whether the answer is yes. */
  confirm(question: string): boolean;
}

/** The user of the page, and the user's store. */
export class Session {
  #phase: "starting" | "signed-out" | "signed-in" = "starting";
  #user: User | undefined;
  #store: Store | undefined;
  #faults: Faults = {};
  #busy = false;
  readonly #options: SessionOptions;
  readonly #connection: Connection;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#connection = new Connection(() => this.#ask(), options.changed);
  }

  /** The user's store; undefined when nobody is signed in. */
  get store(): Store | undefined {
    return this.#phase === "signed-in" ? this.#store : undefined;
  }

  /** The user who is signed in, or was until the session ended. */
  get user(): User | undefined {
    return this.#user;
  }

  /** Whether it is known if a user is signed in. */
  get starting(): boolean {
    return this.#phase === "starting";
  }

  /** Why this can't be found out at the moment. */
  get problem(): string | undefined {
    return this.#connection.problem;
  }

  /** The errors of the last credentials, by field; "" is for the whole form. */
  get faults(): Faults {
    return this.#faults;
  }

  /** Whether a request about the session is in flight. */
  get busy(): boolean {
    return this.#busy;
  }

  /** Whether leaving the page would lose the user's changes or text, also after the session has ended. */
  get wouldLose(): boolean {
    return this.#store?.wouldLose ?? false;
  }

  /** Finds out who is signed in, and retries until it succeeds. */
  async start(): Promise<void> {
    await this.#ask();
  }

  /** Signs in, or signs up. */
  async signIn({ name, email, password }: Credentials, isNew: boolean): Promise<void> {
    const { account } = this.#options;
    await this.#work(async () => {
      this.#enter(await (isNew ? account.signUp(name, email, password) : account.signIn(email, password)));
    }, (failure) => (this.#faults = failure.kind === "invalid" ? failure.fields : { "": failure.message }));
  }

  /** Signs out. Asks first if the user would lose something. */
  async signOut(): Promise<void> {
    const store = this.#store;
    if (!store) return;
    await this.#work(async () => {
      store.flush();
      await store.settle(settleTimeout);
      const loss = store.unsaved > 0 ? "Some changes are not stored yet" : store.drafts.any ? "What you are writing is not saved yet" : "";
      if (loss && !this.#options.confirm(`${loss} and would be lost. Sign out?`)) return;
      await this.#options.account.signOut();
      store.stop();
      this.#store = this.#user = undefined;
      this.#phase = "signed-out";
    }, (failure) => store.complain(`You are still signed in. ${failure.message}`));
  }

  /** Clears the errors, for example when the form changes. */
  clearFaults(): void {
    this.#faults = {};
    this.#options.changed();
  }

  /** Retries now to find out who is signed in. */
  retryNow(): void {
    this.#connection.retryNow();
  }

  async #ask(): Promise<Failure | undefined> {
    try {
      const user = await this.#options.account.user();
      if (user) this.#enter(user);
      else this.#phase = "signed-out";
      this.#connection.heard();
      this.#options.changed();
      return undefined;
    } catch (error) {
      const failure = failureOf(error);
      // Whatever the error is, the only remedy is a retry.
      const away = { kind: "away", message: failure.message, retryAfter: 0 } as const;
      this.#connection.lost(away);
      return away;
    }
  }

  /** Restores the store of the same user whose session ended, or creates a new one. */
  #enter(user: User): void {
    if (!this.#store || this.#user?.id !== user.id) {
      this.#store?.stop();
      this.#store = new Store({
        client: this.#options.clientFor(user),
        filter: this.#options.filter(),
        undoSeconds: this.#options.undoSeconds,
        changed: this.#options.changed,
        goTo: this.#options.goTo,
        sessionEnded: () => this.#ended(),
      });
    }
    this.#user = user;
    this.#phase = "signed-in";
    this.#store.start();
  }

  #ended(): void {
    if (this.#phase !== "signed-in") return;
    this.#phase = "signed-out";
    this.#faults = { "": "Your session has ended. Sign in again to go on where you were." };
    this.#options.changed();
  }

  async #work(work: () => Promise<void>, fail: (failure: Failure) => void): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    this.#faults = {};
    this.#options.changed();
    try {
      await work();
    } catch (error) {
      fail(failureOf(error));
    } finally {
      this.#busy = false;
      this.#options.changed();
    }
  }
}
