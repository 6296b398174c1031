import type { Details, Text } from "../sync/todo.ts";
import type { Conflict, ShownTodo } from "../sync/view.ts";

/** A row of a list. */
export interface Row extends Text, Details {
  /** The todo's id, or the key of a text that the service has refused as a new todo. */
  readonly key: string;
  /** The todo's id; absent for a refused text. */
  readonly id?: string;
  readonly isCompleted: boolean;
  readonly etag: string;
  /** Its place in the order by hand. */
  readonly position: string;
  /** Whether the service has it. */
  readonly progress: "saved" | "sending" | "waiting" | "refused";
  /** The user's text, when another one was written elsewhere at the same time. */
  readonly conflict?: Conflict | undefined;
  /** When it was created, in microseconds; absent for a refused text. */
  readonly createdAt?: number;
  /** When it was completed, if that is known. In microseconds. */
  readonly completedAt?: number | undefined;
  /** When it was deleted; undefined outside of the trash. In microseconds. */
  readonly deletedAt?: number | undefined;
  readonly purgeTime?: number | undefined;
}

/**
 * Returns the row of a todo.
 *
 * @param isAway says that what is unsent has to wait.
 */
export function rowOf(todo: ShownTodo, isAway: boolean): Row {
  const { updatedAt: _, isProvisional: __, unsent, ...fields } = todo;
  const progress = unsent ? (isAway ? "waiting" : "sending") : "saved";
  return { ...fields, key: todo.id, progress };
}
