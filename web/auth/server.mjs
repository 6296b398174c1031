// The HTTP server around Better Auth.

import { createServer } from "node:http";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import pg from "pg";
import { createAuth } from "./auth.mjs";
import { answerCors } from "./cors.mjs";

/** The time limits, in milliseconds. */
const connectTimeout = 3_000;
const queryTimeout = 5_000;
const headersTimeout = 5_000;
const requestTimeout = 10_000;
const drainTimeout = 10_000;

/** @typedef {Awaited<ReturnType<typeof startServer>>} Server */

/**
 * Migrates the database to Better Auth's schema, and serves. It fails when the
 * database is down or the port is in use.
 *
 * @param {import("./settings.mjs").Settings} settings
 */
export async function startServer(settings) {
  const database = new pg.Pool({
    connectionString: settings.databaseURL,
    max: 10,
    connectionTimeoutMillis: connectTimeout,
    query_timeout: queryTimeout,
  });
  // An idle connection that breaks is replaced when the next one is needed.
  database.on("error", (error) => console.error("auth: database connection lost:", error.message));

  try {
    await database.query("SELECT 1").catch((error) => {
      throw new Error(`DATABASE_URL: the database can't be reached: ${error.message || error.code}`, { cause: error });
    });
    const auth = createAuth(settings, database);
    // Touches only Better Auth's own tables, and never drops one.
    const { runMigrations } = await getMigrations(auth.options);
    await runMigrations();
    await deleteOldKeys(database, settings.keyGrace);
    const server = createServer(
      { headersTimeout, requestTimeout },
      createListener(settings.trustedOrigins, database, toNodeHandler(auth)),
    );
    await listen(server, settings);
    const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
    return {
      /** The TCP port that the server listens on. */
      port,
      /** Waits up to ten seconds for requests in flight, and ends. */
      close: async () => {
        await drain(server);
        await database.end();
      },
    };
  } catch (error) {
    await database.end();
    throw error;
  }
}

/**
 * Deletes the keys that are no longer published; Better Auth never does. It reads
 * at most 100 rows of the table. With more it may miss the current key; then it
 * creates a new one for each token, and publishes none of them.
 *
 * @param {pg.Pool} database
 * @param {number} grace seconds that a key is published after it stopped signing.
 */
async function deleteOldKeys(database, grace) {
  await database.query(`DELETE FROM jwks WHERE "expiresAt" < now() - make_interval(secs => $1)`, [grace]);
}

/**
 * Returns the handler of requests: the health endpoint, Better Auth, or 404.
 *
 * @param {string[]} trustedOrigins
 * @param {pg.Pool} database
 * @param {import("node:http").RequestListener} betterAuth
 * @returns {import("node:http").RequestListener}
 */
function createListener(trustedOrigins, database, betterAuth) {
  return async (req, res) => {
    try {
      const path = req.url?.split("?", 1)[0] ?? "";
      if (path === "/health") {
        await answerHealth(database, res);
      } else if (!path.startsWith("/api/auth/")) {
        answerJSON(res, 404, { message: "there is nothing at this path" });
      } else if (!answerCors(trustedOrigins, req, res)) {
        await betterAuth(req, res);
      }
    } catch (error) {
      // Better Auth handles its own errors. Other errors would end the process,
      // for example a Host header that makes no valid URL.
      console.error("auth: request failed:", error);
      if (res.headersSent) res.destroy();
      else answerJSON(res, 500, { message: "internal error" });
    }
  };
}

/**
 * Reports whether the database answers, so that tokens can be issued.
 *
 * @param {pg.Pool} database
 * @param {import("node:http").ServerResponse} res
 */
async function answerHealth(database, res) {
  try {
    await database.query("SELECT 1");
    answerJSON(res, 200, { status: "ok" });
  } catch (error) {
    console.error("auth: health:", /** @type {Error} */ (error).message);
    answerJSON(res, 503, { status: "unavailable" });
  }
}

/**
 * @param {import("node:http").ServerResponse} res
 * @param {number} status
 * @param {object} body
 */
function answerJSON(res, status, body) {
  res.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store" });
  res.end(JSON.stringify(body));
}

/**
 * @param {import("node:http").Server} server
 * @param {{ host: string, port: number }} address
 * @returns {Promise<void>}
 */
function listen(server, { host, port }) {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/**
 * @param {import("node:http").Server} server
 * @returns {Promise<void>}
 */
function drain(server) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), drainTimeout);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
