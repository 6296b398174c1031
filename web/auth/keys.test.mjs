import assert from "node:assert/strict";
import { test } from "node:test";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { jwt } from "better-auth/plugins";
import { decodeProtectedHeader } from "jose";
import pg from "pg";
import { createDatabase, environment, execute, startIssuer } from "./testing/issuer.mjs";

test("the first look at the key set makes a key", async (t) => {
  const issuer = await startIssuer(t);
  assert.deepEqual(await execute(issuer.databaseURL, "SELECT id FROM jwks"), []);
  const [key] = await issuer.keys();
  const token = await (await issuer.signUp()).token();
  assert.equal(decodeProtectedHeader(token).kid, key.kid);
});

test("a published key is a public RSA key of 2048 bits for RS256", async (t) => {
  const issuer = await startIssuer(t);
  const keys = await issuer.keys();
  assert.equal(keys.length, 1);
  assert.deepEqual(Object.keys(keys[0]).sort(), ["alg", "e", "kid", "kty", "n"]);
  assert.equal(keys[0].kty, "RSA");
  assert.equal(keys[0].alg, "RS256");
  assert.equal(Buffer.from(keys[0].n, "base64url").length * 8, 2048);
  assert.match(keys[0].kid, /^[A-Za-z0-9]{32}$/);
});

test("the key set says nothing of caching", async (t) => {
  const issuer = await startIssuer(t);
  const res = await issuer.fetch("/api/auth/jwks");
  assert.equal(res.headers.get("cache-control"), null);
  assert.equal(res.headers.get("etag"), null);
});

test("a key stops signing after JWKS_ROTATION, 30 days by default", async (t) => {
  for (const [setting, seconds] of [["600", 600], ["0", 2_592_000]]) {
    const issuer = await startIssuer(t, { JWKS_ROTATION: String(setting), JWKS_GRACE: "900" });
    await issuer.keys();
    const [row] = await execute(issuer.databaseURL, `SELECT "createdAt", "expiresAt" FROM jwks`);
    const life = (row.expiresAt.getTime() - row.createdAt.getTime()) / 1000;
    assert.ok(Math.abs(life - Number(seconds)) < 10, `JWKS_ROTATION=${setting} gives a key ${life} s`);
  }
});

test("rotation publishes the new key with the first token that it signs, and keeps the old one", async (t) => {
  const issuer = await startIssuer(t);
  const alice = await issuer.signUp();
  const before = decodeProtectedHeader(await alice.token()).kid;
  await issuer.expireKeys();
  assert.deepEqual((await issuer.keys()).map((key) => key.kid), [before]);

  const after = decodeProtectedHeader(await alice.token()).kid;
  assert.notEqual(after, before);
  assert.deepEqual((await issuer.keys()).map((key) => key.kid).sort(), [before, after].sort());
  assert.equal(decodeProtectedHeader(await alice.token()).kid, after);
});

test("a key is no longer published once JWKS_GRACE is over", async (t) => {
  const issuer = await startIssuer(t, { JWKS_GRACE: "1000" });
  await issuer.keys();
  await issuer.expireKeys(900);
  assert.equal((await issuer.keys()).length, 1);
  await issuer.expireKeys(1100);
  // And none is made in its place before a token is signed.
  assert.deepEqual(await issuer.keys(), []);
});

test("a restart keeps the key", async (t) => {
  const issuer = await startIssuer(t);
  const keys = await issuer.keys();
  const again = await startIssuer(t, { DATABASE_URL: issuer.databaseURL });
  assert.deepEqual(await again.keys(), keys);
  const token = await (await again.signUp()).token();
  assert.equal(decodeProtectedHeader(token).kid, keys[0].kid);
});

test("a start deletes the keys that are no longer published, and no other", async (t) => {
  const issuer = await startIssuer(t, { JWKS_GRACE: "1000" });
  const alice = await issuer.signUp();
  await alice.token();
  await issuer.expireKeys(1100);
  await alice.token();
  await execute(issuer.databaseURL, `UPDATE jwks SET "expiresAt" = now() - interval '900 seconds' WHERE "expiresAt" > now()`);
  const published = await issuer.keys();
  assert.equal(published.length, 1);

  await startIssuer(t, { DATABASE_URL: issuer.databaseURL, JWKS_GRACE: "1000" });
  assert.deepEqual(await execute(issuer.databaseURL, "SELECT id FROM jwks"), [{ id: published[0].kid }]);
});

test("an EdDSA key goes on to sign until its row expires", async (t) => {
  const databaseURL = await createDatabase(t);
  await makeEdDSAKey(databaseURL);
  const issuer = await startIssuer(t, { DATABASE_URL: databaseURL });
  const alice = await issuer.signUp();
  assert.equal(decodeProtectedHeader(await alice.token()).alg, "EdDSA");
  assert.deepEqual((await issuer.keys()).map((key) => key.alg), ["EdDSA"]);

  // What docs/better-auth.md says to do.
  await execute(databaseURL, `UPDATE jwks SET "expiresAt" = now() WHERE alg <> 'RS256'`);
  assert.equal(decodeProtectedHeader(await alice.token()).alg, "RS256");
  assert.deepEqual((await issuer.keys()).map((key) => key.alg).sort(), ["EdDSA", "RS256"]);
});

/**
 * Has Better Auth's defaults make the tables and a key, as before somebody read
 * the documentation.
 *
 * @param {string} databaseURL
 */
async function makeEdDSAKey(databaseURL) {
  const database = new pg.Pool({ connectionString: databaseURL });
  try {
    const env = environment(databaseURL);
    const auth = betterAuth({
      baseURL: env.BETTER_AUTH_URL,
      secret: env.BETTER_AUTH_SECRET,
      database,
      emailAndPassword: { enabled: true },
      plugins: [jwt()],
    });
    await (await getMigrations(auth.options)).runMigrations();
    await auth.api.getJwks();
  } finally {
    await database.end();
  }
}
