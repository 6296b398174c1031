import assert from "node:assert/strict";
import test from "node:test";
import { Memo } from "./memo.ts";

test("a value is made once for the same inputs, whatever it is", () => {
  const memo = new Memo<undefined>();
  const inputs = {};
  let made = 0;
  const of = (...values: unknown[]) => memo.of(values, () => void made++);
  for (const values of [[inputs, 1], [inputs, 1], [inputs, 2], [{}, 2], [{}], [], []]) of(...values);
  assert.equal(made, 5);
});

test("a value that could not be made is tried again", () => {
  const memo = new Memo<number>();
  assert.throws(() => memo.of([], () => assert.fail("no")));
  assert.equal(memo.of([], () => 7), 7);
});
