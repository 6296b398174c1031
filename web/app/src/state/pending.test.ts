import assert from "node:assert/strict";
import test from "node:test";
import { todo } from "../testing/service.ts";
import { rowsOf, type Change, type Filter, type Pending, type Progress } from "./pending.ts";

function pending(key: string, change: Change, progress: Progress = "sending"): Pending {
  return { key, change, progress };
}

const todos = [todo("b", { isCompleted: true }), todo("a", { description: "details" })];

/** Returns what the user sees of the rows, in short. */
function seen(changes: readonly Pending[], filter: Filter = "all"): string[] {
  return rowsOf(todos, changes, filter).map(
    ({ title, description, isCompleted, progress }) =>
      `${isCompleted ? "x" : "-"} ${title}${description && `, ${description}`} (${progress})`,
  );
}

test("without changes the list is as the service has it", () => {
  assert.deepEqual(seen([]), ["x b (saved)", "- a, details (saved)"]);
  assert.deepEqual(seen([], "open"), ["- a, details (saved)"]);
  assert.deepEqual(seen([], "done"), ["x b (saved)"]);
});

test("new todos come first, the newest at the top", () => {
  const changes = [
    pending("c", { kind: "create", id: "c", title: "c", description: "" }, "waiting"),
    pending("d", { kind: "create", id: "d", title: "d", description: "more" }),
  ];
  assert.deepEqual(seen(changes, "open"), ["- d, more (sending)", "- c (waiting)", "- a, details (saved)"]);
  assert.deepEqual(seen(changes, "done"), ["x b (saved)"]);
});

test("updates are laid over the todo in their order, and set only what they name", () => {
  const changes = [
    pending("1", { kind: "update", id: "a", title: "a", patch: { title: "A", isCompleted: true } }),
    pending("2", { kind: "update", id: "a", title: "A", patch: { title: "AA" } }, "queued"),
  ];
  assert.deepEqual(seen(changes), ["x b (saved)", "x AA, details (queued)"]);
  assert.deepEqual(seen(changes, "open"), []);
});

test("a deleted todo is gone, and back when that is no longer pending", () => {
  assert.deepEqual(seen([pending("1", { kind: "delete", id: "b", title: "b" }, "held")]), ["- a, details (saved)"]);
  assert.deepEqual(seen([]).length, 2);
});

test("a new todo that is stored, although no answer has come, is shown once", () => {
  const changes = [pending("a", { kind: "create", id: "a", title: "a", description: "details" }, "waiting")];
  assert.deepEqual(seen(changes), seen([]));
});

test("a row keeps its key when the service has stored it", () => {
  const [before] = rowsOf([], [pending("a", { kind: "create", id: "a", title: "a", description: "" })], "all");
  const [after] = rowsOf([todo("a")], [], "all");
  assert.deepEqual([before?.key, before?.id], ["a", undefined]);
  assert.deepEqual([after?.key, after?.id], ["a", "a"]);
});

test("a row that the user writes in stays, whatever the list, and comes first when it has left all lists", () => {
  const [done, open] = rowsOf(todos, [], "all");
  const gone = { ...open!, key: "gone", id: "gone" };
  const keys = (filter: Filter) => rowsOf(todos, [], filter, [gone, open!]).map(({ key }) => key);
  assert.deepEqual(keys("all"), ["gone", "b", "a"]);
  assert.deepEqual(keys("open"), ["gone", "a"]);
  assert.deepEqual(keys("done"), ["gone", "b", "a"]);
  assert.deepEqual(rowsOf(todos, [], "open", [done!]).map(({ key }) => key), ["b", "a"]);
});
