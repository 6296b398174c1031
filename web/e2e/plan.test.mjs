// Due dates, priorities, tags, the order by hand, several todos at once, and search:
// what a user plans a week with, by keyboard, by mouse and by touch.

import assert from "node:assert/strict";
import test from "node:test";
import { eventually } from "./testing/eventually.mjs";
import { useStack } from "./testing/stack.mjs";
import { dayFromNow } from "./testing/examples.mjs";

const stack = useStack();

/** The time of all of these tests, to the pages too: no midnight comes between. */
const now = Date.now();
const [today, tomorrow, dayAfter] = [dayFromNow(0, now), dayFromNow(1, now), dayFromNow(2, now)];

test("a week is planned by keyboard alone", async (t) => {
  const page = await openWith(t, "Water the plants", "Pay the rent");
  await type(page, "n", "Call Ana tomorrow 9am #home !high");
  await page.newTodo.getByRole("button", { name: /^Due .*: remove$/ }).waitFor();
  await type(page, "Enter");
  await page.shows(["Call Ana", "Pay the rent", "Water the plants"]);

  await type(page, "ArrowDown", "ArrowDown");
  await focusIs(page, "Edit Pay the rent");
  await type(page, "d");
  await focusIs(page, "Due, in words");
  await type(page, "today");
  await page.planned.getByRole("button", { name: "Today", pressed: true }).waitFor();
  await type(page, "Enter");
  await focusIs(page, "Edit Pay the rent");
  await type(page, "p", "ArrowRight", "ArrowRight", "Enter");
  await focusIs(page, "Edit Pay the rent");
  await page.row("Pay the rent").getByText("Medium").waitFor();
  await type(page, "t", "money", "Enter", "Enter");
  await focusIs(page, "Edit Pay the rent");
  await page.row("Pay the rent").getByRole("link", { name: "#money" }).waitFor();

  await type(page, "1");
  await page.heading("Today").first().waitFor();
  await page.shows(["Pay the rent"]);
  await type(page, "2");
  await page.heading("Tomorrow").waitFor();
  await page.row("Call Ana").getByText("High").waitFor();
  await page.settled();
  const { todos } = await page.call("ListTodos", {});
  assert.deepEqual(todos.map(planOf), [
    { title: "Call Ana", dueDate: tomorrow, dueTime: "09:00", priority: "PRIORITY_HIGH", tags: ["home"] },
    { title: "Pay the rent", dueDate: today, dueTime: undefined, priority: "PRIORITY_MEDIUM", tags: ["money"] },
    { title: "Water the plants", dueDate: undefined, dueTime: undefined, priority: undefined, tags: [] },
  ]);
});

test("a due date's time outlasts another day, and fields that are cleared to type anew", async (t) => {
  const page = await openWith(t);
  await page.newTitle.focus();
  await page.write("Call Ana today 9am");
  await page.newTodo.getByRole("button", { name: /^Due .*: remove$/ }).waitFor();
  await page.newTitle.press("Enter");
  await page.plan("Call Ana");
  const [date, time] = [page.planned.getByLabel("Date", { exact: true }), page.planned.getByLabel("Time", { exact: true })];
  await page.planned.getByRole("button", { name: "Tomorrow" }).click();
  assert.equal(await time.inputValue(), "09:00");
  await date.focus();
  await type(page, "Backspace");
  assert.equal(await date.inputValue(), "", "a segment is cleared");
  assert.equal(await time.inputValue(), "09:00");
  await date.blur();
  await eventually(() => date.inputValue(), tomorrow);
  await date.fill(dayAfter);
  await page.planned.getByRole("button", { name: "Done" }).click();
  await page.settled();
  const { todos } = await page.call("ListTodos", {});
  assert.deepEqual([todos[0].dueDate, todos[0].dueTime], [dayAfter, "09:00"]);
});

test("words that were understood are taken back, each on its own, and stay text", async (t) => {
  const page = await openWith(t);
  await page.newTitle.focus();
  await page.write("Read Monday #notes");
  await page.newTodo.getByRole("button", { name: /^Due .*: remove$/ }).click();
  assert.equal(await page.newTodo.getByRole("button", { name: /^Due .*: remove$/ }).count(), 0);
  await page.newTitle.press("End");
  await page.newTitle.press("Backspace"); // Right after the tag.
  assert.equal(await page.newTodo.getByRole("button", { name: /^Tag/ }).count(), 0);
  assert.equal(await page.newTitle.inputValue(), "Read Monday #notes");
  await page.newTitle.press("Enter");
  await page.stored("Read Monday #notes");
  const { todos } = await page.call("ListTodos", {});
  assert.deepEqual(todos.map(planOf), [
    { title: "Read Monday #notes", dueDate: undefined, dueTime: undefined, priority: undefined, tags: [] },
  ]);
});

