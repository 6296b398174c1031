// Cross-origin resource sharing, which Better Auth leaves to the server around it.
// Its trustedOrigins decide which requests are accepted, not which pages may read
// the responses.

/** How long a browser may cache the response to a preflight, in seconds. */
const preflightMaxAge = 600;

/**
 * Adds the CORS headers for pages of the origins, with cookies allowed, and
 * answers preflights. Pages of other origins get no headers, so the browser
 * doesn't let them read the response.
 *
 * @param {string[]} origins
 * @param {import("node:http").IncomingMessage} req
 * @param {import("node:http").ServerResponse} res
 * @returns {boolean} whether the request was a preflight and is answered.
 */
export function answerCors(origins, req, res) {
  // Caches must not give one page's response to another.
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
