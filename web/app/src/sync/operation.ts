import type { MessageInitShape } from "@bufbuild/protobuf";
import type { TodoOperationSchema } from "../gen/todo/v1/todo_pb.ts";
import type { LocalTodo, Text } from "./todo.ts";

/** The fields that an update sets; absent ones stay as they are. */
export type Patch = Partial<Text & { readonly isCompleted: boolean }>;

/** The texts that an update replaces, as the user saw them. */
export interface Base extends Partial<Text> {
  /** The etag of the todo that the user saw; "" if the service didn't know it yet. */
  readonly etag: string;
}

/** What the user did to one todo. Times are in microseconds. */
export type Operation =
  | ({ readonly kind: "create"; readonly id: string; readonly at: number } & Text)
  /** With a base, the update overwrites no text that the user hasn't seen. */
  | { readonly kind: "update"; readonly id: string; readonly patch: Patch; readonly base?: Base | undefined }
  /** Moves the todo to the trash. */
  | { readonly kind: "delete"; readonly id: string; readonly at: number }
  | { readonly kind: "undelete"; readonly id: string }
  /** Deletes the todo permanently, unless it has another etag: it may have been restored elsewhere. */
  | { readonly kind: "purge"; readonly id: string; readonly etag: string };

/** An etag that no todo has: a conditional update with it is always refused. */
const noEtag = "none";

/** Returns the operations with the effect of two operations on the same todo: none, one or both. */
export function merge(earlier: Operation, later: Operation): readonly Operation[] {
  if (earlier.kind === "create" && later.kind === "update" && later.patch.isCompleted === undefined) {
    return [{ ...earlier, ...later.patch }];
  }
  if (earlier.kind === "update" && later.kind === "update") {
    const bases = [later.base, earlier.base].filter((base) => base !== undefined);
    // The earlier base wins, its etag too: it is what the user saw first.
    const base = bases.length > 0 ? (Object.assign({}, ...bases) as Base) : undefined;
    return [{ ...earlier, patch: { ...earlier.patch, ...later.patch }, base }];
  }
  if (earlier.kind === "delete" && later.kind === "undelete") return [];
  if (earlier.kind === "undelete" && later.kind === "delete") return [];
  return [earlier, later];
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
export function isUntouched({ patch, base }: Operation & { kind: "update" }, todo: LocalTodo): boolean {
  return textFields.every((field) => patch[field] === undefined || base?.[field] === todo[field]);
}

/** Returns whether a todo has all the values that an update sets. */
export function isDone({ patch }: Operation & { kind: "update" }, todo: LocalTodo): boolean {
  return Object.entries(patch).every(([field, value]) => todo[field as keyof Patch] === value);
}

const textFields = ["title", "description"] as const;

/** Returns a todo with an operation applied; undefined is a todo that isn't there. */
export function apply(operation: Operation, todo: LocalTodo | undefined): LocalTodo | undefined {
  switch (operation.kind) {
    case "create": {
      const { id, title, description, at } = operation;
      // An earlier attempt may have succeeded although no response came.
      return todo ?? { id, title, description, isCompleted: false, createdAt: at, updatedAt: at, etag: "" };
    }
    case "update":
      return todo && { ...todo, ...operation.patch };
    case "delete":
      return todo && { ...todo, deletedAt: todo.deletedAt ?? operation.at };
    case "undelete":
      return todo && { ...todo, deletedAt: undefined, purgeTime: undefined };
    case "purge":
      return undefined;
  }
}

/** Returns the message that asks the service to carry out an operation. */
export function messageOf(operation: Operation, etag?: string): MessageInitShape<typeof TodoOperationSchema> {
  const { id } = operation;
  switch (operation.kind) {
    case "create":
      return { operation: { case: "create", value: { id, title: operation.title, description: operation.description } } };
    case "update":
      return { operation: { case: "update", value: { id, ...operation.patch, etag } } };
    case "delete":
      return { operation: { case: "delete", value: { id } } };
    case "undelete":
      return { operation: { case: "undelete", value: { id } } };
    case "purge":
      return { operation: { case: "delete", value: { id, permanently: true, etag } } };
  }
}
