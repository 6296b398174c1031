// The service goes away and comes back. The page says so, loses nothing that
// was typed, and recovers by itself.

import assert from "node:assert/strict";
import test from "node:test";
import { eventually } from "./testing/eventually.mjs";
import { useOutages, useStack } from "./testing/stack.mjs";
import { password } from "./testing/todo-page.mjs";

const stack = useStack();
const { stop, start } = useOutages(stack);
const away = "The service can’t be reached. What you do is kept, and sent when it is back.";

test("what is typed and done while the service is away is kept, and sent when it is back", async (t) => {
  const page = await stack.openAs(t, "Alice");
  for (const title of ["One", "Two", "Three"]) await page.add(title);
  await stop();

  await page.complete("One");
  await page.text(away).waitFor();
  await page.change("Two", { title: "Two, edited" });
  await page.delete("Three");
  await page.messages.getByRole("button", { name: "Dismiss" }).last().click();
  await page.write("Four", "with details");
  await page.button("Add").click();
  await page.row("Four").getByText("Not stored yet").waitFor();
  await page.write("Five, half-wri", "more to come");
  await page.showDone();
  await page.shows(["Four", "Two, edited", "One"]);
  assert.equal(await page.checkbox("One").isChecked(), true);

  await start();
  await page.text(away).waitFor({ state: "detached" });
  await page.stored("Four");
  await eventually(async () => (await page.call("ListTodos", {})).todos.map(contentOf), [
    { title: "Four", description: "with details", isCompleted: false },
    { title: "Two, edited", description: undefined, isCompleted: false },
    { title: "One", description: undefined, isCompleted: true },
  ]);
  await page.shows(["Four", "Two, edited", "One"]);
  assert.equal(await page.newTitle.inputValue(), "Five, half-wri");
  assert.equal(await page.newDetails.inputValue(), "more to come");
});

test("todos added while the service is away are stored in the order of writing", async (t) => {
  const page = await stack.openAs(t, "Alice");
  await page.add("0");
  await stop();
  const titles = ["1", "2", "3", "4", "5"];
  for (const title of titles) {
    await page.write(title);
    await page.newTitle.press("Enter");
    await page.row(title).getByText("Not stored yet").waitFor();
  }
  const order = [...titles.toReversed(), "0"];
  await page.shows(order);
  let under = 0;
  let most = 0;
  await page.browserPage.route("**/ApplyTodos", async (route) => {
    most = Math.max(most, ++under);
    const response = await route.fetch().finally(() => under--);
    await route.fulfill({ response });
  });
  await start();
  for (const title of titles) await page.stored(title);
  assert.equal(most, 1, "at once");
  await page.shows(order);
  await page.reload();
  await page.shows(order);
});

test("a page that is opened while the service is away shows the list as it was, and then as it is", async (t) => {
  const page = await stack.openAs(t, "Alice");
  await page.add("One");
  const token = await page.token();
  await stop();
  await page.browserPage.reload();
  await page.text(away).waitFor();
  await page.shows(["One"]);
  await start();
  await page.text(away).waitFor({ state: "detached" });
  await page.call("CreateTodo", { title: "Elsewhere" }, token);
  await page.shows(["Elsewhere", "One"]);
});

test("a browser that has never had the list says nothing of it while the service is away", async (t) => {
  const page = await stack.open(t);
  const email = stack.newEmail("Alice");
  await page.signUp("Alice", email);
  await page.add("One");
  await page.signOut();
  await stop();
  await page.signInWith(email, password);
  await page.text(away).waitFor();
  assert.equal(await page.text("Nothing here yet").count(), 0, "the list is unknown, not empty");
  await start();
  await page.shows(["One"]);
  assert.equal(await page.text(away).count(), 0);
});

test("trying now does not wait for the next attempt", async (t) => {
  const page = await stack.openAs(t, "Alice");
  await page.add("One");
  // The page's pauses don't end by themselves.
  await page.browserPage.clock.install();
  await page.reload();
  await page.browserPage.clock.pauseAt(Date.now() + 60_000);
  await stop();
  await page.checkbox("One").click();
  await page.text(away).waitFor();
  await start();
  await page.button("Try now").click();
  await page.text(away).waitFor({ state: "detached" });
  await eventually(async () => (await page.call("ListTodos", {})).todos.map(contentOf), [
    { title: "One", description: undefined, isCompleted: true },
  ]);
});

