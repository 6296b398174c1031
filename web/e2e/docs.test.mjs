// The docs that todo-dev serves, in a real browser: they need nothing from
// elsewhere, and what is tried out in them reaches the service.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { join } from "node:path";
import { startBrowser } from "./testing/browser.mjs";
import { execute } from "./testing/command.mjs";
import { eventually } from "./testing/eventually.mjs";
import { root } from "./testing/stack.mjs";
import { useTodoDev } from "./testing/todo-dev.mjs";
import { password } from "./testing/todo-page.mjs";

/** @typedef {import("playwright-core").Page} Page */

/** How long the page may take for what a user asks of it, in milliseconds. */
const actionTimeout = 60_000;

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await startBrowser();
});
after(() => browser.close());

/** What the docs list under Todos. */
const operations = [
  "GET /api/todos",
  "POST /api/todos",
  "GET /api/todos/{id}",
  "DELETE /api/todos/{id}",
  "PATCH /api/todos/{id}",
  "POST /api/todos/{id}:undelete",
  "POST /api/todos:apply",
  "POST /api/todos:emptyTrash",
  "GET /api/todos:sync",
  "GET /api/todos:watch",
];

/**
 * Returns a page that fails the test at its end when it has asked a host other
 * than localhost for something, or has written an error to its console.
 *
 * @param {import("node:test").TestContext} t
 * @param {import("playwright-core").BrowserContextOptions} options
 * @returns {Promise<Page>}
 */
async function newPage(t, options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(actionTimeout);
  /** @type {string[]} */
  const problems = [];
  /** @type {Set<string>} */
  const hosts = new Set();
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") problems.push(message.text());
  });
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:") hosts.add(url.hostname);
  });
  t.after(async () => {
    await context.close();
    assert.deepEqual([...hosts], ["localhost"]);
    assert.deepEqual(problems, []);
  });
  return page;
}

/**
 * Opens an operation.
 *
 * @param {Page} page
 * @param {string} id
 * @param {string} name
 */
async function open(page, id, name) {
  await page.getByRole("button", { name, exact: true }).click();
  return page.locator(`#operations-Todos-${id}`); // Its deep link.
}

/**
 * Opens an operation, tries it out as it is filled in, and waits for the
 * answer.
 *
 * @param {Page} page
 * @param {string} id
 * @param {string} name
 * @returns {Promise<{ status: number, body: any }>} what the page shows of it.
 */
async function tryOut(page, id, name) {
  const operation = await open(page, id, name);
  await operation.getByRole("button", { name: "Try it out" }).click();
  await operation.getByRole("button", { name: "Execute" }).click();
  const answer = operation.locator("table.live-responses-table tr.response");
  await answer.waitFor();
  return {
    status: Number(await answer.locator(".response-col_status").innerText()),
    body: JSON.parse(await answer.locator("pre.microlight, pre > code").first().innerText()),
  };
}

/**
 * Calls the service past the docs.
 *
 * @param {string} service
 * @param {string} token
 * @returns {Promise<{ id: string, title: string }[]>} the user's todos.
 */
async function list(service, token) {
  const res = await fetch(`${service}/api/todos`, { headers: { Authorization: `Bearer ${token}` } });
  assert.equal(res.status, 200);
  return (await res.json()).todos;
}

