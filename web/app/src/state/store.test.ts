import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { open } from "../testing/bench.ts";
import { gate, until } from "../testing/service.ts";

test("text that can't be taken over stays where it was typed", async (t) => {
  const bench = await open(t, "all", "a");
  t.mock.method(crypto, "getRandomValues", () => {
    throw new Error("there is no chance");
  });
  bench.write("One", "with details");
  assert.throws(() => bench.store.composer.create());
  assert.deepEqual(bench.store.drafts.composer, { title: "One", description: "with details", faults: {} });
});

test("text that breaks a rule stays, and the page says so before anything is sent", async (t) => {
  const bench = await open(t, "all", "a");
  bench.write(" \u200b", "x".repeat(2001));
  assert.equal(bench.store.composer.create(), false);
  assert.deepEqual(bench.store.drafts.composer.faults, {
    title: "Nothing in this title can be seen. Write one that can.",
    description: "Must be at most 2000 characters.",
  });
  const row = bench.edit("a", "");
  assert.equal(bench.store.editor.save(row), false);
  assert.deepEqual(bench.seen, ["a > : Write a title first."]);
  assert.equal(bench.store.unsent, 0);
});

test("a title from before it had to be visible stands in no other change's way", async (t) => {
  const bench = await open(t, "all", "\u200b");
  const row = bench.row("\u200b");
  bench.store.drafts.open(row);
  bench.store.drafts.type(row.key, "description", "details");
  assert.equal(bench.store.editor.save(row), true);
  await bench.settled();
  assert.equal(bench.server.todos[0]?.description, "details");
});

test("an edit that is refused while its row is in another list comes back, with what is wrong", async (t) => {
  const bench = await open(t, "all", { title: "b", isCompleted: true }, "a");
  bench.refuse(Code.InvalidArgument, "title: must be better");
  bench.store.editor.save(bench.edit("a", "edited"));
  bench.store.show("done");
  await bench.settled();
  assert.deepEqual(bench.seen, ["a > edited: Must be better.", "x b"]);
  assert.equal(bench.store.wouldLose, true);
});

test("a refused edit outlasts the tab, until it is corrected", async (t) => {
  const bench = await open(t, "all", "a");
  bench.refuse(Code.InvalidArgument);
  bench.store.editor.save(bench.edit("a", "edited"));
  await bench.settled();
  await bench.close();
  await bench.open("all");
  assert.deepEqual(bench.seen, ["a > edited: No."]);
  bench.server.refuses = () => {};
  bench.store.drafts.type(bench.row("a").key, "title", "corrected");
  bench.store.editor.save(bench.row("a"));
  await bench.settled();
  await until(() => bench.server.titles[0] === "corrected");
  await bench.close();
  await bench.open("all");
  assert.deepEqual(bench.seen, ["corrected"]);
});

test("an edit of a todo that was deleted elsewhere stays, and is given back when it is saved", async (t) => {
  const bench = await open(t, "all", "a", "b");
  const row = bench.row("a");
  bench.store.drafts.open(row);
  bench.server.delete(row.key);
  await bench.sees(() => bench.store.show("trash"), ["a"]);
  assert.deepEqual(bench.seen, ["a > a: ", "b"], "the editor stays open");
  bench.store.drafts.type(row.key, "title", "edited");
  assert.deepEqual(bench.seen, ["a > edited: ", "b"]);
  bench.store.editor.save(row);
  assert.deepEqual(bench.seen, ["b"]);
  assert.equal(bench.store.drafts.composer.title, "edited");
  assert.deepEqual(bench.store.drafts.composer.faults, { "": "This was deleted elsewhere. Add it again?" });
});

test("an edit that was on its way to a todo that is gone is given back", async (t) => {
  const bench = await open(t, "all", "a");
  const sent = gate();
  bench.server.before = (procedure) => (procedure === "applyTodos" ? sent.passed : undefined);
  bench.store.actions.toggle([bench.row("a")]);
  await until(() => bench.server.calls.includes("applyTodos"));
  const row = bench.edit("a", "edited");
  bench.store.editor.save(row);
  bench.server.delete(row.key);
  sent.open();
  await bench.settled();
  assert.equal(bench.store.drafts.composer.title, "edited");
  assert.deepEqual(bench.messages, ["“a” was not changed. It no longer exists."]);
});

test("all that was done to a todo that is gone is given back with its text", async (t) => {
  const bench = await open(t, "all", { title: "a", tags: ["x"] });
  const sent = gate();
  bench.server.before = (procedure) => (procedure === "applyTodos" ? sent.passed : undefined);
  bench.store.actions.toggle([bench.row("a")]);
  await until(() => bench.server.calls.includes("applyTodos"));
  const row = bench.edit("a", "edited");
  bench.store.editor.save(row);
  bench.store.actions.setDue([bench.row("edited")], { date: "2026-12-01" });
  bench.store.actions.setPriority([bench.row("edited")], 3);
  bench.store.actions.addTags([bench.row("edited")], ["y"]);
  bench.server.delete(row.key);
  sent.open();
  await bench.settled();
  const { title, due, priority, tags } = bench.store.drafts.composer;
  assert.deepEqual({ title, due, priority, tags }, { title: "edited", due: { date: "2026-12-01" }, priority: 3, tags: ["x", "y"] });
});

