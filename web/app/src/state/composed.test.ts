import assert from "node:assert/strict";
import test from "node:test";
import { compose, nameOf, type Composed } from "./composed.ts";
import type { Draft } from "./drafts.ts";
import type { Understood } from "./due-input.ts";
import { signsIn } from "./title-syntax.ts";

const now = { instant: Date.parse("2026-11-29T14:30Z"), zone: "UTC" };

/** Reads "tomorrow" and "fri" as due dates. */
function readDue(text: string): readonly Understood[] {
  return [...text.matchAll(/tomorrow|fri/g)].map(({ 0: word, index }) => ({
    start: index, end: index + word.length, due: { date: word === "fri" ? "2026-12-04" : "2026-11-30" },
  }));
}

function understood(title: string, draft: Partial<Draft> = {}, defaults = {}): Composed {
  return compose({ title, description: "", faults: {}, ...draft }, { now, readDue, defaults });
}

/** Returns what is understood as "title | due | priority | tags". */
function told(title: string, draft: Partial<Draft> = {}, defaults = {}): string {
  const { title: rest, due, priority, tags } = understood(title, draft, defaults);
  return [rest, due?.date ?? "", priority, tags.join(" ")].join(" | ");
}

const signs = (title: string) => signsIn(title).map((sign) => (sign.kind === "tag" ? `#${sign.tag}` : `!${sign.priority}`));

test("tags and priorities are read where they stand by themselves", () => {
  assert.deepEqual(signs("Buy #milk !high #zu-hause/küche"), ["#milk", "!3", "#zu-hause/küche"]);
  assert.deepEqual(signs("#a #b. (#c) #d, x#e ##f"), ["#a", "#b", "#d"]);
  assert.deepEqual(signs("!low !Medium !HIGH !1 !2 !3 !4 !lower wow!high"), ["!1", "!2", "!3", "!3", "!2", "!1"]);
  assert.deepEqual(signs("#🏠 #日本語 #עברית"), ["#🏠", "#日本語", "#עברית"]);
});

test("numbers, colours' and addresses' signs are no tags", () => {
  assert.deepEqual(signs("issue #42, https://a.example/#top # !"), []);
  assert.deepEqual(signs(`#${"x".repeat(51)}`), []);
  assert.deepEqual(signs(`#${"😀".repeat(50)}`).length, 1);
});

test("what is understood is taken out of the title, with the space around it", () => {
  assert.equal(told("Call  mum tomorrow #family !high"), "Call  mum | 2026-11-30 | 3 | family");
  assert.equal(told("tomorrow call mum"), "call mum | 2026-11-30 | 0 | ");
  assert.equal(told("Call #x mum tomorrow, please"), "Call mum, please | 2026-11-30 | 0 | x");
  assert.equal(told("買うtomorrow牛乳"), "買う牛乳 | 2026-11-30 | 0 | ");
});

test("the pieces say where they are", () => {
  const title = "Call tomorrow #x !low";
  assert.deepEqual(understood(title).pieces.map(({ kind, start, end, text }) => [kind, text, title.slice(start, end)]), [
    ["due", "tomorrow", "tomorrow"], ["tag", "#x", "#x"], ["priority", "!low", "!low"],
  ]);
});

test("a piece that is ignored stays text, and the next one counts", () => {
  const [first] = understood("fri or tomorrow").pieces;
  const ignored = [nameOf(first!)];
  assert.equal(told("fri or tomorrow"), "or tomorrow | 2026-12-04 | 0 | ");
  assert.equal(told("fri or tomorrow", { ignored }), "fri or | 2026-11-30 | 0 | ");
  assert.equal(told("So fri or tomorrow", { ignored }), "So fri or | 2026-11-30 | 0 | ", "also when it has moved");
  assert.equal(told("x !high !low", { ignored: ["priority !high"] }), "x !high |  | 1 | ");
  assert.equal(told("x #a #b", { ignored: ["tag #a"] }), "x #a |  | 0 | b");
});

test("one priority and one due date count, all tags do", () => {
  assert.equal(told("x !high !low fri tomorrow #b #a #B"), "x !low tomorrow | 2026-12-04 | 3 | a b");
});

test("a day within a tag or an address is none", () => {
  assert.equal(told("x #fri"), "x |  | 0 | fri");
  assert.equal(told("x #fri", { ignored: ["tag #fri"] }), "x #fri |  | 0 | ");
  assert.equal(told("see https://a.example/tomorrow or fri@a.example"), "see https://a.example/tomorrow or fri@a.example |  | 0 | ");
});

test("a title of nothing but a day is that title", () => {
  assert.equal(told("tomorrow"), "tomorrow |  | 0 | ");
  assert.equal(told("tomorrow #x"), "tomorrow |  | 0 | x");
  assert.equal(told("#x"), " |  | 0 | x");
});

test("what is chosen wins over words, and words over the list", () => {
  const defaults = { due: { date: "2026-11-29" }, tags: ["home"] };
  assert.equal(told("x", {}, defaults), "x | 2026-11-29 | 0 | home");
  assert.equal(told("x tomorrow #y", {}, defaults), "x | 2026-11-30 | 0 | home y");
  assert.equal(told("x tomorrow", { due: { date: "2027-01-01" } }, defaults), "x tomorrow | 2027-01-01 | 0 | home");
  assert.equal(told("x tomorrow", { due: null }, defaults), "x tomorrow |  | 0 | home");
  assert.equal(told("x !high", { priority: 0 }, defaults), "x !high | 2026-11-29 | 0 | home");
  assert.equal(told("x", { tags: ["z"], withoutTags: ["HOME"] }, defaults), "x | 2026-11-29 | 0 | z");
});

test("a text that was understood before is not understood again", () => {
  assert.equal(told("x tomorrow #y !high", { isVerbatim: true }), "x tomorrow #y !high |  | 0 | ");
});
