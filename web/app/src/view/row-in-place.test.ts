import assert from "node:assert/strict";
import test from "node:test";
import { rowInPlace } from "./row-in-place.ts";

const keysOf = (keys: string) => [...keys].map((key) => ({ key }));

for (const [why, before, done, now, expected] of [
  ["the next row comes into the place", "abcde", "bd", "ace", "c"],
  ["at the end it is the row above", "abcd", "cd", "ab", "b"],
  ["done rows that move below are not in the place", "abc", "ab", "cba", "c"],
  ["rows that all stay keep the focus among them", "ab", "ab", "ab", "a"],
  ["an empty list has none", "ab", "ab", "", undefined],
] as const) {
  test(why, () => assert.equal(rowInPlace(keysOf(before), keysOf(done), keysOf(now)), expected));
}
