// The page by plain http and another name than localhost, as a phone gets it
// from a machine in its network. Browsers keep from such a page what they have
// for secure contexts only.

import assert from "node:assert/strict";
import test from "node:test";
import { useStack } from "./testing/stack.mjs";

const stack = useStack({ host: "todo.test" });

test("all of it works without a secure context", async (t) => {
  const page = await stack.open(t, { context: { viewport: { width: 390, height: 720 }, hasTouch: true, isMobile: true } });
  assert.deepEqual(await page.browserPage.evaluate(() => [isSecureContext, typeof crypto.randomUUID]), [false, "undefined"]);
  const email = stack.newEmail("Alice");
  await page.signUp("Alice", email);
  await page.add("One");
  await page.add("Two", "with details");
  const editor = await page.edit("One");
  await editor.getByLabel("Title").fill("One, edited");
  await editor.getByLabel("Title").press("Enter");
  await page.complete("Two");
  await page.settled();
  await page.reload();
  await page.showDone();
  await page.shows(["One, edited", "Two"]);
  assert.equal(await page.checkbox("Two").isChecked(), true);
  await page.delete("Two");
  await page.messages.getByRole("button", { name: "Dismiss" }).click();
  await page.settled();
  await page.goTo("Trash");
  await page.button("Restore Two").waitFor();
  await page.goTo("All");
  await page.signOut();
  await page.signIn(email);
  await page.shows(["One, edited"]);
});
