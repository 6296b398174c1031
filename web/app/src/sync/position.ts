// The order by hand: keys of the npm package fractional-indexing.

/** The number of which the microseconds of a derived key are taken off: keys of newer todos are less. */
const end = 2n ** 56n - 1n;

/**
 * Returns the key of a todo that nobody has moved, as the service derives it from the
 * time of creation: "M" is the head of 14 digits, and hexadecimal digits are digits of
 * base 62, too.
 *
 * @param createdAt in microseconds since 1970.
 */
export function derivedPosition(createdAt: number): string {
  const time = BigInt(Math.trunc(createdAt));
  const left = time < 0n ? end : time > end ? 0n : end - time;
  return `M${left.toString(16).padStart(14, "0")}`;
}

/** Compares two keys, which are ASCII, byte by byte. */
export function comparePositions(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
