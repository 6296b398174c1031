import { mkdir } from "node:fs/promises";
import { join } from "node:path";

/**
 * Leaves a picture of the page's window in the folder that E2E_ARTIFACTS
 * names, if it names one.
 *
 * @param {import("playwright-core").Page} page
 * @param {string} name
 */
export async function leavePicture(page, name) {
  const folder = process.env.E2E_ARTIFACTS;
  if (!folder) return;
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name.replaceAll(/[^\w’]+/g, "-")}.png`) });
}
