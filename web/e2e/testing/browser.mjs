import { chromium } from "playwright-core";

/** How long the browser may take to start, in milliseconds. */
const startTimeout = 90_000;

/**
 * Starts Debian's Chromium, or the one that CHROMIUM names, without a window
 * and without the calls home that it makes otherwise.
 *
 * @param {string[]} [args] further ones.
 */
export function startBrowser(args = []) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    timeout: startTimeout,
    args: [
      "--headless",
      "--no-sandbox", // Root, as in a container, can have none.
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...args,
    ],
  });
}