test("a browser that loses the network goes on when it has it again", async (t) => {
  const page = await stack.openAs(t, "Alice");
  await page.add("One");
  await page.browserPage.context().setOffline(true);
  await page.checkbox("One").click();
  await page.text(away).waitFor();
  await page.write("Two");
  await page.button("Add").click();
  await page.row("Two").getByText("Not stored yet").waitFor();
  await page.browserPage.context().setOffline(false);
  await page.stored("Two");
  await page.text(away).waitFor({ state: "detached" });
});

test("a new todo whose answer got lost is sent again, and stored once", async (t) => {
  const page = await stack.openAs(t, "Alice");
  /** @type {string[]} */
  const requests = [];
  await page.browserPage.route("**/ApplyTodos", async (route) => {
    requests.push(route.request().postData() ?? "");
    if (requests.length > 1) return route.continue();
    await route.fetch();
    await route.abort("connectionreset");
  });
  await page.write("One");
  await page.button("Add").click();
  await eventually(() => requests.length, 2);
  await page.stored("One");
  await page.shows(["One"]);
  assert.equal(requests[0], requests[1], "with the same request id");
  const { id } = JSON.parse(requests[0] ?? "").operations[0].create;
  assert.deepEqual((await page.call("ListTodos", {})).todos.map((/** @type {any} */ todo) => todo.id), [id]);
});

test("a new todo whose answer got lost and which is edited elsewhere keeps the edit", async (t) => {
  const page = await stack.openAs(t, "Alice");
  let attempts = 0;
  await page.browserPage.route("**/ApplyTodos", async (route) => {
    if (++attempts > 1) return route.continue();
    const { results } = await (await route.fetch()).json();
    await page.call("UpdateTodo", { id: results[0].todo.id, title: "One, edited" });
    await route.abort("connectionreset");
  });
  await page.write("One");
  await page.button("Add").click();
  await eventually(() => attempts, 2);
  await page.shows(["One, edited"]);
  await page.settled();
  await page.shows(["One, edited"]);
});

test("leaving with something half-written asks first", async (t) => {
  const page = await stack.openAs(t, "Alice");
  await page.write("Half-written");
  /** @type {string[]} */
  const asked = [];
  page.browserPage.once("dialog", (dialog) => {
    asked.push(dialog.type());
    void dialog.dismiss();
  });
  await page.browserPage.close({ runBeforeUnload: true });
  await eventually(() => asked, ["beforeunload"]);
  assert.equal(await page.newTitle.inputValue(), "Half-written");
});

test("leaving with something half-written asks first, also once the session has ended", async (t) => {
  const page = await stack.openAs(t, "Alice");
  await page.add("Before");
  await page.write("Half-written");
  await page.browserPage.context().clearCookies();
  await page.browserPage.clock.setFixedTime(Date.now() + 20 * 60_000);
  await page.checkbox("Before").click();
  await page.text("Your session has ended.").waitFor();
  /** @type {string[]} */
  const asked = [];
  page.browserPage.once("dialog", (dialog) => {
    asked.push(dialog.type());
    void dialog.dismiss();
  });
  await page.browserPage.close({ runBeforeUnload: true });
  await eventually(() => asked, ["beforeunload"]);
});

test("signing out while something is being written asks first", async (t) => {
  const page = await stack.openAs(t, "Alice");
  await page.write("Half-written");
  /** @type {string[]} */
  const questions = [];
  page.browserPage.once("dialog", (dialog) => {
    questions.push(dialog.message());
    void dialog.dismiss();
  });
  await page.button("Sign out").click();
  await eventually(() => questions, ["What you are writing is not saved yet and would be lost. Sign out?"]);
  assert.equal(await page.newTitle.inputValue(), "Half-written");
});

test("signing out with changes that are not stored asks first", async (t) => {
  const page = await stack.openAs(t, "Alice");
  await page.add("One");
  await stop();
  await page.checkbox("One").click();
  await page.text(away).waitFor();
  /** @type {string[]} */
  const questions = [];
  page.browserPage.once("dialog", (dialog) => {
    questions.push(dialog.message());
    void dialog.dismiss();
  });
  await page.button("Sign out").click();
  await eventually(() => questions, ["Some changes are not stored yet and would be lost. Sign out?"]);
  await page.showDone();
  await page.shows(["One"]);
});

/** @param {any} todo */
function contentOf({ title, description, isCompleted }) {
  return { title, description, isCompleted };
}
