import assert from "node:assert/strict";
import { test } from "node:test";
import { open, type Bench } from "../testing/bench.ts";
import { until } from "../testing/service.ts";
import { composerKey } from "./drafts.ts";
import { carryOut, plannedOf, withTag, type Planned } from "./planned.ts";

/** Begins to plan the todos with these titles, of the list that is shown. */
function plan(bench: Bench, ...titles: string[]): Planned {
  return plannedOf(bench.store, titles.map((title) => bench.row(title).key)) ?? assert.fail("no todos");
}

/** Returns the server's due date of a todo. */
function dueOf(bench: Bench, title: string) {
  const { dueDate, dueTime, dueTimeZone } = bench.server.find(title);
  return [dueDate, dueTime, dueTimeZone].filter(Boolean).join(" ");
}

test("what is planned before words can be read is done when they can, whatever list is shown by then", async (t) => {
  const bench = await open(t, "all", "a");
  carryOut(bench.store, { ...plan(bench, "a"), words: "tomorrow", priority: 2, added: ["x"] });
  assert.equal(bench.store.dueInput.isReady, false);
  bench.store.show("today");
  assert.deepEqual(bench.seen, []);
  await until(() => bench.store.unsent > 0);
  await bench.settled();
  const { priority, tags } = bench.server.find("a");
  assert.deepEqual([dueOf(bench, "a"), priority, tags], ["2026-11-30", 2, ["x"]]);
});

test("a new todo has the words that could not be read yet in its title, and only that todo", async (t) => {
  const bench = await open(t, "all");
  const { composer } = bench.store;
  bench.write("Call Ana");
  carryOut(bench.store, { ...plannedOf(bench.store, [composerKey])!, words: " tomorrow ", priority: 2 });
  assert.deepEqual([bench.store.drafts.composer.title, composer.understood.priority], ["Call Ana tomorrow", 2]);
  composer.create();
  bench.write("Next");
  await until(() => bench.seen[0] === "Call Ana");
  await bench.settled();
  assert.deepEqual([dueOf(bench, "Call Ana"), composer.understood.due], ["2026-11-30", undefined]);
});

test("words that say no date are told, and leave the due date", async (t) => {
  const bench = await open(t, "all", { title: "a", dueDate: "2026-12-01" });
  carryOut(bench.store, { ...plan(bench, "a"), words: "soonish" });
  await until(() => bench.messages.length > 0);
  assert.deepEqual(bench.messages, ["“soonish” is no date."]);
  bench.write("New");
  carryOut(bench.store, { ...plannedOf(bench.store, [composerKey])!, words: "whenever" });
  assert.equal(bench.messages.at(-1), "“whenever” is no date.");
  assert.deepEqual([bench.store.unsent, dueOf(bench, "a")], [0, "2026-12-01"]);
});

test("a todo that is completed elsewhere meanwhile is changed nevertheless", async (t) => {
  const bench = await open(t, "today", { title: "a", dueDate: "2026-11-29" });
  const planned = plan(bench, "a");
  bench.server.update(planned.keys[0]!, { isCompleted: true });
  await until(() => bench.seen.length === 0);
  assert.deepEqual([planned.name, bench.store.rowsOf(planned.keys).length], ["“a”", 1]);
  carryOut(bench.store, { ...planned, priority: 3 });
  await bench.settled();
  assert.equal(bench.server.find("a").priority, 3);
});

test("todos that are deleted elsewhere meanwhile are told", async (t) => {
  const bench = await open(t, "all", "a", "b");
  const [one, both] = [plan(bench, "a"), plan(bench, "a", "b")];
  bench.server.delete(one.keys[0]!);
  await until(() => bench.seen.length === 1);
  carryOut(bench.store, { ...one, priority: 3 });
  assert.deepEqual(bench.messages, ["Deleted meanwhile: “a”."]);
  carryOut(bench.store, { ...both, priority: 3 });
  assert.deepEqual(bench.messages.slice(1), ["Deleted meanwhile: 1 of 2 todos.", "Changed the priority of “b” [Undo]"]);
  assert.equal(plannedOf(bench.store, one.keys), undefined);
});

test("a tag that all have is theirs in whatever case, and can be taken off all", async (t) => {
  const bench = await open(t, "all", { title: "a", tags: ["home", "x"] }, { title: "b", tags: ["Home"] });
  const planned = plan(bench, "b", "a");
  assert.deepEqual(planned.tags, ["Home"]);
  carryOut(bench.store, { ...planned, removed: ["Home"] });
  await bench.settled();
  assert.deepEqual([bench.server.find("a").tags, bench.server.find("b").tags], [["x"], []]);
});

test("a tag that is still in its field is added, or told to be none", async (t) => {
  const bench = await open(t, "all", { title: "a", tags: ["home"] });
  const planned = plan(bench, "a");
  assert.deepEqual(withTag({ ...planned, tag: " #work " }).added, ["work"]);
  carryOut(bench.store, { ...planned, tag: "HOME", removed: ["home"], added: ["work"] });
  await bench.settled();
  assert.deepEqual([bench.server.find("a").tags, bench.messages], [["home", "work"], ["Tagged “a” [Undo]"]]);
  carryOut(bench.store, { ...plan(bench, "a"), tag: "x".repeat(51) });
  assert.equal(bench.messages.at(-1), `“${"x".repeat(39)}…” was not added: Must be at most 50 characters.`);
});

test("a tag of a new todo's title can be taken off it", async (t) => {
  const bench = await open(t, "all");
  bench.write("Call Ana #home");
  const planned = plannedOf(bench.store, [composerKey])!;
  assert.deepEqual([planned.name, planned.tags], ["New todo", ["home"]]);
  carryOut(bench.store, { ...planned, removed: ["home"] });
  bench.store.composer.create();
  await bench.settled();
  assert.deepEqual(bench.server.find("Call Ana #home").tags, []);
});
