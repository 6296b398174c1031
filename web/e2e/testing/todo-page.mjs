// The page as a user knows it: by roles and names, never by classes or ids.

import assert from "node:assert/strict";
import { eventually } from "./eventually.mjs";
import { leavePicture } from "./pictures.mjs";

/** How long the page may take for what a user asks of it, in milliseconds. */
const actionTimeout = 60_000;

/** The password of every user. */
export const password = "correct horse battery";

/**
 * @typedef {object} Options
 * @property {string} [query] of the page's URL: "?transport=binary".
 * @property {import("playwright-core").BrowserContextOptions} [context]
 */

/**
 * Opens the page as a new visitor. The test fails at its end if a script of
 * the page has failed, and leaves a picture in the folder that E2E_ARTIFACTS
 * names when it has failed itself.
 *
 * @param {import("node:test").TestContext} t
 * @param {import("./stack.mjs").Stack} stack
 * @param {import("playwright-core").Browser} browser
 * @param {Options} [options]
 */
export async function openPage(t, stack, browser, { query = "", context: contextOptions } = {}) {
  // With a service worker tests could not see or answer all requests: offline.test.mjs has one.
  const context = await browser.newContext({ reducedMotion: "reduce", serviceWorkers: "block", ...contextOptions });
  const page = new TodoPage(stack, await context.newPage());
  t.after(async () => {
    // In Node since 20.12; the types don't know it yet.
    if (!(/** @type {{ passed?: boolean }} */ (t).passed)) await page.leaveTraces(t);
    await context.close();
    assert.deepEqual(page.problems, [], "the page's scripts have failed");
  });
  await page.browserPage.goto(`${stack.pageURL}/${query}`);
  return page;
}

/** The page, and the user in front of it. */
export class TodoPage {
  /**
   * What the page's scripts have failed with.
   *
   * @type {string[]}
   */
  problems = [];

  /**
   * The calls to the service that have been answered, in order.
   *
   * @type {{ procedure: string, status: number, contentType: string, token: string, body: Buffer }[]}
   */
  calls = [];

