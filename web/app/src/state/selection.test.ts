import assert from "node:assert/strict";
import test from "node:test";
import { shownTodoOf } from "../testing/local-todos.ts";
import { rowOf } from "./rows.ts";
import { Selection } from "./selection.ts";

/** Returns a selection among rows that a test changes. */
function among(...keys: string[]) {
  const shown = { keys, changes: 0 };
  const rows = () => shown.keys.map((id) => rowOf(shownTodoOf({ id }), false));
  const selection = new Selection(rows, () => shown.changes++);
  return { selection, shown, selected: () => selection.rows.map(({ key }) => key).join("") };
}

test("rows are selected one by one, or from one to another, in the order of the list", () => {
  const { selection, selected, shown } = among("a", "b", "c", "d", "e");
  selection.toggle("d");
  selection.toggle("a");
  assert.equal(selected(), "ad");
  selection.extendTo("c");
  assert.deepEqual([selected(), selection.size, selection.has("b"), selection.has("e")], ["abcd", 4, true, false]);
  selection.toggle("b");
  assert.equal(selected(), "acd");
  selection.extendTo("e");
  assert.equal(selected(), "abcde");
  selection.clear();
  assert.deepEqual([selected(), shown.changes], ["", 6]);
  selection.clear();
  assert.equal(shown.changes, 6, "nothing changed");
});

test("a range without a beginning is its end", () => {
  const { selection, selected, shown } = among("a", "b", "c");
  selection.extendTo("b");
  assert.equal(selected(), "b");
  selection.toggle("a");
  shown.keys = ["b", "c"];
  selection.keepShown();
  selection.extendTo("c");
  assert.equal(selected(), "bc");
  selection.extendTo("gone");
  assert.equal(selected(), "bc");
});

test("a range grows and shrinks from where it began, and leaves what was selected before", () => {
  const { selection, selected } = among("a", "b", "c", "d", "e");
  selection.toggle("e");
  selection.toggle("b");
  selection.extendTo("d");
  assert.equal(selected(), "bcde");
  selection.extendTo("c");
  assert.equal(selected(), "bce");
  selection.extendTo("a");
  assert.equal(selected(), "abe");
  selection.extendTo("b");
  assert.equal(selected(), "be");
});

test("what is selected stays so as the end of a range without a beginning", () => {
  const { selection, selected } = among("a", "b");
  selection.selectAll();
  selection.extendTo("b");
  assert.equal(selected(), "ab");
});

test("what leaves the list is not selected when it comes back", () => {
  const { selection, selected, shown } = among("a", "b");
  selection.selectAll();
  shown.keys = ["b"];
  assert.equal(selected(), "b");
  selection.keepShown();
  shown.keys = ["a", "b"];
  assert.equal(selected(), "b");
});

test("a text that is no todo is not selected", () => {
  const row = rowOf(shownTodoOf({ id: "a" }), false);
  const { id: _, ...text } = { ...row, key: "text" };
  const selection = new Selection(() => [text, row], () => {});
  selection.selectAll();
  assert.deepEqual(selection.rows, [row]);
});
