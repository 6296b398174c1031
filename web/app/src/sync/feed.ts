import { Code, ConnectError } from "@connectrpc/connect";
import type { TodoClient } from "../api/client.ts";
import { failureOf, type Failure } from "../api/failure.ts";
import { Backoff, sleep } from "./backoff.ts";
import type { Page } from "./copy.ts";

/** Times of a feed, in milliseconds. */
export interface FeedTimes {
  /** How long the first message of a stream may take; longer means a proxy that buffers. */
  readonly firstMessage: number;
  /** How long a stream may be silent: twice the pause between heartbeats, and some. */
  readonly silence: number;
  /** How long to use the long poll before a stream is tried again. */
  readonly polling: number;
  /** How long one long poll may take: its wait, and the 10 seconds of any call. */
  readonly poll: number;
}

const defaultTimes: FeedTimes = { firstMessage: 5_000, silence: 45_000, polling: 10 * 60_000, poll: 35_000 };

/** The most todos of a page, and the longest wait of a long poll in seconds: the contract's limits. */
const pageSize = 200;
const waitSeconds = 25;

/** What a feed needs. */
export interface FeedOptions {
  readonly client: TodoClient;
  readonly times?: Partial<FeedTimes> | undefined;
  /** Returns the sync token to continue with. */
  token(): Promise<string>;
  /** Stores a page that continues a token; returns false if the copy has moved on meanwhile. */
  put(from: string, page: Page): Promise<boolean>;
  /** Is called when the service has answered. */
  heard(): void;
  /** Is called when the service can't be reached, or doesn't serve changes at the moment. */
  failed(failure: Failure): void;
  /** Is called when the service doesn't implement this; returns whether the todos come in another way now. */
  unserved(): Promise<boolean>;
}

/**
 * Follows the service's changes: first page by page until there are no more, then by
 * a stream, or by a long poll where a proxy holds streams back.
 */
export class Feed {
  readonly #options: FeedOptions;
  readonly #times: FeedTimes;
  #run: AbortController | undefined;
  #pollUntil = 0;
  #heardAt = 0;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#times = { ...defaultTimes, ...options.times };
  }

  /** Starts, or starts again without a pause. */
  start(): void {
    this.stop();
    this.#run = new AbortController();
    void this.#follow(this.#run.signal);
  }

  /** Ends all requests. */
  stop(): void {
    this.#run?.abort();
    this.#run = undefined;
  }

  /** Starts again if the stream may be dead: timers stand still while a computer sleeps. */
  check(): void {
    if (this.#run && Date.now() - this.#heardAt > this.#times.silence / 2) this.start();
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff();
    while (!signal.aborted) {
      let retryAfter = 0;
      try {
        await this.#catchUp(signal);
        retryAfter = await this.#listen(signal, backoff);
      } catch (error) {
        if (signal.aborted) return;
        if (isUnimplemented(error) && (await this.#options.unserved())) return;
        const failure = failureOf(error);
        this.#options.failed(failure);
        // Whoever signs in again starts the feed again.
        if (failure.kind === "session-ended") return;
        if (failure.kind === "away") retryAfter = failure.retryAfter;
      }
      await backoff.pause(retryAfter, signal);
    }
  }

  /** Gets all changes up to now. */
  async #catchUp(signal: AbortSignal): Promise<void> {
    for (let more = true; more && !signal.aborted; ) {
      const syncToken = await this.#options.token();
      const page = await this.#options.client.syncTodos({ syncToken, pageSize }, { signal });
      const stored = await this.#put(syncToken, page);
      more = page.hasMore || !stored;
    }
  }

  /** Gets changes as they come. Returns how long to wait before the next attempt, in milliseconds. */
  async #listen(signal: AbortSignal, backoff: Backoff): Promise<number> {
    try {
      if (Date.now() < this.#pollUntil) await this.#poll(signal, backoff);
      else await this.#watch(signal, backoff);
    } catch (error) {
      if (signal.aborted) return 0;
      // A proxy may not know streams at all.
      if (isUnimplemented(error)) this.#usePoll();
      // Streams end now and then; whether the service is away is seen when catching up.
      const failure = failureOf(error);
      if (failure.kind === "away") return failure.retryAfter;
    }
    return 0;
  }

  async #watch(signal: AbortSignal, backoff: Backoff): Promise<void> {
    const stream = new AbortController();
    const abort = () => stream.abort();
    let isFirst = true;
    let timer = setTimeout(abort, this.#times.firstMessage);
    signal.addEventListener("abort", abort);
    try {
      let token = await this.#options.token();
      const pages = this.#options.client.watchTodos({ syncToken: token }, { signal: stream.signal, timeoutMs: 0 });
      for await (const page of pages) {
        clearTimeout(timer);
        timer = setTimeout(abort, this.#times.silence);
        isFirst = false;
        backoff.reset();
        if (!(await this.#put(token, page))) return;
        token = page.nextSyncToken;
      }
    } catch (error) {
      if (isFirst && stream.signal.aborted && !signal.aborted) return this.#usePoll();
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      abort();
    }
  }

  async #poll(signal: AbortSignal, backoff: Backoff): Promise<void> {
    while (Date.now() < this.#pollUntil) {
      const syncToken = await this.#options.token();
      const page = await this.#options.client.syncTodos(
        { syncToken, pageSize, waitSeconds },
        { signal, timeoutMs: this.#times.poll },
      );
      backoff.reset();
      await this.#put(syncToken, page);
      // A server that doesn't wait must not be asked without end.
      if (page.todos.length === 0) await sleep(200, signal);
    }
  }

  /** Uses the long poll for a while. */
  #usePoll(): void {
    this.#pollUntil = Date.now() + this.#times.polling;
  }

  async #put(from: string, page: Page): Promise<boolean> {
    this.#heardAt = Date.now();
    const stored = await this.#options.put(from, page);
    this.#options.heard();
    return stored;
  }
}

function isUnimplemented(error: unknown): boolean {
  return ConnectError.from(error).code === Code.Unimplemented;
}
