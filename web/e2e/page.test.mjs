// What users do with the page, and that they do it to their own todos only.

import assert from "node:assert/strict";
import test from "node:test";
import { eventually } from "./testing/eventually.mjs";
import { useStack } from "./testing/stack.mjs";

const stack = useStack();

test("a new user signs up, out and in again, and finds their todos", async (t) => {
  const page = await stack.open(t);
  const email = stack.newEmail("Alice");
  await page.signUp("Alice", email);
  await page.text("Nothing here yet").waitFor();
  await page.add("Buy milk", "2 litres");
  await page.signOut();
  assert.equal(await page.text("Buy milk").count(), 0);

  await page.signIn(email);
  await page.shows(["Buy milk"]);
  await page.row("Buy milk").getByText("2 litres").waitFor();
});

test("a reload keeps the user signed in", async (t) => {
  const page = await stack.openAs(t, "Alice");
  await page.add("Buy milk");
  await page.reload();
  await page.shows(["Buy milk"]);
});

test("new todos come first, and the form is empty and ready for the next", async (t) => {
  const page = await stack.openAs(t, "Alice");
  await page.add("One");
  await page.add("Two", "with details");
  await page.newTitle.fill("Three");
  await page.newTitle.press("Enter");
  await page.stored("Three");
  await page.shows(["Three", "Two", "One"]);
  assert.equal(await page.newTitle.inputValue(), "");
  assert.equal(await page.newTitle.evaluate((field) => field === document.activeElement), true);

  await page.reload();
  await page.shows(["Three", "Two", "One"]);
});

test("text is shown as it was written, and never read as HTML", async (t) => {
  const page = await stack.openAs(t, "Alice");
  const title = `<img src=x onerror="document.title='stolen'"> é 😀 “quoted” & more`;
  await page.add(title, "first line\n  second line <b>bold</b>");
  await page.reload();
  await page.shows([title]);
  const description = page.row(title).getByText("first line");
  assert.equal(await description.innerText(), "first line\n  second line <b>bold</b>");
  assert.equal(await page.browserPage.title(), "Todo");
});

test("a todo is edited in place", async (t) => {
  const page = await stack.openAs(t, "Alice");
  await page.add("Buy milk", "2 litres");
  const editor = await page.edit("Buy milk");
  assert.equal(await editor.getByLabel("Title").inputValue(), "Buy milk");
  assert.equal(await editor.getByLabel("Details").inputValue(), "2 litres");
  await editor.getByLabel("Title").fill("Buy oat milk");
  await editor.getByLabel("Details").fill("");
  await page.text("Todo").first().click(); // Beside the list.
  await page.shows(["Buy oat milk"]);
  assert.equal(await page.editor("Buy oat milk").count(), 0);

  // An update names what has changed, so it must not have touched the rest.
  await eventually(async () => {
    const { todos } = await page.call("ListTodos", {});
    return todos.map((/** @type {any} */ { title, description }) => ({ title, description }));
  }, [{ title: "Buy oat milk", description: undefined }]);
});

test("Escape leaves a todo as it was", async (t) => {
  const page = await stack.openAs(t, "Alice");
  await page.add("Buy milk");
  const editor = await page.edit("Buy milk");
  await editor.getByLabel("Title").fill("Buy beer");
  await editor.getByLabel("Title").press("Escape");
  await page.shows(["Buy milk"]);
  await page.settled();
  assert.equal(page.calls.filter(({ procedure }) => procedure === "ApplyTodos").length, 1, "only what has added it");
});

test("completed todos move between the lists", async (t) => {
  const page = await stack.openAs(t, "Alice");
  for (const title of ["One", "Two", "Three"]) await page.add(title);
  await page.complete("Two");
  await page.shows(["Three", "One"]);
  await page.showDone();
  await page.shows(["Three", "One", "Two"]);
  await page.link("Done").click();
  await page.shows(["Two"]);
  assert.equal(await page.checkbox("Two").isChecked(), true);

  await page.reload();
  await page.shows(["Two"]);
  await page.checkbox("Two").click();
  await page.text("Nothing done yet").waitFor();
  await page.browserPage.goBack();
  await page.shows(["Three", "Two", "One"]);
});

