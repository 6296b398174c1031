import assert from "node:assert/strict";
import test from "node:test";
import { isolated, quote } from "./quote.ts";

test("a title is quoted, and shortened by characters as people count them", () => {
  assert.equal(quote("Buy milk"), "“Buy milk”");
  assert.equal(quote("x".repeat(40)), `“${"x".repeat(40)}”`);
  assert.equal(quote("x".repeat(41)), `“${"x".repeat(39)}…”`);
  const family = "👩‍👩‍👧";
  assert.equal(quote(family.repeat(41)), `“${family.repeat(39)}…”`);
  assert.equal(quote("e\u0301".repeat(41)), `“${"e\u0301".repeat(39)}…”`);
});

test("text that no direction is hidden in stays as it is", () => {
  for (const text of ["", "Buy milk", "é 😀 “quoted” & more", "買い物", "👩‍👩‍👧"]) assert.equal(isolated(text), text);
});

test("text from right to left is isolated from the sentence around it", () => {
  for (const text of ["שלום", "قراءة https://example.com", "a ב", "\u200fa"]) assert.equal(isolated(text), `\u2068${text}\u2069`);
  assert.equal(quote("שלום!"), "“\u2068שלום!\u2069”");
});

test("text that turns the direction turns its own only", () => {
  // What an isolate's end closes, that is all embeddings and overrides in it.
  assert.equal(isolated("a\u202eb"), "\u2068a\u202eb\u2069");
  assert.equal(isolated("a\u2067b"), "\u2068a\u2067b\u2069\u2069");
  assert.equal(isolated("a\u2069b\u2069"), "\u2068ab\u2069");
  assert.equal(isolated("\u2066a\u2069b\u2067\u2068"), "\u2068\u2066a\u2069b\u2067\u2068\u2069\u2069\u2069");
});

test("a shortened title is isolated, whatever was cut off", () => {
  assert.equal(quote(`\u2067${"x".repeat(50)}\u2069`), `“\u2068\u2067${"x".repeat(38)}…\u2069\u2069”`);
});
