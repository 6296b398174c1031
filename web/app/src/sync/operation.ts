import type { MessageInitShape } from "@bufbuild/protobuf";
import type { TodoOperationSchema } from "../gen/todo/v1/todo_pb.ts";
import { newId } from "../api/ids.ts";
import { dueFields, sameDue, type Due } from "./due.ts";
import { derivedPosition } from "./position.ts";
import { editsTooMany, editTags, mergeTagEdits, type TagEdit } from "./tags.ts";
import { noDetails, type Details, type LocalTodo, type Priority, type Text } from "./todo.ts";

/** The fields that an update sets; absent ones stay as they are. */
export interface Patch extends Partial<Text> {
  readonly isCompleted?: boolean;
  /** null removes the due date. */
  readonly due?: Due | null;
  readonly priority?: Priority;
  /** Tags to take off and to add: an update leaves those alone that others add meanwhile. */
  readonly tags?: TagEdit;
  readonly position?: string;
}

/** The texts that an update replaces, as the user saw them. */
export interface Base extends Partial<Text> {
  /** The etag of the todo that the user saw; "" if the service didn't know it yet. */
  readonly etag: string;
}

/** What a new todo has. */
export interface NewTodo extends Text, Partial<Details> {
  /** Absent puts it before all others. */
  readonly position?: string | undefined;
}

/** What the user did to one todo. Times are in microseconds. */
export type Operation =
  | ({ readonly kind: "create"; readonly id: string; readonly at: number } & NewTodo)
  /** With a base, the update overwrites no text that the user hasn't seen. */
  | { readonly kind: "update"; readonly id: string; readonly at?: number; readonly patch: Patch; readonly base?: Base | undefined }
  /** Moves the todo to the trash. */
  | { readonly kind: "delete"; readonly id: string; readonly at: number }
  | { readonly kind: "undelete"; readonly id: string }
  /** Deletes the todo permanently, unless it has another etag: it may have been restored elsewhere. */
  | { readonly kind: "purge"; readonly id: string; readonly etag: string };

type Create = Operation & { kind: "create" };
type Update = Operation & { kind: "update" };

/** An etag that no todo has: a conditional update with it is always refused. */
const noEtag = "none";

/** The creates of todos, each with an id of its own. */
export function createsOf(todos: readonly NewTodo[], at: number): readonly Create[] {
  return todos.map((todo) => ({ ...todo, kind: "create", id: newId(), title: todo.title.trim(), at }));
}

/**
 * Returns the update of a todo.
 *
 * @param seen the todo as the user saw it, if the update shall not overwrite other texts.
 */
export function updateOf(id: string, { title, ...rest }: Patch, at: number, seen?: Text & { readonly etag: string }): Update {
  const patch: Patch = title === undefined ? rest : { ...rest, title: title.trim() };
  const base = seen && {
    etag: seen.etag,
    ...(patch.title !== undefined && { title: seen.title }),
    ...(patch.description !== undefined && { description: seen.description }),
  };
  return { kind: "update", id, at, patch, base };
}

/** Returns the operations with the effect of two operations on the same todo: none, one or both. */
export function merge(earlier: Operation, later: Operation): readonly Operation[] {
  if (earlier.kind === "create" && later.kind === "update" && later.patch.isCompleted === undefined) {
    return [createWith(earlier, later.patch)];
  }
  if (earlier.kind === "update" && later.kind === "update") {
    const bases = [later.base, earlier.base].filter((base) => base !== undefined);
    // The earlier base wins, its etag too: it is what the user saw first.
    const base = bases.length > 0 ? (Object.assign({}, ...bases) as Base) : undefined;
    const patch = mergePatches(earlier.patch, later.patch);
    // More tags than the service takes at once: the user adds and removes some again and again.
    if (editsTooMany(patch.tags)) return [earlier, later];
    return [{ ...earlier, ...later, patch, base }];
  }
  if (earlier.kind === "delete" && later.kind === "undelete") return [];
  if (earlier.kind === "undelete" && later.kind === "delete") return [];
  return [earlier, later];
}

/** Returns a create with the fields of a patch but isCompleted, which a create can't set. */
export function createWith(create: Create, { isCompleted: _, ...patch }: Patch): Create {
  return patched(create, patch);
}

/** Returns something with the fields of a patch. */
export function patched<T extends Partial<Details>>(todo: T, { due, tags, ...rest }: Patch): T & Omit<Patch, "due" | "tags"> {
  return {
    ...todo,
    ...rest,
    ...(due !== undefined && { due: due ?? undefined }),
    ...(tags && { tags: editTags(todo.tags ?? [], tags) }),
  };
}

/** Returns the update of the texts alone, and the one of all else, if there is more. */
export function splitTexts({ base, ...update }: Update): { readonly texts: Update; readonly rest: Update | undefined } {
  const { title, description, ...others } = update.patch;
  const texts = { ...(title !== undefined && { title }), ...(description !== undefined && { description }) };
  const rest = Object.keys(others).length > 0 ? { ...update, patch: others } : undefined;
  return { texts: { ...update, patch: texts, base }, rest };
}