test("a deletion can be undone", async (t) => {
  const page = await stack.openAs(t, "Alice");
  for (const title of ["One", "Two", "Three"]) await page.add(title);
  await page.delete("Two");
  await page.shows(["Three", "One"]);
  await page.messages.getByText("Deleted “Two”").waitFor();
  await page.messages.getByRole("button", { name: "Undo" }).click();
  await page.shows(["Three", "Two", "One"]);
  await page.reload();
  await page.shows(["Three", "Two", "One"]);
  await page.settled();
  assert.deepEqual((await page.call("ListTodos", {})).todos.map(titleOf), ["Three", "Two", "One"]);
});

test("what is deleted is in the trash, whatever becomes of its message", async (t) => {
  const page = await stack.openAs(t, "Alice");
  await page.add("One");
  await page.delete("One");
  await page.messages.getByRole("button", { name: "Dismiss" }).click();
  await eventually(async () => (await page.call("ListTodos", {})).todos, []);
  await eventually(async () => (await page.call("ListTodos", { deleted: true })).todos.map(titleOf), ["One"]);
});

test("a deletion is carried out although the page is left at once", async (t) => {
  const page = await stack.openAs(t, "Alice");
  await page.add("One");
  await page.delete("One");
  await page.shows([]);
  await page.browserPage.goto("about:blank");
  // At the latest when the page is opened again.
  await page.browserPage.goto(stack.pageURL);
  await eventually(async () => (await page.call("ListTodos", {})).todos, []);
});

test("a completion can be undone, also once the todo has left the list", async (t) => {
  const page = await stack.openAs(t, "Alice");
  for (const title of ["One", "Two"]) await page.add(title);
  await page.complete("One");
  await page.shows(["Two"]);
  await page.messages.getByText("Completed “One”").waitFor();
  await page.messages.getByRole("button", { name: "Undo" }).click();
  await page.shows(["Two", "One"]);
  await eventually(async () => (await page.call("ListTodos", {})).todos.map((/** @type {any} */ { isCompleted }) => isCompleted), [false, false]);
  assert.equal(await page.messages.getByRole("button", { name: "Undo" }).count(), 0);
});

test("a second click where a row was hits no other row", async (t) => {
  const page = await stack.openAs(t, "Alice");
  for (const title of ["One", "Two", "Three", "Four"]) await page.add(title);
  await page.row("Three").hover();
  await page.button("Delete Three").dblclick();
  await page.shows(["Four", "Two", "One"]);
  await page.browserPage.mouse.down(); // However much later.
  await page.browserPage.mouse.up();
  await page.shows(["Four", "Two", "One"]);
  await page.text("Nothing here yet").waitFor({ state: "detached" });
  await page.delete("Two"); // Which is still where it was.
  await page.shows(["Four", "One"]);
  await page.browserPage.mouse.click(2, 2);
  await page.delete("One");
  await page.shows(["Four"]);
  await page.messages.getByRole("button", { name: "Undo" }).last().click();
  await page.shows(["Four", "One"]);

  await page.checkbox("Four").dblclick();
  await page.shows(["One"]);
  assert.equal(await page.checkbox("One").isChecked(), false);
});

test("a completed todo is ticked for a moment and folds away, where things may move", async (t) => {
  const page = await stack.openAs(t, "Alice", { context: { reducedMotion: "no-preference" } });
  for (const title of ["One", "Two", "Three"]) await page.add(title);
  // It may have folded away before a test from outside can look.
  const states = await page.list.evaluateHandle((list) => {
    /** @type {string[][]} */
    const states = [];
    const note = () => {
      const lines = [...list.querySelectorAll("li")];
      if (!lines.some(({ ariaHidden }) => ariaHidden === "true")) return;
      states.push(lines.map((line) => line.querySelector("input")?.ariaLabel ?? line.innerText));
    };
    new MutationObserver(note).observe(list, { childList: true, subtree: true });
    return states;
  });
  await page.checkbox("Two").dblclick();
  await page.shows(["Three", "One"]);
  await eventually(() => page.list.locator("li[aria-hidden=true]").count(), 0);
  const [state = []] = await states.jsonValue();
  assert.deepEqual(state.slice(0, 3), ["Three", "Two", "One"], "it was still where it was");
  assert.deepEqual((await page.list.getByRole("checkbox", { checked: true }).all()).length, 0);
  await page.messages.getByRole("button", { name: "Undo" }).click();
  await page.shows(["Three", "Two", "One"]);
});