  /**
   * @param {import("./stack.mjs").Stack} stack
   * @param {import("playwright-core").Page} browserPage
   */
  constructor(stack, browserPage) {
    this.stack = stack;
    this.browserPage = browserPage;
    browserPage.setDefaultTimeout(actionTimeout);
    browserPage.on("pageerror", (error) => this.problems.push(String(error.stack ?? error)));
    browserPage.on("console", (message) => {
      // The browser itself reports every answer of 400 and above, and every
      // connection that fails.
      const isOurs = message.type() === "error" && !message.text().startsWith("Failed to load resource");
      if (isOurs) this.problems.push(message.text());
    });
    browserPage.on("response", (response) => this.#note(response));
  }

  /** @param {import("playwright-core").Response} response */
  #note(response) {
    const url = new URL(response.url());
    if (url.origin !== this.stack.apiURL) return;
    const headers = response.request().headers();
    this.calls.push({
      procedure: url.pathname.replace(/^.*\//, ""),
      status: response.status(),
      contentType: headers["content-type"] ?? "",
      token: (headers["authorization"] ?? "").replace("Bearer ", ""),
      body: response.request().postDataBuffer() ?? Buffer.alloc(0),
    });
  }

  /**
   * Makes an account past the page, which takes less time than filling forms,
   * and goes on with it.
   *
   * @param {string} name
   * @param {string} email
   */
  async enter(name, email) {
    const { request } = this.browserPage.context();
    const res = await request.post(`${this.stack.authURL}/api/auth/sign-up/email`, {
      headers: { Origin: this.stack.pageURL },
      data: { name, email, password },
    });
    assert.equal(res.status(), 200, await res.text());
    await this.reload();
  }

  /**
   * Signs a new user up.
   *
   * @param {string} name
   * @param {string} email
   */
  async signUp(name, email) {
    await this.link("Create an account").click();
    await this.field("Name").fill(name);
    await this.signInWith(email, password, "Sign up");
    await this.newTodo.waitFor();
    await this.idle();
  }

  /** @param {string} email */
  async signIn(email) {
    await this.signInWith(email, password);
    await this.newTodo.waitFor();
    await this.idle();
  }

  /**
   * Fills the sign-in form and sends it, whatever comes of it.
   *
   * @param {string} email
   * @param {string} secret
   * @param {string} [submit] the button's name.
   */
  async signInWith(email, secret, submit = "Sign in") {
    await this.field("Email").fill(email);
    await this.field("Password").fill(secret);
    await this.button(submit).click();
  }

  async signOut() {
    await this.openMenu();
    await this.button("Sign out").click();
    await this.field("Email").waitFor();
    await this.heading("Welcome back").waitFor();
  }

  /**
   * Adds a todo, and waits until the service has stored it.
   *
   * @param {string} title
   * @param {string} [description]
   */
  async add(title, description) {
    await this.write(title, description);
    await this.button("Add").click();
    await this.stored(title);
  }

  /**
   * Writes into the form for a new todo, without sending it.
   *
   * @param {string} title
   * @param {string} [description]
   */
  async write(title, description) {
    await this.newTitle.fill(title);
    if (description !== undefined) await this.newDetails.fill(description);
  }

  /**
   * Waits until the service has accepted a request with a title, and the list shows it.
   *
   * @param {string} title
   */
  async stored(title) {
    await this.row(title).waitFor();
    // As binary messages have it, and as JSON does.
    const forms = [title, JSON.stringify(title).slice(1, -1)];
    const isIn = (/** @type {Buffer} */ body) => forms.some((form) => body.includes(form));
    await eventually(() => this.calls.some(({ procedure, status, body }) => procedure === "ApplyTodos" && status === 200 && isIn(body)), true);
    await this.settled();
  }

  /** Waits until nothing that the user did is still to be sent: the outbox in the browser's database is empty. */
  async settled() {
    await eventually(() => this.browserPage.evaluate(countUnsent), 0);
  }

  /**
   * Opens the form to edit a todo, and returns it.
   *
   * @param {string} title
   */
  async edit(title) {
    await this.button(`Edit ${title}`).click();
    return this.editor(title);
  }

  /** @param {string} title */
  editor(title) {
    return this.browserPage.getByRole("form", { name: `Edit ${title}`, exact: true });
  }

  /**
   * Opens the form to edit a todo, changes it, and saves it by leaving it.
   *
   * @param {string} title
   * @param {{ title?: string, description?: string }} change
   */
  async change(title, change) {
    const editor = await this.edit(title);
    if (change.title !== undefined) await editor.getByLabel("Title").fill(change.title);
    if (change.description !== undefined) await editor.getByLabel("Details").fill(change.description);
    await this.leaveEditor();
  }

  /** Puts the focus elsewhere, as a click beside the list does. */
  async leaveEditor() {
    await this.browserPage.evaluate(() => /** @type {HTMLElement | null} */ (document.activeElement)?.blur());
  }

  /**
   * Completes a todo, which then leaves the open ones.
   *
   * @param {string} title
   */
  async complete(title) {
    await this.checkbox(title).click();
  }

  /** Unfolds the completed todos below the open ones. */
  async showDone() {
    await this.list.getByRole("button", { name: /^Done \d+$/, expanded: false }).click();
  }

  /** Makes the links and buttons visible that are in a menu where there is little room. */
  async openMenu() {
    const menu = this.button("More lists, and your account");
    if (await menu.isVisible()) await menu.click();
  }

  /**
   * Goes to a list.
   *
   * @param {string} name
   */
  async goTo(name) {
    if (!(await this.link(name).isVisible())) await this.openMenu();
    await this.link(name).click();
  }

  /**
   * Opens the dialog to plan a todo.
   *
   * @param {string} title
   */
  async plan(title) {
    await this.row(title).hover();
    await this.button(`Plan ${title}`).click();
    await this.planned.waitFor();
  }

  /** The dialog to plan todos. */
  get planned() {
    return this.browserPage.getByRole("dialog", { name: /^Plan / });
  }

  get search() {
    return this.browserPage.getByRole("searchbox", { name: "Search" });
  }

  /** @param {string} title */
  async delete(title) {
    await this.row(title).hover(); // The button shows when the pointer is near.
    if (await this.button(`Delete ${title}`).isVisible()) return await this.button(`Delete ${title}`).click();
    await this.plan(title); // A finger finds it there.
    await this.planned.getByRole("button", { name: "Delete" }).click();
  }

  /** Waits until the list has come. */
  async idle() {
    await this.browserPage.locator("[aria-label=Todos][aria-busy=false]").waitFor();
  }

  /** Reloads the page, which must not ask whether to leave. */
  async reload() {
    await this.browserPage.reload();
    await this.newTodo.waitFor();
    await this.idle();
  }

  /**
   * Holds up the page's calls of a procedure. Returns what lets them go on.
   *
   * @param {string} procedure
   * @returns {Promise<() => void>}
   */
  async holdUp(procedure) {
    /** @type {() => void} */
    let release = () => {};
    const released = new Promise((resolve) => (release = () => resolve(undefined)));
    await this.browserPage.route(`**/${procedure}`, async (route) => {
      await released;
      await route.continue();
    });
    return release;
  }

  /**
   * Waits until the list shows these todos, in this order, and no others.
   *
   * @param {string[]} titles
   */
  async shows(titles) {
    await eventually(() => this.titles(), titles);
  }

  /** @returns {Promise<string[]>} the titles in the list, from its top. */
  titles() {
    return this.list.getByRole("checkbox").evaluateAll((boxes) => boxes.map((box) => box.getAttribute("aria-label") ?? ""));
  }

  get list() {
    return this.browserPage.getByRole("region", { name: "Todos" });
  }

  get newTodo() {
    return this.browserPage.getByRole("form", { name: "New todo" });
  }

  get newTitle() {
    return this.newTodo.getByLabel("Title");
  }

  get newDetails() {
    return this.newTodo.getByLabel("Details");
  }

  /** The messages that go away by themselves. */
  get messages() {
    return this.browserPage.getByRole("region", { name: "Messages" });
  }

  /** @param {string} title */
  row(title) {
    return this.list.getByRole("listitem").filter({ has: this.checkbox(title) });
  }

  /** @param {string} title */
  checkbox(title) {
    return this.browserPage.getByRole("checkbox", { name: title, exact: true });
  }

  /** @param {string} name */
  button(name) {
    return this.browserPage.getByRole("button", { name, exact: true });
  }

  /** @param {string} name */
  link(name) {
    return this.browserPage.getByRole("link", { name, exact: true });
  }

  /** @param {string} name */
  heading(name) {
    return this.browserPage.getByRole("heading", { name, exact: true });
  }

  /** @param {string} label */
  field(label) {
    return this.browserPage.getByLabel(label, { exact: true });
  }

  /** @param {string} text */
  text(text) {
    return this.browserPage.getByText(text);
  }

  /** @returns {Promise<string>} an access token of the user's own, for calls past the page. */
  async token() {
    const res = await this.browserPage.context().request.get(`${this.stack.authURL}/api/auth/token`);
    assert.equal(res.status(), 200, "nobody is signed in");
    return (await res.json()).token;
  }

  /**
   * Calls the service past the page, as another device of the user's would.
   *
   * @param {string} procedure
   * @param {object} message
   * @param {string} [token]
   * @returns {Promise<any>} the answer.
   */
  async call(procedure, message, token) {
    const res = await fetch(`${this.stack.apiURL}/todo.v1.TodoService/${procedure}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${token ?? (await this.token())}` },
      body: JSON.stringify(message),
      signal: AbortSignal.timeout(actionTimeout),
    });
    const answer = await res.json();
    assert.equal(res.status, 200, `${procedure}: ${JSON.stringify(answer)}`);
    return answer;
  }

  /**
   * Says what a reader needs to understand why a test has failed.
   *
   * @param {import("node:test").TestContext} t
   */
  async leaveTraces(t) {
    await leavePicture(this.browserPage, `failed ${t.name}`);
    t.diagnostic(`calls: ${this.calls.map(({ procedure, status }) => `${procedure} ${status}`).join(", ")}`);
    for (const problem of this.problems) t.diagnostic(problem);
  }
}

/**
 * Runs in the page: counts the operations in the outboxes of the browser's databases.
 *
 * @returns {Promise<number>}
 */
async function countUnsent() {
  let count = 0;
  for (const { name = "" } of await indexedDB.databases()) {
    if (!name.startsWith("todos-")) continue;
    count += await new Promise((resolve, reject) => {
      const opening = indexedDB.open(name);
      opening.onerror = () => reject(opening.error);
      opening.onsuccess = () => {
        const db = opening.result;
        const reading = db.transaction("outbox").objectStore("outbox").count();
        reading.onsuccess = () => resolve(reading.result);
        reading.onerror = () => reject(reading.error);
        db.close();
      };
    });
  }
  return count;
}
