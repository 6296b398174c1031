import assert from "node:assert/strict";
import { test } from "node:test";
import { open, type Bench } from "../testing/bench.ts";
import { until } from "../testing/service.ts";
import { composerKey } from "./drafts.ts";
import { onDay } from "./due.ts";
import { carryOut, plannedOf, shownDue, withDue, withTag, type Planned } from "./planned.ts";

/** Begins to plan the todos with these titles, of the list that is shown. */
function plan(bench: Bench, ...titles: string[]): Planned {
  return plannedOf(bench.store, titles.map((title) => bench.row(title).key)) ?? assert.fail("no todos");
}

/** Returns the server's due date of a todo. */
function dueOf(bench: Bench, title: string) {
  const { dueDate, dueTime, dueTimeZone } = bench.server.find(title);
  return [dueDate, dueTime, dueTimeZone].filter(Boolean).join(" ");
}

/** Waits until words can be read. */
async function readable(bench: Bench): Promise<void> {
  bench.store.composer.prepare();
  await until(() => bench.store.dueInput.isReady);
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

test("words that name a day keep the time, others don't", async (t) => {
  const bench = await open(t, "all", { title: "a", dueDate: "2026-11-29", dueTime: "09:00" }, { title: "b", dueDate: "2026-11-29", dueTime: "09:00" });
  await readable(bench);
  carryOut(bench.store, { ...plan(bench, "a"), words: "tomorrow" });
  carryOut(bench.store, { ...plan(bench, "b"), words: "tomorrow 10am" });
  bench.write("Call Ana today 11am");
  carryOut(bench.store, { ...plannedOf(bench.store, [composerKey])!, words: "tomorrow" });
  assert.deepEqual(bench.store.composer.understood.due, { date: "2026-11-30", time: "11:00" });
  await bench.settled();
  assert.deepEqual([dueOf(bench, "a"), dueOf(bench, "b")], ["2026-11-30 09:00", "2026-11-30 10:00"]);
});

test("several go to another day, each at its time, with one undo", async (t) => {
  const bench = await open(
    t,
    "all",
    { title: "a", dueDate: "2026-12-01", dueTime: "09:00" },
    { title: "b", dueDate: "2026-12-02", dueTime: "10:00", dueTimeZone: "Pacific/Honolulu" },
    "c",
  );
  const { store } = bench;
  await readable(bench);
  const planned = plan(bench, "a", "b", "c");
  assert.deepEqual(shownDue(store, planned), { due: undefined, day: undefined, isMixed: true, zone: undefined });
  const moved = withDue(store, planned, (due) => onDay(due, "2026-11-30", store.now));
  assert.deepEqual(shownDue(store, moved), { due: undefined, day: "2026-11-30", isMixed: true, zone: undefined });
  assert.deepEqual(shownDue(store, { ...planned, words: "tomorrow" }), shownDue(store, moved));
  carryOut(store, moved);
  await bench.settled();
  assert.deepEqual(["a", "b", "c"].map((title) => dueOf(bench, title)), ["2026-11-30 09:00", "2026-11-30 10:00 Pacific/Honolulu", "2026-11-30"]);
  store.notices.act();
  await bench.settled();
  assert.deepEqual(["a", "b", "c"].map((title) => dueOf(bench, title)), ["2026-12-01 09:00", "2026-12-02 10:00 Pacific/Honolulu", ""]);
});

test("the day of a time in a zone is the user's", async (t) => {
  const bench = await open(t, "all", { title: "a", dueDate: "2026-11-28", dueTime: "20:00", dueTimeZone: "Pacific/Honolulu" });
  const { store } = bench;
  const planned = plan(bench, "a");
  assert.equal(shownDue(store, planned).day, "2026-11-29");
  carryOut(store, withDue(store, planned, (due) => onDay(due, "2026-11-30", store.now)));
  await bench.settled();
  assert.equal(dueOf(bench, "a"), "2026-11-29 20:00 Pacific/Honolulu");
});

test("words that are no date leave what was chosen before", async (t) => {
  const bench = await open(t, "all", { title: "a", dueDate: "2026-12-01", dueTime: "09:00" });
  const { store } = bench;
  await readable(bench);
  const chosen = withDue(store, plan(bench, "a"), (due) => onDay(due, "2026-11-30", store.now));
  for (const words of ["x", ""]) assert.deepEqual(shownDue(store, { ...chosen, words }), shownDue(store, chosen));
  assert.deepEqual(shownDue(store, { ...chosen, words: "fri" }).due, { date: "2026-12-04", time: "09:00" });
  carryOut(store, { ...chosen, words: "x" });
  await bench.settled();
  assert.deepEqual([dueOf(bench, "a"), bench.messages[0]], ["2026-11-30 09:00", "“x” is no date."]);
});

test("the zone of a time that is cleared is kept for the next one, until there is no due date", async (t) => {
  const bench = await open(t, "all", { title: "a", dueDate: "2026-12-01", dueTime: "09:00", dueTimeZone: "Europe/Berlin" });
  const { store } = bench;
  const zoneAfter = (planned: Planned, ...dues: ({ date: string } | undefined)[]) =>
    shownDue(store, dues.reduce((planned, due) => withDue(store, planned, () => due), planned)).zone;
  const planned = plan(bench, "a");
  assert.equal(zoneAfter(planned), "Europe/Berlin");
  assert.equal(zoneAfter(planned, { date: "2026-12-01" }, { date: "2026-12-02" }), "Europe/Berlin");
  assert.equal(zoneAfter(planned, undefined, { date: "2026-12-02" }), undefined);
});

test("a due date that isn't touched stays as it is elsewhere meanwhile", async (t) => {
  const bench = await open(t, "all", { title: "a", dueDate: "2026-12-01" });
  const planned = plan(bench, "a");
  bench.server.update(planned.keys[0]!, { dueDate: "2026-12-24" });
  await until(() => bench.row("a").due?.date === "2026-12-24");
  carryOut(bench.store, { ...planned, priority: 1 });
  await bench.settled();
  assert.equal(dueOf(bench, "a"), "2026-12-24");
});