function mergePatches(earlier: Patch, later: Patch): Patch {
  const tags = earlier.tags || later.tags ? { tags: mergeTagEdits(earlier.tags, later.tags) } : {};
  return { ...earlier, ...later, ...tags };
}

/** Returns whether an operation carries text that the user has typed. */
export function hasText(operation: Operation): boolean {
  if (operation.kind === "create") return true;
  return operation.kind === "update" && (operation.patch.title ?? operation.patch.description) !== undefined;
}

/** Returns whether the service carries an operation out only if the todo has the etag. */
export function isConditional(operation: Operation): boolean {
  return operation.kind === "purge" || (operation.kind === "update" && operation.base !== undefined);
}

/**
 * Returns the etag to send with an operation, if any.
 *
 * @param todo the copy's todo, without pending operations. If only other fields than
 *   the user's have changed since the user saw it, the update may overwrite it. If it
 *   is still in the trash, it may be deleted permanently.
 */
export function etagFor(operation: Operation, todo: LocalTodo | undefined): string | undefined {
  if (operation.kind === "purge") return (todo?.deletedAt !== undefined ? todo.etag : operation.etag) || noEtag;
  if (operation.kind !== "update" || !operation.base) return undefined;
  return (todo && isUntouched(operation, todo) ? todo.etag : operation.base.etag) || noEtag;
}

/** Returns whether the texts that an update replaces are still those that the user saw. */
export function isUntouched({ patch, base }: Update, todo: LocalTodo): boolean {
  return textFields.every((field) => patch[field] === undefined || base?.[field] === todo[field]);
}

/** Returns whether a todo has all the values that an update sets. */
export function isDone({ patch: { due, tags, ...values } }: Update, todo: LocalTodo): boolean {
  if (due !== undefined && !sameDue(due ?? undefined, todo.due)) return false;
  if (tags && editTags(todo.tags, tags).join("\n") !== todo.tags.join("\n")) return false;
  return Object.entries(values).every(([field, value]) => todo[field as keyof typeof values] === value);
}

const textFields = ["title", "description"] as const;

/** Returns a todo with an operation applied; undefined is a todo that isn't there. */
export function apply(operation: Operation, todo: LocalTodo | undefined): LocalTodo | undefined {
  switch (operation.kind) {
    case "create":
      // An earlier attempt may have succeeded although no response came.
      return todo ?? created(operation);
    case "update":
      return todo && updated(todo, operation);
    case "delete":
      return todo && { ...todo, deletedAt: todo.deletedAt ?? operation.at };
    case "undelete":
      return todo && { ...todo, deletedAt: undefined, purgeTime: undefined };
    case "purge":
      return undefined;
  }
}

function created({ id, title, description, at, due, priority = 0, tags = [], position }: Create): LocalTodo {
  return {
    ...noDetails,
    id,
    title,
    description,
    due,
    priority,
    tags: editTags([], { add: tags }),
    isCompleted: false,
    createdAt: at,
    updatedAt: at,
    position: position || derivedPosition(at),
    isProvisional: !position,
    etag: "",
  };
}

function updated(todo: LocalTodo, { patch: { position, ...rest }, at }: Update): LocalTodo {
  return {
    ...patched(todo, rest),
    ...(position !== undefined && { position: position || derivedPosition(todo.createdAt), isProvisional: false }),
    ...(rest.isCompleted !== undefined && { completedAt: rest.isCompleted ? (todo.completedAt ?? at) : undefined }),
  };
}

/** Returns the message that asks the service to carry out an operation. */
export function messageOf(operation: Operation, etag?: string): MessageInitShape<typeof TodoOperationSchema> {
  const { id } = operation;
  switch (operation.kind) {
    case "create":
      return { operation: { case: "create", value: createMessage(operation) } };
    case "update":
      return { operation: { case: "update", value: { ...updateMessage(operation), etag } } };
    case "delete":
      return { operation: { case: "delete", value: { id } } };
    case "undelete":
      return { operation: { case: "undelete", value: { id } } };
    case "purge":
      return { operation: { case: "delete", value: { id, permanently: true, etag } } };
  }
}

/** Only what there is: a repeated create is compared in the fields that it sends. */
function createMessage({ id, title, description, due, priority, tags, position }: Create) {
  return {
    id,
    title,
    description,
    ...(due && { dueDate: due.date, ...(due.time && { dueTime: due.time }), ...(due.zone && { dueTimeZone: due.zone }) }),
    ...(priority && { priority }),
    ...(tags && { tags: [...tags] }),
    ...(position && { position }),
  };
}

function updateMessage({ id, patch: { due, tags, ...rest } }: Update) {
  return {
    id,
    ...rest,
    ...(due !== undefined && dueFields(due ?? undefined)),
    ...(tags && { addTags: [...(tags.add ?? [])], removeTags: [...(tags.remove ?? [])] }),
  };
}