describe("with the built-in issuer", () => {
  const dev = useTodoDev();

  test("the docs list each operation", async (t) => {
    const page = await newPage(t);
    await page.goto(dev.value("docs"));
    await page.getByRole("heading", { name: "Todo API" }).waitFor();
    const names = () => page.locator("[id^=operations-Todos-] .opblock-summary-control").allInnerTexts();
    await eventually(async () => (await names()).map((text) => text.split(/\s+/).slice(0, 2).join(" ")), operations);
  });

  test("what is tried out is called with the printed token's user", async (t) => {
    const page = await newPage(t);
    await page.goto(dev.value("docs"));
    await page.getByRole("button", { name: "authorization button locked" }).first().waitFor();
    const { status, body } = await tryOut(page, "CreateTodo", "post /api/todos");
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(body.title, "Buy milk");
    const [newest] = await list(dev.value("service"), await dev.token());
    assert.equal(newest?.id, body.id);
  });

  test("the create that is filled in works for everybody, as often as they like", async (t) => {
    for (const attempt of ["alice's first", "alice's second"]) {
      const page = await newPage(t);
      await page.goto(dev.value("docs"));
      await page.getByRole("button", { name: "authorization button locked" }).first().waitFor();
      const { status, body } = await tryOut(page, "CreateTodo", "post /api/todos");
      assert.equal(status, 200, attempt + JSON.stringify(body));
    }
    const page = await newPage(t);
    await page.goto(dev.value("docs"));
    const operation = await open(page, "CreateTodo", "post /api/todos");
    await operation.getByRole("button", { name: "Try it out" }).click();
    const filledIn = await operation.getByRole("textbox").first().inputValue();
    const res = await fetch(`${dev.value("service")}/api/todos`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${await dev.token("?user=bob")}` },
      body: filledIn,
    });
    assert.equal(res.status, 200, `bob's: ${filledIn}`);
  });

  test("errors are folded, and can be looked at", async (t) => {
    const page = await newPage(t);
    await page.goto(dev.value("docs"));
    const operation = await open(page, "CreateTodo", "post /api/todos");
    await operation.getByText("Success").waitFor();
    assert.equal(await operation.getByText("already_exists").filter({ visible: true }).count(), 1, "in the description alone");
    await operation.locator("summary", { hasText: "Another todo has this id" }).click();
    await operation.getByText('"already_exists"').waitFor();
    assert.equal(await operation.locator("details[open]").count(), 1);
    assert.equal(await operation.locator("details").count(), 8);
  });

  test("the docs say whose token is used, and how to get one", async (t) => {
    const page = await newPage(t);
    await page.goto(dev.value("docs"));
    const note = await page.getByRole("complementary").innerText();
    assert.match(note, /made as alice/);
    const command = /export TOKEN=\$\(.+?\)/.exec(note)?.[0];
    const { stdout } = await execute("bash", ["-c", `${command} && echo $TOKEN`]);
    assert.equal((await list(dev.value("service"), stdout.trim())).length > 0, true);
  });

  test("the docs are dark where the system is", async (t) => {
    /** @type {Record<string, number>} */
    const lightness = {};
    for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
      const page = await newPage(t, { colorScheme });
      await page.goto(dev.value("docs"));
      await page.getByRole("heading", { name: "Todo API" }).waitFor();
      // The picture's own average, drawn into one pixel.
      const picture = (await page.screenshot()).toString("base64");
      lightness[colorScheme] = await page.evaluate(async (data) => {
        const image = new Image();
        image.src = `data:image/png;base64,${data}`;
        await image.decode();
        const canvas = document.createElement("canvas");
        canvas.width = canvas.height = 1;
        const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
        context.imageSmoothingQuality = "high";
        context.drawImage(image, 0, 0, 1, 1);
        return context.getImageData(0, 0, 1, 1).data[0] ?? 0;
      }, picture);
    }
    assert((lightness["light"] ?? 0) > 200 && (lightness["dark"] ?? 255) < 60, JSON.stringify(lightness));
  });
});

describe("with Better Auth", () => {
  const dev = useTodoDev(["-web", join(root, "web")]);

  test("what is tried out is called as who is signed in", async (t) => {
    const page = await newPage(t);
    const docs = dev.value("docs");
    const { request } = page.context();
    const signedUp = await request.post(`${dev.value("issuer")}/api/auth/sign-up/email`, {
      headers: { Origin: new URL(docs).origin },
      data: { name: "Alice", email: "alice@example.com", password },
    });
    assert.equal(signedUp.status(), 200, await signedUp.text());
    await page.goto(docs);
    await page.getByRole("button", { name: "authorization button locked" }).first().waitFor();
    const { status, body } = await tryOut(page, "CreateTodo", "post /api/todos");
    assert.equal(status, 200, JSON.stringify(body));
    const { token } = await (await request.get(`${dev.value("issuer")}/api/auth/token`)).json();
    assert.deepEqual((await list(dev.value("service"), token)).map(({ id }) => id), [body.id]);
  });
});