test("a second touch where a row was hits no other row", async (t) => {
  const page = await stack.openAs(t, "Alice", { context: { viewport: { width: 390, height: 720 }, hasTouch: true, isMobile: true } });
  for (const title of ["One", "Two", "Three"]) await page.add(title);
  const { x, y, width, height } = (await page.checkbox("Two").boundingBox()) ?? assert.fail("it can’t be seen");
  const touch = () => page.browserPage.touchscreen.tap(x + width / 2, y + height / 2);
  await touch();
  await touch();
  await page.shows(["Three", "One"]);
  await page.checkbox("One").tap(); // Which is still where it was.
  await page.shows(["Three"]);
  await page.messages.getByRole("button", { name: "Undo" }).last().tap();
  await page.shows(["Three", "One"]);
});

test("the text of a todo stays where it is when it is edited, and the caret is where the click was", async (t) => {
  const page = await stack.openAs(t, "Alice");
  await page.add("Buy milk and a good bread", "from the market");
  const place = (/** @type {Element} */ element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    const { left, top } = element instanceof HTMLTextAreaElement ? element.getBoundingClientRect() : range.getBoundingClientRect();
    const { paddingLeft, paddingTop, fontSize, lineHeight } = getComputedStyle(element);
    const isField = element instanceof HTMLTextAreaElement;
    const leading = isField ? (parseFloat(lineHeight) - parseFloat(fontSize) * 1.2) / 2 : 0;
    return [left + (isField ? parseFloat(paddingLeft) : 0), top + (isField ? parseFloat(paddingTop) + leading : 0)].map(Math.round);
  };
  const text = page.row("Buy milk and a good bread").getByText("Buy milk and a good bread");
  const before = await text.evaluate(place);
  const { x, y, height } = (await text.boundingBox()) ?? assert.fail("it can’t be seen");
  await page.browserPage.mouse.click(x + 1, y + height / 2);
  const title = page.editor("Buy milk and a good bread").getByLabel("Title");
  const after = await title.evaluate(place);
  assert(before.every((coordinate, i) => Math.abs(coordinate - (after[i] ?? NaN)) <= 3), `${before} became ${after}`);
  assert.equal(await title.evaluate((field) => /** @type {HTMLTextAreaElement} */ (field).selectionStart), 0);
  await page.browserPage.keyboard.type("Go and ");
  await page.browserPage.keyboard.press("Enter");
  await page.shows(["Go and Buy milk and a good bread"]);
});

for (const reducedMotion of /** @type {const} */ (["reduce", "no-preference"])) {
  test(`a click that leaves an editor hits what it was aimed at, and a second one nothing else: ${reducedMotion}`, async (t) => {
    const page = await stack.openAs(t, "Alice", { context: { reducedMotion } });
    const titles = ["Six", "Five", "Four", "Three", "Two", "One"];
    for (const title of titles.toReversed()) await page.add(title);
    const editor = await page.edit("Six");
    await editor.getByLabel("Title").fill("Six, edited");
    const { x, y, width, height } = (await page.checkbox("Four").boundingBox()) ?? assert.fail("it can’t be seen");
    await page.browserPage.mouse.dblclick(x + width / 2, y + height / 2);
    await page.shows(["Six, edited", "Five", "Three", "Two", "One"]);
    assert.equal(await page.list.getByRole("form").count(), 0);
    await page.shows(["Six, edited", "Five", "Three", "Two", "One"]);
  });
}

test("a long title is clamped until it is opened", async (t) => {
  const page = await stack.openAs(t, "Alice");
  const title = "A long title that goes on and on. ".repeat(14).trim();
  await page.add(title);
  const height = async () => (await page.row(title).boundingBox())?.height ?? 0;
  const clamped = await height();
  assert(clamped < 140, `${clamped} px`);
  await page.edit(title);
  assert((await height()) > clamped + 40, "all of it can be read while it is edited");
});

test("a second click on what adds a todo finds no fault with the empty form", async (t) => {
  const page = await stack.openAs(t, "Alice");
  await page.write("One");
  await page.button("Add").dblclick();
  await page.stored("One");
  assert.equal(await page.newTodo.getByRole("alert").count(), 0);
});

test("a title in which nothing can be seen is refused by the page, in its own words", async (t) => {
  const page = await stack.openAs(t, "Alice");
  await page.button("Add").click();
  await page.newTodo.getByText("Write a title first.").waitFor();
  await page.write("\u200b\u3164", "with details");
  await page.button("Add").click();
  await page.newTodo.getByText("Nothing in this title can be seen. Write one that can.").waitFor();
  assert.equal(await page.newDetails.inputValue(), "with details");
  assert.deepEqual(page.calls.filter(({ procedure }) => procedure === "ApplyTodos"), []);
  await page.newTitle.fill("One");
  assert.equal(await page.newTodo.getByRole("alert").count(), 0);
  await page.button("Add").click();
  await page.stored("One");

  const editor = await page.edit("One");
  await editor.getByLabel("Title").fill(" ");
  await editor.getByLabel("Title").press("Enter");
  await editor.getByText("Write a title first.").waitFor();
  assert.equal(await editor.getByLabel("Title").evaluate((field) => field === document.activeElement), true);
  assert.equal(page.calls.filter(({ procedure }) => procedure === "ApplyTodos").length, 1, "only what has added it");
});

