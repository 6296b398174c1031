import type { TodoClient } from "../api/client.ts";
import { failureOf, type Failure } from "../api/failure.ts";
import type { Todo } from "../gen/todo/v1/todo_pb.ts";
import type { Change, Pending, Progress } from "./pending.ts";

/** What an outbox tells. */
export interface OutboxListener {
  /** Something in pending has changed. */
  changed(): void;
  /** The service has carried out a change; the todo is what it answered, if anything. */
  saved(pending: Pending, todo: Todo | undefined): void;
  /** A change can't be carried out. It is no longer pending. */
  refused(pending: Pending, failure: Failure): void;
  /** A change could not be sent, and stays pending. */
  held(failure: Failure): void;
}

/**
 * The changes that the user has made and the service has yet to carry out, in
 * order. Those about the same todo are sent one after the other, and so are all
 * new todos: the service lists them in the order of their coming.
 *
 * Each can be sent any number of times with the same effect, a creation because
 * it names the id of what it makes. So whatever could not be sent, or got no
 * answer, is sent again.
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

  /** The changes that the service has yet to carry out, the oldest first. */
  get pending(): readonly Pending[] {
    return this.#pending;
  }

  /** Takes a change, to be sent now, or once it is released. Returns its key. */
  add(change: Change, progress: "queued" | "held" | "refused" = "queued"): string {
    const key = change.kind === "create" ? change.id : `change-${++this.#count}`;
    this.#pending = [...this.#pending, { key, change, progress }];
    this.#proceed();
    return key;
  }

  /** Sends a change that was held, or that the user wants sent again. */
  release(key: string): void {
    this.#setProgress(key, "queued");
    this.#proceed();
  }

  /** Forgets a change that is not on its way. */
  discard(key: string): void {
    this.#remove(key);
    this.#proceed();
  }

  /** Sends what waits for the service. */
  resume(): void {
    this.#pending = this.#pending.map((p) => (p.progress === "waiting" ? { ...p, progress: "queued" } : p));
    this.#proceed();
  }

  /** Waits until nothing is on its way, but no longer than so many milliseconds. */
  async settle(milliseconds: number): Promise<void> {
    const deadline = AbortSignal.timeout(milliseconds);
    const passed = new Promise<void>((resolve) => deadline.addEventListener("abort", () => resolve()));
    while (this.#sends.size > 0 && !deadline.aborted) {
      await Promise.race([passed, ...this.#sends]);
    }
  }

  /** Sends the first change of each lane, if it is queued. What is behind one that waits, waits too. */
  #proceed(): void {
    const first = new Map<string, Pending>();
    for (const pending of this.#pending) {
      const { key, change, progress } = pending;
      if (progress === "refused") continue; // The user may take hours over it.
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
        // Deleted is deleted, whoever did it.
        if (pending.change.kind === "delete") return this.#settled(pending);
        break;
      case "exists":
        // An attempt before this one made it, and it was edited since.
        if (pending.change.kind === "create") return this.#settled(pending);
    }
    this.#remove(pending.key);
    this.#listener.refused(pending, failure);
  }

  /** Takes a change for carried out, though there is no answer that says so. */
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

/** Names the changes that are sent one after the other. */
function laneOf(change: Change): string {
  return change.kind === "create" ? "new" : change.id;
}
