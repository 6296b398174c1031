import assert from "node:assert/strict";
import test from "node:test";
import { DueInput } from "./due-input.ts";

const now = { instant: 0, zone: "UTC" };
const found = { start: 0, end: 3, due: { date: "2026-12-04" } };

test("words are read as soon as the library is there, which is loaded once", async () => {
  let [loads, changes] = [0, 0];
  const input = new DueInput(() => changes++, async () => (loads++, () => [found]));
  assert.deepEqual([input.isReady, input.parse("fri", now)], [false, undefined]);
  await Promise.all([input.prepare(), input.prepare()]);
  await input.prepare();
  assert.deepEqual([input.isReady, input.parse("fri", now), loads, changes], [true, found, 1, 1]);
});

test("a library that can't be loaded is tried again, and titles stay as they are", async () => {
  let isAway = true;
  const input = new DueInput(() => {}, async () => (isAway ? Promise.reject(new Error("away")) : () => [found]));
  await input.prepare();
  assert.deepEqual([input.isReady, input.all("fri", now)], [false, []]);
  isAway = false;
  await input.prepare();
  assert.deepEqual(input.all("fri", now), [found]);
});
