import assert from "node:assert/strict";
import { test } from "node:test";
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from "jose";
import { publicOrigin, startIssuer } from "./testing/issuer.mjs";

test("a token has what todod needs and nothing of the user's row", async (t) => {
  const issuer = await startIssuer(t);
  const alice = await issuer.signUp();
  const token = await alice.token();

  const [key] = await issuer.keys();
  assert.deepEqual(decodeProtectedHeader(token), { alg: "RS256", kid: key.kid });
  const claims = decodeJwt(token);
  assert.deepEqual(claims, {
    sub: alice.id,
    iss: publicOrigin,
    aud: publicOrigin,
    iat: claims.iat,
    exp: Number(claims.iat) + 900,
  });
  assert.ok(Math.abs(Number(claims.iat) - Date.now() / 1000) < 60, `iat ${claims.iat} is not now`);
});

test("a token verifies with the published keys", async (t) => {
  const issuer = await startIssuer(t);
  const token = await (await issuer.signUp()).token();
  const keys = createLocalJWKSet({ keys: await issuer.keys() });
  await jwtVerify(token, keys, { algorithms: ["RS256"], issuer: publicOrigin, audience: publicOrigin });
});

test("JWT_TTL is the life of a token", async (t) => {
  const issuer = await startIssuer(t, { JWT_TTL: "7" });
  const claims = decodeJwt(await (await issuer.signUp()).token());
  assert.equal(Number(claims.exp) - Number(claims.iat), 7);
});

test("two users get tokens of their own", async (t) => {
  const issuer = await startIssuer(t);
  const alice = await issuer.signUp("alice@example.com");
  const bob = await issuer.signUp("bob@example.com");
  assert.notEqual(alice.id, bob.id);
  assert.equal(decodeJwt(await alice.token()).sub, alice.id);
  assert.equal(decodeJwt(await bob.token()).sub, bob.id);
});

test("nobody gets a token without a session", async (t) => {
  const issuer = await startIssuer(t);
  assert.equal((await issuer.fetch("/api/auth/token")).status, 401);

  const alice = await issuer.signUp();
  const out = await issuer.fetch("/api/auth/sign-out", { body: {}, headers: { Cookie: alice.cookie } });
  assert.equal(out.status, 200);
  assert.equal((await issuer.fetch("/api/auth/token", { headers: { Cookie: alice.cookie } })).status, 401);
});
