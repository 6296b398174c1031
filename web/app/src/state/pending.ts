import type { Todo } from "../gen/todo/v1/todo_pb.ts";

/** The lists that the page shows. */
export type Filter = "all" | "open" | "done";

/** What a user writes about a todo. */
export interface Text {
  readonly title: string;
  readonly description: string;
}

/** What an update sets; absent leaves a field as it is. */
export type Patch = Partial<Text & { readonly isCompleted: boolean }>;

/** A wish of the user's that the service has yet to grant. */
export type Change =
  | ({ readonly kind: "create"; readonly id: string } & Text)
  | { readonly kind: "update"; readonly id: string; readonly title: string; readonly patch: Patch }
  | { readonly kind: "delete"; readonly id: string; readonly title: string };

/** How far a change has come. */
export type Progress =
  /** Not to be sent yet: it can be undone. */
  | "held"
  /** To be sent as soon as the ones before it about the same todo are through. */
  | "queued"
  /** On its way. */
  | "sending"
  /** To be sent when the service is back. */
  | "waiting"
  /** A creation that the service will not carry out as it is; the user is at it. */
  | "refused";

/** A change, and how far it has come. */
export interface Pending {
  /** Names the change; that of a creation is the todo's id. */
  readonly key: string;
  readonly change: Change;
  readonly progress: Progress;
}

/** A line of the list, as the user sees it: the service's todo with what is pending. */
export interface Row extends Text {
  /** The todo's id, also before it is stored. */
  readonly key: string;
  /** Absent until the service has stored it. */
  readonly id?: string;
  readonly isCompleted: boolean;
  /** Whether the service knows all of it, and if not, why. */
  readonly progress: Progress | "saved";
}

/**
 * Lays the pending changes over the service's todos. What the user sees is
 * always computed by this, so that a change which is refused leaves no trace
 * once it is no longer pending.
 *
 * @param writing are the rows that the user writes in, as they were. They stay
 *   whatever the list, and when they are in none any more they come first:
 *   else the text would be lost.
 */
export function rowsOf(
  todos: readonly Todo[],
  pending: readonly Pending[],
  filter: Filter,
  writing: readonly Row[] = [],
): Row[] {
  // A creation may have been carried out although no answer came.
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

/** Says whether a list shows a todo. */
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
