import assert from "node:assert/strict";
import { test } from "node:test";
import { readSettings, SettingsError } from "./settings.mjs";
import { environment } from "./testing/issuer.mjs";

const required = environment("postgres://todo:password-of-the-database@localhost/todo", { PORT: "" });

test("what is required is enough", () => {
  assert.deepEqual(readSettings(required), {
    databaseURL: required.DATABASE_URL,
    baseURL: "http://auth.test:3000",
    secret: required.BETTER_AUTH_SECRET,
    trustedOrigins: ["http://page.test:5173"],
    host: "127.0.0.1",
    port: 3000,
    tokenLifetime: 900,
    keyRotation: 2_592_000,
    keyGrace: 86_400,
  });
});

test("origins are written as browsers write them", () => {
  const settings = readSettings({
    ...required,
    BETTER_AUTH_URL: "https://AUTH.example.com:443/",
    TRUSTED_ORIGINS: "http://localhost:80 , https://app.example.com/",
  });
  assert.equal(settings.baseURL, "https://auth.example.com");
  assert.deepEqual(settings.trustedOrigins, ["http://localhost", "https://app.example.com"]);
});

test("all faults are named at once", () => {
  assert.deepEqual(faults({ PORT: "http" }), [
    "DATABASE_URL is required",
    "BETTER_AUTH_URL is required",
    "BETTER_AUTH_SECRET is required",
    "TRUSTED_ORIGINS is required",
    "PORT must be a whole number from 0 to 65535",
  ]);
});

test("a wrong value is refused by its variable's name", () => {
  for (const [name, value] of [
    ["DATABASE_URL", "mysql://localhost/todo"],
    ["DATABASE_URL", "host=localhost dbname=todo"],
    ["BETTER_AUTH_URL", "auth.example.com"],
    ["BETTER_AUTH_URL", "ftp://auth.example.com"],
    ["BETTER_AUTH_URL", "https://auth.example.com/api/auth"],
    ["BETTER_AUTH_URL", "https://auth.example.com/?"],
    ["BETTER_AUTH_URL", "https://user@auth.example.com"],
    ["BETTER_AUTH_SECRET", "short"],
    ["TRUSTED_ORIGINS", "*"],
    ["TRUSTED_ORIGINS", "https://*.example.com"],
    ["TRUSTED_ORIGINS", "https://app.example.com,"],
    ["PORT", "65536"],
    ["PORT", "-1"],
    ["JWT_TTL", "0"],
    ["JWT_TTL", "15m"],
    ["JWT_TTL", "86401"],
    ["JWKS_ROTATION", "1.5"],
    ["JWKS_GRACE", "0"],
  ]) {
    const found = faults({ ...required, [String(name)]: value });
    assert.equal(found.length, 1, `${name}=${value}: ${found}`);
    assert.match(String(found[0]), new RegExp(`^${name} must `));
  }
});

test("a key is published for as long as tokens of it are valid", () => {
  assert.match(faults({ ...required, JWT_TTL: "900", JWKS_GRACE: "899" }).join(), /^JWKS_GRACE must be at least JWT_TTL/);
  readSettings({ ...required, JWT_TTL: "900", JWKS_GRACE: "900" });
});

test("no more keys are published than todod reads", () => {
  assert.match(faults({ ...required, JWKS_ROTATION: "20", JWKS_GRACE: "1001" }).join(), /^JWKS_GRACE must be at most 50 times/);
  readSettings({ ...required, JWKS_ROTATION: "20", JWKS_GRACE: "1000" });
});

test("no fault shows a secret", () => {
  const text = faults({
    ...required,
    DATABASE_URL: "mysql://todo:password-of-the-database@localhost",
    BETTER_AUTH_SECRET: "canary",
  }).join();
  assert.doesNotMatch(text, /password-of-the-database|canary/);
});

/**
 * @param {Record<string, string | undefined>} env
 * @returns {string[]}
 */
function faults(env) {
  try {
    readSettings(env);
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
  return [];
}
