import type { TodoClient } from "../api/client.ts";
import type { Failure } from "../api/failure.ts";
import { Channel, type Message, type Status } from "./channel.ts";
import type { Page } from "./copy.ts";
import { Feed, type FeedTimes } from "./feed.ts";
import { Leadership } from "./leadership.ts";
import type { Entry, Outbox, Outcome } from "./outbox.ts";
import { Sender } from "./sender.ts";

/** How long a hidden tab goes on following changes, in milliseconds: switching tabs costs no new stream. */
const hiddenLimit = 5 * 60_000;

/** The same where every visible tab has a stream of its own. */
const hiddenLimitAlone = 10_000;

/** What a link needs. */
export interface ServiceLinkOptions {
  /** The same in all tabs that share a database. */
  readonly name: string;
  readonly client: TodoClient;
  readonly outbox: Outbox;
  readonly locks: LockManager | undefined;
  readonly times?: Partial<FeedTimes> | undefined;
  readonly hiddenLimit?: number | undefined;
  /** Returns the sync token to continue with. */
  token(): Promise<string>;
  /** Stores a page that continues a token; returns false if the copy has moved on meanwhile. */
  put(from: string, page: Page): Promise<boolean>;
  /** Is called when the service has answered a batch of the outbox. */
  finished(outcome: Outcome): void;
  /** Another tab has changed these todos, or the outbox. */
  reload(ids: readonly string[], refused: readonly Entry[]): Promise<void>;
  /** Is called when the status has changed. */
  changed(): void;
  sessionEnded(): void;
  /** The service doesn't tell changes; returns whether the todos come in another way now. */
  unserved(): Promise<boolean>;
  /** The database can't be used. */
  lost(): void;
}

/** Connects a tab with the service, directly or by the tab that leads, and with the other tabs. */
export class ServiceLink {
  readonly #options: ServiceLinkOptions;
  readonly #feed: Feed;
  readonly #sender: Sender;
  readonly #leadership: Leadership;
  readonly #channel: Channel;
  #status: Status = {};
  #hiding: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(options: ServiceLinkOptions) {
    const { name, client, outbox, locks, times, token, put } = options;
    this.#options = options;
    const failed = (failure: Failure) => this.#failed(failure);
    this.#feed = new Feed({ client, times, token, put, failed, heard: () => this.#heard(), unserved: () => this.#unserved() });
    this.#sender = new Sender({
      client,
      outbox,
      failed,
      finished: (outcome) => {
        options.finished(outcome);
        this.#heard();
      },
    });
    this.#channel = new Channel(name, (message) => void this.#listen(message).catch(() => options.lost()));
    this.#leadership = new Leadership({ name, locks, gained: () => this.#begin(), lost: () => this.#end() });
  }

  /** How the service is. */
  get status(): Status {
    return this.#status;
  }

  /** Begins, as soon as this tab leads. */
  join(): void {
    this.#channel.send({ kind: "hello" });
    this.#leadership.join();
  }

  /** Tells the other tabs that todos, or the outbox, have changed. */
  tell(ids: readonly string[], refused: readonly Entry[] = []): void {
    this.#channel.send({ kind: "changed", ids, refused });
  }

  /** Looks now whether there is something to send. */
  wake(): void {
    this.#sender.wake();
  }

  /** Tries to reach the service now. */
  retryNow(): void {
    if (this.#leadership.leads) this.#begin();
    else this.#channel.send({ kind: "retry" });
  }

  /** Notes whether the user sees the tab. */
  setVisible(visible: boolean): void {
    clearTimeout(this.#hiding);
    if (visible) {
      this.#leadership.join();
      if (this.#leadership.leads) this.#feed.check();
      return;
    }
    const limit = this.#options.hiddenLimit ?? (this.#leadership.isShared ? hiddenLimit : hiddenLimitAlone);
    this.#hiding = setTimeout(() => this.#leadership.leave(), limit);
  }

  /** Ends all activity. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#hiding);
    this.#leadership.leave();
    this.#channel.close();
  }

  #begin(): void {
    if (this.#closed) return;
    this.#feed.start();
    this.#sender.start();
  }

  #end(): void {
    this.#feed.stop();
    this.#sender.stop();
  }

  async #listen(message: Message): Promise<void> {
    switch (message.kind) {
      case "changed":
        await this.#options.reload(message.ids, message.refused);
        if (!this.#closed) this.#sender.wake();
        return;
      case "status":
        if (!this.#leadership.leads) this.#setStatus(message.status);
        return;
      case "session-ended":
        return this.#options.sessionEnded();
      case "unserved":
        return void (await this.#options.unserved());
      case "hello":
        if (this.#leadership.leads) this.#channel.send({ kind: "status", status: this.#status });
        return;
      case "retry":
        if (this.#leadership.leads) this.#begin();
    }
  }

  #heard(): void {
    if (this.#closed) return;
    const wasAway = this.#status.problem !== undefined;
    this.#setStatus({});
    // What failed while the service was away need not wait for its next attempt.
    if (wasAway) this.#sender.wake();
  }

  #failed({ kind, message }: Failure): void {
    if (this.#closed || kind === "canceled") return;
    if (kind === "session-ended") {
      this.#channel.send({ kind: "session-ended" });
      return this.#options.sessionEnded();
    }
    this.#setStatus(kind === "away" ? { problem: message } : { fault: message });
  }

  async #unserved(): Promise<boolean> {
    const isServed = await this.#options.unserved();
    if (isServed) this.#channel.send({ kind: "unserved" });
    return isServed;
  }

  #setStatus(status: Status): void {
    const { problem, fault } = this.#status;
    if (status.problem === problem && status.fault === fault) return;
    this.#status = status;
    if (this.#leadership.leads) this.#channel.send({ kind: "status", status });
    this.#options.changed();
  }
}
