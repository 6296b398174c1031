import assert from "node:assert/strict";
import test from "node:test";
import { filterOf, hashOf, tagFilter, tagOf } from "./filter.ts";

test("each list has an address", () => {
  for (const filter of ["today", "upcoming", "all", "done", "trash", tagFilter("Zu Hause/größer & 100%#")] as const) {
    assert.equal(filterOf(hashOf(filter)), filter);
  }
  assert.equal(hashOf(tagFilter("Home")), "#tag/home");
  assert.equal(tagOf(filterOf("#tag/HOME")), "home");
  assert.equal(tagOf("today"), undefined);
});

test("an address of no list, or of one that there was, is that of all", () => {
  for (const hash of ["", "#", "#open", "#tag/", "#tag/%", "#tag", "#Today", "#__proto__"]) assert.equal(filterOf(hash), "all", hash);
});