test("what was done to a todo besides a refused text is done", async (t) => {
  const bench = await open(t, "all", "a");
  const sent = gate();
  bench.server.before = (procedure) => (procedure === "applyTodos" ? sent.passed : undefined);
  bench.store.actions.toggle([bench.row("a")]);
  await until(() => bench.server.calls.includes("applyTodos"));
  bench.store.editor.save(bench.edit("a", "edited"));
  bench.store.actions.setDue([bench.row("edited")], { date: "2026-12-01" });
  bench.server.refuses = ({ operation }) => {
    if (operation.case === "update" && operation.value.title !== undefined) throw new ConnectError("no", Code.InvalidArgument);
  };
  sent.open();
  await bench.settled();
  assert.deepEqual(bench.seen, ["x a > edited: No."]);
  assert.equal(bench.server.find("a").dueDate, "2026-12-01");
});

test("an edit of a todo that was deleted elsewhere is given back with the todo's own due date", async (t) => {
  const bench = await open(t, "all", { title: "a", dueDate: "2026-12-01" });
  const row = bench.edit("a", "edited");
  bench.server.delete(row.key);
  await bench.sees(() => bench.store.show("trash"), ["a"]);
  bench.store.editor.save(row);
  assert.deepEqual(bench.store.drafts.composer.due, { date: "2026-12-01" });
});

test("an edit leaves alone what was changed elsewhere meanwhile", async (t) => {
  const bench = await open(t, "all", { title: "a", description: "details" });
  const row = bench.edit("a", "edited");
  bench.server.update(row.key, { description: "changed elsewhere" });
  bench.store.editor.save(row);
  await bench.settled();
  assert.deepEqual(bench.server.todos.map(({ title, description }) => [title, description]), [["edited", "changed elsewhere"]]);
});

for (const [choice, titles] of Object.entries({ mine: ["mine"], theirs: ["theirs"], both: ["mine", "theirs"] })) {
  test(`two texts of one todo are both kept until the user chooses: ${choice}`, async (t) => {
    const bench = await open(t, "all", "a");
    const row = bench.edit("a", "mine");
    bench.server.update(row.key, { title: "theirs" });
    await until(() => bench.store.rows[0]?.title === "theirs");
    assert.deepEqual(bench.seen, ["theirs > mine: "]);
    bench.store.editor.save(row);
    await bench.settled();
    assert.deepEqual(bench.seen, ["theirs"]);
    assert.equal(bench.row("theirs").conflict?.title, "mine");
    assert.deepEqual(bench.messages, ["“theirs” was changed elsewhere, too. Choose a text."]);
    bench.store.editor.resolve(bench.row("theirs"), choice as "mine" | "theirs" | "both");
    await until(() => bench.store.rows.every(({ conflict }) => !conflict));
    await bench.settled();
    assert.deepEqual([bench.seen, bench.server.titles], [titles, titles]);
  });
}

test("a text in conflict with a todo that is deleted then is given back", async (t) => {
  const bench = await open(t, "all", "a");
  const row = bench.edit("a", "mine");
  bench.server.update(row.key, { title: "theirs" });
  bench.store.editor.save(row);
  await bench.settled();
  bench.server.delete(row.key);
  await until(() => bench.store.rows.length === 0);
  assert.equal(bench.store.drafts.composer.title, "mine");
});

test("a new todo that is refused comes back, whatever the list and what is being written", async (t) => {
  const bench = await open(t, "done");
  bench.refuse(Code.InvalidArgument);
  bench.write("One");
  bench.store.composer.create();
  bench.write("Two");
  await bench.settled();
  assert.deepEqual(bench.seen, ["One > One: No."]);
  assert.equal(bench.store.drafts.composer.title, "Two");
});

test("rows are made anew only when something changes, also while a text is unsaved", async (t) => {
  const bench = await open(t, "all", "a", "b");
  bench.edit("a", "edited");
  const { rows, sections } = bench.store;
  bench.store.drafts.type(bench.row("a").key, "title", "edited more");
  assert.equal(bench.store.rows, rows);
  assert.equal(bench.store.sections, sections);
  bench.store.actions.setPriority([bench.row("a")], 2);
  assert.equal(bench.row("a").priority, 2);
});

