import assert from "node:assert/strict";
import test from "node:test";
import { generateKeyBetween } from "fractional-indexing";
import { comparePositions, derivedPosition } from "./position.ts";

test("the derived key is the service's: M, and 14 hexadecimal digits that count down", () => {
  assert.equal(derivedPosition(0), "Mffffffffffffff");
  assert.equal(derivedPosition(1), "Mfffffffffffffe");
  assert.equal(derivedPosition(1_764_419_400_000_000), `M${(2n ** 56n - 1n - 1_764_419_400_000_000n).toString(16).padStart(14, "0")}`);
  assert.equal(derivedPosition(-62_135_596_800_000_000), "Mffffffffffffff", "before 1970");
  assert.equal(derivedPosition(253_402_300_799_999_999), "M00000000000000", "long after");
});

test("newer todos come before older ones, and there is a place before, between and after any two", () => {
  const [newer, older] = [derivedPosition(1_764_419_400_000_001), derivedPosition(1_764_419_400_000_000)];
  assert(comparePositions(newer, older) < 0);
  const keys = [generateKeyBetween(null, newer), newer, generateKeyBetween(newer, older), older, generateKeyBetween(older, null)];
  assert.deepEqual(keys.toSorted(comparePositions), keys);
});

test("a todo that is created a moment later still comes before one that was moved to the top", () => {
  const top = generateKeyBetween(null, derivedPosition(1_764_419_400_000_000));
  assert(comparePositions(derivedPosition(1_764_419_400_001_000), top) < 0);
});

test("keys are compared byte by byte, whatever the language", () => {
  assert.deepEqual(["a0", "Zz", "a0V", "Z0"].toSorted(comparePositions), ["Z0", "Zz", "a0", "a0V"]);
});