test("what is added while another list is shown is said, with the way there", async (t) => {
  const page = await stack.openAs(t, "Alice");
  await page.link("Done").click();
  await page.text("Nothing done yet").waitFor();
  await page.write("One");
  await page.button("Add").click();
  await page.messages.getByText("Added “One” to All").waitFor();
  await page.messages.getByRole("button", { name: "Show" }).click();
  await page.shows(["One"]);
  assert.equal(await page.link("All").getAttribute("aria-current"), "page");
  await page.browserPage.goBack();
  await page.text("Nothing done yet").waitFor();
});

test("links in text open beside the page, and start no editing", async (t) => {
  const page = await stack.openAs(t, "Alice");
  const context = page.browserPage.context();
  await context.route("https://*.example/**", (route) => route.fulfill({ contentType: "text/html", body: "there" }));
  const title = "Read https://a.example/x (soon). javascript:alert(1)";
  await page.add(title, "<a href=https://c.example>\nhttps://b.example/<img src=x onerror=alert(1)>");
  assert.deepEqual(
    await page.row(title).getByRole("link").evaluateAll((links) => links.map((link) => [link.getAttribute("href"), link.getAttribute("rel")])),
    ["https://a.example/x", "https://c.example/", "https://b.example/"].map((href) => [href, "noopener noreferrer"]),
  );
  for (const link of ["https://a.example/x", "https://b.example/"]) {
    const [opened] = await Promise.all([context.waitForEvent("page"), page.link(link).click()]);
    await opened.waitForLoadState();
    assert.equal(opened.url(), link);
    assert.deepEqual(await opened.evaluate(() => [window.opener, document.referrer]), [null, ""]);
    await opened.close();
  }
  assert.equal(await page.editor(title).count(), 0);

  // All else of the title still starts editing.
  await page.row(title).getByText("Read").click();
  assert.equal(await page.editor(title).getByLabel("Title").inputValue(), title);
});

test("text keeps its own direction, and the page its own", async (t) => {
  const page = await stack.openAs(t, "Alice");
  const [hebrew, turned] = ["שלום!", "a\u202egpj.exe\u2067"];
  await page.call("CreateTodo", { title: turned });
  await page.call("CreateTodo", { title: hebrew, description: "one.\nשתיים." });
  await page.reload();
  await page.shows([hebrew, turned]);
  const row = page.list.getByRole("listitem").first();
  // From left to right, on the screen.
  assert.equal(await row.getByText(hebrew).evaluate(visualOrder), "!םולש");
  assert.equal(await row.getByText("one.").evaluate(visualOrder), "one..םייתש");
  await page.newTitle.fill(hebrew);
  assert.equal(await page.newTitle.evaluate((field) => getComputedStyle(field).direction), "rtl");

  const sent = await page.holdUp("ApplyTodos");
  await page.list.getByRole("checkbox").last().click();
  await page.call("DeleteTodo", { id: (await page.call("ListTodos", {})).todos[1].id });
  sent();
  const message = page.messages.getByText("was not changed. It no longer exists.");
  assert.equal(await message.evaluate(visualOrder), "“aexe.jpg” was not changed. It no longer exists.");
  const remove = page.list.getByRole("button", { name: /^Delete/ });
  assert.equal(await remove.getAttribute("aria-label"), `Delete \u2068${hebrew}\u2069`);
});

test("a long list is all there, each todo once and in order", async (t) => {
  const page = await stack.openAs(t, "Alice");
  const token = await page.token();
  const titles = Array.from({ length: 120 }, (_, i) => `Todo ${i}`);
  for (const title of titles) await page.call("CreateTodo", { title }, token);
  await page.shows(titles.toReversed());
  await page.reload();
  await page.shows(titles.toReversed());
});

