// Access tokens expire and keys rotate while a page is open, and its user
// notices nothing.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually, retry } from "./testing/eventually.mjs";
import { useStack } from "./testing/stack.mjs";

/** How long the service accepts a token after its time, in milliseconds, and some more to find out. */
const leeway = 90_000;

describe("short-lived tokens", { concurrency: true }, () => {
  const stack = useStack({ tokenLifetime: 2 });

  test("a token is renewed before its time is over, so that none is refused", async (t) => {
    const page = await stack.openAs(t, "Alice");
    await page.add("Before");
    const first = page.calls.at(-1)?.token;
    await page.complete("Before");
    await page.showDone(); // It is there from now on, done or not.
    assert(first);
    await retry(async () => {
      await page.checkbox("Before").click();
      await page.settled();
      assert.notEqual(page.calls.at(-1)?.token, first);
    });
    await page.add("After");
    await page.shows(["After", "Before"]);
    assert.deepEqual(refused(page), []);
  });

  test("changes go on coming when the token of their stream expires", async (t) => {
    const page = await stack.openAs(t, "Alice");
    const streams = () => page.calls.filter(({ procedure }) => procedure === "WatchTodos");
    await eventually(() => new Set(streams().map(({ token }) => token)).size >= 2, true, { within: leeway });
    await page.call("CreateTodo", { title: "Elsewhere" });
    await page.shows(["Elsewhere"]);
    assert.equal(await page.text("The service").count(), 0);
  });

  test("a token that expired while the computer slept is replaced when it is refused", async (t) => {
    const page = await stack.openAs(t, "Alice");
    // To the page no time passes from here on, and its token stays good.
    await page.browserPage.clock.setFixedTime(Date.now());
    await page.reload();
    await page.add("Before");
    const token = page.calls.at(-1)?.token ?? "";
    const renewals = countRenewals(page);
    await retry(() => assert.rejects(page.call("ListTodos", {}, token), /"code":"unauthenticated"/), leeway);

    await page.add("After");
    await page.shows(["After", "Before"]);
    // One call to send the change, and one to follow the others' may be refused.
    assert.deepEqual([...new Set(refused(page).map(({ token }) => token))], [token]);
    assert.equal(renewals(), 1);
    assert.equal(page.calls.filter(({ procedure, status }) => procedure === "ApplyTodos" && status === 200).length, 2);
  });
});

describe("long-lived tokens", () => {
  const stack = useStack();

  test("a page that is open while keys rotate goes on with the new key", async (t) => {
    const page = await stack.openAs(t, "Alice");
    await page.add("Before");
    const before = page.calls.at(-1)?.token ?? "";
    await stack.execute(`UPDATE jwks SET "expiresAt" = now()`);

    // The token of the old key is good still, as the key stays published.
    await page.add("Between");
    assert.equal(page.calls.at(-1)?.token, before);

    await page.browserPage.clock.setFixedTime(Date.now() + 20 * 60_000);
    await page.add("After");
    await page.shows(["After", "Between", "Before"]);
    const after = page.calls.at(-1)?.token ?? "";
    assert.notEqual(keyID(after), keyID(before));
    assert.deepEqual(refused(page), []);
  });

  test("a page whose key is withdrawn renews its token unseen", async (t) => {
    const page = await stack.openAs(t, "Alice");
    await page.add("Before");
    const before = page.calls.at(-1)?.token ?? "";
    await stack.execute("DELETE FROM jwks");
    await stack.stopService(); // It remembers keys for an hour.
    await stack.startService();

    await page.checkbox("Before").click();
    await page.settled();
    // One call to send the change, and one to follow the others' may be refused.
    assert.deepEqual([...new Set(refused(page).map(({ token }) => token))], [before]);
    assert.notEqual(keyID(page.calls.at(-1)?.token ?? ""), keyID(before));
  });

  test("calls that are refused at once renew the token once", async (t) => {
    const page = await stack.openAs(t, "Alice");
    for (const title of ["One", "Two", "Three", "Four"]) await page.add(title);
    await stack.execute("DELETE FROM jwks");
    await stack.stopService();
    await stack.startService();
    const renewals = countRenewals(page);

    await page.list.getByRole("checkbox").evaluateAll((boxes) => {
      for (const box of boxes) /** @type {HTMLInputElement} */ (box).click();
    });
    await page.settled();
    await eventually(async () => (await page.call("ListTodos", { isCompleted: true })).todos.length, 4);
    assert(refused(page).length > 0);
    assert.equal(renewals(), 1);
  });

  test("a session that ends elsewhere asks to sign in, and goes on where the user was", async (t) => {
    const page = await stack.open(t);
    const email = stack.newEmail("Alice");
    await page.enter("Alice", email);
    await page.add("Before");
    await page.write("Half-written", "with details");
    await stack.execute("DELETE FROM session");
    await page.browserPage.clock.setFixedTime(Date.now() + 20 * 60_000);

    await page.checkbox("Before").click();
    await page.text("Your session has ended. Sign in again to go on where you were.").waitFor();
    await page.signIn(email);
    assert.equal(await page.newTitle.inputValue(), "Half-written");
    assert.equal(await page.newDetails.inputValue(), "with details");
    await eventually(async () => (await page.call("ListTodos", {})).todos[0].isCompleted, true);
  });

  test("a page never goes on under the name of another user who has signed in beside it", async (t) => {
    const alice = await stack.openAs(t, "Alice");
    await alice.add("Alice’s");
    const bob = await alice.browserPage.context().newPage();
    const { request } = alice.browserPage.context();
    await request.post(`${stack.authURL}/api/auth/sign-up/email`, {
      headers: { Origin: stack.pageURL },
      data: { name: "Bob", email: stack.newEmail("Bob"), password: "correct horse battery" },
    });
    await bob.goto(stack.pageURL);
    await bob.getByText("Nothing here yet").waitFor();

    await alice.browserPage.clock.setFixedTime(Date.now() + 20 * 60_000);
    await alice.write("Written by Alice");
    await alice.button("Add").click();
    await alice.text("Your session has ended. Sign in again to go on where you were.").waitFor();
    await bob.reload();
    await bob.getByText("Nothing here yet").waitFor();
  });
});

/** @param {import("./testing/todo-page.mjs").TodoPage} page */
function refused(page) {
  return page.calls.filter(({ status }) => status === 401);
}

/**
 * Returns how often the page asks for a token from now on.
 *
 * @param {import("./testing/todo-page.mjs").TodoPage} page
 */
function countRenewals(page) {
  let count = 0;
  page.browserPage.on("request", (req) => (count += Number(req.url().endsWith("/api/auth/token"))));
  return () => count;
}

/** @param {string} token */
function keyID(token) {
  return JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()).kid;
}
