import type { Todo } from "../gen/todo/v1/todo_pb.ts";

/** The lists that the page shows. */
export type Filter = "all" | "open" | "done";

/** The text of a todo. */
export interface Text {
  readonly title: string;
  readonly description: string;
}

/** The fields that an update sets; absent ones stay as they are. */
export type Patch = Partial<Text & { readonly isCompleted: boolean }>;

/** A change that the user has made. */
export type Change =
  | ({ readonly kind: "create"; readonly id: string } & Text)
  | { readonly kind: "update"; readonly id: string; readonly title: string; readonly patch: Patch }
  | { readonly kind: "delete"; readonly id: string; readonly title: string };

/** The progress of a change. */
export type Progress =
  /** Not sent yet, since it can still be undone. */
  | "held"
  /** Is sent after the earlier changes of the same todo. */
  | "queued"
  | "sending"
  /** Is sent when the service can be reached again. */
  | "waiting"
  /** A creation that the service rejected; the user is correcting it. */
  | "refused";

/** A change and its progress. */
export interface Pending {
  /** Identifies the change; for a creation it is the todo's id. */
  readonly key: string;
  readonly change: Change;
  readonly progress: Progress;
}

/** A row of the list: the service's todo with its pending changes applied. */
export interface Row extends Text {
  /** The todo's id, even before it is stored. */
  readonly key: string;
  /** Absent until the service has stored it. */
  readonly id?: string;
  readonly isCompleted: boolean;
  /** The progress of the row's changes; "saved" when there are none. */
  readonly progress: Progress | "saved";
}

/**
 * Applies the pending changes to the service's todos. The page always shows the
 * result, so a rejected change disappears when it is no longer pending.
 *
 * @param writing are the rows that the user is editing, as they were before. They
 *   stay in every list, and come first when they are no longer in the list.
 *   Otherwise the text would be lost.
 */
export function rowsOf(
  todos: readonly Todo[],
  pending: readonly Pending[],
  filter: Filter,
  writing: readonly Row[] = [],
): Row[] {
  // A creation may have been carried out although no response came.
  const stored = new Set(todos.map(({ id }) => id));
  const rows = pending.filter(({ change }) => change.kind === "create" && !stored.has(change.id)).map(rowOfCreate).reverse();
  for (const todo of todos) {
    const changes = pending.filter(({ change }) => change.kind !== "create" && change.id === todo.id);
    if (!changes.some(({ change }) => change.kind === "delete")) {
      rows.push(changes.reduce(applyUpdate, rowOfTodo(todo)));
    }
  }
  const isIn = (some: readonly Row[], key: string) => some.some((row) => row.key === key);
  return [
    ...writing.filter(({ key }) => !isIn(rows, key)),
    ...rows.filter((row) => matches(row, filter) || isIn(writing, row.key)),
  ];
}

/** Returns whether a list shows a todo. */
export function matches(todo: { readonly isCompleted: boolean }, filter: Filter): boolean {
  return filter === "all" || todo.isCompleted === (filter === "done");
}

function rowOfTodo(todo: Todo): Row {
  return {
    key: todo.id,
    id: todo.id,
    title: todo.title,
    description: todo.description ?? "",
    isCompleted: todo.isCompleted,
    progress: "saved",
  };
}

function rowOfCreate({ key, change, progress }: Pending): Row {
  const { title, description } = change as Change & { kind: "create" };
  return { key, title, description, isCompleted: false, progress };
}

function applyUpdate(row: Row, { change, progress }: Pending): Row {
  return change.kind === "update" ? { ...row, ...change.patch, progress } : row;
}
