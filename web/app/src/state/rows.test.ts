import assert from "node:assert/strict";
import test from "node:test";
import type { ShownTodo } from "../sync/view.ts";
import { rowsOf, type Filter } from "./rows.ts";

function shown(id: string, fields: Partial<ShownTodo> = {}): ShownTodo {
  return { id, title: id, description: "", isCompleted: false, createdAt: 1, updatedAt: 1, etag: "e", unsent: false, ...fields };
}

const todos = [shown("b", { isCompleted: true, createdAt: 3 }), shown("a", { unsent: true })];

/** Returns what the user sees of the rows, in short. */
function seen(filter: Filter, isAway = false): string[] {
  return rowsOf(todos, filter, isAway).map(({ title, isCompleted, progress }) => `${isCompleted ? "x" : "-"} ${title} (${progress})`);
}

test("each list has its todos", () => {
  assert.deepEqual(seen("all"), ["x b (saved)", "- a (sending)"]);
  assert.deepEqual(seen("open"), ["- a (sending)"]);
  assert.deepEqual(seen("done"), ["x b (saved)"]);
});

test("what is unsent waits while the service is away", () => {
  assert.deepEqual(seen("all", true), ["x b (saved)", "- a (waiting)"]);
});

test("a row that the user writes in stays where it was, whatever the list, also when it has left all lists", () => {
  const [done, open] = rowsOf(todos, "all", false);
  const gone = { ...open!, key: "gone", id: "gone", createdAt: 2 };
  const keys = (filter: Filter) => rowsOf(todos, filter, false, [gone, open!]).map(({ key }) => key);
  assert.deepEqual(keys("all"), ["b", "gone", "a"]);
  assert.deepEqual(keys("open"), ["gone", "a"]);
  assert.deepEqual(keys("done"), ["b", "gone", "a"]);
  assert.deepEqual(rowsOf(todos, "open", false, [done!]).map(({ key }) => key), ["b", "a"]);
});
