import type { Status } from "./channel.ts";
import type { NewTodo, Patch } from "./operation.ts";
import type { Entry } from "./outbox.ts";
import type { Text } from "./todo.ts";
import type { ShownTodo } from "./view.ts";

/** A change of one todo. */
export interface Change {
  readonly id: string;
  readonly patch: Patch;
}

/** One user's todos, as the page reads and changes them. */
export interface Todos {
  /** The todos that are not deleted, newest first. */
  readonly todos: readonly ShownTodo[];
  /** The deleted todos that can be restored, deleted last first. */
  readonly trash: readonly ShownTodo[];
  /** Whether deleted todos can be seen, and restored, for a while. */
  readonly hasTrash: boolean;
  /** Whether the todos are known: all have come at least once. */
  readonly complete: boolean;
  /** How the service is. */
  readonly status: Status;
  /** How many operations wait to be carried out. */
  readonly unsent: number;
  /** The refused entries whose text the user has not dropped or sent again. */
  readonly refused: readonly Entry[];

  /** Returns a todo, also a deleted one. */
  find(id: string): ShownTodo | undefined;

  /** Creates todos. Returns their ids. */
  create(...todos: readonly NewTodo[]): readonly string[];

  /**
   * Changes a todo.
   *
   * @param seen the todo as the user saw it. With it, texts that somebody else has
   *   changed since are not overwritten: the todo then has a conflict.
   */
  update(id: string, patch: Patch, seen?: Text & { readonly etag: string }): void;

  /** Changes several todos, whatever others have done to them. */
  updateAll(changes: readonly Change[]): void;

  /** Moves todos to the trash. */
  delete(...ids: readonly string[]): void;

  /** Restores todos from the trash. */
  undelete(...ids: readonly string[]): void;

  /** Deletes todos of the trash permanently, except those that somebody restores meanwhile. */
  purge(...ids: readonly string[]): void;

  /** Drops refused entries, with their texts. */
  drop(...keys: string[]): Promise<void>;

  /** Overwrites what others have written in a todo with the text of a conflict. */
  insist(key: string): Promise<void>;

  /** Waits until nothing is unsent, or the service can't be reached, for at most so many milliseconds. */
  settle(milliseconds: number): Promise<void>;

  /** Tries to reach the service now. */
  retryNow(): void;

  /** Notes whether the user sees the tab. */
  setVisible(visible: boolean): void;

  /** Ends all activity. */
  close(): Promise<void>;
}

/** Gets the events of the todos. */
export interface TodosListener {
  /** Something that the user sees has changed. */
  changed(): void;
  /**
   * The service has refused what the user did in this tab, or in one that is gone.
   * Entries with text stay in `refused` until they are dropped.
   */
  refused(entries: readonly Entry[]): void;
  /** The user must sign in again; retryNow goes on. */
  sessionEnded(): void;
  /** The database is gone: the user has signed out in another tab, or the browser has removed it. */
  lost(): void;
}
