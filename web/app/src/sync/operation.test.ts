import assert from "node:assert/strict";
import test from "node:test";
import { create } from "@bufbuild/protobuf";
import { TodoOperationSchema } from "../gen/todo/v1/todo_pb.ts";
import { localTodoOf } from "../testing/local-todos.ts";
import { apply, isDone, merge, messageOf, updateOf, type Operation } from "./operation.ts";
import type { LocalTodo } from "./todo.ts";

const due = { date: "2026-12-01", time: "09:00", zone: "Europe/Berlin" };
const newTodo: Operation = { kind: "create", id: "a", title: "A", description: "", at: 1_000 };

/** Returns the fields of the request that an operation sends. */
function sent(operation: Operation): Record<string, unknown> {
  const { value } = create(TodoOperationSchema, messageOf(operation)).operation;
  return Object.fromEntries(Object.entries(value ?? {}).filter(([name, value]) => !name.startsWith("$") && value !== undefined));
}

test("a create sends what it has, and nothing else: a repetition is compared in what it sends", () => {
  assert.deepEqual(sent(newTodo), { id: "a", title: "A", description: "", tags: [] });
  assert.deepEqual(sent({ ...newTodo, due, priority: 2, tags: ["x"], position: "a0" }), {
    id: "a", title: "A", description: "", dueDate: "2026-12-01", dueTime: "09:00", dueTimeZone: "Europe/Berlin", priority: 2, tags: ["x"], position: "a0",
  });
  assert.deepEqual(sent({ ...newTodo, due: { date: "2026-12-01" }, priority: 0 }), { id: "a", title: "A", description: "", dueDate: "2026-12-01", tags: [] });
});

test("an update of a due date names all of it, so nothing of the one before is left", () => {
  assert.deepEqual(sent(updateOf("a", { due: { date: "2026-12-01" } }, 0)), {
    id: "a", dueDate: "2026-12-01", dueTime: "", dueTimeZone: "", addTags: [], removeTags: [],
  });
  assert.deepEqual(sent(updateOf("a", { due: null }, 0)), { id: "a", dueDate: "", dueTime: "", dueTimeZone: "", addTags: [], removeTags: [] });
});

test("an update names no field that it leaves, and tags by what changes", () => {
  assert.deepEqual(sent(updateOf("a", { priority: 0 }, 0)), { id: "a", priority: 0, addTags: [], removeTags: [] });
  assert.deepEqual(sent(updateOf("a", { tags: { add: ["x"], remove: ["y"] }, position: "" }, 0)), { id: "a", addTags: ["x"], removeTags: ["y"], position: "" });
});

test("operations are merged where the effect is the same", () => {
  const tagged = updateOf("a", { due, tags: { add: ["x"] }, priority: 3, position: "a0" }, 2_000);
  assert.deepEqual(merge(newTodo, tagged), [{ ...newTodo, due, tags: ["x"], priority: 3, position: "a0" }]);
  assert.deepEqual(merge({ ...newTodo, due }, updateOf("a", { due: null }, 0)), [{ ...newTodo, due: undefined }]);
  assert.equal(merge(newTodo, updateOf("a", { isCompleted: true, due }, 0)).length, 2);

  const [merged] = merge(tagged, updateOf("a", { due: null, tags: { remove: ["X"] }, isCompleted: true }, 3_000));
  assert.deepEqual(merged, {
    kind: "update", id: "a", at: 3_000, base: undefined,
    patch: { due: null, priority: 3, position: "a0", isCompleted: true, tags: { add: [], remove: ["X"] } },
  });
});

test("the effect of two operations is that of the merged one", () => {
  const patches = [{ due }, { due: null }, { tags: { add: ["x"] } }, { tags: { remove: ["x"] } }, { priority: 1 }, { position: "a1" }, { title: "B" }] as const;
  const starts: Operation[] = [newTodo, ...patches.map((patch) => updateOf("a", patch, 1))];
  for (const earlier of starts) {
    for (const patch of patches) {
      const later = updateOf("a", patch, 2);
      const before = earlier.kind === "create" ? undefined : localTodoOf({ id: "a", tags: ["x", "y"], due, priority: 2 });
      const apart = apply(later, apply(earlier, before));
      const together = merge(earlier, later).reduce((todo, operation) => apply(operation, todo), before);
      assert.deepEqual({ ...together, isProvisional: !!together?.isProvisional }, { ...apart, isProvisional: !!apart?.isProvisional }, JSON.stringify([earlier, patch]));
    }
  }
});

test("no merged update names more tags than a request may", () => {
  const tags = Array.from({ length: 25 }, (_, i) => `t${i}`);
  const edits = tags.flatMap((tag) => [{ add: [tag] }, { remove: [tag] }]).map((tags) => updateOf("a", { tags }, 1));
  let merged: readonly Operation[] = [updateOf("a", { due }, 0)];
  for (const edit of edits) merged = [...merged.slice(0, -1), ...merge(merged.at(-1)!, edit)];
  assert.deepEqual(merged.map((operation) => (sent(operation)["removeTags"] as string[]).length), [20, 5]);
  let todo: LocalTodo | undefined = localTodoOf({ id: "a", tags: ["T0", "t24", "x"] });
  for (const operation of merged) todo = apply(operation, todo);
  assert.deepEqual([todo?.due, todo?.tags], [due, ["x"]]);
});

test("completing notes the time until the service does, and opening clears it", () => {
  const todo = localTodoOf({ id: "a" });
  const done = apply(updateOf("a", { isCompleted: true }, 5), todo);
  assert.equal(done?.completedAt, 5);
  assert.equal(apply(updateOf("a", { isCompleted: true }, 9), done)?.completedAt, 5);
  assert.equal(apply(updateOf("a", { title: "B" }, 9), done)?.completedAt, 5);
  assert.equal(apply(updateOf("a", { isCompleted: false }, 9), done)?.completedAt, undefined);
});

test("a position that is cleared follows from the time of creation again", () => {
  const todo = localTodoOf({ id: "a", createdAt: 7 });
  const moved = apply(updateOf("a", { position: "a0" }, 0), todo);
  assert.equal(moved?.position, "a0");
  assert.equal(apply(updateOf("a", { position: "" }, 0), moved)?.position, todo.position);
});

test("a todo that is as the update wants it is known as such", () => {
  const update = updateOf("a", { due, tags: { add: ["x"], remove: ["y"] }, title: "A" }, 0);
  assert(update.kind === "update");
  const todo = localTodoOf({ id: "a", title: "A", due, tags: ["x"] });
  assert.equal(isDone(update, todo), true);
  for (const other of [{ due: { date: "2026-12-01" } }, { due: undefined }, { tags: [] }, { tags: ["x", "y"] }, { title: "B" }]) {
    assert.equal(isDone(update, { ...todo, ...other }), false, JSON.stringify(other));
  }
});
