import assert from "node:assert/strict";
import test from "node:test";
import { composerKey, Drafts } from "./drafts.ts";
import { shownTodoOf } from "../testing/local-todos.ts";
import { rowOf, type Row } from "./rows.ts";

const row: Row = rowOf(shownTodoOf({ id: "a", title: "A" }), false);

test("what is written is kept until it is closed", () => {
  const drafts = new Drafts(() => {});
  drafts.type(composerKey, "title", "new");
  drafts.open(row);
  drafts.type("a", "description", "details");
  drafts.open(row);
  assert.deepEqual(drafts.composer, { title: "new", description: "", faults: {} });
  assert.deepEqual(drafts.of("a"), { title: "A", description: "details", faults: {} });
  drafts.close(composerKey);
  drafts.close("a");
  assert.equal(drafts.composing, false);
  assert.equal(drafts.of("a"), undefined);
});

test("what was wrong with a field may be right once it is typed in", () => {
  const drafts = new Drafts(() => {});
  drafts.set(composerKey, { title: " ", description: "", faults: { "": "1", title: "2", description: "3" } });
  drafts.type(composerKey, "title", "a");
  assert.deepEqual(drafts.composer.faults, { description: "3" });
});

test("leaving loses text that is nowhere else, and an editor without a change loses none", () => {
  const drafts = new Drafts(() => {});
  assert.equal(drafts.any, false);
  drafts.open(row);
  assert.deepEqual([drafts.any, drafts.rows], [false, []]);
  drafts.type("a", "title", "A, edited");
  assert.deepEqual([drafts.any, drafts.rows], [true, [row]]);
  drafts.type("a", "title", "A");
  assert.equal(drafts.any, false);
  drafts.type(composerKey, "description", "details");
  assert.equal(drafts.any, true);
});

test("a new todo that was refused is nowhere else, as it is", () => {
  const drafts = new Drafts(() => {});
  const { id: _, ...refused } = { ...row, progress: "refused" } as const;
  drafts.edit(refused, { title: "A", description: "", faults: { title: "no" } });
  assert.deepEqual(drafts.rows, [refused]);
});
