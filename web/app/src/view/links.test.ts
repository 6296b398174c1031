import assert from "node:assert/strict";
import test from "node:test";
import { piecesOf } from "./links.ts";

/** Returns the addresses of the links in a text. */
function linksIn(text: string): string[] {
  const pieces = piecesOf(text);
  assert.equal(pieces.map((piece) => piece.text).join(""), text, "the pieces are the text");
  return pieces.flatMap(({ href }) => href ?? []);
}

test("text without links is one piece, and empty text none", () => {
  assert.deepEqual(piecesOf("Buy milk"), [{ text: "Buy milk" }]);
  assert.deepEqual(piecesOf(""), []);
});

test("links are found among other text, which stays as it is", () => {
  assert.deepEqual(piecesOf("see https://a.example/x?y=1#z and HTTP://b.example now"), [
    { text: "see " },
    { text: "https://a.example/x?y=1#z", href: "https://a.example/x?y=1#z" },
    { text: " and " },
    { text: "HTTP://b.example", href: "http://b.example/" },
    { text: " now" },
  ]);
  assert.deepEqual(linksIn("http://localhost:5173/#open\nhttps://[::1]:8080/"), ["http://localhost:5173/#open", "https://[::1]:8080/"]);
});

for (const [name, text] of Object.entries({
  "a full stop": "https://a.example/x.",
  "several signs": "https://a.example/x?!…",
  "a comma and more": "https://a.example/x, then rest",
  "round brackets around it": "(https://a.example/x)",
  "brackets and a full stop": "(see https://a.example/x).",
  "square brackets": "[https://a.example/x]",
  "angle brackets": "<https://a.example/x>",
  "quotation marks": `"https://a.example/x"`,
  "curly quotation marks": "“https://a.example/x”",
  "single quotation marks": "‘https://a.example/x’",
  "Markdown": "**https://a.example/x**",
  "an Arabic comma": "راجع https://a.example/x، ثم",
  "an Arabic question mark": "هل https://a.example/x؟",
  "a Chinese full stop": "请看https://a.example/x。",
  "Japanese brackets": "「https://a.example/x」を見て",
  "fullwidth brackets": "（https://a.example/x）",
  "marks of direction": "\u202ehttps://a.example/x\u202c\u200f",
  "a zero width space": "https://a.example/x\u200bmore",
})) {
  test(`a link ends before what is not part of it: ${name}`, () => {
    assert.deepEqual(linksIn(text), ["https://a.example/x"]);
  });
}

test("brackets and signs within a link are part of it", () => {
  for (const link of ["https://en.wikipedia.org/wiki/Todo_(list)", "https://a.example/x.html", "https://a.example/a,b;c:d!e/~f"]) {
    assert.deepEqual(linksIn(`(${link})`), [link]);
    assert.deepEqual(linksIn(`${link}.`), [link]);
  }
});

test("links may be in any alphabet, and lead where the browser takes them", () => {
  assert.deepEqual(linksIn("https://ar.wikipedia.org/wiki/قائمة"), ["https://ar.wikipedia.org/wiki/%D9%82%D8%A7%D8%A6%D9%85%D8%A9"]);
  assert.deepEqual(linksIn("https://bücher.example/"), ["https://xn--bcher-kva.example/"]);
});

test("nothing else is a link", () => {
  for (const text of [
    "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "ftp://a.example", "www.a.example", "a@b.example",
    "https://", "http://.", "https:a.example", "xhttps://a.example", "x+https://a.example", "https://a.example:99999/",
    "https://bank.example@evil.example/", "https://bank.example:x@evil.example", "javascript://https:a.example",
  ]) {
    assert.deepEqual(linksIn(text), [], text);
  }
});

test("a text of the greatest length costs little, whatever is in it", () => {
  const started = process.cpuUsage();
  for (const part of ["https://", "(https://a.example/", ")", ".", ").", "https://a.example/...,,,"]) {
    linksIn(`https://a.example/${part.repeat(2000 / part.length)}`);
  }
  const { user } = process.cpuUsage(started);
  assert(user < 1_000_000, `${user} µs`);
});
