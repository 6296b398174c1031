// Due dates in plain words, by chrono-node. It is loaded when it is first needed.

import type { ParsedResult } from "chrono-node";
import type { Due } from "../sync/due.ts";
import type { Now } from "./clock.ts";
import type { DueReader, Understood } from "./due-input.ts";
import { isDoubtful, surplusOf } from "./due-doubts.ts";
import { languagesFor, type Words } from "./due-languages.ts";
import { addDays, localAt, offsetAt, type Local } from "./zone.ts";

/** "30 min", "for 2 hours" and "a second" say how long; only what comes after such a time is a date. */
const duration = /^(?:for\s|an?\s|half\s|\p{N})/iu;
const later = /(?:later|from now|hence|後|后|之后)\s*$/u;

/** chrono-node takes "last Friday" for the next one when it shall find dates to come. */
const past = /(?<!\p{L})(?:last|past|ago|letzte[nrsm]?|vorige[nrsm]?|derni(?:er|ère)|passée?|pasad[oa]|scors[oa]|vorige|afgelopen)(?!\p{L})/iu;

/** Returns what reads due dates in the first of these languages that it knows, and in English. */
export async function dueReader(languages: readonly string[]): Promise<DueReader> {
  const words = await languagesFor(languages);
  return (text, now) => {
    const found = words.flatMap((each) => read(each, text, now));
    // "9am" is of more languages than "tomorrow 9am": the most words count.
    found.sort((a, b) => b.end - b.start - (a.end - a.start));
    return found.filter(overlapsNone).sort((a, b) => a.start - b.start);
  };
}

function read(words: Words, text: string, now: Now): Understood[] {
  const reference = { instant: new Date(now.instant), timezone: offsetAt(now.instant, now.zone) / 60_000 };
  const local = localAt(now.instant, now.zone);
  return words.language.parse(text, reference, { forwardDate: true }).flatMap((result) => {
    if (isDoubtful(result, text, words)) return [];
    const due = dueOf(result, local, now.zone);
    if (!due) return [];
    const surplus = surplusOf(result, words, reference);
    const before = surplus === 0 && words.leading?.exec(text.slice(0, result.index));
    return [{ start: before ? before.index : result.index + surplus, end: result.index + result.text.length, due }];
  });
}

/** Returns the due date of a result; undefined if it names no day or time to come. */
function dueOf({ start, text }: ParsedResult, now: Local, zone: string): Due | undefined {
  const tags = start.tags();
  const isRelative = tags.has("result/relativeDate");
  if (tags.has("casualReference/now") || past.test(text) || (isRelative && duration.test(text) && !later.test(text))) return undefined;
  const hasDay = start.isCertain("day") || start.isCertain("weekday") || isRelative;
  const hasTime = start.isCertain("hour");
  if (!hasDay && !hasTime) return undefined; // "December", "morning"
  const time = `${digits(start.get("hour"), 2)}:${digits(start.get("minute"), 2)}`;
  let due: Due;
  if (hasTime && start.isCertain("timezoneOffset")) due = { ...localAt(start.date().getTime(), zone), zone };
  else if (!hasDay) due = { date: time > now.time ? now.date : addDays(now.date, 1), time };
  else {
    const date = `${digits(start.get("year"), 4)}-${digits(start.get("month"), 2)}-${digits(start.get("day"), 2)}`;
    due = hasTime ? { date, time } : { date };
  }
  return due.date < now.date || !/^\d{4}-/.test(due.date) ? undefined : due;
}

function overlapsNone({ start, end }: Understood, i: number, all: readonly Understood[]): boolean {
  return all.slice(0, i).every((other) => other.end <= start || end <= other.start);
}

function digits(number: number | null, length: number): string {
  return String(number ?? 0).padStart(length, "0");
}
