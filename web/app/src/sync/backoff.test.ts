import assert from "node:assert/strict";
import test from "node:test";
import { pauseBefore } from "./backoff.ts";

test("pauses grow from half a second to ten, and chance takes up to half", () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, 50].map((attempt) => pauseBefore(attempt, 0)), [500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  assert.equal(pauseBefore(0, 1), 250);
  assert.equal(pauseBefore(50, 1), 5_000);
});
