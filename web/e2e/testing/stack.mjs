// Everything that the page needs, as in production: the service, Better Auth, a
// web server and a database, on three origins.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before } from "node:test";
import { fileURLToPath } from "node:url";
import { startBrowser } from "./browser.mjs";
import { createDatabase, execute } from "./database.mjs";
import { retry } from "./eventually.mjs";
import { servePage } from "./page-server.mjs";
import { freePort } from "./ports.mjs";
import { Program } from "./program.mjs";
import { openPage, password } from "./todo-page.mjs";

/** The repository's root. */
export const root = fileURLToPath(new URL("../../..", import.meta.url));

/** How long a program may take to be ready, in milliseconds. */
const startTimeout = 60_000;

/** How long one of the tests' own calls may take, in milliseconds. */
const callTimeout = 60_000;

/**
 * @typedef {object} Settings
 * @property {number} [tokenLifetime] seconds.
 * @property {number} [undoSeconds]
 * @property {string} [host] the name by which the browser, and it alone, knows the three; localhost
 *   unless it is given. Over http, every other name is what browsers call an insecure context.
 * @property {boolean} [page] false leaves the page and the browser out, for callers that are neither.
 */

/**
 * Starts a stack and a browser before the tests of a file, and ends them after
 * these.
 *
 * @param {Settings} [settings]
 */
export function useStack(settings = {}) {
  const stack = new Stack(settings);
  before(() => stack.start());
  after(() => stack.close());
  return stack;
}

/**
 * Returns functions that stop and start a stack's service. It runs again after each test.
 *
 * @param {Stack} stack
 */
export function useOutages(stack) {
  let up = true;
  const stop = async () => {
    up = false;
    await stack.stopService();
  };
  const start = async () => {
    await stack.startService();
    up = true;
  };
  afterEach(async () => {
    if (!up) await start();
  });
  return { stop, start };
}

/** A running stack. */
export class Stack {
  /** @type {(() => unknown)[]} what ends it, in the order of starting. */
  #cleanups = [];
  /** @type {Program | undefined} */
  #todod;
  /** @type {import("playwright-core").Browser | undefined} */
  #browser;
  #databaseURL = "";
  /** Where the service can be reached from here. */
  #localURL = "";
  #serial = 0;
  #settings;

  /** The origin of the page, of the service and of Better Auth. */
  pageURL = "";
  apiURL = "";
  authURL = "";

  /** @param {Settings} settings */
  constructor(settings) {
    this.#settings = settings;
  }

