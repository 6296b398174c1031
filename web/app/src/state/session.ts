import { type Account, type User } from "../api/account.ts";
import type { TodoClient } from "../api/client.ts";
import { failureOf, type Failure, type Faults } from "../api/failure.ts";
import { Connection } from "./connection.ts";
import type { Filter } from "./pending.ts";
import { Store } from "./store.ts";

/** How long signing out waits for changes that are on their way, in milliseconds. */
const settleTimeout = 3_000;

/** What the sign-in form holds. */
export interface Credentials {
  readonly name: string;
  readonly email: string;
  readonly password: string;
}

/** What a session needs. */
export interface SessionOptions {
  readonly account: Account;
  readonly undoSeconds: number;
  clientFor(user: User): TodoClient;
  /** Returns the list to begin with. */
  filter(): Filter;
  /** Is called when anything has changed that the user sees. */
  changed(): void;
  /** Is called when a message leads the user to another list. */
  goTo(filter: Filter): void;
  /** Asks the user a question, and returns whether the answer is yes. */
  confirm(question: string): boolean;
}

/** Who uses the page, and their store. */
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

  /** Who is signed in, or was until their session ended. */
  get user(): User | undefined {
    return this.#user;
  }

  /** Whether it is known yet if anybody is signed in. */
  get starting(): boolean {
    return this.#phase === "starting";
  }

  /** Why that can't be found out at the moment. */
  get problem(): string | undefined {
    return this.#connection.problem;
  }

  /** What is wrong with the credentials last given, by field; "" is the whole. */
  get faults(): Faults {
    return this.#faults;
  }

  /** Whether a request about the session is on its way. */
  get busy(): boolean {
    return this.#busy;
  }

  /** Whether leaving the page would lose what the user has done or written, also once their session has ended. */
  get wouldLose(): boolean {
    return this.#store?.wouldLose ?? false;
  }

  /** Finds out who is signed in, however long that takes. */
  async start(): Promise<void> {
    await this.#ask();
  }

  /** Signs in, with a new account if so wanted. */
  async signIn({ name, email, password }: Credentials, isNew: boolean): Promise<void> {
    const { account } = this.#options;
    await this.#work(async () => {
      this.#enter(await (isNew ? account.signUp(name, email, password) : account.signIn(email, password)));
    }, (failure) => (this.#faults = failure.kind === "invalid" ? failure.fields : { "": failure.message }));
  }

  /** Signs out, unless the user would lose something and does not want that. */
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

  /** Forgets what was wrong, as when the form changes. */
  clearFaults(): void {
    this.#faults = {};
    this.#options.changed();
  }

  /** Asks again now who is signed in. */
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
      // Whatever it is, asking again is all that can be done.
      const away = { kind: "away", message: failure.message, retryAfter: 0 } as const;
      this.#connection.lost(away);
      return away;
    }
  }

  /** Goes on where the same user was when their session ended, or begins anew. */
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
