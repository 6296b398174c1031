import assert from "node:assert/strict";
import test from "node:test";
import { newId } from "./ids.ts";

test("ids are random UUIDs of version 4, also where crypto.randomUUID is missing", (t) => {
  t.mock.method(crypto, "randomUUID", undefined as never);
  const ids = Array.from({ length: 1000 }, newId);
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(new Set(ids).size, ids.length);
});

test("every bit of an id is chance but for those of version and variant", (t) => {
  for (const [byte, id] of [
    [0x00, "00000000-0000-4000-8000-000000000000"],
    [0xff, "ffffffff-ffff-4fff-bfff-ffffffffffff"],
  ] as const) {
    t.mock.method(crypto, "getRandomValues", (bytes: Uint8Array) => bytes.fill(byte));
    assert.equal(newId(), id);
  }
});
