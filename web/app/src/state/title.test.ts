import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";
import { titleFault } from "./title.ts";

/** The rules of the contract; tests run in web/app/.test. */
const contract = "../../../proto/todo/v1/rules.proto";

test("a title that is empty, or of white space, has yet to be written", () => {
  for (const title of ["", " ", "\t\u00a0\u3000\n"]) assert.equal(titleFault(title), "Write a title first.");
});

test("a title in which nothing can be seen is a fault", () => {
  for (const title of ["\u200b", " \u200d\ufe0f ", "\u2800", "\u3164\u115f", "\u202e\u2066", "\u00ad\u180e", "\u0301", "\u{e0067}"]) {
    assert.equal(titleFault(title), "Nothing in this title can be seen. Write one that can.");
  }
});

test("a title with anything to be seen is none", () => {
  for (const title of ["a", " 0 ", "👩‍👩‍👧", "❤️", "1️⃣", "می‌خواهم", "क्‍ष", "우유", "\u202eabc", "\u200b.", "\u06dd", "\uf8ff"]) {
    assert.equal(titleFault(title), undefined);
  }
});

test("the page and the contract know the same visible characters", async () => {
  const text = await readFile(contract, "utf8");
  const rules = [...text.matchAll(/id: "title\.not_blank"[^}]*?expression:\s*((?:"[^"\n]*"\s*)+)/g)].map(([, literals = ""]) => {
    const expression = [...literals.matchAll(/"([^"\n]*)"/g)].map(([, part]) => part).join("");
    const pattern = /^this\.matches\('(.*)'\)$/.exec(expression)?.[1] ?? assert.fail(expression);
    return new RegExp(pattern.replaceAll("\\\\\\\\", "\\").replace(/\\x\{(\w+)\}/g, "\\u{$1}"), "u");
  });
  assert.equal(rules.length, 1);
  for (let code = 0; code <= 0x10ffff; code++) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    const character = String.fromCodePoint(code);
    for (const rule of rules) {
      if (rule.test(character) !== (titleFault(character) === undefined)) assert.fail(`U+${code.toString(16)}`);
    }
  }
});
