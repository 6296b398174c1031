import assert from "node:assert/strict";
import test from "node:test";
import { Readback, understoodText } from "./readback.ts";

const now = { instant: Date.parse("2026-11-29T14:30Z"), zone: "UTC" };

test("all that was understood is said", () => {
  assert.equal(understoodText({ priority: 0, tags: [] }, now), "");
  assert.match(
    understoodText({ due: { date: "2026-12-04" }, priority: 3, tags: ["home", "errand"] }, now),
    /^Understood: due .*2026.*, high priority, tag home, tag errand$/,
  );
});

test("it is said when the user pauses, and when it goes again", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let draws = 0;
  const readback = new Readback(() => draws++);
  assert.equal(readback.of("Call", ""), "");
  t.mock.timers.tick(1_000);
  assert.equal(draws, 0, "there is nothing to say");
  readback.of("Call fri", "due Friday");
  t.mock.timers.tick(500);
  assert.equal(readback.of("Call fri ", "due Friday"), "", "the user still writes");
  t.mock.timers.tick(500);
  assert.equal(draws, 0);
  t.mock.timers.tick(500);
  assert.deepEqual([readback.of("Call fri ", "due Friday"), draws], ["due Friday", 1]);
  readback.of("Call fri A", "due Friday");
  t.mock.timers.tick(1_000);
  assert.equal(draws, 1, "it is said already");
  readback.of("Call fr", "");
  t.mock.timers.tick(1_000);
  assert.deepEqual([readback.of("Call fr", ""), draws], ["Nothing but the title", 2]);
  assert.equal(readback.of("", ""), "", "the todo was added");
  t.mock.timers.tick(1_000);
  assert.equal(draws, 2);
});
