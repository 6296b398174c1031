import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, relative, sep } from "node:path";

/** @type {Record<string, string>} */
const contentTypes = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
};

/**
 * Serves a built page, as a web server in production would: with a
 * /config.json of its own, and a policy that lets the page load nothing from
 * elsewhere and call nothing but the two services. The files are read once, so
 * a build meanwhile changes nothing.
 *
 * @param {string} folder
 * @param {number} port
 * @param {{ apiUrl: string, authUrl: string, undoSeconds?: number }} config
 * @returns {Promise<() => Promise<void>>} stops it.
 */
export async function servePage(folder, port, config) {
  const files = await readFiles(folder);
  files.set("/config.json", Buffer.from(JSON.stringify(config)));
  const policy = [
    "default-src 'self'",
    "img-src 'self' data:",
    `connect-src 'self' ${config.apiUrl} ${config.authUrl}`,
  ].join("; ");

  const server = createServer((req, res) => {
    const path = new URL(req.url ?? "/", "http://localhost").pathname;
    const name = path === "/" ? "/index.html" : path;
    const body = files.get(name);
    if (!body) {
      res.writeHead(404).end();
      return;
    }
    res.writeHead(200, {
      "Content-Type": contentTypes[extname(name)] ?? "application/octet-stream",
      "Content-Security-Policy": policy,
    });
    res.end(body);
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return async () => {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  };
}

/**
 * @param {string} folder
 * @returns {Promise<Map<string, Buffer>>} by path.
 */
async function readFiles(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error) => {
    throw new Error("the page is not built: npm run build --prefix web -w app", { cause: error });
  });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    await Promise.all(
      files.map(async (file) => /** @type {const} */ ([`/${relative(folder, file).split(sep).join("/")}`, await readFile(file)])),
    ),
  );
}
