import type { Text } from "../sync/todo.ts";
import type { Conflict, ShownTodo } from "../sync/view.ts";

/** The lists that the page shows. */
export type Filter = "all" | "open" | "done" | "trash";

/** A row of a list. */
export interface Row extends Text {
  /** The todo's id, or the key of a text that the service has refused as a new todo. */
  readonly key: string;
  /** The todo's id; absent for a refused text. */
  readonly id?: string;
  readonly isCompleted: boolean;
  readonly etag: string;
  /** Whether the service has it. */
  readonly progress: "saved" | "sending" | "waiting" | "refused";
  /** The user's text, when another one was written elsewhere at the same time. */
  readonly conflict?: Conflict | undefined;
  /** When it was created, in microseconds; absent for a refused text. */
  readonly createdAt?: number;
  /** When it was deleted; undefined outside of the trash. In microseconds. */
  readonly deletedAt?: number | undefined;
  readonly purgeTime?: number | undefined;
}

/**
 * Returns the rows of a list.
 *
 * @param isAway says that what is unsent has to wait.
 * @param writing are the rows that the user is editing, as they were before. They
 *   stay in every list, each in its place, also when they are no longer in it.
 *   Otherwise the text would be lost.
 */
export function rowsOf(todos: readonly ShownTodo[], filter: Filter, isAway: boolean, writing: readonly Row[] = []): Row[] {
  const written = new Set(writing.map(({ key }) => key));
  const rows = todos
    .filter((todo) => filter === "trash" || matches(todo, filter) || written.has(todo.id))
    .map((todo) => rowOf(todo, isAway));
  const shown = new Set(rows.map(({ key }) => key));
  const gone = writing.filter(({ key }) => !shown.has(key));
  return gone.length === 0 ? rows : [...gone, ...rows].sort((a, b) => compare(b.createdAt, a.createdAt));
}

/** Compares times; what has none is the newest. */
function compare(a = Infinity, b = Infinity): number {
  return a === b ? 0 : a - b;
}

/** Returns the row of a todo. */
export function rowOf(todo: ShownTodo, isAway: boolean): Row {
  const { id, title, description, isCompleted, etag, conflict, createdAt, deletedAt, purgeTime, unsent } = todo;
  const progress = unsent ? (isAway ? "waiting" : "sending") : "saved";
  return { key: id, id, title, description, isCompleted, etag, progress, conflict, createdAt, deletedAt, purgeTime };
}

/** Returns whether a list of todos that are not deleted shows a todo. */
export function matches(todo: { readonly isCompleted: boolean }, filter: Filter): boolean {
  return filter === "all" || (filter !== "trash" && todo.isCompleted === (filter === "done"));
}
