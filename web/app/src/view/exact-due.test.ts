import assert from "node:assert/strict";
import test from "node:test";
import { atTime, isDay } from "./exact-due.ts";

const berlin = { date: "2026-12-01", time: "09:00", zone: "Europe/Berlin" };

test("a time that is cleared to type another one keeps its zone", () => {
  const cleared = atTime(berlin, "", berlin.zone);
  assert.deepEqual(cleared, { date: "2026-12-01" });
  assert.deepEqual(atTime(cleared, "10:30", berlin.zone), { ...berlin, time: "10:30" });
  assert.deepEqual(atTime(cleared, "10:30", undefined), { date: "2026-12-01", time: "10:30" });
});

test("a day has a year of four digits", () => {
  assert.deepEqual(["2026-12-01", "", "20266-12-01", "+020266-12-01"].map(isDay), [true, false, false, false]);
});
