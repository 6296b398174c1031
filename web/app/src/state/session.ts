import { type Account, type User } from "../api/account.ts";
import type { TodoClient } from "../api/client.ts";
import { failureOf, type Failure, type Faults } from "../api/failure.ts";
import { DatabaseUnusable, deleteDatabase } from "../sync/database.ts";
import { Connection } from "./connection.ts";
import { forgetDrafts } from "./draft-storage.ts";
import { forgetUser, lastUser, rememberUser } from "./last-user.ts";
import type { Filter } from "./filter.ts";
import { Store } from "./store.ts";

/** How long signing out waits for changes that are being sent, in milliseconds. */
const settleTimeout = 3_000;

/**
 * How long to wait for an answer of who is signed in before the last user's todos are
 * shown, in milliseconds: most networks answer by then, and another user may have signed in.
 */
const answerTimeout = 1_000;

const sessionEnded: Faults = { "": "Your session has ended. Sign in again to go on where you were." };

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
  /** Resolves when the last user to enter has entered. */
  #entering: Promise<void> = Promise.resolve();
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

  /** Whether leaving the page would lose the user's text, also after the session has ended. */
  get wouldLose(): boolean {
    return this.#store?.wouldLose ?? false;
  }

  /**
   * Finds out who is signed in, and retries until it succeeds. Without a network, the
   * user who was signed in last goes on.
   */
  async start(): Promise<void> {
    const [user] = await Promise.all([lastUser(), Promise.race([this.#ask(), pause(answerTimeout)])]);
    if (this.#phase === "starting" && user) await this.#enter(user).catch(() => {});
    this.#options.changed();
  }

  /** Signs in, or signs up. */
  async signIn({ name, email, password }: Credentials, isNew: boolean): Promise<void> {
    const { account } = this.#options;
    await this.#work(async () => {
      await this.#enter(await (isNew ? account.signUp(name, email, password) : account.signIn(email, password)));
    }, (failure) => (this.#faults = failure.kind === "invalid" ? failure.fields : { "": failure.message }));
  }

  /** Signs out. Asks first if the user would lose something. */
  async signOut(): Promise<void> {
    const store = this.#store;
    if (!store) return;
    await this.#work(async () => {
      await store.settle(settleTimeout);
      const loss = store.unsent > 0 ? "Some changes are not stored yet" : store.drafts.any ? "What you are writing is not saved yet" : "";
      if (loss && !this.#options.confirm(`${loss} and would be lost. Sign out?`)) return;
      const user = this.#user;
      await this.#options.account.signOut();
      this.#store = this.#user = undefined;
      this.#phase = "signed-out";
      await store.close();
      if (user) await forget(user);
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
      if (user) await this.#enter(user);
      else await this.#leave();
      this.#connection.heard();
      this.#options.changed();
      return undefined;
    } catch (error) {
      // Whatever the error is, the only remedy is a retry.
      const message = error instanceof NoStorage ? error.message : failureOf(error).message;
      const away = { kind: "away", message, retryAfter: 0 } as const;
      this.#connection.lost(away);
      return away;
    }
  }

  /** Restores the store of the same user whose session ended, or opens the user's own. */
  #enter(user: User): Promise<void> {
    const entered = this.#entering.then(async () => {
      if (this.#store && this.#user?.id === user.id) this.#store.retryNow();
      else {
        const before = this.#store;
        this.#store = undefined;
        await before?.close();
        forgetDrafts(user.id);
        this.#store = await this.#open(user);
      }
      this.#user = user;
      this.#phase = "signed-in";
      await rememberUser(user);
    });
    this.#entering = entered.catch(() => {});
    return entered.finally(() => this.#options.changed());
  }

  /** Nobody is signed in. What the last user's browser keeps waits until they are back. */
  async #leave(): Promise<void> {
    await this.#entering;
    if (this.#phase === "signed-in") return this.#ended();
    this.#phase = "signed-out";
    const last = await lastUser();
    forgetDrafts(last?.id); // If there is none, the user has signed out in another tab.
    if (last) this.#faults = sessionEnded;
  }

  async #open(user: User): Promise<Store> {
    const { clientFor, filter, undoSeconds, changed, goTo, confirm } = this.#options;
    try {
      return await Store.open({
        userId: user.id,
        client: clientFor(user),
        filter: filter(),
        undoSeconds,
        changed,
        goTo,
        confirm,
        sessionEnded: () => this.#ended(),
        lost: () => this.#lost(user),
      });
    } catch (error) {
      throw new NoStorage(error);
    }
  }

  #ended(): void {
    if (this.#phase !== "signed-in") return;
    this.#phase = "signed-out";
    this.#faults = sessionEnded;
    this.#options.changed();
  }

  /** Another tab has signed out, or the browser has removed its data: find out which. */
  #lost(user: User): void {
    if (this.#user?.id !== user.id) return;
    void this.#store?.close();
    this.#store = this.#user = undefined;
    this.#phase = "starting";
    this.#options.changed();
    void this.#ask();
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

/** The browser keeps nothing for the page, as some do in private windows, or not for this one now. */
class NoStorage extends Error {
  constructor(cause: unknown) {
    super(cause instanceof DatabaseUnusable ? cause.message : "This browser does not let the page keep todos.", { cause });
  }
}

/** Removes what the browser keeps of a user. */
async function forget(user: User): Promise<void> {
  forgetDrafts();
  await forgetUser(user);
  // A tab that doesn't let go of the database must not hold up this one.
  await Promise.race([deleteDatabase(user.id), pause(settleTimeout)]);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
