import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { createDatabase, defer, environment, execute, Issuer } from "./testing/issuer.mjs";

const main = fileURLToPath(new URL("main.mjs", import.meta.url));

/** How long the program may take for a step, in milliseconds. */
const patience = 60_000;

/**
 * Runs the program, which is killed after the test.
 *
 * @param {import("node:test").TestContext} t
 * @param {Record<string, string>} env
 */
function run(t, env) {
  const child = spawn(process.execPath, [main], { env: { PATH: process.env.PATH, ...env } });
  defer(t, () => child.kill("SIGKILL"));
  const deadline = AbortSignal.timeout(patience);
  const lines = createInterface({ input: child.stdout, signal: deadline })[Symbol.asyncIterator]();
  const closed = once(child, "close", { signal: deadline });
  closed.catch(() => {}); // For tests that don't wait for it.
  let errors = "";
  child.stderr.on("data", (chunk) => (errors += chunk));
  return {
    child,
    /** @returns {Promise<string | undefined>} the next line of the output. */
    line: async () => (await lines.next()).value,
    /** Waits until the program serves, and returns where. */
    async address() {
      const port = /^auth: listening on port (\d+) /.exec((await this.line()) ?? "")?.[1];
      assert.ok(port, `the program doesn't serve: ${errors}`);
      return `http://127.0.0.1:${port}`;
    },
    /** Waits for the program's end. */
    async ended() {
      await closed;
      return { code: child.exitCode, errors };
    },
  };
}

test("it ends by itself on SIGTERM", async (t) => {
  const databaseURL = await createDatabase(t);
  const program = run(t, environment(databaseURL));
  const issuer = new Issuer(await program.address(), databaseURL);
  await (await issuer.signUp()).token();
  program.child.kill("SIGTERM");
  assert.deepEqual(await program.ended(), { code: 0, errors: "" });
});

test("requests in flight are answered before it ends", async (t) => {
  const databaseURL = await createDatabase(t);
  const program = run(t, environment(databaseURL));
  const issuer = new Issuer(await program.address(), databaseURL);

  const blocker = new pg.Client({ connectionString: databaseURL });
  await blocker.connect();
  defer(t, () => blocker.end());
  await blocker.query("BEGIN; LOCK TABLE jwks");
  const keys = issuer.keys();
  await untilBlocked(databaseURL);
  program.child.kill("SIGTERM");
  assert.match((await program.line()) ?? "", /^auth: SIGTERM: /);
  await blocker.query("COMMIT");

  assert.equal((await keys).length, 1);
  assert.deepEqual(await program.ended(), { code: 0, errors: "" });
});

test("it names every setting that is missing", async (t) => {
  const { code, errors } = await run(t, {}).ended();
  assert.equal(code, 1);
  assert.deepEqual(errors.trim().split("\n"), [
    "auth: DATABASE_URL is required",
    "auth: BETTER_AUTH_URL is required",
    "auth: BETTER_AUTH_SECRET is required",
    "auth: TRUSTED_ORIGINS is required",
  ]);
});

test("it says when the database can't be reached, without its password", async (t) => {
  // Nothing listens at port 1 of this machine.
  const { code, errors } = await run(t, environment("postgres://todo:canary@127.0.0.1:1/todo")).ended();
  assert.equal(code, 1);
  assert.match(errors, /^auth: DATABASE_URL: the database can't be reached: .*ECONNREFUSED/);
  assert.doesNotMatch(errors, /canary/);
});

test("it leaves other tables of the database alone", async (t) => {
  const databaseURL = await createDatabase(t);
  await execute(databaseURL, "CREATE TABLE todo (id int PRIMARY KEY); INSERT INTO todo VALUES (1)");
  for (let start = 0; start < 2; start++) {
    const program = run(t, environment(databaseURL));
    await program.address();
    program.child.kill("SIGTERM");
    assert.equal((await program.ended()).code, 0);
  }
  assert.deepEqual(await execute(databaseURL, "SELECT * FROM todo"), [{ id: 1 }]);
  const tables = await execute(databaseURL, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1");
  assert.deepEqual(
    tables.map((row) => row.tablename),
    ["account", "jwks", "session", "todo", "user", "verification"],
  );
});

/**
 * Waits until a statement in a database waits for a lock.
 *
 * @param {string} databaseURL
 */
async function untilBlocked(databaseURL) {
  const deadline = Date.now() + patience;
  const waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
  while ((await execute(databaseURL, waiting)).length === 0) {
    if (Date.now() > deadline) throw new Error("no statement waits for a lock");
  }
}
