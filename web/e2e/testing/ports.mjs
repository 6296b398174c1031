import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/**
 * The ports to choose from. They lie below those that systems give to outgoing
 * connections, so none of these takes the port of a server that is stopped for
 * a while.
 */
const firstPort = 20_000;
const lastPort = 32_000;

/**
 * Returns a TCP port that is free on the loopback interface. Servers that must
 * know one another's ports before they start can't ask for port 0.
 *
 * @returns {Promise<number>}
 */
export async function freePort() {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(firstPort, lastPort);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port from ${firstPort} to ${lastPort}`);
}

/**
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