test("what is added to Today is due today, unless that is taken away", async (t) => {
  const page = await openWith(t);
  await page.goTo("Today");
  await page.write("One");
  await page.newTitle.press("Enter");
  await page.shows(["One"]);
  await page.write("Two");
  await page.newTodo.getByRole("button", { name: /^Due .*: remove$/ }).click();
  await page.newTitle.press("Enter");
  await page.messages.getByText("Added “Two” to All").waitFor();
  await page.shows(["One"]);
});

test("the order by keys and by dragging survives a reload, and reaches another browser", async (t) => {
  const page = await openWith(t, "One", "Two", "Three", "Four");
  await type(page, "n", "ArrowDown");
  await focusIs(page, "Edit Four");
  await type(page, "Alt+ArrowDown", "Alt+ArrowDown");
  await page.shows(["Three", "Two", "Four", "One"]);
  await focusIs(page, "Edit Four");
  const announced = page.browserPage.locator("p[role=status][aria-live=polite]");
  await eventually(async () => /\b3 of 4\b/.test(await announced.innerText()), true);

  await drag(page, "One", "Three");
  await page.shows(["One", "Three", "Two", "Four"]);
  await page.settled();
  await page.reload();
  await page.shows(["One", "Three", "Two", "Four"]);

  const other = await stack.open(t);
  await other.browserPage.context().addCookies(await page.browserPage.context().cookies());
  await other.reload();
  await other.shows(["One", "Three", "Two", "Four"]);
  await drag(page, "Four", "One");
  await other.shows(["Four", "One", "Three", "Two"]);
});

test("Escape puts a row that is dragged back", async (t) => {
  const page = await openWith(t, "One", "Two", "Three");
  await drag(page, "One", "Three", async () => page.browserPage.keyboard.press("Escape"));
  await page.shows(["Three", "Two", "One"]);
});

test("several todos are chosen, and what is done to them is undone at once", async (t) => {
  const page = await openWith(t, "One", "Two", "Three", "Four");
  await page.button("Select several").click();
  await select(page, "Four").click();
  await select(page, "Two").click({ modifiers: ["Shift"] });
  await page.text("3 selected").waitFor();
  await bulk(page, "Complete").click();
  await page.shows(["One"]);
  await page.messages.getByRole("button", { name: "Undo" }).click();
  await page.shows(["Four", "Three", "Two", "One"]);
  assert.equal(await page.messages.getByRole("button", { name: "Undo" }).count(), 0);

  // By keyboard.
  await type(page, "n", "ArrowDown", "Shift+ArrowDown", "Shift+ArrowDown");
  await page.text("3 selected").waitFor();
  await type(page, "Shift+ArrowUp");
  await page.text("2 selected").waitFor();
  await type(page, "t", "errand", "Enter", "Enter");
  await eventually(() => page.list.getByRole("link", { name: "#errand" }).count(), 2);
  await type(page, "u");
  await eventually(() => page.list.getByRole("link").count(), 0);
  await bulk(page, "Complete").focus();
  await type(page, "Enter");
  await page.shows(["Two", "One"]);
  await focusIs(page, "Edit Two");
  await type(page, "u");
  await page.shows(["Four", "Three", "Two", "One"]);

  await page.button("Edit Two").click({ modifiers: ["Control"] });
  await page.button("Edit One").click({ modifiers: ["Control"] });
  await eventually(() => page.list.getByRole("checkbox", { checked: true }).count() , 2);
  await bulk(page, "Delete").click();
  await page.shows(["Four", "Three"]);
  await type(page, "u");
  await page.shows(["Four", "Three", "Two", "One"]);
});

test("search finds words as they are typed, in any case and without accents", async (t) => {
  const page = await openWith(t, "Café with Ana", "Pay the rent", "Écrire à Zoé");
  await type(page, "/", "cafe");
  await page.shows(["Café with Ana"]);
  await page.heading("Search").waitFor();
  await page.search.fill("ZOE ec");
  await page.shows(["Écrire à Zoé"]);
  await type(page, "ArrowDown");
  await focusIs(page, "Edit Écrire à Zoé");
  await type(page, "Escape");
  await page.shows(["Écrire à Zoé", "Pay the rent", "Café with Ana"]);
  assert.equal(await page.search.inputValue(), "");
});

