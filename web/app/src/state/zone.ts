// Local times of time zones, by the browser's own data. It knows instants' local times
// only; the way back is searched.

/** A local time. */
export interface Local {
  /** YYYY-MM-DD */
  readonly date: string;
  /** HH:MM */
  readonly time: string;
}

const day = 86_400_000;

const formats = new Map<string, Intl.DateTimeFormat>();

/** Returns the local time of an instant, in milliseconds since 1970. */
export function localAt(instant: number, zone: string): Local {
  const shown = new Date(instant + offsetAt(instant, zone)).toISOString();
  const date = shown.slice(0, shown.indexOf("T"));
  return { date, time: shown.slice(date.length + 1, date.length + 6) };
}

/**
 * Returns the instant of a local time. One that comes twice, as clocks go back, is the
 * first of the two. One that doesn't exist, as clocks go forward, is taken with the offset
 * from before (RFC 5545, 3.3.5).
 */
export function instantAt({ date, time }: Local, zone: string): number {
  const asUTC = Date.parse(`${date}T${time}Z`);
  // The change, if there is one, lies between these: no offset is as large as a day.
  const offsets = [offsetAt(asUTC - day, zone), offsetAt(asUTC + day, zone)] as const;
  const candidates = offsets.map((offset) => asUTC - offset).sort((a, b) => a - b);
  return candidates.find((instant) => instant + offsetAt(instant, zone) === asUTC) ?? asUTC - offsets[0];
}

/** Returns the day so many days after a day. */
export function addDays(date: string, days: number): string {
  const [added = ""] = new Date(Date.parse(`${date}T00:00Z`) + days * day).toISOString().split("T");
  return added;
}

/** Returns the weekday of a day: 0 is Sunday. */
export function weekdayOf(date: string): number {
  return new Date(`${date}T00:00Z`).getUTCDay();
}

/** Returns how many days a day lies after another one. */
export function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(`${to}T00:00Z`) - Date.parse(`${from}T00:00Z`)) / day);
}

/** Returns how much local time is ahead of UTC at an instant, in milliseconds. */
export function offsetAt(instant: number, zone: string): number {
  const parts: Record<string, string> = {};
  for (const { type, value } of formatOf(zone).formatToParts(instant)) parts[type] = value;
  const { era, year, month, day, hour, minute, second } = parts;
  const local = new Date(0);
  // Date.UTC takes the years 0 to 99 for those of the last century.
  local.setUTCFullYear(era === "BC" ? 1 - Number(year) : Number(year), Number(month) - 1, Number(day));
  local.setUTCHours(Number(hour), Number(minute), Number(second));
  return local.getTime() - Math.floor(instant / 1000) * 1000;
}

/** Returns a zone's format. A browser may not know a zone that the service knows; it then takes its own. */
function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known) return known;
  const options: Intl.DateTimeFormatOptions = {
    calendar: "gregory",
    numberingSystem: "latn",
    hourCycle: "h23",
    era: "short",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  };
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("en-US", { ...options, timeZone: zone });
  } catch {
    format = new Intl.DateTimeFormat("en-US", options);
  }
  formats.set(zone, format);
  return format;
}
