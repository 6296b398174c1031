import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { Todo } from "../gen/todo/v1/todo_pb.ts";
import { dueOf, type Due } from "./due.ts";
import { derivedPosition } from "./position.ts";

/** The text of a todo. */
export interface Text {
  readonly title: string;
  readonly description: string;
}

/** How important a todo is: not said, low, medium, high. */
export type Priority = 0 | 1 | 2 | 3;

/** What a user says of a todo besides its text. */
export interface Details {
  readonly due?: Due | undefined;
  readonly priority: Priority;
  /** In the order of their folded forms. */
  readonly tags: readonly string[];
}

/** The details of a todo of which nothing is said. */
export const noDetails: Details = { due: undefined, priority: 0, tags: [] };

/** A todo as the browser keeps it: a plain object, which IndexedDB can store. */
export interface LocalTodo extends Text, Details {
  readonly id: string;
  readonly isCompleted: boolean;
  /** Times of the service, in microseconds since 1970: the service orders by microseconds. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** When it was completed, if that is known. */
  readonly completedAt?: number | undefined;
  /** Its place in the order by hand. */
  readonly position: string;
  /** Whether the position is a guess: the service derives it when it creates the todo. */
  readonly isProvisional?: boolean | undefined;
  /** Identifies this state of the todo; "" while the service doesn't know the todo. */
  readonly etag: string;
  /** When it was deleted; undefined for a todo that is not in the trash. */
  readonly deletedAt?: number | undefined;
  /** When the service forgets a deleted todo, at the earliest. */
  readonly purgeTime?: number | undefined;
}

/** Converts the service's todo. */
export function localTodo(todo: Todo): LocalTodo {
  const createdAt = microseconds(todo.createdAt) ?? 0;
  return {
    id: todo.id,
    title: todo.title,
    description: todo.description ?? "",
    isCompleted: todo.isCompleted,
    due: dueOf(todo),
    priority: priorityOf(todo.priority),
    tags: todo.tags,
    createdAt,
    updatedAt: microseconds(todo.updatedAt) ?? 0,
    completedAt: microseconds(todo.completedAt),
    // A service from before there were positions sends none.
    position: todo.position || derivedPosition(createdAt),
    etag: todo.etag ?? "",
    deletedAt: microseconds(todo.deletedAt),
    purgeTime: microseconds(todo.purgeTime),
  };
}

/** Returns the time of this computer's clock, in microseconds since 1970. */
export function nowMicroseconds(): number {
  return Date.now() * 1000;
}

/** Compares two todos as the service lists them: by creation, then by id, both descending. */
export function newestFirst(a: LocalTodo, b: LocalTodo): number {
  return b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1);
}

/** Compares two deleted todos as the service lists its trash. */
export function lastDeletedFirst(a: LocalTodo, b: LocalTodo): number {
  return (b.deletedAt ?? 0) - (a.deletedAt ?? 0) || (a.id < b.id ? 1 : -1);
}

/** A priority that this page doesn't know is none. */
function priorityOf(priority: number | undefined): Priority {
  return priority === 1 || priority === 2 || priority === 3 ? priority : 0;
}

function microseconds(time: Timestamp | undefined): number | undefined {
  return time && Number(time.seconds) * 1e6 + Math.floor(time.nanos / 1e3);
}
