import { generateNKeysBetween } from "fractional-indexing";
import { comparePositions } from "../sync/position.ts";

/** The longest key that is made, in characters: a longer one makes its neighbours get new ones. The contract allows 255. */
const maxKey = 200;

/** A todo in the order by hand. */
export interface Placed {
  readonly id: string;
  readonly position: string;
  /** Whether the position is a guess: the service derives it when it creates the todo. */
  readonly isProvisional?: boolean | undefined;
}

/** A todo's new key. */
export interface Move {
  readonly id: string;
  readonly position: string;
}

/**
 * Returns the new keys that bring todos to another place.
 *
 * @param order all todos in their order.
 * @param moved the ids of those to move; they come in the order that they have.
 * @param before the id of the todo in front of which they come; undefined for the end.
 */
export function movesTo(order: readonly Placed[], moved: ReadonlySet<string>, before: string | undefined): readonly Move[] {
  const rest = order.filter(({ id }) => !moved.has(id));
  const moving = order.filter(({ id }) => moved.has(id));
  const at = before === undefined ? rest.length : rest.findIndex(({ id }) => id === before);
  if (at < 0 || moving.length === 0) return [];
  // Neighbours without a place between them get new keys, too: as few as are needed.
  for (let reach = 0; ; reach = reach === 0 ? 1 : reach * 2) {
    const [from, to] = [Math.max(0, at - reach), Math.min(rest.length, at + reach)];
    const [lower, upper] = [rest[from - 1], rest[to]];
    const renewed = [...rest.slice(from, at), ...moving, ...rest.slice(at, to)];
    const keys = keysBetween(lower?.position, upper?.position, renewed.length);
    const isWhole = from === 0 && to === rest.length;
    if (keys && (isWhole || keys.every((key) => key.length <= maxKey))) {
      const neighbours = [lower, upper].filter((neighbour) => neighbour?.isProvisional) as Placed[];
      return [
        // The service would give these keys of its own, by its own clock.
        ...neighbours.map(({ id, position }) => ({ id, position })),
        ...renewed.map(({ id }, i) => ({ id, position: keys[i]! })),
      ];
    }
    if (isWhole) return [];
  }
}

/** Returns ascending keys between two others; undefined if there are none between them. */
export function keysBetween(lower: string | undefined, upper: string | undefined, count: number): readonly string[] | undefined {
  if (lower !== undefined && upper !== undefined && comparePositions(lower, upper) >= 0) return undefined;
  try {
    return generateNKeysBetween(lower ?? null, upper ?? null, count);
  } catch {
    return undefined; // One of them is no key, or the least there is.
  }
}
