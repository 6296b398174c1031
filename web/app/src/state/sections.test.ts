import assert from "node:assert/strict";
import test from "node:test";
import { shownTodoOf } from "../testing/local-todos.ts";
import type { ShownTodo } from "../sync/view.ts";
import { countsOf, tagsOf } from "./counts.ts";
import { tagFilter, type Filter } from "./filter.ts";
import { rowOf, type Row } from "./rows.ts";
import { partsOf, sectionsOf, type PartsOptions, type SectionsOptions } from "./sections.ts";

/** A Sunday. */
const now = { instant: Date.parse("2026-11-29T14:30Z"), zone: "UTC" };

function todo(id: string, fields: Partial<ShownTodo> & { on?: string; time?: string; zone?: string } = {}): ShownTodo {
  const { on, time, zone, ...rest } = fields;
  return shownTodoOf({ id, ...rest, ...(on && { due: { date: on, time, zone } }) });
}

/** Returns a list as "kind date: ids", one a section. */
function seen(filter: Filter, todos: readonly ShownTodo[], options: Partial<PartsOptions & SectionsOptions> = {}): string[] {
  const parts = partsOf({ todos, trash: [], filter, search: "", now, folded: new WeakMap(), ...options });
  const sections = sectionsOf(parts, { isAway: false, writing: [], turned: new Set(), ...options });
  return sections.map(({ kind, date, isFolded, count, rows }) => {
    const shown = isFolded ? `(${count})` : rows.map(({ key }) => key).join(" ");
    return `${kind}${date ? ` ${date}` : ""}: ${shown}`;
  });
}

const todos = [
  todo("none", { createdAt: 1 }),
  todo("late", { on: "2026-11-27" }),
  todo("morning", { on: "2026-11-29", time: "09:00" }),
  todo("day", { on: "2026-11-29" }),
  todo("evening", { on: "2026-11-29", time: "20:00" }),
  todo("tokyo", { on: "2026-11-30", time: "08:00", zone: "Asia/Tokyo" }),
  todo("next", { on: "2026-11-30" }),
  todo("far", { on: "2027-03-01" }),
  todo("done", { isCompleted: true, completedAt: Date.parse("2026-11-29T08:00Z") * 1000, on: "2026-11-29" }),
  todo("older", { isCompleted: true, completedAt: Date.parse("2026-11-28T23:59Z") * 1000 }),
];

test("today has what is overdue and what is due, and what was done today", () => {
  assert.deepEqual(seen("today", todos), ["overdue: late", "day 2026-11-29: morning evening tokyo day", "done: (1)"]);
});

test("today is the user's", () => {
  const [tokyo] = todos.filter(({ id }) => id === "tokyo");
  assert.deepEqual(seen("today", [tokyo!], { now: { ...now, zone: "Asia/Tokyo" } }), []);
  assert.deepEqual(seen("upcoming", [tokyo!], { now: { ...now, zone: "Asia/Tokyo" } }), ["day 2026-11-30: tokyo"]);
});

test("upcoming has a section a day, from today on", () => {
  assert.deepEqual(seen("upcoming", todos), [
    "day 2026-11-29: morning evening tokyo day",
    "day 2026-11-30: next",
    "day 2027-03-01: far",
  ]);
});

test("all are in the order by hand, those with one key by their ids", () => {
  const placed = [todo("b", { position: "a1" }), todo("a", { position: "a0" }), todo("d", { position: "a2", createdAt: 2 }), todo("c", { position: "a2", createdAt: 1 })];
  assert.deepEqual(seen("all", placed), ["open: a b c d"]);
  assert.deepEqual(seen("all", placed.toReversed()), ["open: a b c d"]);
});

test("what is done is folded away, the last one first, until the user asks for it", () => {
  const done = todos.filter(({ isCompleted }) => isCompleted);
  const unknown = todo("unknown", { isCompleted: true, updatedAt: Date.parse("2026-11-29T00:00Z") * 1000 });
  assert.deepEqual(seen("all", [...done, unknown]), ["done: (3)"]);
  assert.deepEqual(seen("all", [...done, unknown], { turned: new Set(["done"]) }), ["done: done unknown older"]);
  assert.deepEqual(seen("done", done), ["done: done older"]);
});

test("a tag's list has its todos in whatever case, the earliest due first", () => {
  const tagged = [todo("x", { tags: ["Home"] }), todo("y", { tags: ["HOME"], on: "2026-12-01" }), todo("z", { tags: ["homework"] }), todo("d", { tags: ["home"], isCompleted: true })];
  assert.deepEqual(seen(tagFilter("home"), tagged), ["open: y x", "done: (1)"]);
});

test("what is found is shown whatever the list, and in the trash what is found there", () => {
  assert.deepEqual(seen("today", todos, { search: "ne" }), ["found: none next", "done: done"]);
  assert.deepEqual(seen("trash", todos, { search: "x", trash: [todo("x"), todo("y")] }), ["trash: x"]);
  assert.deepEqual(seen("all", todos, { search: "nothing of it" }), []);
});

test("what is being edited stays, wherever it belongs by now", () => {
  const row: Row = rowOf(todos[0]!, false);
  assert.deepEqual(seen("today", [todos[0]!], { writing: [row] }), ["writing: none"]);
  assert.deepEqual(seen("all", [todos[0]!], { writing: [row] }), ["open: none"], "once");
  const done = { ...todos[0]!, isCompleted: true };
  assert.deepEqual(seen("all", [done], { writing: [rowOf(done, false)] }), ["writing: none", "done: (1)"]);
});

test("rows say how far the service is", () => {
  const progress = (unsent: boolean, isAway: boolean) => rowOf(todo("a", { unsent }), isAway).progress;
  assert.deepEqual([progress(false, true), progress(true, false), progress(true, true)], ["saved", "sending", "waiting"]);
});

test("the lists are counted as they are shown", () => {
  assert.deepEqual(countsOf(todos, [todo("t")], now), { today: 5, overdue: 2, upcoming: 6, all: 8, done: 2, trash: 1 });
});

test("tags are those of what is not done, each once, by alphabet", () => {
  const tagged = [todo("1", { tags: ["Zoo", "über"] }), todo("2", { tags: ["zoo"] }), todo("3", { tags: ["gone"], isCompleted: true }), todo("4", { tags: ["Apfel"] })];
  assert.deepEqual(tagsOf(tagged), [
    { tag: "Apfel", count: 1, filter: "tag:apfel" },
    { tag: "über", count: 1, filter: "tag:über" },
    { tag: "Zoo", count: 2, filter: "tag:zoo" },
  ]);
});

test("ten thousand todos are listed with few looks at each, and few at the time zone", (t) => {
  let looks = 0;
  const counting: ProxyHandler<ShownTodo> = {
    get(todo, field) {
      looks++;
      return Reflect.get(todo, field);
    },
  };
  const day = (i: number) => `2026-12-${String(1 + (i % 28)).padStart(2, "0")}`;
  const many = Array.from({ length: 10_000 }, (_, i) => new Proxy(todo(`${i}`, { createdAt: i, on: day(i), time: "09:00" }), counting));
  const zones = t.mock.method(Intl.DateTimeFormat.prototype, "formatToParts").mock;
  for (const filter of ["all", "today", "upcoming"] as const) {
    looks = 0;
    seen(filter, many);
    assert(looks < 100 * many.length, `${filter}: ${looks} looks`);
  }
  assert(zones.callCount() < 1_000, `${zones.callCount()} looks at the zone`);
});
