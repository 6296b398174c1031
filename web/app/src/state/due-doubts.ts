// Words that are due dates in some places of a title, and something else in others.

import type { ParsedResult } from "chrono-node";
import { mask } from "./due-input.ts";
import type { Words } from "./due-languages.ts";

/** "Fri", "mer." Full names of weekdays mean nothing else; nor do those of scripts without spaces. */
const shortName = /^[\p{Script=Latin}\p{Script=Cyrillic}\p{M}]{2,4}[.,]?$/u;

/** "3/4 cup". One with a year is a date. */
const dayAndMonth = /^\p{Nd}{1,2}[/.-]\p{Nd}{1,2}$/u;

/** "24/7 support": it is always open. */
const always = /^24\/7$/;

/** "10 am fuses"; "10am" is how times are written. */
const spacedHour = /^\p{Nd}{1,2}\s+[ap]\.?m\.?$/iu;

const clauseEnd = /^\.?\s*(?:$|[,;!?)])/;

/** What a time begins with that chrono-node doesn't add to a weekday. */
const timeAfter = /^[.,]?\s+(?:(?:ore|alle|a\s+las?|às?|à|um|om|kl)\s+\p{Nd}|\p{Nd}{1,2}\s?(?:h|:\p{Nd}))/iu;

/** Returns whether what was read is more often something else in that place. */
export function isDoubtful({ index, text: found, start }: ParsedResult, title: string, words: Words): boolean {
  const text = title.replaceAll(mask, " ");
  // Of some languages chrono-node reads the words that lead to a date, too.
  const lead = words.leading?.exec(found.replace(/\S+$/, ""));
  const read = found.slice(lead?.index === 0 ? lead[0].length : 0);
  const name = read.replace(/[.,]$/, "");
  const [before, after] = [text.slice(0, index + found.length - read.length), text.slice(index + found.length - read.length + name.length)];
  if (always.test(name)) return true;
  if (before.trim() === "" && /^[.,]?\s*$/.test(after)) return false;
  const isEnd = clauseEnd.test(after);
  if (dayAndMonth.test(name)) return !isEnd;
  if (spacedHour.test(name)) return !isEnd && !words.leading?.test(before);
  const isWeekday = start.isCertain("weekday") && !start.isCertain("day") && !start.isCertain("hour");
  if (!isWeekday || !shortName.test(read) || words.free?.test(name)) return false;
  if (/^['’]/.test(after) || words.never?.test(before)) return true;
  if (words.sure?.test(before) || timeAfter.test(after)) return false;
  return words.names?.test(name) || (!isEnd && !words.leading?.test(before));
}

/** Returns how much of the beginning of what was read is no part of it: "mer" of "à la mer demain". */
export function surplusOf({ text }: ParsedResult, { names, language }: Words, reference: Parameters<Words["language"]["parse"]>[1]): number {
  const [first = ""] = /^\S+\s+/.exec(text) ?? [];
  if (first === "" || !names?.test(first.trim())) return 0;
  const rest = language.parse(text.slice(first.length), reference, { forwardDate: true })[0];
  return rest?.index === 0 && rest.start.isCertain("day") ? first.length : 0;
}
