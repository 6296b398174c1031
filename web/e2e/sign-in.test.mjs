// What is wrong with credentials is said at the field that it is about, or of
// the whole where that must stay a secret.

import assert from "node:assert/strict";
import test from "node:test";
import { useStack } from "./testing/stack.mjs";
import { password } from "./testing/todo-page.mjs";

const stack = useStack();

test("a wrong password and an unknown address are refused alike", async (t) => {
  const page = await stack.open(t);
  const email = stack.newEmail("Alice");
  await page.signUp("Alice", email);
  await page.signOut();
  for (const [address, secret] of /** @type {const} */ ([[email, "wrong horse battery"], ["nobody@example.com", password]])) {
    await page.browserPage.reload();
    await page.signInWith(address, secret);
    const fault = page.browserPage.getByRole("alert");
    await fault.waitFor();
    assert.equal(await fault.innerText(), "Invalid email or password.");
    for (const label of ["Email", "Password"]) {
      assert.equal(await page.field(label).getAttribute("aria-invalid"), null, `${label} says what is a secret`);
    }
    assert.equal(await page.field("Email").inputValue(), address, "what was typed is lost");
  }
  await page.signIn(email);
});

test("an address that is taken is said at the address", async (t) => {
  const page = await stack.open(t);
  const email = stack.newEmail("Alice");
  await page.signUp("Alice", email);
  await page.signOut();
  await page.link("Create an account").click();
  await page.field("Name").fill("Alice again");
  await page.signInWith(email, password, "Sign up");
  assert.equal(await faultOf(page, "Email"), "User already exists. Use another email.");
});

test("a password that is too short is said at the password, and can be mended", async (t) => {
  const page = await stack.open(t);
  await page.link("Create an account").click();
  await page.field("Name").fill("Alice");
  const email = stack.newEmail("Alice");
  await page.signInWith(email, "short", "Sign up");
  assert.equal(await faultOf(page, "Password"), "Password too short.");
  assert.equal(await page.field("Email").getAttribute("aria-invalid"), null);
  await page.field("Password").fill(password);
  await page.button("Sign up").click();
  await page.text("Nothing here yet").waitFor();
});

test("what is wrong is forgotten when the form changes", async (t) => {
  const page = await stack.open(t);
  await page.signInWith("nobody@example.com", password);
  await page.text("Invalid email or password.").waitFor();
  await page.link("Create an account").click();
  await page.text("Invalid email or password.").waitFor({ state: "detached" });
});

/**
 * Waits for what is wrong with a field, as screen readers are told of it.
 *
 * @param {import("./testing/todo-page.mjs").TodoPage} page
 * @param {string} label
 */
async function faultOf(page, label) {
  const field = page.browserPage.locator("[aria-invalid=true]");
  await field.waitFor();
  assert.equal(await field.evaluate((input) => /** @type {HTMLInputElement} */ (input).labels?.[0]?.textContent), label);
  const id = await field.getAttribute("aria-describedby");
  return await page.browserPage.locator(`[id="${id}"]`).innerText();
}