test("the digit of a list and the link of a tag end a search, in the same list too", async (t) => {
  const page = await openWith(t, "One", "Two");
  const search = async () => {
    await type(page, "/", "one", "ArrowDown");
    await focusIs(page, "Edit One");
    await page.shows(["One"]);
  };
  for (const hash of ["", "#all"]) {
    assert.equal(new URL(page.browserPage.url()).hash, hash);
    await search();
    await type(page, "3");
    await page.heading("All").waitFor();
    await page.shows(["Two", "One"]);
  }

  await page.button("Edit One").focus();
  await type(page, "t", "home", "Enter", "Enter");
  const link = page.row("One").getByRole("link", { name: "#home" });
  await link.click();
  await page.heading("#home").waitFor();
  await search();
  await page.heading("Search").waitFor();
  await link.click();
  await page.heading("#home").waitFor();
  assert.equal(await page.search.inputValue(), "");
});

test("lines that are pasted become todos", async (t) => {
  const page = await openWith(t);
  await page.newTitle.focus();
  await page.newTitle.evaluate((field) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", "- Bread\n- Milk\n\n* Coffee\n");
    field.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
  });
  await page.shows(["Bread", "Milk", "Coffee"]);
  await page.messages.getByRole("button", { name: "Undo" }).click();
  await page.shows([]);
});

test("a list, its tag and the way back are in the address", async (t) => {
  const page = await openWith(t);
  await page.newTitle.focus();
  await page.write("Pay the rent #home");
  await page.newTitle.press("Enter");
  await page.row("Pay the rent").getByRole("link", { name: "#home" }).click();
  await page.heading("#home").waitFor();
  await page.shows(["Pay the rent"]);
  await page.reload();
  await page.heading("#home").waitFor();
  await page.shows(["Pay the rent"]);
  await page.browserPage.goBack();
  await page.heading("All").waitFor();
});

test("a week planned offline agrees with the service and another browser afterwards", async (t) => {
  const page = await openWith(t, "One", "Two", "Three");
  await page.newTitle.focus(); // The words' library is there before the network goes.
  await page.write("Read tomorrow");
  await page.newTodo.getByRole("button", { name: /^Due .*: remove$/ }).waitFor();
  await page.newTitle.fill("");
  await page.browserPage.context().setOffline(true);
  await page.text("The service can’t be reached.").waitFor();
  await page.write("Four tomorrow #home");
  await page.newTitle.press("Enter");
  await page.row("Four").getByText("Not stored yet").waitFor();
  await type(page, "ArrowDown", "ArrowDown", "Alt+ArrowDown", "d", "today", "Enter");
  await page.shows(["Four", "Two", "Three", "One"]);
  await page.complete("One");
  await page.browserPage.context().setOffline(false);
  await page.settled();
  await page.shows(["Four", "Two", "Three"]);
  const { todos } = await page.call("ListTodos", {});
  todos.sort((/** @type {any} */ a, /** @type {any} */ b) => (a.position < b.position ? -1 : 1));
  assert.deepEqual(todos.map((/** @type {any} */ todo) => [todo.title, todo.dueDate, todo.isCompleted]), [
    ["Four", tomorrow, false],
    ["Two", undefined, false],
    ["Three", today, false],
    ["One", undefined, true],
  ]);
});

test("on a phone, fingers plan, move and complete", async (t) => {
  const context = { viewport: { width: 390, height: 720 }, hasTouch: true, isMobile: true };
  const page = await open(t, { context });
  for (const title of ["One", "Two", "Three"]) await page.add(title);
  await page.button("Plan Two").tap();
  await page.planned.getByRole("button", { name: "Tomorrow" }).tap();
  await page.planned.getByText("High").tap();
  await page.planned.getByRole("button", { name: "Done" }).tap();
  await page.row("Two").getByText("High").waitFor();

  await dragByFinger(page, "One", "Three");
  await page.shows(["One", "Three", "Two"]);
  await page.checkbox("Three").tap();
  await page.shows(["One", "Two"]);
  await page.link("Upcoming").tap();
  await page.heading("Tomorrow").waitFor();
  await page.shows(["Two"]);
  await page.openMenu();
  await page.link("Trash").tap();
  await page.heading("Trash").waitFor();
});

