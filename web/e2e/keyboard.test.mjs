// The whole of the work by keyboard alone. Nothing here clicks, and the focus
// is always somewhere, can be seen, and is where the user goes on.

import assert from "node:assert/strict";
import test from "node:test";
import { eventually } from "./testing/eventually.mjs";
import { useStack } from "./testing/stack.mjs";
import { password } from "./testing/todo-page.mjs";

const stack = useStack();

test("a user signs up, works, signs out and in again", async (t) => {
  const page = await stack.open(t);
  const keys = page.browserPage.keyboard;
  const email = stack.newEmail("Alice");
  await page.heading("Welcome back").waitFor();
  await tabTo(page, "Create an account");
  await keys.press("Enter");
  await focusIs(page, "Name");
  await type(page, "Alice", "Tab", email, "Tab", password, "Enter");
  await focusIs(page, "Title");
  await type(page, "One", "Enter");
  await page.stored("One");
  await focusIs(page, "Title");
  await type(page, "Two", "Tab", "first", "Enter", "second", "Control+Enter");
  await page.stored("Two");
  await focusIs(page, "Title");
  await page.row("Two").getByText("first\nsecond").waitFor();
  await page.shows(["Two", "One"]);

  await tabTo(page, "Sign out", "Shift+Tab");
  await keys.press("Enter");
  await focusIs(page, "Email");
  await type(page, email, "Tab", password, "Enter");
  await page.shows(["Two", "One"]);
  await focusIs(page, "Title");
});

test("credentials that are refused leave the focus on the form", async (t) => {
  const page = await stack.open(t);
  await page.heading("Welcome back").waitFor();
  await tabTo(page, "Email");
  await type(page, "nobody@example.com", "Tab", password, "Enter");
  await page.text("Invalid email or password.").waitFor();
  await focusIs(page, "Password");
});

test("arrows and letters move through the list, and back to the form for new todos", async (t) => {
  const page = await openWith(t, "One", "Two", "Three");
  for (const [key, name] of /** @type {const} */ ([
    ["ArrowDown", "Edit Three"],
    ["ArrowDown", "Edit Two"],
    ["j", "Edit One"],
    ["ArrowDown", "Edit One"], // The list ends here.
    ["k", "Edit Two"],
    ["Shift+Tab", "Two"],
    ["ArrowUp", "Three"], // From checkbox to checkbox.
    ["Tab", "Edit Three"],
    ["Tab", "Plan Three"],
    ["Tab", "Delete Three"],
    ["ArrowDown", "Delete Two"],
    ["k", "Delete Three"],
    ["ArrowUp", "Title"],
  ])) {
    await page.browserPage.keyboard.press(key);
    await focusIs(page, name);
  }
  await tabTo(page, "Upcoming", "Shift+Tab");
  await page.browserPage.keyboard.press("n");
  await focusIs(page, "Title");
});

test("a todo is edited in place, saved or left as it was", async (t) => {
  const page = await openWith(t, "One", "Two");
  const keys = page.browserPage.keyboard;
  await type(page, "ArrowDown", "e");
  await focusIs(page, "Title");
  await type(page, "End", ", edited", "Enter");
  await page.shows(["Two, edited", "One"]);
  await focusIs(page, "Edit Two, edited");

  await type(page, "j", "Enter", "Tab", "details", "Control+Enter");
  await page.row("One").getByText("details").waitFor();
  await focusIs(page, "Edit One");

  await type(page, "e", "Tab", "more", "Escape");
  await focusIs(page, "Edit One");
  await keys.press("e");
  await focusIs(page, "Title");
  assert.equal(await page.editor("One").getByLabel("Details").inputValue(), "details");
  await type(page, "End", ", left", "Shift+Tab"); // Leaving the fields saves.
  await page.shows(["Two, edited", "One, left"]);
  await focusIs(page, "One, left");
});

test("an edit that is refused puts the focus on the field at fault", async (t) => {
  const page = await openWith(t, "One", "Two");
  await type(page, "ArrowDown", "e", "Control+a", "Delete", "Enter");
  await page.list.getByRole("alert").waitFor();
  await focusIs(page, "Title");
  assert.equal(await page.editor("Two").getByLabel("Title").evaluate((field) => field === document.activeElement), true);
  await type(page, "Three", "Enter");
  await page.shows(["Three", "One"]);
  await focusIs(page, "Edit Three");
});

