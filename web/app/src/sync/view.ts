import { apply, type Operation } from "./operation.ts";
import type { Entry } from "./outbox.ts";
import { derivedPosition } from "./position.ts";
import { lastDeletedFirst, newestFirst, type LocalTodo, type Text } from "./todo.ts";

/** A todo with the user's own operations applied. */
export interface ShownTodo extends LocalTodo {
  /** Whether the service has not carried out all of them yet. */
  readonly unsent: boolean;
  /** Another text of the user's, if somebody has changed the todo since the user saw it. */
  readonly conflict?: Conflict | undefined;
}

/** A text that the service refused because somebody else has changed the todo meanwhile. */
export interface Conflict extends Text {
  /** The key of its entry in the outbox. */
  readonly key: string;
}

/** The todos as the user sees them. */
export interface View {
  /** Newest first. */
  readonly todos: readonly ShownTodo[];
  /** Deleted last first. */
  readonly trash: readonly ShownTodo[];
  readonly byId: ReadonlyMap<string, ShownTodo>;
}

/** Applies the operations that the service has not refused to the copy. */
export function viewOf(copy: ReadonlyMap<string, LocalTodo>, entries: readonly Entry[]): View {
  const todos = new Map(copy);
  const unsent = new Set<string>();
  const conflicts = new Map<string, Conflict>();
  // The service gives new and deleted todos their times when it carries that out, so the
  // ones that wait come after all others. Their times by this computer's clock say nothing.
  const waiting = new Map<string, number>();
  let newest = 0;
  for (const { createdAt } of copy.values()) newest = Math.max(newest, createdAt);
  for (const [i, { key, operation, refusal }] of entries.entries()) {
    const { id } = operation;
    if (refusal) {
      if (refusal.code === "aborted") conflicts.set(id, conflictOf(key, operation, copy.get(id)));
      continue;
    }
    let todo = apply(operation, todos.get(id));
    if (operation.kind === "create" && todo?.isProvisional) {
      // Not by this computer's clock: if it is ahead, todos that are created later, and
      // placed by the service's, would come after what is moved next to this one.
      todo = { ...todo, position: derivedPosition(++newest) };
    }
    if (todo) todos.set(id, todo);
    else todos.delete(id);
    unsent.add(id);
    if (operation.kind === "delete" || (operation.kind === "create" && !copy.has(id))) waiting.set(id, i);
    if (operation.kind === "undelete") waiting.delete(id);
  }
  const lastFirst = (a: LocalTodo, b: LocalTodo) => (waiting.get(b.id) ?? -1) - (waiting.get(a.id) ?? -1);
  const shown = [...todos.values()].map((todo) => ({ ...todo, unsent: unsent.has(todo.id), conflict: conflicts.get(todo.id) }));
  return {
    byId: new Map(shown.map((todo) => [todo.id, todo])),
    todos: shown.filter(({ deletedAt }) => deletedAt === undefined).sort((a, b) => lastFirst(a, b) || newestFirst(a, b)),
    trash: shown.filter(({ deletedAt }) => deletedAt !== undefined).sort((a, b) => lastFirst(a, b) || lastDeletedFirst(a, b)),
  };
}

function conflictOf(key: string, operation: Operation, todo: LocalTodo | undefined): Conflict {
  const { title = todo?.title ?? "", description = todo?.description ?? "" } =
    operation.kind === "update" ? operation.patch : {};
  return { key, title, description };
}
