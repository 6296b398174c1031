import assert from "node:assert/strict";
import test from "node:test";
import { generateNKeysBetween } from "fractional-indexing";
import { comparePositions, derivedPosition } from "../sync/position.ts";
import { movesTo, type Placed } from "./moves.ts";

const order = (...positions: string[]): Placed[] => positions.map((position, i) => ({ id: "abcdefghijklmnopqrstuvwxyz"[i]!, position }));

/** Returns the ids in the order after a move, and checks that no two places are the same. */
function after(placed: readonly Placed[], moved: string, before?: string): string {
  const moves = new Map(movesTo(placed, new Set(moved), before).map(({ id, position }) => [id, position]));
  const all = placed.map(({ id, position }) => ({ id, position: moves.get(id) ?? position }));
  return all.sort((a, b) => comparePositions(a.position, b.position)).map(({ id }) => id).join("");
}

test("todos are moved between others, to the top and to the end", () => {
  const placed = order("a0", "a1", "a2", "a3");
  assert.equal(after(placed, "d", "b"), "adbc");
  assert.equal(after(placed, "c", "a"), "cabd");
  assert.equal(after(placed, "a"), "bcda");
  assert.equal(movesTo(placed, new Set("d"), "b").length, 1, "no other gets a new key");
});

test("several keep their order among themselves", () => {
  assert.equal(after(order("a0", "a1", "a2", "a3", "a4"), "eb", "a"), "beacd");
  assert.equal(after(order("a0", "a1", "a2"), "ab"), "cab");
});

test("a place that nobody has, or todos that are not there, move nothing", () => {
  assert.deepEqual(movesTo(order("a0", "a1"), new Set("a"), "z"), []);
  assert.deepEqual(movesTo(order("a0", "a1"), new Set("z"), "a"), []);
  assert.deepEqual(movesTo(order("a0", "a1"), new Set("a"), "a"), []);
});

test("neighbours with one key get new ones, as few as are needed", () => {
  const placed = order("a0", "a1", "a1", "a1", "a2", "a3");
  assert.equal(after(placed, "f", "c"), "abfcde");
  assert.deepEqual(movesTo(placed, new Set("f"), "c").map(({ id }) => id).sort().join(""), "bcf");
  assert.equal(after(order("a0", "a0", "a0", "a0"), "d", "a"), "dabc");
});

test("keys don't grow without end", () => {
  let placed = order("a0", "a1", "a2", "a3", "a4", "a5");
  for (let i = 0; i < 3_000; i++) {
    const [last] = placed.slice(-1);
    const moves = new Map(movesTo(placed, new Set([last!.id]), placed[1]!.id).map(({ id, position }) => [id, position]));
    placed = placed.map((todo) => ({ ...todo, position: moves.get(todo.id) ?? todo.position }));
    placed.sort((a, b) => comparePositions(a.position, b.position));
    assert(placed.every(({ position }) => position.length <= 200), `${i}`);
    assert.equal(placed[1]!.id, last!.id);
  }
});

test("a neighbour that the service will give another key gets the one that it is shown with", () => {
  const placed: Placed[] = [
    { id: "new", position: derivedPosition(9), isProvisional: true },
    { id: "a", position: derivedPosition(8) },
    { id: "b", position: derivedPosition(7) },
  ];
  const moves = movesTo(placed, new Set("b"), "a");
  assert.deepEqual(moves.map(({ id }) => id).sort(), ["b", "new"]);
  assert.equal(moves.find(({ id }) => id === "new")?.position, placed[0]?.position);
  assert.deepEqual(movesTo(placed, new Set(["new"]), undefined).map(({ id }) => id), ["new"]);
});

test("keys that are none, and the least that there is, are no obstacle", () => {
  assert.equal(after(order("A00000000000000000000000000", "a0", "a1"), "c", "a"), "cab");
  assert.equal(after(order("!", "a0", "a1"), "c", "b"), "acb");
  assert.equal(after(order("", "", "a1"), "c", "b"), "acb");
});

test("a thousand todos are moved at once", () => {
  const keys = generateNKeysBetween(null, null, 2_000);
  const placed = keys.map((position, i) => ({ id: `${i}`, position }));
  const moved = new Set(placed.filter((_, i) => i % 2 === 1).map(({ id }) => id));
  const moves = movesTo(placed, moved, "0");
  assert.equal(moves.length, 1_000);
  assert(moves.every(({ position }) => comparePositions(position, keys[0]!) < 0));
});