  async start() {
    const [pagePort, apiPort, authPort] = [await freePort(), await freePort(), await freePort()];
    const host = this.#settings.host ?? "localhost";
    this.pageURL = `http://${host}:${pagePort}`;
    this.apiURL = `http://${host}:${apiPort}`;
    this.authURL = `http://${host}:${authPort}`;
    this.#localURL = `http://localhost:${apiPort}`;
    const localAuthURL = `http://localhost:${authPort}`;

    // Programs run in an empty folder, so that no .env file is read.
    const cwd = await mkdtemp(join(tmpdir(), "todo-e2e-"));
    this.#cleanups.push(() => rm(cwd, { recursive: true }));
    const database = await createDatabase();
    this.#databaseURL = database.url;
    this.#cleanups.push(() => database.drop());

    const auth = new Program({
      name: "Better Auth",
      file: process.execPath,
      args: [join(root, "web/auth/main.mjs")],
      cwd,
      env: {
        DATABASE_URL: database.url,
        BETTER_AUTH_URL: this.authURL,
        BETTER_AUTH_SECRET: "for tests only, and long enough so",
        TRUSTED_ORIGINS: this.pageURL,
        PORT: String(authPort),
        JWT_TTL: String(this.#settings.tokenLifetime ?? 900),
      },
    });
    const env = {
      DATABASE_URL: database.url,
      BETTER_AUTH_URL: localAuthURL,
      JWT_ISSUER: this.authURL,
      JWT_AUDIENCE: this.authURL,
      CORS_ORIGINS: this.pageURL,
      RATE_LIMIT_RPS: "0", // Tests call faster than users do.
      LISTEN_ADDR: `127.0.0.1:${apiPort}`,
    };
    const file = join(root, "bin/todod");
    this.#todod = new Program({ name: "todod", file, args: ["serve"], cwd, env });
    this.#cleanups.push(() => this.stopService());
    this.#cleanups.push(() => auth.stop());

    await Promise.all([
      auth.start((signal) => answers(`${localAuthURL}/health`, signal)),
      new Program({ name: "todod migrate", file, args: ["migrate"], cwd, env }).run(),
      ...((this.#settings.page ?? true) ? [this.#servePage(pagePort), this.#startBrowser()] : []),
    ]);
    await this.startService();
  }

  /** @param {number} port */
  async #servePage(port) {
    const config = { apiUrl: this.apiURL, authUrl: this.authURL, undoSeconds: this.#settings.undoSeconds ?? 60 };
    this.#cleanups.push(await servePage(join(root, "web/app/dist"), port, config));
  }

  async #startBrowser() {
    const { host } = this.#settings;
    const browser = await startBrowser(host ? [`--host-resolver-rules=MAP ${host} 127.0.0.1`] : []);
    this.#browser = browser;
    this.#cleanups.push(() => browser.close());
  }

  /** Ends everything, and fails when the service's log says that something was wrong. */
  async close() {
    const failures = [];
    for (const cleanup of this.#cleanups.reverse()) {
      try {
        await cleanup();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, "the stack did not end well");
    assert.deepEqual(this.log().filter(({ level }) => level === "ERROR"), []);
    assert.doesNotMatch(this.#todod?.output ?? "", /eyJ/, "the log holds a token");
  }

  /** Starts the service, at the same address each time, and waits until it is ready. */
  async startService() {
    await this.#todod?.start((signal) => answers(`${this.#localURL}/readyz`, signal));
  }

  /** Stops the service, which finishes what it is at. */
  async stopService() {
    await this.#todod?.stop();
  }

  /**
   * Returns the lines that the service has logged so far.
   *
   * @returns {Record<string, any>[]}
   */
  log() {
    const lines = (this.#todod?.output ?? "").split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line));
  }

  /**
   * Runs one statement on the database, which Better Auth shares.
   *
   * @param {string} statement
   */
  execute(statement) {
    return execute(this.#databaseURL, statement);
  }

  /**
   * Opens the page in a browser of its own, as a new visitor.
   *
   * @param {import("node:test").TestContext} t
   * @param {import("./todo-page.mjs").Options} [options]
   */
  async open(t, options) {
    assert(this.#browser, "the stack has not started");
    return await openPage(t, this, this.#browser, options);
  }

  /**
   * Opens the page as a new user.
   *
   * @param {import("node:test").TestContext} t
   * @param {string} name
   * @param {import("./todo-page.mjs").Options} [options]
   */
  async openAs(t, name, options) {
    const page = await this.open(t, options);
    await page.enter(name, this.newEmail(name));
    return page;
  }

  /**
   * Makes an account without a browser.
   *
   * @param {string} name
   * @returns {Promise<string>} an access token of the new user's.
   */
  async signUp(name) {
    const signedUp = await fetch(`${this.authURL}/api/auth/sign-up/email`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Origin: this.pageURL },
      body: JSON.stringify({ name, email: this.newEmail(name), password }),
      signal: AbortSignal.timeout(callTimeout),
    });
    assert.equal(signedUp.status, 200, await signedUp.text());
    const cookies = signedUp.headers.getSetCookie().map((cookie) => cookie.replace(/;.*/, ""));
    const answer = await fetch(`${this.authURL}/api/auth/token`, {
      headers: { Cookie: cookies.join("; ") },
      signal: AbortSignal.timeout(callTimeout),
    });
    assert.equal(answer.status, 200, "the new user has no session");
    return (await answer.json()).token;
  }

  /**
   * Returns an address that nobody has signed up with.
   *
   * @param {string} name
   */
  newEmail(name) {
    return `${name.toLowerCase()}.${++this.#serial}@example.com`;
  }
}

/**
 * Waits until a URL answers 200.
 *
 * @param {string} url
 * @param {AbortSignal} ended says that it never will.
 */
async function answers(url, ended) {
  await retry(async () => {
    if (ended.aborted) return;
    const res = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await res.arrayBuffer();
    if (res.status !== 200) throw new Error(`${url} answers ${res.status}`);
  }, startTimeout);
  ended.throwIfAborted();
}
