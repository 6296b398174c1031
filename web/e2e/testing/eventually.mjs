import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";

/** How often a condition is looked at, and for how long, in milliseconds. */
const interval = 50;
const patience = 60_000;

/**
 * Reads a value until it is the expected one, and fails with the difference
 * when it has not become that in time.
 *
 * @template T
 * @param {() => T | Promise<T>} read
 * @param {T} expected
 * @param {{ message?: string, within?: number }} [options] within is in milliseconds.
 */
export async function eventually(read, expected, { message, within = patience } = {}) {
  await retry(async () => assert.deepEqual(await read(), expected, message), within);
}

/**
 * Calls a function until it succeeds, and fails as it did last when that takes
 * too long.
 *
 * @template T
 * @param {() => Promise<T>} act
 * @param {number} [within] milliseconds.
 * @returns {Promise<T>}
 */
export async function retry(act, within = patience) {
  const deadline = Date.now() + within;
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (Date.now() >= deadline) throw error;
    }
    await pause(interval);
  }
}
