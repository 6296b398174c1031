import type { Todo } from "../gen/todo/v1/todo_pb.ts";

/** When a todo is due: a day, a day and a time wherever the user is, or a time in a zone. */
export interface Due {
  /** The day, YYYY-MM-DD. */
  readonly date: string;
  /** The time of the day, HH:MM. */
  readonly time?: string | undefined;
  /** The time's zone, a name like "Europe/Berlin". Without one it is wherever the user is. */
  readonly zone?: string | undefined;
}

/** The fields of a message that say when a todo is due; "" is none. */
export interface DueFields {
  readonly dueDate: string;
  readonly dueTime: string;
  readonly dueTimeZone: string;
}

/** Returns when the service's todo is due. */
export function dueOf({ dueDate, dueTime, dueTimeZone }: Pick<Todo, "dueDate" | "dueTime" | "dueTimeZone">): Due | undefined {
  if (!dueDate) return undefined;
  return { date: dueDate, ...(dueTime && { time: dueTime, ...(dueTimeZone && { zone: dueTimeZone }) }) };
}

/** Returns the fields of a message. All three are named, so nothing of an earlier due date is left. */
export function dueFields(due: Due | undefined): DueFields {
  return { dueDate: due?.date ?? "", dueTime: due?.time ?? "", dueTimeZone: due?.zone ?? "" };
}

/** Returns whether two due dates are the same. */
export function sameDue(a: Due | undefined, b: Due | undefined): boolean {
  return a?.date === b?.date && a?.time === b?.time && a?.zone === b?.zone;
}
