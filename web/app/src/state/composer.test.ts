import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import { open } from "../testing/bench.ts";
import { until } from "../testing/service.ts";
import type { Composed } from "./composed.ts";
import { composerKey } from "./drafts.ts";

test("what is written is understood, shown so, and created so", async (t) => {
  const bench = await open(t, "all");
  const { composer, dueInput } = bench.store;
  composer.prepare();
  await until(() => dueInput.isReady);
  bench.write("Call mum tomorrow 9am #Family !high");
  const { pieces, ...todo } = composer.understood;
  assert.deepEqual(todo, { title: "Call mum", description: "", due: { date: "2026-11-30", time: "09:00" }, priority: 3, tags: ["Family"] });
  assert.deepEqual(pieces.map(({ text }) => text), ["tomorrow 9am", "#Family", "!high"]);
  assert.equal(composer.create(), true);
  await bench.settled();
  const { title, dueDate, dueTime, dueTimeZone, tags, priority } = bench.server.find("Call mum");
  assert.deepEqual([title, dueDate, dueTime, dueTimeZone, tags, priority], ["Call mum", "2026-11-30", "09:00", undefined, ["Family"], 3]);
});

test("what is ignored stays in the title", async (t) => {
  const bench = await open(t, "all");
  const { composer } = bench.store;
  bench.write("Fix #a #b");
  composer.ignore(composer.understood.pieces[0]!);
  assert.deepEqual([composer.understood.title, composer.understood.tags], ["Fix #a", ["b"]]);
});

test("a tag that is taken away is off, and what is written stays in the title", async (t) => {
  const bench = await open(t, "tag:home", { title: "old", tags: ["Home"] });
  const { composer } = bench.store;
  const tagsOf = ({ title, tags }: Composed) => [title, tags.join()];
  bench.write("Call Ana #home #Work #work");
  assert.deepEqual(tagsOf(composer.understood), ["Call Ana", "Home,Work"]);
  composer.removeTag("Home");
  assert.deepEqual(tagsOf(composer.understood), ["Call Ana #home", "Work"]);
  composer.removeTag("Work");
  assert.deepEqual(tagsOf(composer.understood), ["Call Ana #home #Work #work", ""]);
  composer.addTag("work");
  assert.deepEqual(tagsOf(composer.understood), ["Call Ana #home #Work #work", "work"]);
});

test("before due dates can be read, the rest is understood", async (t) => {
  const bench = await open(t, "all");
  bench.write("Call tomorrow #x");
  assert.deepEqual([bench.store.composer.understood.title, bench.store.composer.understood.tags], ["Call tomorrow", ["x"]]);
});

test("what is created before due dates can be read is read as soon as they can", async (t) => {
  const bench = await open(t, "today");
  const { store } = bench;
  const { composer, dueInput } = store;
  assert.equal(dueInput.isReady, false);
  bench.write("Call mum tomorrow 9am");
  assert.equal(composer.create(), true);
  assert.equal(store.drafts.composing, false, "the next can be written");
  assert.deepEqual(bench.seen, ["Call mum tomorrow 9am"], "nothing is lost meanwhile");
  store.show("all");
  await until(() => bench.seen[0] === "Call mum");
  await bench.settled();
  const { dueDate, dueTime } = bench.server.find("Call mum");
  assert.deepEqual([dueDate, dueTime, bench.server.titles], ["2026-11-30", "09:00", ["Call mum"]]);
});

test("what is read later says how, and is undone at once", async (t) => {
  const bench = await open(t, "today");
  bench.write("Call mum tomorrow #x");
  bench.store.composer.create();
  await until(() => bench.messages.length > 0);
  assert.deepEqual([bench.seen, bench.messages], [[], ["Read “tomorrow” as tomorrow in “Call mum tomorrow” [Undo]"]]);
  await bench.settled();
  bench.store.notices.act();
  assert.deepEqual(bench.seen, ["Call mum tomorrow"]);
  await bench.settled();
  const { title, dueDate, tags } = bench.server.find("Call mum tomorrow");
  assert.deepEqual([title, dueDate, tags, bench.messages], ["Call mum tomorrow", "2026-11-29", ["x"], []]);
});

