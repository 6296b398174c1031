// The page's own copy of the todos: several devices and tabs of a user, with and
// without a network, see the same in the end, and nothing that was done is lost.

import assert from "node:assert/strict";
import test from "node:test";
import { eventually } from "./testing/eventually.mjs";
import { useOutages, useStack } from "./testing/stack.mjs";
import { TodoPage } from "./testing/todo-page.mjs";

const stack = useStack();
const { stop, start } = useOutages(stack);
const away = "The service can’t be reached.";

test("what is done on one device shows on the other, and takes no focus", async (t) => {
  const [one, two] = await openTwo(t);
  await one.add("One");
  await two.shows(["One"]);
  await two.button("Edit One").focus();
  await one.add("Two");
  await two.shows(["Two", "One"]);
  await one.change("One", { description: "with details" });
  await two.row("One").getByText("with details").waitFor();
  assert.equal(await two.button("Edit One").evaluate((button) => button === document.activeElement), true);
  await one.delete("Two");
  await two.shows(["One"]);
  assert.equal(await two.button("Edit One").evaluate((button) => button === document.activeElement), true);
});

test("what is deleted on one device is restored on the other", async (t) => {
  const [one, two] = await openTwo(t);
  await one.add("One", "with details");
  await two.shows(["One"]);
  await one.delete("One");
  await two.shows([]);
  await two.link("Trash").click();
  await two.button("Restore One").click();
  await one.shows(["One"]);
  await one.row("One").getByText("with details").waitFor();

  await one.delete("One");
  await two.button("Restore One").waitFor();
  two.browserPage.once("dialog", (dialog) => void dialog.accept());
  await two.button("Empty the trash").click();
  await two.list.getByText("The trash is empty").waitFor();
  await two.settled();
  await one.link("Trash").click();
  await one.list.getByText("The trash is empty").waitFor();
  assert.deepEqual((await one.call("ListTodos", { deleted: true })).todos, []);
});

test("devices that were offline agree afterwards", async (t) => {
  const [one, two] = await openTwo(t);
  for (const title of ["A", "B", "C"]) await one.add(title);
  await two.shows(["C", "B", "A"]);
  for (const page of [one, two]) {
    await page.browserPage.context().setOffline(true);
    await page.text(away).waitFor();
  }
  await one.complete("A");
  await one.delete("B");
  await addUnsent(one, "of one");
  await two.change("A", { title: "A, edited" });
  await addUnsent(two, "of two");
  await one.text("3 changes wait.").waitFor();
  await two.text("2 changes wait.").waitFor();
  await one.shows(["of one", "C"]);
  await two.shows(["of two", "C", "B", "A, edited"]);

  await one.browserPage.context().setOffline(false);
  await one.settled();
  await two.browserPage.context().setOffline(false);
  await two.settled();
  const agreed = ["of two", "of one", "C", "A, edited"];
  for (const page of [one, two]) {
    await page.showDone();
    await page.shows(agreed);
    await eventually(() => page.checkbox("A, edited").isChecked(), true);
  }
  assert.deepEqual((await one.call("ListTodos", {})).todos.map(titleOf), agreed);
});

for (const [choice, titles] of /** @type {const} */ ([
  ["Use mine", ["mine"]],
  ["Use the other", ["the other"]],
  ["Keep both", ["mine", "the other"]],
])) {
  test(`two texts of one todo are both kept until the user chooses: ${choice}`, async (t) => {
    const [one, two] = await openTwo(t);
    await one.add("One");
    await two.shows(["One"]);
    await two.browserPage.context().setOffline(true);
    await two.change("One", { title: "mine" });
    await two.shows(["mine"]);
    await one.change("One", { title: "the other" });
    await one.stored("the other");
    await two.browserPage.context().setOffline(false);
    await two.button(choice).waitFor();
    await two.shows(["the other"]);

    await two.reload();
    await two.row("the other").getByText("mine", { exact: true }).waitFor();
    await two.button(choice).click();
    await two.shows([...titles]);
    await two.settled();
    await one.shows([...titles]);
  });
}

test("a crash with a full outbox loses nothing, and does nothing twice", async (t) => {
  const page = await stack.openAs(t, "Alice");
  await page.add("Before");
  await stop();
  const titles = Array.from({ length: 120 }, (_, i) => `Todo ${i + 1}`);
  for (const title of titles) {
    await page.newTitle.fill(title);
    await page.newTitle.press("Enter");
  }
  await page.text("120 changes wait.").waitFor();
  const crashed = page.browserPage.waitForEvent("crash");
  void page.browserPage.goto("chrome://crash").catch(() => {});
  await crashed;

  const expected = [...titles.toReversed(), "Before"];
  const again = await openTab(page);
  await again.shows(expected);
  await again.text("120 changes wait.").waitFor();
  await start();
  await again.text(away).waitFor({ state: "detached" });
  await again.settled();
  await again.shows(expected);
  assert.deepEqual((await again.call("ListTodos", { pageSize: 200 })).todos.map(titleOf), expected);
});

test("the tabs of a browser have one stream, and another one when that tab is closed", async (t) => {
  const one = await stack.openAs(t, "Alice");
  await one.add("One");
  const two = await openTab(one);
  await two.shows(["One"]);
  await two.write("Two");
  await two.button("Add").click();
  await two.settled();
  await one.shows(["Two", "One"]);
  assert.equal(two.calls.length, 0, "the first tab calls for both");
  await one.browserPage.close();
  await eventually(() => two.calls.some(({ procedure }) => procedure === "WatchTodos"), true);
  await two.call("CreateTodo", { title: "Elsewhere" });
  await two.shows(["Elsewhere", "Two", "One"]);
});

