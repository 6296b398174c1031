// Where rows that are dragged come to lie.

/** A place in the order by hand. */
export interface DropPlace {
  /** The key of the row that comes after it; undefined is the end. */
  readonly before: string | undefined;
}

/**
 * Returns which row comes after a drawn one. Of a long list only a part is drawn, so that
 * the last drawn row need not be the last of the list.
 *
 * @param order the keys of all rows.
 */
export function after(order: readonly string[], drawn: string | undefined): string | undefined {
  const at = drawn === undefined ? -1 : order.indexOf(drawn);
  return at < 0 ? undefined : order[at + 1];
}

/**
 * Returns where rows go that are dropped in front of another one; undefined if they lie there already.
 *
 * @param order the keys of all rows.
 * @param before undefined is the end.
 */
export function dropPlace(order: readonly string[], moved: ReadonlySet<string>, before: string | undefined): DropPlace | undefined {
  const at = before === undefined ? order.length : order.indexOf(before);
  if (at < 0) return undefined; // It has gone meanwhile.
  const isStaying = (key: string) => !moved.has(key);
  const [above, below] = [order.slice(0, at).filter(isStaying), order.slice(at).filter(isStaying)];
  const result = [...above, ...order.filter((key) => moved.has(key)), ...below];
  return result.every((key, i) => key === order[i]) ? undefined : { before: below[0] };
}
