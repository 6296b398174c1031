import assert from "node:assert/strict";
import { test } from "node:test";
import { pageOrigin, startIssuer } from "./testing/issuer.mjs";

/** What a browser asks before it sends JSON. */
const preflight = {
  "Access-Control-Request-Method": "POST",
  "Access-Control-Request-Headers": "content-type",
};

/** @param {Response} res */
function corsHeaders(res) {
  return Object.fromEntries([...res.headers].filter(([name]) => name.startsWith("access-control-")));
}

test("a trusted page may read answers and send cookies", async (t) => {
  const issuer = await startIssuer(t, { TRUSTED_ORIGINS: `http://other.test, ${pageOrigin}` });
  for (const origin of ["http://other.test", pageOrigin]) {
    const res = await issuer.fetch("/api/auth/get-session", { origin });
    assert.equal(res.status, 200);
    assert.deepEqual(corsHeaders(res), {
      "access-control-allow-credentials": "true",
      "access-control-allow-origin": origin,
      "access-control-expose-headers": "X-Retry-After",
    });
    assert.equal(res.headers.get("vary"), "Origin");
  }
});

test("a trusted page may read errors", async (t) => {
  const issuer = await startIssuer(t);
  const res = await issuer.fetch("/api/auth/token");
  assert.equal(res.status, 401);
  assert.equal(res.headers.get("access-control-allow-origin"), pageOrigin);
});

test("a trusted page's preflight is answered", async (t) => {
  const issuer = await startIssuer(t);
  const res = await issuer.fetch("/api/auth/sign-up/email", { method: "OPTIONS", headers: preflight });
  assert.equal(res.status, 204);
  assert.deepEqual(corsHeaders(res), {
    "access-control-allow-credentials": "true",
    "access-control-allow-headers": "Content-Type",
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-origin": pageOrigin,
    "access-control-expose-headers": "X-Retry-After",
    "access-control-max-age": "600",
  });
});

test("other pages get no CORS header", async (t) => {
  const issuer = await startIssuer(t);
  for (const origin of [
    "null",
    "https://page.test:5173",
    "http://page.test",
    "http://page.test:51730",
    "http://page.test:5173.evil.test",
    "http://evil-page.test:5173",
    "http://PAGE.test:5173",
    "http://page.test.:5173",
  ]) {
    const read = await issuer.fetch("/api/auth/get-session", { origin });
    assert.deepEqual(corsHeaders(read), {}, origin);
    assert.equal(read.headers.get("vary"), "Origin");
    const asked = await issuer.fetch("/api/auth/sign-up/email", { method: "OPTIONS", headers: preflight, origin });
    assert.deepEqual(corsHeaders(asked), {}, origin);
  }
});

test("another page's request with a user's cookie is refused", async (t) => {
  const issuer = await startIssuer(t);
  const alice = await issuer.signUp();
  const res = await issuer.fetch("/api/auth/sign-out", {
    body: {},
    headers: { Cookie: alice.cookie },
    origin: "http://evil.test",
  });
  assert.equal(res.status, 403);
  await alice.token();
});
