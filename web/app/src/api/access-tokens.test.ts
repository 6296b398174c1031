import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { AccessTokens, SessionEnded } from "./access-tokens.ts";

let now = 0;
let fetches = 0;
let next = token();

beforeEach(() => {
  now = 1_000_000_000;
  fetches = 0;
  next = token();
});

/** Returns a token as Better Auth makes it, but for the signature, that differs from the ones before. */
function token({ sub = "alice", life = 900 } = {}): string {
  const iat = 12_345; // The issuer's clock is none of the page's business.
  const payload = { sub, iat, exp: iat + life, name: "Ä?>", jti: Math.random() };
  return `e30.${Buffer.from(JSON.stringify(payload)).toString("base64url")}.c2ln`;
}

function tokens(): AccessTokens {
  return new AccessTokens("alice", async () => (fetches++, next), () => now);
}

test("a token is used until a minute before its end", async () => {
  const alice = tokens();
  const first = next;
  assert.equal(await alice.get(), first);
  next = token();
  now += (900 - 60) * 1000 - 1;
  assert.equal(await alice.get(), first);
  now += 1;
  assert.equal(await alice.get(), next);
  assert.equal(fetches, 2);
});

test("a short-lived token is used for four fifths of its life", async () => {
  next = token({ life: 10 });
  const alice = tokens();
  await alice.get();
  now += 7_999;
  await alice.get();
  assert.equal(fetches, 1);
  now += 1;
  await alice.get();
  assert.equal(fetches, 2);
});

test("many calls at once get the same token, by one request", async () => {
  const alice = tokens();
  assert.deepEqual(new Set(await Promise.all([alice.get(), alice.get(), alice.get()])), new Set([next]));
  assert.equal(fetches, 1);
});

test("a refused token is replaced once, whoever was refused with it", async () => {
  const alice = tokens();
  const refused = await alice.get();
  next = token();
  assert.deepEqual(await Promise.all([alice.replace(refused), alice.replace(refused)]), [next, next]);
  assert.equal(await alice.replace(refused), next, "a call that hears of it late");
  assert.equal(fetches, 2);
});

test("a token that can't be had is asked for again", async () => {
  const failures = [new TypeError("away")];
  const alice = new AccessTokens("alice", async () => {
    const failure = failures.pop();
    if (failure) throw failure;
    return next;
  });
  await assert.rejects(alice.get(), TypeError);
  assert.equal(await alice.get(), next);
});

test("another user's token is not used", async () => {
  next = token({ sub: "bob" });
  await assert.rejects(tokens().get(), SessionEnded);
});
