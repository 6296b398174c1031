import type { TodoClient } from "../api/client.ts";
import { failureOf, type Failure } from "../api/failure.ts";
import type { Todo } from "../gen/todo/v1/todo_pb.ts";
import type { Change, Pending, Progress } from "./pending.ts";

/** Gets the events of an outbox. */
export interface OutboxListener {
  /** The pending changes have changed. */
  changed(): void;
  /** The service has carried out a change; the todo is its response, if it returns one. */
  saved(pending: Pending, todo: Todo | undefined): void;
  /** The service rejected a change. It is no longer pending. */
  refused(pending: Pending, failure: Failure): void;
  /** A change could not be sent, and stays pending. */
  held(failure: Failure): void;
}

/**
 * The changes of the user that the service has not carried out yet, in order.
 * Changes of the same todo are sent one after the other. So are all new todos,
 * since the service lists them in the order in which they arrive.
 *
 * Each change can be sent any number of times with the same effect: a creation has
 * the id of its todo. So a change that could not be sent, or got no response, is
 * sent again.
 */
export class Outbox {
  #pending: readonly Pending[] = [];
  #count = 0;
  readonly #sends = new Set<Promise<void>>();
  readonly #client: TodoClient;
  readonly #listener: OutboxListener;

  constructor(client: TodoClient, listener: OutboxListener) {
    this.#client = client;
    this.#listener = listener;
  }

  /** The changes that the service has not carried out yet, oldest first. */
  get pending(): readonly Pending[] {
    return this.#pending;
  }

  /** Adds a change, and sends it now or when it is released. Returns its key. */
  add(change: Change, progress: "queued" | "held" | "refused" = "queued"): string {
    const key = change.kind === "create" ? change.id : `change-${++this.#count}`;
    this.#pending = [...this.#pending, { key, change, progress }];
    this.#proceed();
    return key;
  }

  /** Sends a held change, or one that the user wants to send again. */
  release(key: string): void {
    this.#setProgress(key, "queued");
    this.#proceed();
  }

  /** Removes a change that is not being sent. */
  discard(key: string): void {
    this.#remove(key);
    this.#proceed();
  }

  /** Sends the changes that wait for the service. */
  resume(): void {
    this.#pending = this.#pending.map((p) => (p.progress === "waiting" ? { ...p, progress: "queued" } : p));
    this.#proceed();
  }

  /** Waits until no change is being sent, for at most so many milliseconds. */
  async settle(milliseconds: number): Promise<void> {
    const deadline = AbortSignal.timeout(milliseconds);
    const passed = new Promise<void>((resolve) => deadline.addEventListener("abort", () => resolve()));
    while (this.#sends.size > 0 && !deadline.aborted) {
      await Promise.race([passed, ...this.#sends]);
    }
  }

  /** Sends the first change of each lane if it is queued. Changes behind a waiting one wait too. */
  #proceed(): void {
    const first = new Map<string, Pending>();
    for (const pending of this.#pending) {
      const { key, change, progress } = pending;
      if (progress === "refused") continue; // The user may take hours to correct it.
      const before = first.get(laneOf(change));
      if (!before) first.set(laneOf(change), pending);
      else if (before.progress === "waiting" && progress === "queued") this.#setProgress(key, "waiting");
    }
    for (const pending of first.values()) {
      if (pending.progress !== "queued") continue;
      this.#setProgress(pending.key, "sending");
      const send = this.#send(pending).finally(() => this.#sends.delete(send));
      this.#sends.add(send);
    }
    this.#listener.changed();
  }

  async #send(pending: Pending): Promise<void> {
    try {
      const todo = await this.#call(pending.change);
      this.#remove(pending.key);
      this.#listener.saved(pending, todo);
    } catch (error) {
      this.#fail(pending, failureOf(error));
    }
    this.#proceed();
  }

  async #call(change: Change): Promise<Todo | undefined> {
    switch (change.kind) {
      case "create":
        return this.#client.createTodo({ id: change.id, title: change.title, description: change.description });
      case "update":
        return this.#client.updateTodo({ id: change.id, ...change.patch });
      case "delete":
        await this.#client.deleteTodo({ id: change.id });
        return undefined;
    }
  }

  #fail(pending: Pending, failure: Failure): void {
    switch (failure.kind) {
      case "away":
      case "session-ended":
        this.#setProgress(pending.key, "waiting");
        this.#listener.held(failure);
        return;
      case "gone":
        // Already deleted, by this or another client.
        if (pending.change.kind === "delete") return this.#settled(pending);
        break;
      case "exists":
        // An earlier attempt created the todo, and it was edited since.
        if (pending.change.kind === "create") return this.#settled(pending);
    }
    this.#remove(pending.key);
    this.#listener.refused(pending, failure);
  }

  /** Treats a change as carried out, although no response confirmed it. */
  #settled(pending: Pending): void {
    this.#remove(pending.key);
    this.#listener.saved(pending, undefined);
  }

  #setProgress(key: string, progress: Progress): void {
    this.#pending = this.#pending.map((p) => (p.key === key ? { ...p, progress } : p));
    this.#listener.changed();
  }

  #remove(key: string): void {
    this.#pending = this.#pending.filter((p) => p.key !== key);
  }
}

/** Returns the lane of a change. Changes in a lane are sent one after the other. */
function laneOf(change: Change): string {
  return change.kind === "create" ? "new" : change.id;
}