test("todos are completed, and the focus stays in the list that they leave", async (t) => {
  const page = await openWith(t, "One", "Two", "Three");
  const keys = page.browserPage.keyboard;
  await type(page, "ArrowDown", "ArrowDown", "x");
  await page.shows(["Three", "One"]);
  await focusIs(page, "Edit One");
  await keys.press("Shift+Tab");
  await keys.press("Space");
  await page.shows(["Three"]);
  await focusIs(page, "Three");
  await keys.press("Space");
  await page.shows([]);
  await focusIs(page, "Title");

  await tabTo(page, "Done 3");
  await keys.press("Enter");
  await eventually(() => page.list.getByRole("checkbox", { checked: true }).count(), 3);
  await focusIs(page, "Done 3");
});

test("lists are chosen by their links and by their digits", async (t) => {
  const page = await openWith(t, "One", "Two");
  const keys = page.browserPage.keyboard;
  await type(page, "ArrowDown", "x");
  await page.shows(["One"]);
  await focusIs(page, "Edit One");
  await keys.press("4");
  // The row that had the focus is not in this list.
  await page.shows(["Two"]);
  await focusIs(page, "Edit Two");
  await tabTo(page, "All", "Shift+Tab");
  await keys.press("Enter");
  await page.shows(["One"]);
  await focusIs(page, "All");
  for (const [key, name] of /** @type {const} */ ([["1", "Today"], ["2", "Upcoming"], ["3", "All"], ["4", "Done"], ["5", "Trash"]])) {
    await keys.press(key);
    await page.heading(name).waitFor();
    assert.equal(await page.link(name).getAttribute("aria-current"), "page");
  }
});

test("todos are deleted, and the focus goes to the next one, and back with the deletion", async (t) => {
  const page = await openWith(t, "One", "Two", "Three");
  const keys = page.browserPage.keyboard;
  await type(page, "ArrowDown", "ArrowDown", "Delete");
  await page.shows(["Three", "One"]);
  await focusIs(page, "Edit One");
  await keys.press("Backspace");
  await page.shows(["Three"]);
  await focusIs(page, "Edit Three");
  await type(page, "Tab", "Tab", "Enter");
  await page.shows([]);
  await focusIs(page, "Title");

  await keys.press("Shift+Tab"); // Where letters are typed they mean themselves.
  await keys.press("u");
  await page.shows(["Three"]);
  await focusIs(page, "Edit Three");
  await keys.press("Control+z");
  await page.shows(["Three", "One"]);
  await focusIs(page, "Edit One");
  await tabTo(page, "Undo");
  await keys.press("Enter");
  await page.shows(["Three", "Two", "One"]);
  await focusIs(page, "Edit Two");
});

test("a completion is undone, and the focus goes to its todo", async (t) => {
  const page = await openWith(t, "One", "Two", "Three");
  const keys = page.browserPage.keyboard;
  await type(page, "ArrowDown", "ArrowDown", "x");
  await page.shows(["Three", "One"]);
  await keys.press("Delete");
  await page.shows(["Three"]);
  await keys.press("u");
  await page.shows(["Three", "One"]);
  await keys.press("Control+z");
  await page.shows(["Three", "Two", "One"]);
  await focusIs(page, "Edit Two");
  await eventually(() => page.checkbox("Two").isChecked(), false);
});

