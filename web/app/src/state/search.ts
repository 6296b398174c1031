// Finds words in todos, whatever their case and accents, as the service does.

import { caseFold } from "../sync/case-fold.ts";
import type { Details, Text } from "../sync/todo.ts";

/** A part of a text. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Letters that Unicode doesn't decompose, and what people type for them. */
const letters: Readonly<Record<string, string>> = {
  ø: "o", ł: "l", đ: "d", ð: "d", ħ: "h", ŧ: "t", ı: "i", æ: "ae", œ: "oe", þ: "th",
};

const special = new RegExp(`[${Object.keys(letters).join("")}]`, "g");

/**
 * What people leave out when they type: accents, the points of Hebrew and the vowel marks
 * of Arabic, soft hyphens, and what chooses between pictures of an emoji. The marks of
 * other scripts are letters to those who write them.
 */
const ignored = new RegExp(
  "[\\u00AD\\u0300-\\u036F\\u0591-\\u05BD\\u05BF\\u05C1\\u05C2\\u05C4\\u05C5\\u05C7\\u064B-\\u065F\\u0670" +
    "\\u1AB0-\\u1AFF\\u1DC0-\\u1DFF\\u20D0-\\u20FF\\uFE00-\\uFE0F\\uFE20-\\uFE2F]",
  "g",
);

/** Returns text without case, accents, and how its letters are composed, as the service folds it. */
export function fold(text: string): string {
  const stripped = (part: string) => part.normalize("NFD").replace(ignored, "");
  return stripped(caseFold(stripped(text))).replace(special, (letter) => letters[letter] ?? letter);
}

/** Returns the words of a query, folded. */
export function wordsOf(query: string): readonly string[] {
  return fold(query).split(/\s+/u).filter((word) => word !== "");
}

/** Finds the todos in which all words of a query occur. */
export class Search {
  readonly #words: readonly string[];
  /** What is searched of each todo, folded: a todo is another object after each change. */
  readonly #folded: WeakMap<object, string>;

  constructor(query: string, folded: WeakMap<object, string> = new WeakMap()) {
    this.#words = wordsOf(query);
    this.#folded = folded;
  }

  /** Returns whether a todo has each word in its title, its description or a tag. */
  matches(todo: Text & Pick<Details, "tags">): boolean {
    let text = this.#folded.get(todo);
    if (text === undefined) {
      // No word has a line break, so none reaches from one text into the next.
      text = fold([todo.title, todo.description, ...todo.tags.map((tag) => `#${tag}`)].join("\n"));
      this.#folded.set(todo, text);
    }
    return this.#words.every((word) => text.includes(word));
  }
}

/** Returns where the words of a query occur in a text: ascending, and not overlapping. */
export function matchesIn(text: string, query: string): readonly Range[] {
  const words = wordsOf(query);
  if (words.length === 0) return [];
  // Where each unit of the folded text comes from: folding may lengthen and shorten.
  let folded = "";
  const origins: Range[] = [];
  for (const { 0: cluster, index } of text.matchAll(/[^\p{M}\u00ad][\p{M}\u00ad]*|[\p{M}\u00ad]+/gu)) {
    const part = fold(cluster);
    folded += part;
    for (let i = 0; i < part.length; i++) origins.push({ start: index, end: index + cluster.length });
  }
  const found: Range[] = [];
  for (const word of words) {
    for (let at = folded.indexOf(word); at >= 0; at = folded.indexOf(word, at + word.length)) {
      found.push({ start: origins[at]!.start, end: origins[at + word.length - 1]!.end });
    }
  }
  return united(found);
}

function united(ranges: readonly Range[]): readonly Range[] {
  const all: Range[] = [];
  for (const range of ranges.toSorted((a, b) => a.start - b.start)) {
    const last = all.at(-1);
    if (last && range.start <= last.end) all[all.length - 1] = { start: last.start, end: Math.max(last.end, range.end) };
    else all.push(range);
  }
  return all;
}
