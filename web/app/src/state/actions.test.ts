import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import { open, type Bench } from "../testing/bench.ts";
import { until } from "../testing/service.ts";

/** Returns the server's todos by their titles, with these fields. */
function stored(bench: Bench, ...fields: ("isCompleted" | "dueDate" | "dueTime" | "priority" | "tags")[]) {
  return Object.fromEntries(bench.server.todos.map((todo) => [todo.title, fields.map((field) => todo[field])]));
}

test("several todos are completed at once, and one undo opens those that were open", async (t) => {
  const bench = await open(t, "all", "a", { title: "b", isCompleted: true }, "c");
  bench.store.actions.toggle([bench.row("a"), bench.row("b"), bench.row("c")]);
  assert.deepEqual(bench.messages, ["Completed 2 todos [Undo]"]);
  await bench.settled();
  assert.deepEqual(stored(bench, "isCompleted"), { a: [true], b: [true], c: [true] });
  bench.store.notices.act();
  await bench.settled();
  assert.deepEqual(stored(bench, "isCompleted"), { a: [false], b: [true], c: [false] });
  assert.deepEqual(bench.messages, []);
});

test("todos that are all done are opened at once", async (t) => {
  const bench = await open(t, "done", { title: "a", isCompleted: true }, { title: "b", isCompleted: true });
  bench.store.actions.toggle(bench.store.rows);
  assert.deepEqual([bench.seen, bench.messages], [[], ["Opened 2 todos [Undo]"]]);
});

test("several are deleted at once, and one undo brings all back", async (t) => {
  const bench = await open(t, "all", "a", "b", "c");
  bench.store.actions.delete([bench.row("a"), bench.row("c")]);
  assert.deepEqual([bench.seen, bench.messages], [["b"], ["Deleted 2 todos [Undo]"]]);
  await bench.settled();
  bench.store.notices.act();
  await bench.settled();
  assert.deepEqual([bench.seen, bench.server.titles.toSorted()], [["c", "b", "a"], ["a", "b", "c"]]);
  assert.equal(bench.store.announcement, "Restored 2 todos");
});

test("one that is being edited is not deleted with the others", async (t) => {
  const bench = await open(t, "all", "a", "b");
  bench.edit("a", "edited");
  bench.store.actions.delete(bench.store.rows);
  assert.deepEqual([bench.seen, bench.messages], [["a > edited: "], ["Deleted “b” [Undo]"]]);
});

test("due dates are set at once, and each gets its own back", async (t) => {
  const bench = await open(t, "all", "a", { title: "b", dueDate: "2026-12-24", dueTime: "18:00" }, { title: "c", dueDate: "2026-12-01" });
  bench.store.actions.setDue(bench.store.rows, { date: "2026-12-01" });
  assert.deepEqual(bench.messages, ["Changed when to do 2 todos [Undo]"], "c is due then already");
  await bench.settled();
  assert.deepEqual(stored(bench, "dueDate", "dueTime"), { a: ["2026-12-01", undefined], b: ["2026-12-01", undefined], c: ["2026-12-01", undefined] });
  bench.store.notices.act();
  await bench.settled();
  assert.deepEqual(stored(bench, "dueDate", "dueTime"), { a: [undefined, undefined], b: ["2026-12-24", "18:00"], c: ["2026-12-01", undefined] });
  bench.store.actions.setDue([bench.row("b")], undefined);
  await bench.settled();
  assert.equal(bench.row("b").due, undefined);
});

test("priorities are set at once, and each gets its own back", async (t) => {
  const bench = await open(t, "all", "a", { title: "b", priority: 1 });
  bench.store.actions.setPriority(bench.store.rows, 3);
  await bench.settled();
  assert.deepEqual(stored(bench, "priority"), { a: [3], b: [3] });
  bench.store.notices.act();
  await bench.settled();
  assert.deepEqual(bench.store.rows.map(({ title, priority }) => [title, priority]), [["b", 1], ["a", 0]]);
});

test("tags are added and removed at once; undoing takes off only what was added", async (t) => {
  const bench = await open(t, "all", { title: "a", tags: ["Home"] }, { title: "b", tags: [] as string[] }, { title: "c", tags: ["home", "x"] });
  bench.store.actions.addTags(bench.store.rows, ["home", "x"]);
  assert.deepEqual(bench.messages, ["Tagged 2 todos [Undo]"]);
  await bench.settled();
  assert.deepEqual(stored(bench, "tags"), { a: [["Home", "x"]], b: [["home", "x"]], c: [["home", "x"]] });
  bench.store.notices.act();
  await bench.settled();
  assert.deepEqual(stored(bench, "tags"), { a: [["Home"]], b: [[]], c: [["home", "x"]] });
  bench.store.actions.removeTags(bench.store.rows, ["HOME"]);
  await bench.settled();
  assert.deepEqual(stored(bench, "tags"), { a: [[]], b: [[]], c: [["x"]] });
  bench.store.notices.act();
  await bench.settled();
  assert.deepEqual(stored(bench, "tags"), { a: [["Home"]], b: [[]], c: [["home", "x"]] });
});

