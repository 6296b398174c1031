import type { Due } from "../sync/due.ts";
import type { Now } from "./clock.ts";
import { addDays, instantAt, localAt, weekdayOf } from "./zone.ts";

/** How near a due date is. */
export type DueState = "overdue" | "today" | "soon" | "later";

/** How many days count as soon: those that have a weekday as their name. */
const soonDays = 6;

/** How many instants are kept: finding one takes some microseconds, and lists need them again with each change. */
const maxKept = 20_000;

const instants = new Map<string, number>();

/** Returns the day on which the user is. */
export function today({ instant, zone }: Now): string {
  return localAt(instant, zone).date;
}

/** Returns the day on which something is due where the user is. */
export function dayOf(due: Due, { zone }: Pick<Now, "zone">): string {
  if (due.time === undefined || due.zone === undefined || due.zone === zone) return due.date;
  const instant = dueInstant(due, zone);
  return Number.isFinite(instant) ? localAt(instant, zone).date : due.date;
}

/** Returns the time of its day, where the user is, at which something is due; undefined if at no particular one. */
export function timeOf(due: Due, { zone }: Pick<Now, "zone">): string | undefined {
  if (due.time === undefined || due.zone === undefined || due.zone === zone) return due.time;
  const instant = dueInstant(due, zone);
  return Number.isFinite(instant) ? localAt(instant, zone).time : due.time;
}

/**
 * Returns the instant at which something is due, in milliseconds. A day ends it: it comes
 * after all times of that day. What is no date, as one that is being typed, never comes.
 *
 * @param zone is where the user is.
 */
export function dueInstant(due: Due, zone: string): number {
  const at = due.zone ?? zone;
  const key = `${due.date} ${due.time ?? ""} ${at}`;
  let instant = instants.get(key);
  if (instant === undefined) {
    if (Number.isNaN(Date.parse(`${due.date}T${due.time ?? "00:00"}Z`))) instant = Infinity;
    else if (due.time === undefined) instant = instantAt({ date: addDays(due.date, 1), time: "00:00" }, zone) - 1;
    else instant = instantAt({ date: due.date, time: due.time }, at);
    if (instants.size >= maxKept) instants.clear();
    instants.set(key, instant);
  }
  return instant;
}

/** Returns whether the time at which something was due is over. */
export function isOverdue(due: Due, { instant, zone }: Now): boolean {
  return dueInstant(due, zone) < instant;
}

/** Returns how near a due date is. */
export function dueState(due: Due, now: Now): DueState {
  if (isOverdue(due, now)) return "overdue";
  const day = dayOf(due, now);
  const first = today(now);
  if (day <= first) return "today";
  return day <= addDays(first, soonDays) ? "soon" : "later";
}

/** Compares due dates: the earliest first, none last. */
export function compareDue(a: Due | undefined, b: Due | undefined, zone: string): number {
  if (!a || !b) return Number(!a) - Number(!b);
  const [first, second] = [dueInstant(a, zone), dueInstant(b, zone)];
  return first === second ? 0 : first - second;
}

/** Returns what a due date becomes; undefined is none. */
export type DueChange = (before: Due | undefined) => Due | undefined;

/** Returns a due date on another day of the user's, at the time that it has. */
export function onDay(due: Due | undefined, day: string, now: Pick<Now, "zone">): Due {
  // In the zone of the time, it may be the day before or after.
  const dates = [day, addDays(day, -1), addDays(day, 1)];
  return { ...due, date: dates.find((date) => dayOf({ ...due, date }, now) === day) ?? day };
}

/** A due date that is one click away. */
export interface DueChoice {
  readonly name: "today" | "tomorrow" | "weekend" | "nextWeek";
  readonly due: Due;
}

/** Returns the due dates that are one click away: the weekend is the next Saturday, next week the next Monday. */
export function dueChoices(now: Now): readonly DueChoice[] {
  const first = today(now);
  const next = (weekday: number) => addDays(first, (weekday - weekdayOf(first) + 6) % 7 + 1);
  return [
    { name: "today", due: { date: first } },
    { name: "tomorrow", due: { date: addDays(first, 1) } },
    { name: "weekend", due: { date: next(6) } },
    { name: "nextWeek", due: { date: next(1) } },
  ];
}
