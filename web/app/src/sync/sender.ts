import { Code, ConnectError } from "@connectrpc/connect";
import type { TodoClient } from "../api/client.ts";
import { failureOf, type Failure } from "../api/failure.ts";
import { Backoff } from "./backoff.ts";
import { messageOf } from "./operation.ts";
import type { Batch, Outbox, Outcome } from "./outbox.ts";

/** How often a request that the service fails at is repeated before its operations are sent one by one. */
const attempts = 3;

/** Codes of a whole request that another attempt, as it is, would not change. */
const final = new Set([Code.InvalidArgument, Code.AlreadyExists, Code.OutOfRange, Code.NotFound, Code.FailedPrecondition]);

/** Codes of a service that has a fault; it may be in one of the operations. */
const faulty = new Set([Code.Internal, Code.Unknown, Code.DataLoss]);

/** What a sender needs. */
export interface SenderOptions {
  readonly client: TodoClient;
  readonly outbox: Outbox;
  /** Is called when the service has answered a batch. */
  finished(outcome: Outcome): void;
  /** Is called when the service can't be reached, or doesn't take changes. */
  failed(failure: Failure): void;
}

/** Sends the outbox, one batch after the other, and repeats what got no response. */
export class Sender {
  readonly #options: SenderOptions;
  #run: AbortController | undefined;
  /** Ends the pause or the wait. */
  #wake = new AbortController();

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Starts, unless it runs. */
  start(): void {
    if (this.#run) return this.wake();
    this.#run = new AbortController();
    void this.#send(this.#run.signal);
  }

  /** Ends all requests; the next start repeats them. */
  stop(): void {
    this.#run?.abort();
    this.#run = undefined;
    this.wake();
  }

  /** Looks now whether there is something to send. */
  wake(): void {
    this.#wake.abort();
  }

  async #send(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff();
    let failures = 0;
    /** How many batches have one operation only, to find the one that can't be handled. */
    let single = 0;
    while (!signal.aborted) {
      this.#wake = new AbortController();
      let batch: Batch | undefined;
      try {
        batch = await this.#options.outbox.claim(single > 0 ? 1 : undefined);
        if (!batch) {
          await woken(this.#wake.signal);
          continue;
        }
        const operations = batch.entries.map(({ operation, batch }) => messageOf(operation, batch?.etag));
        const { requestId } = batch;
        const { results } = await this.#options.client.applyTodos({ requestId, operations }, { signal });
        this.#options.finished(await this.#options.outbox.finish(batch, results));
        backoff.reset();
        failures = 0;
        if (single > 0) single--;
      } catch (error) {
        if (signal.aborted || !batch) return; // Without its database, the tab has been told.
        const failure = failureOf(error);
        this.#options.failed(failure);
        if (failure.kind === "session-ended") {
          // Whoever signs in again starts the sender again.
          if (this.#run?.signal === signal) this.#run = undefined;
          return;
        }
        failures++;
        if (isFinal(error, failures)) {
          failures = 0;
          single = Math.max(single, batch.entries.length > 1 ? batch.entries.length : 0);
          await this.#giveUp(batch, error, failure);
          continue;
        }
        await backoff.pause(failure.kind === "away" ? failure.retryAfter : 0, this.#wake.signal);
      }
    }
  }

  /** Splits a batch that the service can't handle, and refuses one that can't be split. */
  async #giveUp(batch: Batch, error: unknown, { message }: Failure): Promise<void> {
    const { outbox, finished } = this.#options;
    if (batch.entries.length > 1) await outbox.release(batch);
    else finished(await outbox.refuse(batch, { code: codeName(error), message }));
  }
}

function isFinal(error: unknown, failures: number): boolean {
  const { code, metadata } = ConnectError.from(error);
  if (final.has(code)) return true;
  if (code === Code.ResourceExhausted) return !metadata.has("Retry-After");
  return faulty.has(code) && failures >= attempts && error instanceof ConnectError && error.cause === undefined;
}

/** Returns a code as the contract writes it. */
function codeName(error: unknown): string {
  return (Code[ConnectError.from(error).code] ?? "unknown").replace(/(?<!^)([A-Z])/g, "_$1").toLowerCase();
}

function woken(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