test("all that is planned at once is one change, and one undo takes all of it back", async (t) => {
  const bench = await open(t, "all", { title: "a", tags: ["x"], priority: 1 }, { title: "b", dueDate: "2026-12-24" });
  const { actions, notices, rows } = bench.store;
  const seen = () => bench.store.rows.map(({ title, due, priority, tags }) => [title, due?.date, priority, tags.join()]);
  const before = seen();
  actions.plan(rows, { due: () => ({ date: "2026-12-01" }), priority: 3, addTags: ["y"], removeTags: ["X"] });
  assert.deepEqual(seen(), [["b", "2026-12-01", 3, "y"], ["a", "2026-12-01", 3, "y"]]);
  assert.deepEqual(bench.messages, ["Changed 2 todos [Undo]"]);
  notices.act();
  assert.deepEqual(seen(), before);
  await bench.settled();
  actions.plan([bench.row("a")], { due: () => undefined, priority: 1, addTags: ["x"], removeTags: ["z"] });
  assert.deepEqual([bench.store.unsent, seen()], [0, before], "nothing of it is new");
  actions.plan([bench.row("b")], { due: () => undefined, priority: 0 });
  assert.equal(bench.messages[0], "Changed when to do “b” [Undo]");
});

test("a todo that has as many tags as it may have says so", async (t) => {
  const tags = Array.from({ length: 20 }, (_, i) => `t${String(i).padStart(2, "0")}`);
  const bench = await open(t, "all", { title: "full", tags }, "a");
  bench.store.actions.addTags(bench.store.rows, ["new"]);
  assert.deepEqual(bench.messages, ["“full” can’t have more than 20 tags.", "Tagged “a” [Undo]"]);
  bench.store.actions.addTags([bench.row("full")], ["T00"]);
  assert.equal(bench.store.unsent, 1, "it has that one");
});

test("todos are moved by hand, and one undo moves all back", async (t) => {
  const bench = await open(t, "all", "d", "c", "b", "a");
  bench.store.actions.move([bench.row("c"), bench.row("d")], bench.row("a").key);
  assert.deepEqual([bench.seen, bench.messages], [["c", "d", "a", "b"], ["Moved 2 todos [Undo]"]]);
  await bench.settled();
  assert.deepEqual(bench.seen, ["c", "d", "a", "b"]);
  bench.store.notices.act();
  await bench.settled();
  assert.deepEqual(bench.seen, ["a", "b", "c", "d"]);
  bench.store.actions.move([bench.row("a")], undefined);
  assert.deepEqual(bench.seen, ["b", "c", "d", "a"]);
});

test("todos are moved by one place, and say where they are", async (t) => {
  const bench = await open(t, "all", "d", "c", "b", "a");
  bench.store.actions.moveBy([bench.row("b")], -1);
  assert.deepEqual([bench.seen, bench.store.announcement], [["b", "a", "c", "d"], "Place 1 of 4"]);
  bench.store.actions.moveBy([bench.row("b")], -1);
  assert.deepEqual([bench.seen, bench.store.announcement], [["b", "a", "c", "d"], "Place 1 of 4\u00a0"]);
  bench.store.actions.moveBy([bench.row("a"), bench.row("c")], 1);
  assert.deepEqual(bench.seen, ["b", "d", "a", "c"]);
  bench.store.actions.moveBy([bench.row("c")], 1);
  assert.deepEqual([bench.seen, bench.messages], [["b", "d", "a", "c"], []]);
  bench.store.actions.delete([bench.row("d")]);
  bench.store.actions.moveBy([bench.row("c")], -1);
  assert.equal(bench.store.notices.act(), undefined, "it would undo something older");
  assert.deepEqual([bench.seen, bench.messages], [["b", "c", "a"], ["Deleted “d” [Undo]"]]);
});

test("todos that are apart come together when they are moved by one place, and one undo parts them", async (t) => {
  const bench = await open(t, "all", "e", "d", "c", "b", "a");
  const move = (step: -1 | 1) => bench.store.actions.moveBy([bench.row("a"), bench.row("d")], step);
  move(1);
  assert.deepEqual([bench.seen, bench.store.announcement], [["b", "c", "e", "a", "d"], "Place 4 of 5"]);
  assert.deepEqual(bench.messages, ["Moved 2 todos [Undo]"]);
  await bench.settled();
  bench.store.notices.act();
  await bench.settled();
  assert.deepEqual([bench.seen, bench.messages], [["a", "b", "c", "d", "e"], []]);
  move(-1);
  assert.deepEqual(bench.seen, ["a", "b", "c", "d", "e"], "there is no place above");
  bench.store.actions.moveBy([bench.row("b"), bench.row("d")], -1);
  assert.deepEqual([bench.seen, bench.messages], [["b", "d", "a", "c", "e"], ["Moved 2 todos [Undo]"]]);
});

