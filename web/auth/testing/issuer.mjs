// What the tests have in common: a server with a database of its own, and a
// browser's cookies.

import { randomBytes } from "node:crypto";
import pg from "pg";
import { startServer } from "../server.mjs";
import { readSettings } from "../settings.mjs";

/** The origin of the page that the servers here trust. */
export const pageOrigin = "http://page.test:5173";

/**
 * Where the servers here say that they are, as if behind a proxy: what the
 * tokens say must come from the setting, not from the request.
 */
export const publicOrigin = "http://auth.test:3000";

/** @type {WeakMap<import("node:test").TestContext, (() => unknown)[]>} */
const cleanups = new WeakMap();

/**
 * Runs a function after the test, the last one first. The test's own after
 * begins with the first, which would drop a database in use.
 *
 * @param {import("node:test").TestContext} t
 * @param {() => unknown} cleanup
 */
export function defer(t, cleanup) {
  const registered = cleanups.get(t);
  if (registered) {
    registered.push(cleanup);
    return;
  }
  const list = [cleanup];
  cleanups.set(t, list);
  t.after(async () => {
    for (const cleanup of list.reverse()) await cleanup();
  });
}

/**
 * Makes an empty database, which is dropped after the test, beside the one that
 * DATABASE_URL names.
 *
 * @param {import("node:test").TestContext} t
 * @returns {Promise<string>} its connection string.
 */
export async function createDatabase(t) {
  const server = process.env.DATABASE_URL;
  if (!server) {
    throw new Error("DATABASE_URL is required; from the repository's root: go run ./cmd/withpostgres npm test --prefix web -w auth");
  }
  const name = `auth_test_${randomBytes(6).toString("hex")}`;
  await execute(server, `CREATE DATABASE ${name} TEMPLATE template0`);
  defer(t, () => execute(server, `DROP DATABASE ${name} WITH (FORCE)`));
  const url = new URL(server);
  url.pathname = name;
  return url.href;
}

/**
 * Runs one statement over a connection of its own.
 *
 * @param {string} databaseURL
 * @param {string} statement
 * @param {unknown[]} [values]
 * @returns {Promise<any[]>} the rows.
 */
export async function execute(databaseURL, statement, values) {
  const client = new pg.Client({ connectionString: databaseURL, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    return (await client.query(statement, values)).rows;
  } finally {
    await client.end();
  }
}

/**
 * Returns an environment with every required setting.
 *
 * @param {string} databaseURL
 * @param {Record<string, string>} [settings] come on top.
 * @returns {Record<string, string>}
 */
export function environment(databaseURL, settings) {
  return {
    DATABASE_URL: databaseURL,
    BETTER_AUTH_URL: publicOrigin,
    BETTER_AUTH_SECRET: "for tests only, and long enough so",
    TRUSTED_ORIGINS: pageOrigin,
    PORT: "0",
    ...settings,
  };
}

/**
 * Starts a server, which is closed after the test.
 *
 * @param {import("node:test").TestContext} t
 * @param {Record<string, string>} [settings]
 */
export async function startIssuer(t, settings) {
  const databaseURL = settings?.DATABASE_URL ?? (await createDatabase(t));
  const server = await startServer(readSettings(environment(databaseURL, settings)));
  defer(t, () => server.close());
  return new Issuer(`http://127.0.0.1:${server.port}`, databaseURL);
}

/** A server under test. */
export class Issuer {
  /**
   * @param {string} address
   * @param {string} databaseURL
   */
  constructor(address, databaseURL) {
    this.address = address;
    this.databaseURL = databaseURL;
  }

  /**
   * Sends a request, as a page of the trusted origin unless told otherwise.
   *
   * @param {string} path
   * @param {{ method?: string, body?: object, headers?: Record<string, string>, origin?: string }} [options]
   */
  fetch(path, { method, body, headers, origin = pageOrigin } = {}) {
    return fetch(this.address + path, {
      method: method ?? (body ? "POST" : "GET"),
      headers: { Origin: origin, ...(body && { "Content-Type": "application/json" }), ...headers },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(30_000),
    });
  }

  /** @returns {Promise<any[]>} the published keys. */
  async keys() {
    const res = await this.fetch("/api/auth/jwks");
    if (res.status !== 200) throw new Error(`key set: ${res.status} ${await res.text()}`);
    return /** @type {any} */ (await res.json()).keys;
  }

  /**
   * Signs a new user up.
   *
   * @param {string} [email]
   */
  async signUp(email = "alice@example.com") {
    const res = await this.fetch("/api/auth/sign-up/email", {
      body: { email, password: "correct horse battery", name: "Alice" },
    });
    if (res.status !== 200) throw new Error(`sign up: ${res.status} ${await res.text()}`);
    const { user } = /** @type {any} */ (await res.json());
    return new User(this, user.id, cookieHeader(res));
  }

  /**
   * Ends the time in which the keys sign. A server that rotates keys sees the
   * same when that time has passed.
   *
   * @param {number} [secondsAgo]
   */
  expireKeys(secondsAgo = 0) {
    return execute(this.databaseURL, `UPDATE jwks SET "expiresAt" = now() - make_interval(secs => $1)`, [secondsAgo]);
  }
}

/** A user who is signed in. */
export class User {
  /**
   * @param {Issuer} issuer
   * @param {string} id
   * @param {string} cookie
   */
  constructor(issuer, id, cookie) {
    this.issuer = issuer;
    this.id = id;
    this.cookie = cookie;
  }

  /** @returns {Promise<string>} a new access token. */
  async token() {
    const res = await this.issuer.fetch("/api/auth/token", { headers: { Cookie: this.cookie } });
    if (res.status !== 200) throw new Error(`token: ${res.status} ${await res.text()}`);
    return /** @type {any} */ (await res.json()).token;
  }
}

/**
 * Returns what a browser would send back.
 *
 * @param {Response} res
 */
function cookieHeader(res) {
  return res.headers
    .getSetCookie()
    .map((cookie) => cookie.split(";", 1)[0])
    .join("; ");
}