test("what the user has changed since is not read later", async (t) => {
  const bench = await open(t, "all");
  bench.write("Call mum tomorrow");
  bench.store.composer.create();
  bench.store.actions.setDue([bench.row("Call mum tomorrow")], { date: "2026-12-24" });
  await until(() => bench.store.dueInput.isReady);
  await bench.settled();
  assert.deepEqual([bench.server.find("Call mum tomorrow").dueDate, bench.server.titles.length], ["2026-12-24", 1]);
});

test("chosen values are created, and gone with the next todo", async (t) => {
  const bench = await open(t, "all");
  const { composer } = bench.store;
  bench.write("a");
  composer.setDue({ date: "2026-12-24", time: "18:00", zone: "Europe/Berlin" });
  composer.setPriority(1);
  composer.addTag("x");
  composer.addTag("y");
  composer.removeTag("X");
  composer.create();
  bench.write("b");
  composer.create();
  await bench.settled();
  const seen = bench.store.rows.map(({ title, due, priority, tags }) => [title, due?.zone, priority, tags]);
  assert.deepEqual(seen, [["b", undefined, 0, []], ["a", "Europe/Berlin", 1, ["y"]]]);
});

test("a todo that is written in a list belongs to it, unless the user says otherwise", async (t) => {
  const bench = await open(t, "today", { title: "old", tags: ["Home"] });
  const { composer, store } = { composer: bench.store.composer, store: bench.store };
  bench.write("a");
  assert.deepEqual(composer.understood.due, { date: "2026-11-29" });
  composer.create();
  assert.deepEqual([bench.seen, bench.store.announcement], [["a"], "Added “a”, due today"]);
  bench.write("b");
  composer.setDue(undefined);
  composer.create();
  assert.deepEqual(bench.messages, ["Added “b” to All [Show]"]);

  store.show("tag:home");
  bench.write("c");
  assert.deepEqual(composer.understood.tags, ["Home"]);
  composer.create();
  bench.write("d");
  composer.removeTag("home");
  composer.create();
  assert.deepEqual(bench.seen, ["c", "old"]);
});

