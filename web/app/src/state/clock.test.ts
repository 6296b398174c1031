import assert from "node:assert/strict";
import test from "node:test";
import { MinuteTicks } from "./clock.ts";

test("the page is drawn as each minute begins, until it is closed", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.parse("2026-11-29T23:59:30Z") });
  let ticks = 0;
  const clock = new MinuteTicks(() => ({ instant: Date.now(), zone: "UTC" }), () => ticks++);
  t.mock.timers.tick(29_999);
  assert.equal(ticks, 0);
  t.mock.timers.tick(1);
  assert.equal(ticks, 1);
  t.mock.timers.tick(60_000);
  assert.equal(ticks, 2);
  clock.stop();
  t.mock.timers.tick(600_000);
  assert.equal(ticks, 2);
});
