import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { Todo } from "../gen/todo/v1/todo_pb.ts";

/** The text of a todo. */
export interface Text {
  readonly title: string;
  readonly description: string;
}

/** A todo as the browser keeps it: a plain object, which IndexedDB can store. */
export interface LocalTodo extends Text {
  readonly id: string;
  readonly isCompleted: boolean;
  /** Times of the service, in microseconds since 1970: the service orders by microseconds. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Identifies this state of the todo; "" while the service doesn't know the todo. */
  readonly etag: string;
  /** When it was deleted; undefined for a todo that is not in the trash. */
  readonly deletedAt?: number | undefined;
  /** When the service forgets a deleted todo, at the earliest. */
  readonly purgeTime?: number | undefined;
}

/** Converts the service's todo. */
export function localTodo(todo: Todo): LocalTodo {
  return {
    id: todo.id,
    title: todo.title,
    description: todo.description ?? "",
    isCompleted: todo.isCompleted,
    createdAt: microseconds(todo.createdAt) ?? 0,
    updatedAt: microseconds(todo.updatedAt) ?? 0,
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

function microseconds(time: Timestamp | undefined): number | undefined {
  return time && Number(time.seconds) * 1e6 + Math.floor(time.nanos / 1e3);
}
