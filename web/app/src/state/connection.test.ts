import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { Failure } from "../api/failure.ts";
import { until } from "../testing/service.ts";
import { Connection } from "./connection.ts";

const away = { kind: "away", message: "The service is away.", retryAfter: 0 } as const;
const refused = { kind: "refused", message: "No." } as const;

/** Returns a connection whose probes are answered in turn, then never, on a clock that the test moves. */
function connect(t: TestContext, ...answers: (Failure | undefined)[]) {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const counts = { probes: 0, recoveries: 0 };
  const connection = new Connection(
    () => (counts.probes++, answers.length > 0 ? Promise.resolve(answers.shift()) : new Promise(() => {})),
    (recovered) => (counts.recoveries += Number(recovered)),
  );
  return { connection, counts };
}

test("a lost service is asked until it answers", async (t) => {
  const { connection, counts } = connect(t, away, { kind: "canceled", message: "" }, undefined);
  connection.lost(away);
  assert.equal(connection.problem, away.message);
  for (const probes of [1, 2, 3]) {
    t.mock.timers.tick(10_000);
    await until(() => counts.probes === probes);
    await new Promise(setImmediate);
  }
  assert.equal(connection.problem, undefined);
  assert.equal(counts.recoveries, 1);
  t.mock.timers.tick(60_000);
  await new Promise(setImmediate);
  assert.equal(counts.probes, 3);
});

test("a refusal is an answer, too", async (t) => {
  const { connection, counts } = connect(t, refused);
  connection.lost(away);
  t.mock.timers.tick(10_000);
  await until(() => counts.recoveries === 1);
  assert.equal(connection.problem, undefined);
});

test("it is asked no sooner than it wants", async (t) => {
  const { connection, counts } = connect(t);
  connection.lost({ ...away, retryAfter: 3_000 });
  t.mock.timers.tick(2_999);
  assert.equal(counts.probes, 0);
  t.mock.timers.tick(1);
  await until(() => counts.probes === 1);
});

test("it is asked within ten seconds, whatever it wants", async (t) => {
  const { connection, counts } = connect(t);
  connection.lost({ ...away, retryAfter: 3_600_000 });
  t.mock.timers.tick(10_000);
  await until(() => counts.probes === 1);
});

test("who does not want to wait need not", async (t) => {
  const { connection, counts } = connect(t, undefined);
  connection.lost(away);
  connection.retryNow();
  await until(() => counts.recoveries === 1);
});

test("an answer to another call ends the asking", async (t) => {
  const { connection, counts } = connect(t);
  connection.lost(away);
  connection.heard();
  assert.equal(counts.recoveries, 1);
  await new Promise(setImmediate);
  t.mock.timers.tick(60_000);
  await new Promise(setImmediate);
  assert.equal(counts.probes, 0);
});

test("one that was stopped asks no more", async (t) => {
  const { connection, counts } = connect(t);
  connection.lost(away);
  connection.stop();
  await new Promise(setImmediate);
  connection.lost({ ...away, message: "Still away." });
  assert.equal(connection.problem, away.message);
  t.mock.timers.tick(60_000);
  await new Promise(setImmediate);
  assert.equal(counts.probes, 0);
});
