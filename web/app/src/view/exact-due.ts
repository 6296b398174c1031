// What the fields for a day and a time make of a due date.

import type { Due } from "../sync/due.ts";

/** The last day that can be chosen. Browsers let years of six digits be typed otherwise. */
export const lastDay = "9999-12-31";

/**
 * Returns a due date at another time, or, when that is "", at none.
 *
 * @param zone is the zone of the time that it had before: a time may be cleared to type another.
 */
export function atTime(due: Due, time: string, zone: string | undefined): Due {
  if (time === "") return { date: due.date };
  return { date: due.date, time, ...(zone !== undefined && { zone }) };
}

/** Returns whether a field has a whole day, of a year with four digits. */
export function isDay(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text);
}