test("a key that is held acts once", async (t) => {
  const page = await openWith(t, "One", "Two", "Three", "Four");
  const keys = page.browserPage.keyboard;
  const hold = async (/** @type {string} */ key) => {
    for (let i = 0; i < 3; i++) await keys.down(key);
    await keys.up(key);
  };
  await keys.press("ArrowDown");
  await hold("Delete");
  await page.shows(["Three", "Two", "One"]);
  await type(page, "Tab", "Tab");
  await focusIs(page, "Delete Three");
  await hold("Enter");
  await page.shows(["Two", "One"]);
  await hold("ArrowDown"); // Moving is what one holds it for.
  await focusIs(page, "Delete One");
  await type(page, "n", "Five");
  await hold("Enter");
  await page.stored("Five");
  await type(page, "Six", "Tab", "first");
  await hold("Enter"); // Where it makes lines, it makes them.
  await type(page, "last");
  await keys.down("Control");
  await hold("Enter");
  await keys.up("Control");
  await eventually(() => page.row("Six").getByRole("paragraph").allInnerTexts(), ["first\n\n\nlast"]);
  assert.equal(await page.newTodo.getByRole("alert").count(), 0);
});

test("keys with which an input method composes are its own", async (t) => {
  const page = await openWith(t, "One", "Two");
  const compose = await inputMethod(page);
  await compose("か");
  // Through its candidates, back, and away: nothing of it is the page's.
  for (const key of ["ArrowDown", "Backspace", "Escape", "Enter", "Delete", "x"]) await compose("か", key);
  await focusIs(page, "Title");
  assert.equal(await page.newTitle.inputValue(), "か");
  await page.shows(["Two", "One"]);
  await page.browserPage.keyboard.insertText("買い物");
  await page.browserPage.keyboard.press("Enter");
  await page.stored("買い物");

  await type(page, "ArrowDown", "e");
  await focusIs(page, "Title");
  await compose("に");
  for (const key of ["Escape", "ArrowDown", "Backspace", "Control+Enter"]) await compose("に", key);
  assert.equal(await page.editor("買い物").getByLabel("Title").inputValue(), "買い物に");
  await page.browserPage.keyboard.insertText("日記");
  await page.browserPage.keyboard.press("Enter");
  await page.stored("買い物日記");

  // Where nothing is typed, some input methods take keys all the same.
  await focusIs(page, "Edit 買い物日記");
  for (const key of ["ArrowDown", "Backspace", "x", "n", "2", "Control+z"]) await compose("", key);
  await focusIs(page, "Edit 買い物日記");
  await page.shows(["買い物日記", "Two", "One"]);
  assert.equal(await page.checkbox("買い物日記").isChecked(), false);
});

test("text that is being written is not deleted with its todo", async (t) => {
  const page = await openWith(t, "One", "Two");
  await type(page, "ArrowDown", "e");
  await focusIs(page, "Title");
  await type(page, "End", ", edited");
  await tabTo(page, "Due, priority, tags");
  await type(page, "Delete", "Backspace");
  await focusIs(page, "Due, priority, tags");
  assert.equal(await page.editor("Two").getByLabel("Title").inputValue(), "Two, edited");
});

test("links are stops of the Tab key, and open by Enter", async (t) => {
  const page = await openWith(t, "One", "Read https://a.example/x.");
  const context = page.browserPage.context();
  await context.route("https://a.example/**", (route) => route.fulfill({ contentType: "text/html", body: "there" }));
  await type(page, "ArrowDown");
  await focusIs(page, "Edit Read https://a.example/x.");
  await page.browserPage.keyboard.press("Tab");
  await focusIs(page, "https://a.example/x");
  const [opened] = await Promise.all([context.waitForEvent("page"), page.browserPage.keyboard.press("Enter")]);
  await opened.waitForLoadState();
  assert.equal(opened.url(), "https://a.example/x");
  await opened.close();
  await page.browserPage.keyboard.press("ArrowDown");
  await focusIs(page, "Edit One");
});

test("what is in the trash is restored, and deleted for good, and the focus stays in the list", async (t) => {
  const page = await openWith(t, "One", "Two", "Three");
  const keys = page.browserPage.keyboard;
  await type(page, "ArrowDown", "Delete", "Delete", "Delete");
  await page.shows([]);
  await keys.press("Escape");
  await tabTo(page, "Trash", "Shift+Tab");
  await keys.press("Enter");
  await page.button("Restore Three").waitFor();
  await type(page, "j", "j");
  await focusIs(page, "Restore Two");
  await keys.press("r");
  await page.button("Restore Two").waitFor({ state: "detached" });
  await focusIs(page, "Restore Three");
  page.browserPage.once("dialog", (dialog) => void dialog.accept());
  await keys.press("Delete");
  await page.button("Restore Three").waitFor({ state: "detached" });
  await focusIs(page, "Restore One");
  await keys.press("3");
  await page.shows(["Two"]);
  await page.settled();
  assert.deepEqual((await page.call("ListTodos", { deleted: true })).todos.map((/** @type {any} */ { title }) => title), ["One"]);
});

