// Every state that the page can be in, and how a user gets there.

import { editElsewhere, examples, fill, fillWeek } from "./examples.mjs";
import { password } from "./todo-page.mjs";

/**
 * @typedef {import("./todo-page.mjs").TodoPage} TodoPage
 *
 * @typedef {object} State
 * @property {string} name
 * @property {boolean} [signedOut] whether the page is that of a visitor; else of a new user.
 * @property {(page: TodoPage) => Promise<unknown>} reach
 */

/** Titles and details with links, from right to left, and with characters that turn the direction of others. */
const texts = [
  ["Read https://en.wikipedia.org/wiki/To-do_(list) before Friday", undefined],
  ["שלום, לקנות חלב (2 ליטר)!", "לשאול את דנה.\nAnd a line in English, (too)."],
  ["مراجعة https://b.example/c، ثم الرد", "انظر https://example.com/قائمة."],
  ["\u202eevil txt.exe", "Turned \u202earound\u202c and back"],
  ["Call the plumber", `Quotes:\nhttps://plumber.example/offers/${"long-".repeat(30)}, (https://b.example/x).`],
];

/** @type {State[]} */
export const states = [
  { name: "sign-in", signedOut: true, reach: (page) => page.heading("Welcome back").waitFor() },
  {
    name: "sign-in refused",
    signedOut: true,
    reach: async (page) => {
      await page.signInWith("nobody@example.com", password);
      await page.text("Invalid email or password.").waitFor();
    },
  },
  { name: "sign-up", signedOut: true, reach: (page) => page.link("Create an account").click() },
  {
    name: "sign-up refused",
    signedOut: true,
    reach: async (page) => {
      await page.link("Create an account").click();
      await page.field("Name").fill("Alice");
      await page.signInWith("alice@example.com", "short", "Sign up");
      await page.text("Password too short.").waitFor();
    },
  },
  {
    name: "starting while the sign-in service is away",
    signedOut: true,
    reach: async (page) => {
      await page.browserPage.route(`${page.stack.authURL}/**`, (route) => route.abort());
      await page.browserPage.reload();
      await page.text("The service can’t be reached.").waitFor();
    },
  },
  {
    name: "not able to start",
    signedOut: true,
    reach: async (page) => {
      await page.browserPage.route("**/config.json", (route) => route.fulfill({ json: { apiUrl: "nowhere" } }));
      await page.browserPage.reload();
      await page.text("This page can’t start").waitFor();
    },
  },
  { name: "empty", reach: (page) => page.text("Nothing here yet").waitFor() },
  {
    name: "nothing left to do",
    reach: async (page) => {
      await page.add("Water the plants");
      await page.complete("Water the plants");
      await page.list.getByText("All done").waitFor();
    },
  },
  {
    name: "nothing due today",
    reach: async (page) => {
      await page.goTo("Today");
      await page.text("A clear day").waitFor();
    },
  },
  {
    name: "nothing upcoming",
    reach: async (page) => {
      await page.goTo("Upcoming");
      await page.text("Nothing ahead").waitFor();
    },
  },
  { name: "full", reach: fill },
  {
    name: "with what is done",
    reach: async (page) => {
      await fill(page);
      await page.showDone();
    },
  },
  { name: "a week", reach: fillWeek },
  {
    name: "today",
    reach: async (page) => {
      await fillWeek(page);
      await page.goTo("Today");
      await page.text("Overdue").first().waitFor();
    },
  },
  {
    name: "upcoming",
    reach: async (page) => {
      await fillWeek(page);
      await page.goTo("Upcoming");
      await page.heading("Tomorrow").waitFor();
    },
  },
  {
    name: "done",
    reach: async (page) => {
      await fillWeek(page);
      await page.goTo("Done");
      await page.checkbox("Return the library books").waitFor();
    },
  },
  {
    name: "a tag",
    reach: async (page) => {
      await fillWeek(page);
      await page.goTo("home");
      await page.heading("#home").waitFor();
    },
  },
  {
    name: "the menu",
    reach: async (page) => {
      await fillWeek(page);
      await page.openMenu();
    },
  },
  {
    name: "words understood in a new todo",
    reach: async (page) => {
      await fillWeek(page);
      await page.newTitle.focus();
      await page.write("Call Ana tomorrow 9am #home !high");
      await page.newTodo.getByRole("button", { name: /^Due .*: remove$/ }).waitFor();
    },
  },
  {
    name: "planning a todo",
    reach: async (page) => {
      await fillWeek(page);
      await page.plan("Pay the rent");
    },
  },
  {
    name: "selecting",
    reach: async (page) => {
      await fillWeek(page);
      await page.button("Select several").click();
      await page.list.getByRole("checkbox", { name: "Select Pay the rent" }).click();
      await page.list.getByRole("checkbox", { name: "Select Call the dentist" }).click();
    },
  },
  {
    name: "searching",
    reach: async (page) => {
      await fillWeek(page);
      await page.search.fill("the");
      await page.heading("Search").waitFor();
    },
  },
  {
    name: "nothing found",
    reach: async (page) => {
      await fillWeek(page);
      await page.search.fill("nowhere");
      await page.list.getByText("Nothing found").waitFor();
    },
  },
  {
    name: "writing a new todo",
    reach: async (page) => {
      await fill(page);
      await page.write("Write to grandmother", "With the pictures from\nthe lake.");
    },
  },
  {
    name: "editing",
    reach: async (page) => {
      await fill(page);
      await page.edit("Book the train to Vienna");
    },
  },
  {
    name: "faults at the fields of a new todo",
    reach: async (page) => {
      await fill(page);
      await page.write("x".repeat(501), "x".repeat(2001));
      await page.button("Add").click();
      await page.newTodo.getByText("Must be at most 2000 characters.").waitFor();
    },
  },
  {
    name: "a new todo without a title",
    reach: async (page) => {
      await fill(page);
      await page.write("   ", "With the pictures from the lake.");
      await page.button("Add").click();
      await page.newTodo.getByText("Write a title first.").waitFor();
    },
  },
  {
    name: "a fault at the field of an edited todo",
    reach: async (page) => {
      await fill(page);
      const editor = await page.edit("Water the plants");
      await editor.getByLabel("Title").fill("");
      await editor.getByLabel("Title").press("Enter");
      await page.list.getByRole("alert").waitFor();
    },
  },
  {
    name: "long words",
    reach: async (page) => {
      await page.call("CreateTodo", { title: "x".repeat(500), description: "y".repeat(300) });
      await page.reload();
    },
  },
  {
    name: "links, and text from right to left",
    reach: async (page) => {
      for (const [title, description] of texts) await page.call("CreateTodo", { title, description });
      await page.reload();
    },
  },
  {
    name: "loading",
    reach: async (page) => {
      await page.browserPage.route("**/SyncTodos", () => {}); // It never answers.
      await forgetTodos(page);
      await page.browserPage.reload();
      await page.browserPage.locator("[aria-label=Todos][aria-busy=true]").waitFor();
    },
  },
  {
    name: "the service is away",
    reach: async (page) => {
      await fill(page);
      await page.browserPage.route(`${page.stack.apiURL}/**`, (route) => route.abort());
      await page.complete("Water the plants");
      await page.write("Write to grandmother");
      await page.button("Add").click();
      await page.row("Write to grandmother").getByText("Not stored yet").waitFor();
    },
  },
  {
    name: "the list can’t be loaded",
    reach: async (page) => {
      await page.browserPage.route("**/SyncTodos", (route) => route.fulfill({
        status: 500,
        headers: { "Access-Control-Allow-Origin": page.stack.pageURL },
        json: { code: "internal", message: "internal error" },
      }));
      await forgetTodos(page);
      await page.browserPage.reload();
      await page.text("The list could not be loaded").waitFor();
    },
  },
  {
    name: "deleted, and not undone yet",
    reach: async (page) => {
      await fill(page);
      await page.delete("Water the plants");
      await page.messages.getByText("Deleted “Water the plants”").waitFor();
    },
  },
  {
    name: "completed, and not undone yet",
    reach: async (page) => {
      await fill(page);
      await page.complete("Water the plants");
      await page.messages.getByText("Completed “Water the plants”").waitFor();
    },
  },
  {
    name: "added to a list that is not shown",
    reach: async (page) => {
      await fill(page);
      await page.goTo("Done");
      await page.write("Write to grandmother");
      await page.button("Add").click();
      await page.messages.getByText("Added “Write to grandmother” to All").waitFor();
    },
  },
  {
    name: "more messages than are shown at once",
    reach: async (page) => {
      await fill(page);
      for (const { title, isCompleted } of examples) if (!isCompleted) await page.complete(title);
      await page.messages.getByText("Completed “Buy oat milk, coffee and a good bread”").waitFor();
    },
  },
  {
    name: "a change was refused",
    reach: async (page) => {
      await fill(page);
      const { todos } = await page.call("ListTodos", { pageSize: 1 });
      const sent = await page.holdUp("ApplyTodos");
      await page.checkbox(todos[0].title).click();
      await page.call("DeleteTodo", { id: todos[0].id });
      sent();
      await page.messages.getByText("was not changed. It no longer exists.").waitFor();
    },
  },
  {
    name: "two texts of one todo",
    reach: async (page) => {
      await fill(page);
      const editor = await page.edit("Call the dentist");
      await editor.getByLabel("Details").fill("In the afternoon.");
      await editElsewhere(page, "Call the dentist", { description: "Mornings only. And bring the papers." });
      await page.leaveEditor();
      await page.button("Use mine").waitFor();
    },
  },
  {
    name: "trash",
    reach: async (page) => {
      await fill(page);
      for (const title of ["Call the dentist", "Water the plants"]) await page.delete(title);
      await page.goTo("Trash");
      await page.settled();
      await page.list.getByText("Deleted for good after").last().waitFor();
    },
  },
  {
    name: "the trash is empty",
    reach: async (page) => {
      await page.goTo("Trash");
      await page.list.getByText("The trash is empty").waitFor();
    },
  },
  {
    name: "help",
    reach: async (page) => {
      await fill(page);
      await page.openMenu();
      await page.button("Keyboard shortcuts").click();
      await page.heading("Keyboard shortcuts").waitFor();
    },
  },
  {
    name: "session ended",
    reach: async (page) => {
      await page.browserPage.context().clearCookies();
      await page.browserPage.clock.setFixedTime(Date.now() + 20 * 60_000);
      await page.write("Half-written");
      await page.button("Add").click();
      await page.text("Your session has ended.").waitFor();
    },
  },
];

/**
 * Removes the browser's copy of the todos, so that the page has to load them.
 *
 * @param {TodoPage} page
 */
async function forgetTodos({ browserPage }) {
  const blank = `${new URL(browserPage.url()).origin}/blank`;
  const body = `<meta name="viewport" content="width=device-width, initial-scale=1">`; // Or a phone would zoom out.
  await browserPage.route(blank, (route) => route.fulfill({ contentType: "text/html", body }));
  await browserPage.goto(blank);
  await browserPage.evaluate(async () => {
    for (const { name = "" } of await indexedDB.databases()) {
      const deleting = indexedDB.deleteDatabase(name);
      await new Promise((resolve) => (deleting.onsuccess = resolve));
    }
  });
  await browserPage.goBack();
}
