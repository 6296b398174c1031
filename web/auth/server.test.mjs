import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { execute, startIssuer } from "./testing/issuer.mjs";

test("the health endpoint follows the database", async (t) => {
  const issuer = await startIssuer(t);
  const well = await issuer.fetch("/health");
  assert.equal(well.status, 200);
  assert.deepEqual(await well.json(), { status: "ok" });

  await breakDatabase(issuer.databaseURL);
  const ill = await issuer.fetch("/health");
  assert.equal(ill.status, 503);
  assert.deepEqual(await ill.json(), { status: "unavailable" });
});

test("what isn't Better Auth's is not found", async (t) => {
  const issuer = await startIssuer(t);
  for (const path of ["/", "/api/auth", "/api/authentic/token", "/api/todos"]) {
    const res = await issuer.fetch(path);
    assert.equal(res.status, 404, path);
    assert.deepEqual(await res.json(), { message: "there is nothing at this path" }, path);
  }
});

test("a request without a usable Host is answered, and the next one too", async (t) => {
  const issuer = await startIssuer(t);
  const socket = connect(Number(new URL(issuer.address).port), "127.0.0.1");
  t.after(() => socket.destroy());
  socket.end("GET /api/auth/jwks HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n");
  let answer = "";
  socket.on("data", (chunk) => (answer += chunk));
  await once(socket, "close");
  assert.match(answer, /^HTTP\/1\.1 500 /);
  assert.equal((await issuer.keys()).length, 1);
});

/**
 * Ends the connections to a database and lets nobody in.
 *
 * @param {string} databaseURL
 */
async function breakDatabase(databaseURL) {
  const server = String(process.env.DATABASE_URL);
  const name = new URL(databaseURL).pathname.slice(1);
  await execute(server, `ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS false`);
  await execute(server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [name]);
}
