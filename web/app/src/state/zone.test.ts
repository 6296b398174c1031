import assert from "node:assert/strict";
import test from "node:test";
import { addDays, daysBetween, instantAt, localAt, weekdayOf } from "./zone.ts";

const at = (text: string) => Date.parse(text);

for (const [name, zone, date, time, instant] of [
  ["an ordinary time in winter", "Europe/Berlin", "2026-01-15", "09:00", "2026-01-15T08:00Z"],
  ["an ordinary time in summer", "Europe/Berlin", "2026-07-15", "09:00", "2026-07-15T07:00Z"],
  ["a time that doesn't exist is taken with the offset from before", "Europe/Berlin", "2026-03-29", "02:30", "2026-03-29T01:30Z"],
  ["a time that comes twice is the first of the two", "Europe/Berlin", "2026-10-25", "02:30", "2026-10-25T00:30Z"],
  ["the same west of Greenwich: none", "America/New_York", "2026-03-08", "02:30", "2026-03-08T07:30Z"],
  ["the same west of Greenwich: twice", "America/New_York", "2026-11-01", "01:30", "2026-11-01T05:30Z"],
  ["midnight that doesn't exist", "America/Santiago", "2026-09-06", "00:00", "2026-09-06T04:00Z"],
  ["a change of half an hour", "Australia/Lord_Howe", "2026-10-04", "02:15", "2026-10-03T15:45Z"],
  ["far in the east", "Pacific/Kiritimati", "2026-12-01", "00:30", "2026-11-30T10:30Z"],
  ["far in the west", "Pacific/Pago_Pago", "2026-12-01", "23:30", "2026-12-02T10:30Z"],
  ["a day that a zone has skipped", "Pacific/Apia", "2011-12-30", "12:00", "2011-12-30T22:00Z"],
  ["a leap day", "Asia/Kathmandu", "2028-02-29", "12:00", "2028-02-29T06:15Z"],
] as const) {
  test(`local times have their instants: ${name}`, () => {
    assert.equal(new Date(instantAt({ date, time }, zone)).toISOString(), new Date(at(instant)).toISOString());
  });
}

test("instants have their local times, by the clock that goes there", () => {
  assert.deepEqual(localAt(at("2026-11-30T10:30Z"), "Pacific/Kiritimati"), { date: "2026-12-01", time: "00:30" });
  assert.deepEqual(localAt(at("2026-11-30T10:30Z"), "Pacific/Honolulu"), { date: "2026-11-30", time: "00:30" });
  assert.deepEqual(localAt(at("2026-10-25T00:30:59.999Z"), "Europe/Berlin"), { date: "2026-10-25", time: "02:30" });
  assert.deepEqual(localAt(at("2026-10-25T01:30Z"), "Europe/Berlin"), { date: "2026-10-25", time: "02:30" });
});

test("every minute around a change is found again", () => {
  for (const [zone, from] of [["Europe/Berlin", "2026-03-29T00:00Z"], ["America/New_York", "2026-11-01T04:00Z"]] as const) {
    for (let instant = at(from); instant < at(from) + 3 * 3_600_000; instant += 60_000) {
      const found = instantAt(localAt(instant, zone), zone);
      assert(found === instant || found === instant - 3_600_000, new Date(instant).toISOString());
    }
  }
});

test("a zone that the browser doesn't know is the browser's own", () => {
  const own = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  assert.equal(instantAt({ date: "2026-12-01", time: "09:00" }, "Mars/Olympus_Mons"), instantAt({ date: "2026-12-01", time: "09:00" }, own));
});

test("days are counted by the calendar", () => {
  assert.equal(addDays("2028-02-28", 1), "2028-02-29");
  assert.equal(addDays("2027-02-28", 1), "2027-03-01");
  assert.equal(addDays("2026-01-01", -1), "2025-12-31");
  assert.equal(addDays("0099-12-31", 1), "0100-01-01");
  assert.equal(daysBetween("2026-03-28", "2026-03-30"), 2);
  assert.equal(daysBetween("2026-03-01", "2026-02-28"), -1);
  assert.equal(weekdayOf("2026-11-29"), 0);
});

test("the first and the last day that can be due have instants", () => {
  for (const date of ["0001-01-01", "9999-12-31"]) {
    assert(Number.isFinite(instantAt({ date, time: "12:00" }, "Europe/Berlin")), date);
    assert(Number.isFinite(instantAt({ date: addDays(date, 1), time: "00:00" }, "Pacific/Kiritimati")), date);
  }
});
