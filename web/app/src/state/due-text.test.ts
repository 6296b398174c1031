import assert from "node:assert/strict";
import test from "node:test";
import { dateText, dayTitle, dueLabel, dueText, sectionTitle, timeText } from "./due-text.ts";

/** Versions of ICU differ in commas. */
const plain = (text: string) => text.replaceAll(",", "");

const now = { instant: Date.parse("2026-11-29T14:30Z"), zone: "Europe/Berlin" };

test("due dates are told as briefly as they can be", () => {
  const tell = (date: string, time?: string, zone?: string) => dueText({ date, time, zone }, now, "en-GB");
  assert.equal(tell("2026-11-29", "09:00"), "today 09:00");
  assert.equal(tell("2026-11-30"), "tomorrow");
  assert.equal(tell("2026-11-28"), "yesterday");
  assert.equal(tell("2026-12-04"), "Fri");
  assert.equal(tell("2026-12-05", "17:30"), "Sat 17:30");
  assert.equal(tell("2026-12-06"), "6 Dec");
  assert.equal(tell("2026-11-20"), "20 Nov");
  assert.equal(tell("2027-03-12"), "12 Mar 2027");
  assert.equal(tell("2026-11-29", "18:00", "America/New_York"), "tomorrow 00:00");
});

test("they are told in the user's language", () => {
  assert.equal(dueText({ date: "2026-11-30", time: "09:00" }, now, "de"), "morgen 09:00");
  assert.equal(dueText({ date: "2026-11-29", time: "15:00" }, now, "en-US").replace(/\s/gu, " "), "today 3:00 PM");
  assert.equal(timeText("00:05", "de"), "00:05");
});

test("in full they name the day, and another zone", () => {
  assert.equal(plain(dueLabel({ date: "2026-12-04", time: "09:00" }, now, "en-GB")), "Friday 4 December 2026 09:00");
  const label = dueLabel({ date: "2026-12-04", time: "09:00", zone: "America/New_York" }, now, "en-GB");
  assert.equal(plain(label), "Friday 4 December 2026 15:00 (09:00 America/New_York)");
});

test("headings name the day, and its year if it is another", () => {
  assert.equal(plain(dayTitle("2026-11-29", now, "en-GB")), "Today");
  assert.equal(plain(dayTitle("2026-11-30", now, "en-GB")), "Tomorrow");
  assert.equal(plain(dayTitle("2026-12-04", now, "en-GB")), "Friday 4 December");
  assert.equal(plain(dayTitle("2027-01-01", now, "en-GB")), "Friday 1 January 2027");
  assert.equal(sectionTitle({ kind: "overdue" }, now), "Overdue");
  assert.equal(sectionTitle({ kind: "day", date: "2026-11-29" }, now, "en-GB"), "Today");
  assert.equal(sectionTitle({ kind: "open" }, now), "");
});

test("what has happened is told by the day on which it was where the user is", () => {
  assert.equal(dateText(Date.parse("2026-11-29T23:30Z") * 1000, now, "en-GB"), "30 November 2026");
});
