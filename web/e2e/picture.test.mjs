// The picture of the page in the README. PAGE_PICTURE names the file to write
// it to; without that, this makes sure that it still can be made.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { root, useStack } from "./testing/stack.mjs";
import { fillWeek } from "./testing/examples.mjs";

const stack = useStack();

/** The window, in pixels, of which the picture has twice as many each way. */
const viewport = { width: 800, height: 680 };
const deviceScaleFactor = 2;

/** How large the picture may be, in bytes: everybody who clones the repository gets it. */
const maxSize = 190_000;

test("the README's picture can be made, and is small", async (t) => {
  const page = await stack.openAs(t, "Alice", { context: { viewport, deviceScaleFactor, colorScheme: "light" } });
  await fillWeek(page);
  await page.goTo("Upcoming");
  await page.heading("Tomorrow").waitFor();
  const picture = await page.browserPage.screenshot();
  if (process.env.PAGE_PICTURE) await writeFile(process.env.PAGE_PICTURE, picture);

  const committed = await readFile(join(root, "docs/page.png"));
  for (const png of [picture, committed]) {
    assert(png.length < maxSize, `${png.length} bytes`);
    assert.deepEqual(sizeOf(png), { width: 1600, height: 1360 });
  }
});

/**
 * Reads a picture's size from the header that every PNG file begins with.
 *
 * @param {Buffer} png
 */
function sizeOf(png) {
  assert.equal(png.toString("latin1", 1, 4), "PNG");
  return { width: png.readUInt32BE(16), height: png.readUInt32BE(20) };
}