test("a message is dismissed, and the focus is not lost with it", async (t) => {
  const page = await openWith(t, "One", "Two");
  await type(page, "ArrowDown", "Delete");
  await page.shows(["One"]);
  await tabTo(page, "Dismiss");
  await page.browserPage.keyboard.press("Enter");
  await focusIs(page, "Title");
  await eventually(async () => (await page.call("ListTodos", {})).todos.length, 1);
});

test("a change that is refused leaves the focus on the next todo", async (t) => {
  const page = await openWith(t, "One", "Two", "Three");
  const { todos } = await page.call("ListTodos", {});
  const sent = await page.holdUp("ApplyTodos");
  await type(page, "ArrowDown", "ArrowDown", "x");
  await page.call("DeleteTodo", { id: todos[1].id });
  sent();
  await page.messages.getByText("“Two” was not changed. It no longer exists.").waitFor();
  await page.shows(["Three", "One"]);
  await focusIs(page, "Edit One");
});

test("todos that are not stored yet can be moved through", async (t) => {
  const page = await openWith(t, "One", "Done soon");
  await page.browserPage.context().setOffline(true);
  await type(page, "ArrowDown", "x");
  await page.text("The service can’t be reached.").waitFor();
  await type(page, "n", "Two", "Enter");
  await page.row("Two").getByText("Not stored yet").waitFor();
  await page.browserPage.keyboard.press("ArrowDown");
  await focusIs(page, "Edit Two");
  await page.browserPage.keyboard.press("ArrowDown");
  await focusIs(page, "Edit One");
  await page.browserPage.context().setOffline(false);
  await page.stored("Two");
  await focusIs(page, "Edit One");
});

test("the shortcuts are explained, and those of one character can be switched off", async (t) => {
  const page = await openWith(t, "One", "Two");
  const keys = page.browserPage.keyboard;
  await type(page, "ArrowDown", "?");
  await page.heading("Keyboard shortcuts").waitFor();
  await focusIs(page, "Close");
  await keys.press("x"); // The page behind the dialog does nothing.
  await keys.press("Escape");
  await focusIs(page, "Edit Two");
  assert.equal(await page.checkbox("Two").isChecked(), false);

  await type(page, "?", "Tab", "Space", "Shift+Tab", "Enter");
  await page.heading("Keyboard shortcuts").waitFor({ state: "hidden" });
  await focusIs(page, "Edit Two");
  for (const key of ["x", "3", "u", "n", "e", "j", "k", "?"]) await keys.press(key);
  await focusIs(page, "Edit Two");
  await page.shows(["Two", "One"]);
  await keys.press("Delete");
  await page.shows(["One"]);
  await keys.press("Control+z");
  await page.shows(["Two", "One"]);

  await page.reload();
  await type(page, "ArrowDown", "x", "ArrowDown");
  await eventually(() => page.checkbox("Two").isChecked(), false);
  await tabTo(page, "Keyboard shortcuts", "Shift+Tab");
  await type(page, "Enter", "Tab", "Space", "Escape", "x");
  await focusIs(page, "Keyboard shortcuts");
  await type(page, "n", "ArrowDown", "x");
  await page.shows(["One"]);
});

test("every stop of the Tab key can be seen", async (t) => {
  const page = await openWith(t, "One", "Two");
  await type(page, "ArrowDown", "Delete", "ArrowDown");
  const seen = new Set();
  for (;;) {
    await page.browserPage.keyboard.press("Tab");
    const name = await focusName(page);
    if (name === "" || seen.has(name)) break;
    seen.add(name);
    assert(await page.browserPage.evaluate(focusShows), `the focus on ${name} can’t be seen`);
  }
  for (const name of ["Delete One", "Undo", "Dismiss"]) assert(seen.has(name), `Tab never came to ${name}`);
  await tabTo(page, "Title", "Shift+Tab");
  assert(await page.browserPage.evaluate(focusShows), "the focus on the form for a new todo can’t be seen");
});

