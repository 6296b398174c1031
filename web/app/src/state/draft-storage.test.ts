import assert from "node:assert/strict";
import test from "node:test";
import { shownTodoOf } from "../testing/local-todos.ts";
import { tabStorage } from "../testing/tab-storage.ts";
import { DraftStorage, forgetDrafts } from "./draft-storage.ts";
import { composerKey, Drafts } from "./drafts.ts";
import { rowOf } from "./rows.ts";

const row = rowOf(shownTodoOf({ id: "a", title: "A", due: { date: "2026-12-01" }, tags: ["x"] }), false);

test("what was being written is there after the page was loaded again", () => {
  const storage = tabStorage();
  const before = new Drafts(() => {}, new DraftStorage("u", storage));
  before.type(composerKey, "title", "new");
  before.set(composerKey, { ...before.composer, due: null, tags: ["y"], ignored: ["due fri"] });
  before.open(row);
  before.type("a", "description", "details");

  const after = new Drafts(() => {}, new DraftStorage("u", storage));
  assert.deepEqual(after.composer, { title: "new", description: "", faults: {}, due: null, tags: ["y"], ignored: ["due fri"] });
  assert.equal(after.of("a")?.description, "details");
  assert.deepEqual(after.rowOf("a"), JSON.parse(JSON.stringify(row)));
  assert.equal(after.any, true);
});

test("what is saved or given up is kept no longer", () => {
  const storage = tabStorage();
  const drafts = new Drafts(() => {}, new DraftStorage("u", storage));
  drafts.type(composerKey, "title", "new");
  drafts.close(composerKey);
  assert.equal(storage.length, 0);
});

test("users don't see one another's drafts", () => {
  const storage = tabStorage();
  new Drafts(() => {}, new DraftStorage("u", storage)).type(composerKey, "title", "secret");
  const other = new DraftStorage("v", storage);
  assert.deepEqual([...other.load()], []);
  other.save(new Map());
  assert.equal(new Drafts(() => {}, new DraftStorage("u", storage)).composer.title, "secret");
});

test("drafts of others are forgotten, and nothing else", () => {
  const storage = tabStorage();
  for (const key of ["todo.drafts u", "todo.drafts v", "todo.drafts ", "else"]) storage.setItem(key, "[]");
  forgetDrafts("u", storage);
  assert.deepEqual([storage.getItem("todo.drafts u"), storage.getItem("else"), storage.length], ["[]", "[]", 2]);
  forgetDrafts(undefined, storage);
  assert.deepEqual([storage.getItem("else"), storage.length], ["[]", 1]);
});

test("a storage that is missing, full or spoiled stands in nobody's way", () => {
  const full = { ...tabStorage(), getItem: () => null, setItem: () => assert.fail("full"), removeItem: () => assert.fail("gone") };
  for (const storage of [undefined, full as unknown as Storage]) {
    const drafts = new Drafts(() => {}, new DraftStorage("u", storage));
    drafts.type(composerKey, "title", "new");
    assert.equal(drafts.composer.title, "new");
  }
  for (const text of ["{", "7", "null", `[7, null, ["a"], ["a", null], ["a", {"draft": {"title": 7}}]]`]) {
    const storage = tabStorage();
    storage.setItem("todo.drafts u", text);
    assert.deepEqual([...new DraftStorage("u", storage).load()], [], text);
  }
});
