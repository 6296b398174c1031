import assert from "node:assert/strict";
import { test } from "node:test";
import { startIssuer } from "./testing/issuer.mjs";

const credentials = { email: "alice@example.com", password: "correct horse battery" };

test("the session cookie reaches the server from a page on another port of the same host", async (t) => {
  const issuer = await startIssuer(t, {
    BETTER_AUTH_URL: "http://localhost:3000",
    TRUSTED_ORIGINS: "http://localhost:5173",
  });
  const res = await issuer.fetch("/api/auth/sign-up/email", {
    body: { ...credentials, name: "Alice" },
    origin: "http://localhost:5173",
  });
  assert.deepEqual(cookieAttributes(res), ["httponly", "max-age=604800", "path=/", "samesite=lax"]);
});

test("the session cookie never travels without TLS where the server has it", async (t) => {
  const issuer = await startIssuer(t, { BETTER_AUTH_URL: "https://auth.example.com" });
  const res = await issuer.fetch("/api/auth/sign-up/email", { body: { ...credentials, name: "Alice" } });
  assert.ok(cookieAttributes(res).includes("secure"));
});

test("a user signs in again with the same id", async (t) => {
  const issuer = await startIssuer(t);
  const alice = await issuer.signUp(credentials.email);
  const res = await issuer.fetch("/api/auth/sign-in/email", { body: credentials });
  assert.equal(res.status, 200);
  assert.equal(/** @type {any} */ (await res.json()).user.id, alice.id);

  const wrong = await issuer.fetch("/api/auth/sign-in/email", { body: { ...credentials, password: "incorrect horse" } });
  assert.equal(wrong.status, 401);
});

test("looking a session up signs no token", async (t) => {
  const issuer = await startIssuer(t);
  const alice = await issuer.signUp();
  const res = await issuer.fetch("/api/auth/get-session", { headers: { Cookie: alice.cookie } });
  assert.equal(/** @type {any} */ (await res.json()).user.id, alice.id);
  assert.equal(res.headers.get("set-auth-jwt"), null);
});

/**
 * Returns what a response's only cookie says besides its value, sorted.
 *
 * @param {Response} res
 */
function cookieAttributes(res) {
  const [cookie, ...others] = res.headers.getSetCookie();
  assert.deepEqual(others, []);
  return String(cookie).toLowerCase().split("; ").slice(1).sort();
}