/**
 * Opens the page with todos, of which the last is the newest, and the focus in
 * the form for a new one.
 *
 * @param {import("node:test").TestContext} t
 * @param {string[]} titles
 */
async function openWith(t, ...titles) {
  const page = await stack.openAs(t, "Alice");
  const token = await page.token();
  for (const title of titles) await page.call("CreateTodo", { title }, token);
  await page.reload();
  await page.shows(titles.toReversed());
  await tabTo(page, "Title");
  return page;
}

/**
 * Returns what composes text as an input method does, and passes keys by it: it
 * takes them, and the browser tells the page of each as one of the method's.
 *
 * @param {import("./testing/todo-page.mjs").TodoPage} page
 * @returns {Promise<(text: string, key?: string) => Promise<void>>}
 */
async function inputMethod(page) {
  const session = await page.browserPage.context().newCDPSession(page.browserPage);
  return async (text, key) => {
    if (key === undefined) {
      await session.send("Input.imeSetComposition", { text, selectionStart: text.length, selectionEnd: text.length });
      return;
    }
    const modifiers = key.startsWith("Control+") ? 2 : 0;
    const event = { key: key.replace("Control+", ""), modifiers, windowsVirtualKeyCode: 229 };
    await session.send("Input.dispatchKeyEvent", { type: "rawKeyDown", ...event });
    await session.send("Input.dispatchKeyEvent", { type: "keyUp", ...event });
  };
}

/**
 * Presses keys by their names, and types all that is no name of one.
 *
 * @param {import("./testing/todo-page.mjs").TodoPage} page
 * @param {string[]} inputs
 */
async function type(page, ...inputs) {
  const isKey = /^(.|(Shift|Control|Alt)\+\w+|Tab|Enter|Escape|Space|End|Delete|Backspace|Arrow(Up|Down))$/;
  for (const input of inputs) {
    if (isKey.test(input)) await page.browserPage.keyboard.press(input);
    else await page.browserPage.keyboard.type(input);
  }
}

/**
 * Presses Tab until the focus is on what has this name.
 *
 * @param {import("./testing/todo-page.mjs").TodoPage} page
 * @param {string} name
 * @param {"Tab" | "Shift+Tab"} [key]
 */
async function tabTo(page, name, key = "Tab") {
  for (let stop = 0; stop < 40; stop++) {
    await page.browserPage.keyboard.press(key);
    if ((await focusName(page)) === name) return;
  }
  assert.fail(`${key} never came to ${name}`);
}

/**
 * @param {import("./testing/todo-page.mjs").TodoPage} page
 * @param {string} name
 */
async function focusIs(page, name) {
  await eventually(() => focusName(page), name);
}

/**
 * Returns the name of what has the focus; none is "".
 *
 * @param {import("./testing/todo-page.mjs").TodoPage} page
 */
function focusName(page) {
  return page.browserPage.evaluate(() => {
    const element = document.activeElement;
    if (!element || element === document.body) return "";
    const label = /** @type {HTMLInputElement} */ (element).labels?.[0]?.textContent;
    const visible = /** @type {Element} */ (element.cloneNode(true));
    for (const hidden of visible.querySelectorAll("[aria-hidden=true]")) hidden.remove();
    return (element.getAttribute("aria-label") ?? label ?? visible.textContent ?? "").trim().replace(/\s+/g, " ");
  });
}

/** Runs in the page: says whether what has the focus, or a box around it, looks different for it. */
function focusShows() {
  const element = /** @type {HTMLElement} */ (document.activeElement);
  const boxes = [element, element.closest("form")].filter((box) => box !== null);
  const looks = () => boxes.map((box) => {
    const { outlineStyle, outlineColor, borderColor } = getComputedStyle(box);
    return [outlineStyle, outlineStyle === "none" ? "" : outlineColor, borderColor].join();
  }).join();
  const focused = looks();
  element.blur();
  const plain = looks();
  element.focus();
  return focused !== plain;
}
