import assert from "node:assert/strict";
import test from "node:test";
import { after, dropPlace } from "./drop-place.ts";

const order = ["a", "b", "c", "d"];

test("rows are dropped in front of another one, or at the end", () => {
  assert.deepEqual(dropPlace(order, new Set(["d"]), "b"), { before: "b" });
  assert.deepEqual(dropPlace(order, new Set(["a"]), undefined), { before: undefined });
  assert.deepEqual(dropPlace(order, new Set(["a", "c"]), undefined), { before: undefined });
});

test("rows that are dropped where they lie stay", () => {
  assert.equal(dropPlace(order, new Set(["b"]), "c"), undefined);
  assert.equal(dropPlace(order, new Set(["b"]), "b"), undefined);
  assert.equal(dropPlace(order, new Set(["d"]), undefined), undefined);
  assert.equal(dropPlace(order, new Set(["b", "c"]), "c"), undefined);
});

test("rows that lie apart gather, also in front of one of them", () => {
  assert.deepEqual(dropPlace(order, new Set(["a", "c"]), "c"), { before: "d" });
  assert.deepEqual(dropPlace(order, new Set(["a", "d"]), "d"), { before: undefined });
});

test("a row that has gone meanwhile is no place", () => {
  assert.equal(dropPlace(order, new Set(["a"]), "gone"), undefined);
});

test("the last drawn row is not the last of a long list", () => {
  assert.deepEqual([after(order, "b"), after(order, "d"), after(order, "gone")], ["c", undefined, undefined]);
});