test("what is new, and moved or moved around before it is sent, stays where it is", async (t) => {
  const bench = await open(t, "all", "b", "a");
  bench.server.before = (procedure) => (procedure === "applyTodos" ? new Promise<void>((resolve) => (send = resolve)) : undefined);
  let send = () => {};
  for (const title of ["y", "x"]) {
    bench.write(title);
    bench.store.composer.create();
  }
  bench.store.actions.move([bench.row("b")], bench.row("y").key);
  assert.deepEqual(bench.seen, ["x", "b", "y", "a"]);
  await until(() => bench.server.calls.includes("applyTodos"));
  bench.server.before = () => {};
  send();
  await bench.settled();
  assert.deepEqual(bench.seen, ["x", "b", "y", "a"]);
});

test("a selection is what an action is meant for, if its row is in it", async (t) => {
  const bench = await open(t, "all", "c", "b", "a");
  bench.store.selection.toggle(bench.row("a").key);
  bench.store.selection.toggle(bench.row("c").key);
  const titles = (title: string) => bench.store.targets(bench.row(title)).map((row) => row.title);
  assert.deepEqual([titles("a"), titles("b")], [["a", "c"], ["b"]]);
  bench.store.actions.delete(bench.store.targets(bench.row("c")));
  assert.deepEqual([bench.seen, bench.store.selection.size], [["b"], 0]);
  bench.store.notices.act();
  assert.deepEqual([bench.seen, bench.store.selection.size], [["a", "b", "c"], 0]);
});

test("one that is refused is told, and the undo of the others stays", async (t) => {
  const bench = await open(t, "all", "a", "b", "c");
  const gone = bench.row("b").key;
  bench.server.before = (procedure) => {
    if (procedure === "applyTodos") bench.server.delete(gone);
    bench.server.before = () => {};
  };
  bench.store.actions.toggle(bench.store.rows);
  await bench.settled();
  assert.deepEqual(bench.messages, ["Completed 3 todos [Undo]", "“b” was not changed. It no longer exists."]);
  bench.store.notices.act();
  await bench.settled();
  assert.deepEqual(stored(bench, "isCompleted"), { a: [false], c: [false] });
});

test("the trash is restored from, or emptied, several at once", async (t) => {
  const bench = await open(t, "all", "a", "b", "c");
  bench.store.actions.delete(bench.store.rows);
  bench.store.show("trash");
  bench.store.actions.restore([bench.row("a"), bench.row("b")]);
  assert.deepEqual([bench.seen, bench.messages], [["c"], ["Deleted 3 todos [Undo]", "Restored 2 todos to All [Show]"]]);
  bench.store.actions.delete(bench.store.rows);
  assert.deepEqual(bench.questions, ["Delete “c” for good? This can’t be undone."]);
  await bench.settled();
  assert.deepEqual([bench.seen, bench.server.titles.toSorted()], [[], ["a", "b"]]);
});

test("nothing is said where nothing is done", async (t) => {
  const bench = await open(t, "all", { title: "a", priority: 1, dueDate: "2026-12-01", tags: ["x"] });
  const rows = bench.store.rows;
  bench.store.actions.setPriority(rows, 1);
  bench.store.actions.setDue(rows, { date: "2026-12-01" });
  bench.store.actions.addTags(rows, ["X"]);
  bench.store.actions.removeTags(rows, ["y"]);
  bench.store.actions.move(rows, rows[0]!.key);
  for (const action of ["toggle", "delete", "restore", "purge"] as const) bench.store.actions[action]([]);
  assert.deepEqual([bench.messages, bench.store.unsent, bench.questions], [[], 0, []]);
});

test("a refusal of a new due date says that it was not changed", async (t) => {
  const bench = await open(t, "all", "a");
  bench.refuse(Code.InvalidArgument, "dueTimeZone: must be a name of the IANA time zone database");
  bench.store.actions.setDue(bench.store.rows, { date: "2026-12-01", time: "09:00", zone: "Mars/Olympus" });
  await bench.settled();
  assert.deepEqual(bench.messages, ["“a” was not changed. DueTimeZone: must be a name of the IANA time zone database."]);
  assert.equal(bench.row("a").due, undefined);
});
