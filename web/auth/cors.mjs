// Cross-origin resource sharing, which Better Auth leaves to its server: its
// trustedOrigins decide which requests it takes, not which pages may read the
// answers.

/** How long a browser may remember a preflight's answer, in seconds. */
const preflightMaxAge = 600;

/**
 * Adds the CORS headers for a page of one of the origins, cookies allowed, and
 * answers preflights. Pages of other origins get none, so that their browser
 * keeps the answer from them.
 *
 * @param {string[]} origins
 * @param {import("node:http").IncomingMessage} req
 * @param {import("node:http").ServerResponse} res
 * @returns {boolean} whether the request was a preflight and is answered.
 */
export function answerCors(origins, req, res) {
  // Caches must not give one page's answer to another.
  res.setHeader("Vary", "Origin");
  const origin = req.headers.origin;
  const allowed = origin !== undefined && origins.includes(origin);
  if (allowed) {
    res.setHeader("Access-Control-Allow-Origin", origin);
    res.setHeader("Access-Control-Allow-Credentials", "true");
    res.setHeader("Access-Control-Expose-Headers", "X-Retry-After");
  }
  if (req.method !== "OPTIONS" || !req.headers["access-control-request-method"]) return false;
  if (allowed) {
    res.setHeader("Access-Control-Allow-Methods", "GET, POST");
    res.setHeader("Access-Control-Allow-Headers", "Content-Type");
    res.setHeader("Access-Control-Max-Age", preflightMaxAge);
  }
  res.writeHead(204).end();
  return true;
}