test("signing out in one tab signs out all, and leaves nothing in the browser", async (t) => {
  const one = await stack.openAs(t, "Alice");
  await one.add("Secret");
  const two = await openTab(one);
  await two.shows(["Secret"]);
  await one.signOut();
  await two.heading("Welcome back").waitFor();
  assert.equal(await two.text("Secret").count(), 0);
  const databases = await one.browserPage.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));
  assert.deepEqual(databases.filter((name) => name?.startsWith("todos-")), []);
});

test("what a user could not send is not another's, and is sent when they are back", async (t) => {
  const page = await stack.open(t);
  const email = stack.newEmail("Alice");
  await page.enter("Alice", email);
  await page.add("Alice’s");
  const release = await page.holdUp("ApplyTodos");
  await page.browserPage.context().clearCookies();
  await page.browserPage.clock.setFixedTime(Date.now() + 20 * 60_000);
  await page.write("Alice’s, unsent");
  await page.button("Add").click();
  release();
  await page.text("Your session has ended.").waitFor();

  await page.link("Create an account").click();
  await page.field("Name").fill("Bob");
  await page.signInWith(stack.newEmail("Bob"), "correct horse battery", "Sign up");
  await page.text("Nothing here yet").waitFor();
  assert.equal(await page.text("Alice’s").count(), 0);
  await page.signOut();
  await page.signIn(email);
  await page.shows(["Alice’s, unsent", "Alice’s"]);
  await page.settled();
  assert.deepEqual((await page.call("ListTodos", {})).todos.map(titleOf), ["Alice’s, unsent", "Alice’s"]);
});

test("a proxy that holds streams back only makes changes come by long polls", async (t) => {
  const page = await stack.openAs(t, "Alice");
  await page.browserPage.route("**/WatchTodos", () => {}); // It never gets through.
  await page.reload();
  await eventually(() => page.calls.filter(({ procedure }) => procedure === "SyncTodos").length >= 2, true);
  await page.call("CreateTodo", { title: "Elsewhere" });
  await page.shows(["Elsewhere"]);
  assert.equal(await page.text(away).count(), 0);
});

test("2,000 todos are few elements, and each can be scrolled to and edited", async (t) => {
  const page = await stack.openAs(t, "Alice");
  const token = await page.token();
  for (let batch = 0; batch < 20; batch++) {
    const operations = Array.from({ length: 100 }, (_, i) => ({
      create: { title: `Todo ${batch * 100 + i + 1}`, ...(i % 7 === 0 && { description: "with\ndetails" }) },
    }));
    await page.call("ApplyTodos", { requestId: crypto.randomUUID(), operations }, token);
  }
  await page.checkbox("Todo 2000").waitFor();
  await page.reload();
  await page.browserPage.getByText("2000 todos").waitFor({ state: "attached" });
  const nodes = () => page.browserPage.evaluate(() => document.querySelectorAll("*").length);
  assert((await nodes()) <= 3000, `${await nodes()} elements`);

  // Down to the end; wherever it stops, there are rows, and not many.
  await page.browserPage.mouse.move(400, 500);
  for (let screen = 0; screen < 12; screen++) {
    await page.browserPage.mouse.wheel(0, 12_000);
    await eventually(() => page.browserPage.evaluate(showsRow), true);
    assert((await nodes()) <= 3000, `${await nodes()} elements`);
  }
  const editor = await page.edit("Todo 1");
  await editor.getByLabel("Title").fill("Todo 1, edited");
  await page.browserPage.mouse.wheel(0, -200_000);
  await page.checkbox("Todo 2000").waitFor();
  assert.equal(await editor.getByLabel("Title").inputValue(), "Todo 1, edited", "what is being edited stays");
  await editor.getByLabel("Title").press("Enter");
  await page.stored("Todo 1, edited");
  // By keyboard, further than what is drawn.
  await page.browserPage.mouse.wheel(0, -200_000);
  await page.checkbox("Todo 2000").waitFor();
  await page.button("Edit Todo 1990").focus();
  for (let i = 0; i < 60; i++) await page.browserPage.keyboard.press("ArrowDown");
  await eventually(() => page.button("Edit Todo 1930").evaluate((button) => button === document.activeElement), true);
  assert.equal(await page.row("Todo 1930").getAttribute("aria-posinset"), "71");
  assert.equal(await page.row("Todo 1930").getAttribute("aria-setsize"), "2000");
});

/**
 * Opens the page in two browsers of one new user.
 *
 * @param {import("node:test").TestContext} t
 * @returns {Promise<[TodoPage, TodoPage]>}
 */
async function openTwo(t) {
  const one = await stack.open(t);
  const email = stack.newEmail("Alice");
  await one.enter("Alice", email);
  const two = await stack.open(t);
  await two.signIn(email);
  return [one, two];
}

/**
 * Opens another tab of a page's browser.
 *
 * @param {TodoPage} page
 */
async function openTab(page) {
  const tab = new TodoPage(stack, await page.browserPage.context().newPage());
  await tab.browserPage.goto(stack.pageURL);
  await tab.newTodo.waitFor();
  return tab;
}

/**
 * Adds a todo that has to wait.
 *
 * @param {TodoPage} page
 * @param {string} title
 */
async function addUnsent(page, title) {
  await page.write(title);
  await page.button("Add").click();
  await page.row(title).getByText("Not stored yet").waitFor();
}

/** @param {any} todo */
function titleOf({ title }) {
  return title;
}

/** Runs in the page: says whether there is a row in the middle of the window. */
function showsRow() {
  const element = document.elementFromPoint(innerWidth / 2, innerHeight / 2);
  return Boolean(element?.closest("li")?.querySelector("input"));
}
