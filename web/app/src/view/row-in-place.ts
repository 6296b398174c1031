import type { Row } from "../state/rows.ts";

type Keyed = Pick<Row, "key">;

/**
 * Returns the key of the row that is in the place of the first one that something was done
 * to: the next one that was left alone, or the one above; if the list has only those that
 * it was done to, the first of them that is still there.
 *
 * @param before the list's rows as they were.
 * @param now its rows as they are.
 */
export function rowInPlace(before: readonly Keyed[], done: readonly Keyed[], now: readonly Keyed[]): string | undefined {
  const acted = new Set(done.map(({ key }) => key));
  const there = new Set(now.map(({ key }) => key));
  const at = before.findIndex(({ key }) => acted.has(key));
  const isLeft = ({ key }: Keyed) => there.has(key) && !acted.has(key);
  const row = before.slice(at).find(isLeft) ?? before.slice(0, Math.max(at, 0)).findLast(isLeft);
  return (row ?? done.find(({ key }) => there.has(key)))?.key;
}
