import assert from "node:assert/strict";
import test from "node:test";
import { localTodoOf } from "../testing/local-todos.ts";
import { fold, matchesIn, Search } from "./search.ts";

const finds = (query: string, title: string, rest: { description?: string; tags?: string[] } = {}) =>
  new Search(query).matches(localTodoOf({ title, ...rest }));

test("words are found whatever their case and accents", () => {
  for (const [query, title] of [
    ["cafe", "Café"], ["CAFÉ", "cafe"], ["cafe", "Cafe\u0301"], ["uber", "Über"], ["strasse", "Große Straße"], ["STRASSE", "straße"],
    ["oresund", "Øresund"], ["lodz", "Łódź"], ["dak lak", "Đắk Lắk"], ["aeon", "Æon"], ["oeuvre", "Œuvre"], ["istanbul", "İstanbul"],
    ["kizil", "kızıl"], ["ελλαδα", "Ελλάδα"], ["их", "ИХ"], ["한", "한국"], ["하", "한국"],
    ["ﬁ", "fin"], ["office", "oﬃce"], ["σοφοσ", "Σοφός"], ["елка", "Ёлка"], ["smorrebrod", "Smørrebrød"], ["aether", "Ǽther"], ["dac biet", "Đặc biệt"],
    ["cafe", "ca\u00adfé"], ["אבג", "אָבּג"], ["سلام", "سَلَام"], ["か", "がぎ"], ["❤", "❤\ufe0f"], ["a ring", "\u212b ring"],
  ] as const) {
    assert(finds(query, title), `${query} in ${title}`);
  }
});

test("each word must occur, in any order and anywhere in a word", () => {
  assert(finds("milk buy", "Buy oat milk"));
  assert(finds("ilk", "Buy oat milk"));
  assert(!finds("milk bread", "Buy oat milk"));
  assert(finds("", "anything"));
  assert(finds(" \u3000 ", "anything"));
});

test("descriptions and tags are searched, too, but no word reaches from one to the next", () => {
  assert(finds("oat", "Buy milk", { description: "Oat, if there is" }));
  assert(finds("#home", "Buy milk", { tags: ["Home"] }));
  assert(finds("home", "Buy milk", { tags: ["Home"] }));
  assert(!finds("milkoat", "Buy milk", { description: "oat" }));
});

test("marks that are letters to those who write them count", () => {
  assert(!finds("が", "かぎ"));
  assert(!finds("เที่ยว", "เทียว"));
});

test("signs stand for themselves", () => {
  assert(finds("50%", "50% off"));
  assert(!finds(".*", "anything"));
  assert(finds("c++", "Learn C++"));
});

test("a change of a todo is found", () => {
  const folded = new WeakMap<object, string>();
  const before = localTodoOf({ title: "before" });
  assert(new Search("before", folded).matches(before));
  assert(new Search("after", folded).matches({ ...before, title: "after" }));
});

test("what was found is marked, in the text as it is written", () => {
  const marked = (text: string, query: string) => matchesIn(text, query).map(({ start, end }) => text.slice(start, end));
  assert.deepEqual(marked("Große Straße", "strasse"), ["Straße"]);
  assert.deepEqual(marked("Cafe\u0301 Café", "cafe"), ["Cafe\u0301", "Café"]);
  assert.deepEqual(marked("Æon", "e"), ["Æ"]);
  assert.deepEqual(marked("banana", "an na"), ["anana"]);
  assert.deepEqual(marked("banana", "x"), []);
  assert.deepEqual(marked("banana", " "), []);
  assert.deepEqual(marked("👩‍👩‍👧 İstanbul", "istanbul"), ["İstanbul"]);
});

test("folding is done once: what is folded stays", () => {
  for (let code = 0; code < 0x1f000; code++) {
    const text = String.fromCodePoint(code);
    if (fold(fold(text)) !== fold(text)) assert.fail(`U+${code.toString(16)}`);
  }
});
