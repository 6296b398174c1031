import { randomBytes } from "node:crypto";
import pg from "pg";

/** How long a statement, or to connect, may take, in milliseconds. Databases are made one by one, with a flush each. */
const timeout = 60_000;

/**
 * Makes an empty database beside the one that DATABASE_URL names.
 *
 * @returns {Promise<{ url: string, drop: () => Promise<unknown> }>}
 */
export async function createDatabase() {
  const server = process.env.DATABASE_URL;
  if (!server) {
    throw new Error("DATABASE_URL is required; from the repository's root: go run ./cmd/withpostgres npm test --prefix web -w e2e");
  }
  const name = `e2e_${randomBytes(6).toString("hex")}`;
  await execute(server, `CREATE DATABASE ${name} TEMPLATE template0`);
  const url = new URL(server);
  url.pathname = name;
  return { url: url.href, drop: () => execute(server, `DROP DATABASE ${name} WITH (FORCE)`) };
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
  const client = new pg.Client({ connectionString: databaseURL, connectionTimeoutMillis: timeout, query_timeout: timeout });
  await client.connect();
  try {
    return (await client.query(statement, values)).rows;
  } finally {
    await client.end();
  }
}