test("too many tags are a fault, and nothing is created", async (t) => {
  const bench = await open(t, "all");
  bench.write(`a ${Array.from({ length: 21 }, (_, i) => `#t${i}`).join(" ")}`);
  assert.equal(bench.store.composer.create(), false);
  assert.deepEqual(bench.store.drafts.composer.faults, { "": "Must have at most 20 tags." });
  assert.equal(bench.store.unsent, 0);
});

test("pasted lines become todos in their order, before those that are there, with one undo", async (t) => {
  const bench = await open(t, "all", "old");
  bench.write("new");
  bench.store.composer.create();
  assert.equal(bench.store.composer.paste("- [ ] a\n\n- [x] b\n* c tomorrow #x\n"), true);
  const expected = ["a", "c tomorrow #x", "new", "old", "x b"];
  assert.deepEqual([bench.seen, bench.messages], [expected, ["Added 3 todos [Undo]"]]);
  await bench.settled();
  assert.deepEqual(bench.seen, expected);
  assert.deepEqual([bench.row("c tomorrow #x").tags, bench.row("c tomorrow #x").due], [[], undefined]);
  bench.write("newest");
  bench.store.composer.create();
  await bench.settled();
  assert.equal(bench.seen[0], "newest");
  bench.store.notices.act();
  await bench.settled();
  assert.deepEqual([bench.seen, bench.server.titles.toSorted()], [["newest", "new", "old"], ["new", "newest", "old"]]);
  assert.deepEqual([bench.messages, bench.store.announcement], [[], "Removed 3 todos"]);
});

test("pasted lines belong to the list that is shown", async (t) => {
  const bench = await open(t, "today");
  bench.store.composer.paste("a\nb");
  assert.deepEqual(bench.seen, ["a", "b"]);
});

for (const position of ["A00000000000000000000000000", "zzz-"]) {
  test(`pasted lines come first where there is no place before the first: ${position}`, async (t) => {
    const bench = await open(t, "all", { title: "last", position: "b0" }, { title: "first", position });
    const order = bench.seen;
    bench.store.composer.paste("one\ntwo\nthree");
    assert.deepEqual(bench.seen, ["one", "two", "three", ...order]);
    await bench.settled();
    assert.deepEqual(bench.seen, ["one", "two", "three", ...order]);
  });
}

test("one line is text like any other", async (t) => {
  const bench = await open(t, "all");
  assert.equal(bench.store.composer.paste("- a\n"), false);
  assert.equal(bench.store.composer.paste(""), false);
  assert.deepEqual(bench.seen, []);
});

test("too many lines, or one that can't be a title, add nothing, and say why", async (t) => {
  const bench = await open(t, "all");
  const lines = (count: number) => Array.from({ length: count }, (_, i) => `${i}`).join("\n");
  assert.equal(bench.store.composer.paste(lines(501)), true);
  assert.equal(bench.store.composer.paste(`a\n${"x".repeat(501)}`), true);
  assert.deepEqual(bench.messages, [
    "These are 501 lines; at most 500 become todos at once.",
    "Nothing was added. Todo 2 of the 2: Must be at most 500 characters.",
  ]);
  assert.deepEqual([bench.seen, bench.store.unsent], [[], 0]);
  bench.store.composer.paste(lines(500));
  assert.equal(bench.store.rows.length, 500);
  await bench.settled();
  assert.deepEqual(bench.seen, lines(500).split("\n"));
  assert.equal(bench.server.titles.length, 500);
});

test("a new todo that is refused comes back with all that was said, and is not understood again", async (t) => {
  const bench = await open(t, "all");
  bench.refuse(Code.InvalidArgument);
  const { composer } = bench.store;
  bench.write("See #1 #x !low");
  composer.ignore(composer.understood.pieces[0]!);
  composer.setDue({ date: "2026-12-24" });
  composer.create();
  await bench.settled();
  const expected = { title: "See #1 #x", description: "", due: { date: "2026-12-24" }, priority: 1, tags: [] as string[], pieces: [] };
  assert.deepEqual(composer.understood, expected);

  bench.write("other");
  bench.store.drafts.type(composerKey, "title", "other");
  bench.server.refuses = () => {};
});

test("a refused todo in a row of its own keeps what was said", async (t) => {
  const bench = await open(t, "all");
  bench.refuse(Code.InvalidArgument);
  bench.write("One #x");
  bench.store.composer.setPriority(2);
  bench.store.composer.create();
  bench.write("Two");
  await bench.settled();
  assert.deepEqual(bench.seen, ["One > One: No."]);
  assert.deepEqual([bench.row("One").tags, bench.row("One").priority], [["x"], 2]);
  bench.server.refuses = () => {};
  assert.equal(bench.store.editor.save(bench.row("One")), true);
  await bench.settled();
  assert.deepEqual([bench.server.find("One").tags, bench.server.find("One").priority], [["x"], 2]);
});

test("a refused text that is added again has no tag of the list that is shown meanwhile", async (t) => {
  const bench = await open(t, "tag:home", { title: "old", tags: ["home"] });
  bench.store.composer.addAgain({ title: "One", description: "", tags: ["work"], faults: {} });
  await bench.settled();
  assert.deepEqual(bench.server.find("One").tags, ["work"]);
});

test("a refused text that is corrected outlasts a reload once, not twice", async (t) => {
  const bench = await open(t, "all");
  bench.refuse(Code.InvalidArgument);
  bench.write("One #x");
  bench.store.composer.create();
  await bench.settled();
  bench.store.drafts.type(composerKey, "title", "One, corrected");
  await bench.close();
  await bench.open("all");
  assert.deepEqual([bench.store.drafts.composer.title, bench.seen], ["One, corrected", []]);
  assert.deepEqual(bench.store.composer.understood.tags, ["x"]);
  bench.server.refuses = () => {};
  bench.store.composer.create();
  await bench.settled();
  await bench.close();
  await bench.open("all");
  assert.deepEqual([bench.store.drafts.composer.title, bench.seen], ["", ["One, corrected"]]);
});

test("what is being written outlasts a reload, edits of rows too", async (t) => {
  const bench = await open(t, "all", "a");
  bench.write("new #x");
  bench.edit("a", "edited");
  await bench.close();
  await bench.open("all");
  assert.deepEqual([bench.store.drafts.composer.title, bench.seen], ["new #x", ["a > edited: "]]);
  bench.store.editor.save(bench.row("a"));
  await bench.settled();
  assert.deepEqual(bench.server.titles, ["edited"]);
});
