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
  await input.prepare(); // The text has tried it, too.
  isAway = false;
  await input.prepare();
  assert.deepEqual(input.all("fri", now), [found]);
});

test("a failed load is tried again with the next text, once each", async () => {
  let loads = 0;
  const input = new DueInput(() => {}, async () => (++loads < 3 ? Promise.reject(new Error("away")) : () => [found]));
  await input.prepare();
  for (const text of ["f", "f", "", "f"]) {
    input.all(text, now);
    await new Promise(setImmediate);
  }
  assert.deepEqual([loads, input.isReady], [2, false]);
  input.parse("fr", now);
  await new Promise(setImmediate);
  assert.deepEqual([loads, input.parse("fri", now)], [3, found]);
});

test("what needs words to be read waits for it, but not for ever", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let loaded = () => {};
  const input = new DueInput(() => {}, () => new Promise((resolve) => (loaded = () => resolve(() => [found]))));
  const done: string[] = [];
  input.whenReady(() => done.push("late"));
  t.mock.timers.tick(1_999);
  await new Promise(setImmediate);
  assert.deepEqual([...done], []);
  t.mock.timers.tick(1);
  await new Promise(setImmediate);
  assert.deepEqual([...done], ["late"]);
  input.whenReady(() => done.push(`read ${input.isReady}`));
  loaded();
  await new Promise(setImmediate);
  input.whenReady(() => done.push("now"));
  assert.deepEqual([...done], ["late", "read true", "now"]);
});
