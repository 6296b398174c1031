// Due dates and times in the words of the user's language.

import type { Due } from "../sync/due.ts";
import type { Now } from "./clock.ts";
import { dayOf, timeOf, today } from "./due.ts";
import type { Section } from "./sections.ts";
import { daysBetween } from "./zone.ts";

/** How many days after today a weekday's name says which day it is. */
const weekdays = 6;

type Style = "short" | "shortYear" | "weekday" | "long" | "longYear" | "time";

const styles: Readonly<Record<Style, Intl.DateTimeFormatOptions>> = {
  short: { day: "numeric", month: "short" },
  shortYear: { day: "numeric", month: "short", year: "numeric" },
  weekday: { weekday: "short" },
  long: { weekday: "long", day: "numeric", month: "long" },
  longYear: { weekday: "long", day: "numeric", month: "long", year: "numeric" },
  time: { timeStyle: "short" },
};

const formats = new Map<string, Intl.DateTimeFormat>();

/** Says when something is due as briefly as it can be: "today 09:00", "Fri", "12 Mar". */
export function dueText(due: Due, now: Now, locale?: string): string {
  return withTime(dayText(dayOf(due, now), today(now), locale), due, now, locale);
}

/** Says when something is due in full, for tooltips and screen readers: "Friday, 4 December 2026 at 09:00". */
export function dueLabel(due: Due, now: Now, locale?: string): string {
  const text = withTime(format("longYear", dayOf(due, now), locale), due, now, locale);
  return due.zone === undefined || due.zone === now.zone ? text : `${text} (${due.time} ${due.zone})`;
}

/** Says which day a day is, as a heading. */
export function dayTitle(date: string, now: Now, locale?: string): string {
  const first = today(now);
  const days = daysBetween(first, date);
  if (days >= -1 && days <= 1) return capital(relative(days, locale), locale);
  return format(sameYear(date, first) ? "long" : "longYear", date, locale);
}

/** The heading of a part of a list; "" for one that needs none. */
export function sectionTitle({ kind, date }: Pick<Section, "kind" | "date">, now: Now, locale?: string): string {
  if (kind === "day" && date !== undefined) return dayTitle(date, now, locale);
  if (kind === "overdue") return "Overdue";
  return kind === "done" ? "Done" : "";
}

/** Says a time of the day, HH:MM, as people write it where the user is. */
export function timeText(time: string, locale?: string): string {
  const instant = Date.parse(`1970-01-01T${time}Z`);
  return Number.isNaN(instant) ? time : formatOf("time", locale).format(instant);
}

/** Says on which day something happened, in full. */
export function dateText(microseconds: number, { zone }: Pick<Now, "zone">, locale?: string): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "long", timeZone: zone }).format(microseconds / 1000);
}

function withTime(day: string, due: Due, now: Now, locale?: string): string {
  const time = timeOf(due, now);
  return time === undefined ? day : `${day} ${timeText(time, locale)}`;
}

function dayText(date: string, first: string, locale?: string): string {
  const days = daysBetween(first, date);
  if (days >= -1 && days <= 1) return relative(days, locale);
  if (days > 1 && days <= weekdays) return format("weekday", date, locale);
  return format(sameYear(date, first) ? "short" : "shortYear", date, locale);
}

function relative(days: number, locale?: string): string {
  return new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(days, "day");
}

function format(style: Style, date: string, locale?: string): string {
  if (!isDate(date)) return date;
  return formatOf(style, locale).format(Date.parse(`${date}T00:00Z`));
}

/** The days and times are given in UTC, whatever the zone that they are meant in. */
function formatOf(style: Style, locale?: string): Intl.DateTimeFormat {
  const key = `${style} ${locale ?? ""}`;
  let format = formats.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat(locale, { ...styles[style], timeZone: "UTC" });
    formats.set(key, format);
  }
  return format;
}

/** One that is being typed may be none. */
function isDate(date: string): boolean {
  return !Number.isNaN(Date.parse(`${date}T00:00Z`));
}

function sameYear(a: string, b: string): boolean {
  return a.slice(0, 4) === b.slice(0, 4);
}

function capital(text: string, locale?: string): string {
  const [first = ""] = text;
  return first.toLocaleUpperCase(locale) + text.slice(first.length);
}
