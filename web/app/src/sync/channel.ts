import type { Entry } from "./outbox.ts";

/** What a copy knows about the service. */
export interface Status {
  /** Why the service can't be reached; undefined while it can. */
  readonly problem?: string | undefined;
  /** Why it doesn't serve changes, although it can be reached. */
  readonly fault?: string | undefined;
}

/** What tabs tell one another. */
export type Message =
  /** These todos, or the outbox, have changed in the database. */
  | { readonly kind: "changed"; readonly ids: readonly string[]; readonly refused: readonly Entry[] }
  /** How the leader sees the service. */
  | { readonly kind: "status"; readonly status: Status }
  | { readonly kind: "session-ended" }
  /** The service tells no changes. */
  | { readonly kind: "unserved" }
  /** A new tab asks the leader for the status. */
  | { readonly kind: "hello" }
  /** The user wants the leader to try now. */
  | { readonly kind: "retry" };

/** Reaches the browser's other tabs with the same database. */
export class Channel {
  #channel: BroadcastChannel | undefined;

  constructor(name: string, heard: (message: Message) => void) {
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = (event: MessageEvent<Message>) => heard(event.data);
  }

  send(message: Message): void {
    this.#channel?.postMessage(message);
  }

  close(): void {
    this.#channel?.close();
    this.#channel = undefined;
  }
}