test("a change that the service refuses is taken back, with a message", async (t) => {
  const page = await stack.openAs(t, "Alice");
  await page.add("One");
  await page.add("Two");
  const { todos } = await page.call("ListTodos", {});
  const sent = await page.holdUp("ApplyTodos");
  await page.checkbox("One").click();
  // Deleted on another device, while the change is on its way.
  await page.call("DeleteTodo", { id: todos[1].id });
  sent();
  await page.messages.getByText("“One” was not changed. It no longer exists.").waitFor();
  await page.shows(["Two"]);
});

test("an edit of a todo that was deleted elsewhere gives the text back", async (t) => {
  const page = await stack.openAs(t, "Alice");
  await page.add("One");
  const editor = await page.edit("One");
  const { todos } = await page.call("ListTodos", {});
  await page.call("DeleteTodo", { id: todos[0].id });
  await editor.getByLabel("Title").fill("One, and how to do it");
  await editor.getByLabel("Title").press("Enter");
  await page.newTodo.getByText("This was deleted elsewhere. Add it again?").waitFor();
  assert.equal(await page.newTitle.inputValue(), "One, and how to do it");
  await page.button("Add").click();
  await page.stored("One, and how to do it");
});

test("an edit of a todo that has left the list meanwhile stays, and can be saved", async (t) => {
  const page = await stack.openAs(t, "Alice");
  await page.add("One");
  await page.add("Two");
  const editor = await page.edit("One");
  await editor.getByLabel("Title").fill("One, edited");
  const { todos } = await page.call("ListTodos", {});
  await page.call("UpdateTodo", { id: todos[1].id, isCompleted: true });
  await eventually(async () => (await page.call("ListTodos", {})).todos[1].isCompleted, true);
  await editor.getByLabel("Title").press("Enter");
  await eventually(async () => (await page.call("ListTodos", {})).todos[1].title, "One, edited");
});

test("two users see and change their own todos only", async (t) => {
  const alice = await stack.openAs(t, "Alice");
  const bob = await stack.openAs(t, "Bob");
  await alice.add("Alice’s secret");
  await bob.add("Bob’s secret");
  for (const [page, own] of /** @type {const} */ ([[alice, "Alice’s secret"], [bob, "Bob’s secret"]])) {
    await page.reload();
    await page.shows([own]);
  }

  // Bob knows the id, and still gets nowhere.
  const { todos } = await alice.call("ListTodos", {});
  const { id } = todos[0];
  for (const [procedure, message] of /** @type {const} */ ([
    ["GetTodo", { id }],
    ["UpdateTodo", { id, title: "Bob was here" }],
    ["DeleteTodo", { id }],
  ])) {
    await assert.rejects(bob.call(procedure, message), /"code":"not_found"/);
  }
  await alice.reload();
  await alice.shows(["Alice’s secret"]);
});

test("two users of one browser, one after the other, leave each other nothing", async (t) => {
  const page = await stack.openAs(t, "Alice");
  await page.add("Alice’s secret");
  await page.write("Alice’s draft");
  await page.newTitle.fill("");
  await page.signOut();
  await page.signUp("Bob", stack.newEmail("Bob"));
  await page.text("Nothing here yet").waitFor();
  assert.deepEqual(await page.titles(), []);
  assert.equal(await page.browserPage.evaluate(() => JSON.stringify([localStorage, sessionStorage])), "[{},{}]");
  // One for Bob's todos, and one that says that it is Bob.
  const databases = await page.browserPage.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));
  assert.equal(databases.length, 2, databases.join());
});

test("a page without its configuration says that it can’t start", async (t) => {
  const page = await stack.open(t);
  await page.browserPage.route("**/config.json", (route) => route.fulfill({ json: { apiUrl: "nowhere" } }));
  await page.browserPage.reload();
  await page.text("This page can’t start").waitFor();
  await page.text("config.json: apiUrl must be a URL like https://example.com").waitFor();
});

/** @param {any} todo */
function titleOf({ title }) {
  return title;
}

/**
 * Runs in the page: returns the characters of a text as they stand on the
 * screen, line by line from left to right, without those that take no room.
 *
 * @param {Element} element
 */
function visualOrder(element) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const placed = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.textContent ?? "";
    for (let i = 0; i < text.length; i++) {
      const range = document.createRange();
      range.setStart(node, i);
      range.setEnd(node, i + 1);
      const { left, top, width } = range.getBoundingClientRect();
      if (width > 0) placed.push({ character: text[i], left, top });
    }
  }
  placed.sort((a, b) => a.top - b.top || a.left - b.left);
  return placed.map(({ character }) => character).join("");
}