/**
 * Opens the page as a new user, at the time of these tests.
 *
 * @param {import("node:test").TestContext} t
 * @param {import("./testing/todo-page.mjs").Options} [options]
 */
async function open(t, options) {
  const page = await stack.open(t, options);
  await page.browserPage.clock.setFixedTime(now);
  await page.enter("Alice", stack.newEmail("Alice"));
  return page;
}

/**
 * Opens the page with todos, of which the last is the newest.
 *
 * @param {import("node:test").TestContext} t
 * @param {string[]} titles
 */
async function openWith(t, ...titles) {
  const page = await open(t);
  const token = await page.token();
  for (const title of titles) await page.call("CreateTodo", { title }, token);
  await page.reload();
  await page.shows(titles.toReversed());
  return page;
}

/**
 * Presses keys by their names, and types all that is no name of one.
 *
 * @param {import("./testing/todo-page.mjs").TodoPage} page
 * @param {string[]} inputs
 */
async function type(page, ...inputs) {
  const isKey = /^(.|((Shift|Control|Alt)\+)?(Tab|Enter|Escape|Backspace|Arrow(Up|Down|Left|Right)))$/;
  for (const input of inputs) {
    if (isKey.test(input)) await page.browserPage.keyboard.press(input);
    else await page.browserPage.keyboard.type(input);
  }
}

/**
 * @param {import("./testing/todo-page.mjs").TodoPage} page
 * @param {string} name
 */
async function focusIs(page, name) {
  await eventually(
    () =>
      page.browserPage.evaluate(() => {
        const element = document.activeElement;
        const label = /** @type {HTMLInputElement | null} */ (element)?.labels?.[0]?.textContent;
        return (element?.getAttribute("aria-label") ?? label ?? element?.textContent ?? "").trim().replace(/\s+/g, " ");
      }),
    name,
  );
}

/**
 * Drags a row by its grip to above another one.
 *
 * @param {import("./testing/todo-page.mjs").TodoPage} page
 * @param {string} title
 * @param {string} target
 * @param {() => Promise<void>} [beforeDrop]
 */
async function drag(page, title, target, beforeDrop) {
  const { mouse } = page.browserPage;
  await page.row(title).hover();
  const grip = (await page.row(title).getByTitle("Drag to move").boundingBox()) ?? assert.fail("no grip");
  const over = (await page.row(target).boundingBox()) ?? assert.fail("no target");
  await mouse.move(grip.x + grip.width / 2, grip.y + grip.height / 2);
  await mouse.down();
  await mouse.move(grip.x + grip.width / 2, over.y + 4, { steps: 8 });
  await page.browserPage.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  await beforeDrop?.();
  await mouse.up();
}

/**
 * Holds a row with a finger until it can be dragged, and drags it to above another one.
 *
 * @param {import("./testing/todo-page.mjs").TodoPage} page
 * @param {string} title
 * @param {string} target
 */
async function dragByFinger(page, title, target) {
  const session = await page.browserPage.context().newCDPSession(page.browserPage);
  const from = (await page.row(title).boundingBox()) ?? assert.fail("no row");
  const to = (await page.row(target).boundingBox()) ?? assert.fail("no target");
  const x = from.x + from.width / 2;
  const touch = (/** @type {"touchStart" | "touchMove" | "touchEnd"} */ type, /** @type {number} */ y) =>
    session.send("Input.dispatchTouchEvent", { type, touchPoints: type === "touchEnd" ? [] : [{ x, y }] });
  await touch("touchStart", from.y + 20);
  await page.browserPage.locator("[data-lifted]").waitFor();
  for (let step = 1; step <= 8; step++) await touch("touchMove", from.y + 20 + ((to.y + 4 - from.y - 20) * step) / 8);
  await page.browserPage.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  await touch("touchEnd", to.y + 4);
}

/**
 * @param {import("./testing/todo-page.mjs").TodoPage} page
 * @param {string} title
 */
function select(page, title) {
  return page.list.getByRole("checkbox", { name: `Select ${title}`, exact: true });
}

/**
 * @param {import("./testing/todo-page.mjs").TodoPage} page
 * @param {string} name
 */
function bulk(page, name) {
  return page.browserPage.getByRole("toolbar").getByRole("button", { name, exact: true });
}

/** @param {any} todo */
function planOf({ title, dueDate, dueTime, priority, tags }) {
  return { title, dueDate, dueTime, priority, tags };
}
