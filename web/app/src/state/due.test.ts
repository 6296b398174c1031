import assert from "node:assert/strict";
import test from "node:test";
import type { Due } from "../sync/due.ts";
import type { Now } from "./clock.ts";
import { compareDue, dayOf, dueChoices, dueState, isOverdue, onDay, timeOf, today } from "./due.ts";
import { dueLabel, dueText, sectionTitle } from "./due-text.ts";

const at = (instant: string, zone: string): Now => ({ instant: Date.parse(instant), zone });

test("today is the day where the user is", () => {
  assert.equal(today(at("2026-11-30T10:30Z", "Pacific/Kiritimati")), "2026-12-01");
  assert.equal(today(at("2026-11-30T09:30Z", "Pacific/Honolulu")), "2026-11-29");
});

test("a day is the same day in every zone, and over when that day is", () => {
  const due: Due = { date: "2026-12-01" };
  for (const zone of ["Pacific/Kiritimati", "Pacific/Honolulu"]) assert.equal(dayOf(due, { zone }), "2026-12-01");
  assert.equal(isOverdue(due, at("2026-12-01T09:59Z", "Pacific/Kiritimati")), false);
  assert.equal(isOverdue(due, at("2026-12-01T10:00Z", "Pacific/Kiritimati")), true);
  assert.equal(isOverdue(due, at("2026-12-02T09:59Z", "Pacific/Honolulu")), false);
  assert.equal(isOverdue(due, at("2026-12-02T10:00Z", "Pacific/Honolulu")), true);
});

test("a floating time is that time wherever the user is, a zoned one the same instant", () => {
  const floating: Due = { date: "2026-12-01", time: "09:00" };
  const zoned: Due = { ...floating, zone: "Europe/Berlin" };
  assert.equal(timeOf(floating, { zone: "Asia/Tokyo" }), "09:00");
  assert.equal(isOverdue(floating, at("2026-12-01T00:01Z", "Asia/Tokyo")), true);
  assert.equal(isOverdue(zoned, at("2026-12-01T00:01Z", "Asia/Tokyo")), false);
  assert.equal(timeOf(zoned, { zone: "Asia/Tokyo" }), "17:00");
  assert.equal(timeOf(zoned, { zone: "Pacific/Honolulu" }), "22:00");
  assert.equal(dayOf(zoned, { zone: "Pacific/Honolulu" }), "2026-11-30");
});

for (const [zone, time, day, expected] of [
  ["Europe/Berlin", "09:00", "2026-12-01", "2026-12-01"],
  ["Pacific/Honolulu", "09:00", "2026-11-28", "2026-11-29"],
  ["Pacific/Honolulu", "11:00", "2026-11-28", "2026-11-28"],
  ["Pacific/Kiritimati", "09:00", "2026-12-01", "2026-12-01"],
  ["Pacific/Kiritimati", "21:00", "2026-12-01", "2026-11-30"],
] as const) {
  test(`another day is the user's, at the same time in its zone: ${zone} ${time}`, () => {
    const due = onDay({ date: "2026-10-01", time, zone: "Europe/Berlin" }, day, { zone });
    assert.deepEqual(due, { date: expected, time, zone: "Europe/Berlin" });
    assert.equal(dayOf(due, { zone }), day);
  });
}

test("another day keeps a floating time, and is a day where there is no time", () => {
  const honolulu = { zone: "Pacific/Honolulu" };
  assert.deepEqual(onDay({ date: "2026-10-01", time: "09:00" }, "2026-12-01", honolulu), { date: "2026-12-01", time: "09:00" });
  assert.deepEqual(onDay({ date: "2026-10-01" }, "2026-12-01", honolulu), { date: "2026-12-01" });
  assert.deepEqual(onDay(undefined, "2026-12-01", honolulu), { date: "2026-12-01" });
});

test("something is overdue only after its minute has begun to pass", () => {
  const due: Due = { date: "2026-12-01", time: "09:00" };
  assert.equal(isOverdue(due, at("2026-12-01T09:00Z", "UTC")), false);
  assert.equal(isOverdue(due, at("2026-12-01T09:00:00.001Z", "UTC")), true);
});

test("the earliest comes first, a day after all times of that day, none last", () => {
  const dues: (Due | undefined)[] = [
    undefined,
    { date: "2026-12-02", time: "00:00" },
    { date: "2026-12-01" },
    { date: "2026-12-01", time: "23:59" },
    { date: "2026-12-01", time: "09:00" },
    { date: "2026-12-01", time: "08:00", zone: "America/New_York" },
  ];
  const sorted = dues.toSorted((a, b) => compareDue(a, b, "Europe/Berlin")).map((due) => due && [due.date, due.time].join(" "));
  // An undefined element is last in any sort; compareDue says so, too.
  assert.deepEqual(sorted, ["2026-12-01 09:00", "2026-12-01 08:00", "2026-12-01 23:59", "2026-12-01 ", "2026-12-02 00:00", undefined]);
  assert(compareDue(undefined, { date: "2026-12-01" }, "UTC") > 0);
  assert.equal(compareDue(undefined, undefined, "UTC"), 0);
});

test("how near a due date is", () => {
  const now = at("2026-11-29T14:30Z", "UTC");
  assert.equal(dueState({ date: "2026-11-28" }, now), "overdue");
  assert.equal(dueState({ date: "2026-11-29", time: "09:00" }, now), "overdue");
  assert.equal(dueState({ date: "2026-11-29" }, now), "today");
  assert.equal(dueState({ date: "2026-12-05" }, now), "soon");
  assert.equal(dueState({ date: "2026-12-06" }, now), "later");
});

test("the choices lie ahead, whatever day it is", () => {
  const choices = (instant: string) => dueChoices(at(instant, "UTC")).map(({ due }) => due.date);
  assert.deepEqual(choices("2026-11-29T12:00Z"), ["2026-11-29", "2026-11-30", "2026-12-05", "2026-11-30"]); // Sunday
  assert.deepEqual(choices("2026-11-30T12:00Z"), ["2026-11-30", "2026-12-01", "2026-12-05", "2026-12-07"]); // Monday
  assert.deepEqual(choices("2026-12-05T12:00Z"), ["2026-12-05", "2026-12-06", "2026-12-12", "2026-12-07"]); // Saturday
});

test("what is no date is due never, and can be shown", () => {
  const now = { instant: Date.parse("2026-11-29T14:30Z"), zone: "Europe/Berlin" };
  const none: readonly Due[] = [{ date: "12026-12-01" }, { date: "12026-12-01", time: "09:00" }, { date: "12026-12-01", time: "09:00", zone: "UTC" }, { date: "" }, { date: "2026-12-01", time: "25:00", zone: "UTC" }];
  for (const due of none) {
    assert.deepEqual([dayOf(due, now), isOverdue(due, now)], [due.date, false]);
    assert.equal(timeOf(due, now), due.time);
    assert.equal(compareDue({ date: "2026-12-01" }, due, now.zone) < 0, true);
    assert.equal(compareDue(due, { ...due }, now.zone), 0);
    assert.equal(typeof dueState(due, now), "string");
    assert(dueText(due, now, "en").startsWith(due.time === "25:00" ? "Tue" : due.date), dueText(due, now, "en"));
    assert(dueLabel(due, now, "en").includes(due.time === undefined ? due.date : ":00"));
    assert.equal(typeof sectionTitle({ kind: "day", date: due.date }, now, "en"), "string");
  }
});
