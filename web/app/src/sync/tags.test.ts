import assert from "node:assert/strict";
import test from "node:test";
import { editsTooMany, editTags, foldTag, hasTag, mergeTagEdits } from "./tags.ts";

test("tags that differ only in case, or in how accents are written, are the same", () => {
  for (const [a, b] of [["Home", "HOME"], ["Cafe\u0301", "café"], ["Straße", "STRASSE"], ["ẞ", "ß"], ["Σίσυφος", "ΣΊΣΥΦΟΣ"], ["ſ", "s"], ["İ", "i̇"]] as const) {
    assert.equal(foldTag(a), foldTag(b), `${a} ${b}`);
  }
  for (const [a, b] of [["cafe", "café"], ["ı", "i"], ["a b", "ab"]] as const) assert.notEqual(foldTag(a), foldTag(b), `${a} ${b}`);
  assert(hasTag(["Home"], "hOME"));
});

test("tags are taken off first, and added then; what is there stays as it is written", () => {
  assert.deepEqual(editTags(["Home", "work"], { add: ["HOME", "b", "B"] }), ["b", "Home", "work"]);
  assert.deepEqual(editTags(["Home", "work"], { remove: ["HOME"] }), ["work"]);
  assert.deepEqual(editTags(["Home"], { add: ["home"], remove: ["HOME"] }), ["home"]);
  assert.deepEqual(editTags([], {}), []);
});

test("two edits one after the other are one", () => {
  const edits = [{ add: ["a"] }, { remove: ["A"] }, { add: ["a", "b"], remove: ["c"] }, { remove: ["b"], add: ["C"] }, {}];
  for (const earlier of edits) {
    for (const later of edits) {
      for (const tags of [[], ["a"], ["A", "b", "c"]]) {
        const apart = editTags(editTags(tags, earlier), later);
        assert.deepEqual(editTags(tags, mergeTagEdits(earlier, later)), apart, JSON.stringify([tags, earlier, later]));
      }
    }
  }
});

test("as many tags as a todo may have are not too many to add, and to take off", () => {
  const tags = (count: number) => Array.from({ length: count }, (_, i) => `t${i}`);
  assert.deepEqual([undefined, {}, { add: tags(20), remove: tags(20) }].map(editsTooMany), [false, false, false]);
  assert.deepEqual([{ add: tags(21) }, { remove: tags(21) }].map(editsTooMany), [true, true]);
});
