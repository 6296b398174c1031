// Todos of the copy, of which a test says only what it is about.

import type { LocalTodo } from "../sync/todo.ts";
import type { ShownTodo } from "../sync/view.ts";
import { derivedPosition } from "../sync/position.ts";

/** Returns a todo whose title is its id. */
export function localTodoOf(fields: Partial<LocalTodo>): LocalTodo {
  const { id = "id", createdAt = 0 } = fields;
  return {
    id,
    title: id,
    description: "",
    isCompleted: false,
    priority: 0,
    tags: [],
    createdAt,
    updatedAt: createdAt,
    position: derivedPosition(createdAt),
    etag: "e",
    ...fields,
  };
}

/** Returns such a todo as it is shown. */
export function shownTodoOf({ unsent = false, conflict, ...fields }: Partial<ShownTodo>): ShownTodo {
  return { ...localTodoOf(fields), unsent, conflict };
}
