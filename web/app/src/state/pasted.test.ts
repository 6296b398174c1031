import assert from "node:assert/strict";
import test from "node:test";
import { pastedTodos } from "./pasted.ts";

const titles = (text: string) => pastedTodos(text).map(({ title, isCompleted }) => (isCompleted ? `x ${title}` : title));

test("each line is a todo, whatever ends it; blank ones are none", () => {
  assert.deepEqual(titles("a\nb\r\nc\rd\u2028e\n\n  \n\u00a0\nf\n"), ["a", "b", "c", "d", "e", "f"]);
  assert.deepEqual(titles(" \n"), []);
});

test("the marks of lists are no part of it", () => {
  assert.deepEqual(titles("- a\n* b\n+ c\n• d\n– e\n1. f\n12) g\n\t- h"), ["a", "b", "c", "d", "e", "f", "g", "h"]);
  assert.deepEqual(titles("[ ] a\n- [ ] b\n- [x] c\n* [X] d\n1. [x] e\n[] f"), ["a", "b", "x c", "x d", "x e", "f"]);
});

test("what only looks like a mark stays", () => {
  assert.deepEqual(titles("-5 degrees\n*important*\n3.5 litres\n2026) is no number of a list\n[link](a)\n1.\n[x]y"), [
    "-5 degrees", "*important*", "3.5 litres", "2026) is no number of a list", "[link](a)", "1.", "[x]y",
  ]);
});

test("marks without a text are no todos", () => {
  assert.deepEqual(titles("- [ ]\n[x]\n- [ ] a\nb"), ["a", "b"]);
});