test("a todo that is being edited is not deleted, with the text", async (t) => {
  const bench = await open(t, "all", "a");
  bench.store.actions.delete([bench.edit("a", "edited")]);
  assert.deepEqual(bench.seen, ["a > edited: "]);
  assert.deepEqual(bench.messages, []);
});

test("completing can be undone, and what is no longer so can't", async (t) => {
  const bench = await open(t, "all", "a", "b");
  const { key } = bench.row("a");
  bench.store.actions.toggle([bench.row("a")]);
  await bench.settled();
  assert.deepEqual([bench.seen, bench.messages], [["b", "x a"], ["Completed “a” [Undo]"]]);
  assert.equal(bench.store.notices.act(), key);
  await bench.settled();
  assert.deepEqual([bench.seen, bench.messages], [["b", "a"], []]);
  assert.equal(bench.store.announcement, "Restored “a”");
  assert.deepEqual(bench.server.todos.map(({ isCompleted }) => isCompleted), [false, false]);

  const sent = gate();
  bench.server.before = (procedure) => (procedure === "applyTodos" ? sent.passed : undefined);
  bench.store.actions.toggle([bench.row("a")]);
  bench.server.delete(key);
  sent.open();
  await bench.settled();
  assert.deepEqual(bench.messages, ["“a” was not changed. It no longer exists."]);
  assert.equal(bench.store.notices.act(), undefined);
});

test("what is deleted is in the trash, from where it comes back", async (t) => {
  const bench = await open(t, "all", "a", "b");
  bench.store.actions.delete([bench.row("a")]);
  assert.deepEqual([bench.seen, bench.messages], [["b"], ["Deleted “a” [Undo]"]]);
  bench.store.notices.act();
  assert.deepEqual(bench.seen, ["b", "a"]);
  for (const title of ["a", "b"]) bench.store.actions.delete([bench.row(title)]);
  bench.store.show("trash");
  assert.equal(bench.store.announcement, "2 todos in the trash");
  await bench.settled();
  bench.store.actions.restore([bench.row("a")]);
  await bench.settled();
  assert.deepEqual([bench.seen, bench.server.titles], [["b"], ["a"]]);
  assert(bench.messages.includes("Restored “a” to All [Show]"));
  bench.store.actions.delete([bench.row("b")]);
  assert.deepEqual(bench.questions, ["Delete “b” for good? This can’t be undone."]);
  await bench.settled();
  assert.deepEqual(bench.seen, []);
});

test("emptying the trash asks first, and leaves all else", async (t) => {
  const bench = await open(t, "all", "a", "b", "c");
  for (const title of ["a", "b"]) bench.store.actions.delete([bench.row(title)]);
  bench.store.show("trash");
  await bench.settled();
  bench.store.actions.emptyTrash();
  assert.deepEqual(bench.questions, ["Delete all 2 todos in the trash for good? This can’t be undone."]);
  await bench.settled();
  assert.deepEqual(bench.seen, []);
  bench.store.show("all");
  assert.deepEqual([bench.seen, bench.server.titles], [["c"], ["c"]]);
});

test("each todo has one message about being completed or deleted", async (t) => {
  const bench = await open(t, "all", "a", "b");
  for (const title of ["a", "b", "a"]) bench.store.actions.toggle([bench.row(title)]);
  assert.deepEqual(bench.messages, ["Completed “b” [Undo]", "Opened “a” [Undo]"]);
  bench.store.actions.delete([bench.row("b")]);
  assert.deepEqual(bench.messages, ["Opened “a” [Undo]", "Deleted “b” [Undo]"]);
});

test("what is added to a list that is not shown is said, with the way there", async (t) => {
  const bench = await open(t, "done", { title: "a", isCompleted: true });
  bench.write("One");
  bench.store.composer.create();
  assert.deepEqual([bench.seen, bench.messages], [["x a"], ["Added “One” to All [Show]"]]);
  const key = bench.store.notices.act(bench.store.notices.all[0]?.key);
  assert.deepEqual(bench.went, ["all"]);
  assert.deepEqual(bench.seen, ["One"]);
  assert.equal(bench.row("One").key, key);
  await bench.settled();
  assert.deepEqual([bench.seen, bench.messages], [["One"], []]);
});

test("what is added to the list that is shown is announced", async (t) => {
  const bench = await open(t, "all");
  bench.write("One");
  bench.store.composer.create();
  assert.deepEqual(bench.messages, []);
  assert.equal(bench.store.announcement, "Added “One”");
});

test("what is restored to a list that is not shown is said, with the way there", async (t) => {
  const bench = await open(t, "all", "a", "b");
  bench.store.actions.delete([bench.row("a")]);
  bench.store.actions.toggle([bench.row("b")]);
  bench.store.show("done");
  bench.store.notices.act();
  bench.store.notices.act();
  assert.deepEqual(bench.messages, ["Restored “b” to All [Show]", "Restored “a” to All [Show]"]);
});
