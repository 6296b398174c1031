// The page opens without a network, by its service worker.

import assert from "node:assert/strict";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { startBrowser } from "./testing/browser.mjs";
import { servePage } from "./testing/page-server.mjs";
import { freePort } from "./testing/ports.mjs";
import { root, useStack } from "./testing/stack.mjs";

const stack = useStack();

test("the page opens offline with the todos, and keeps what is done", async (t) => {
  const page = await stack.openAs(t, "Alice", { context: { serviceWorkers: "allow" } });
  await page.add("One");
  await controlled(page.browserPage);
  await page.browserPage.context().setOffline(true);
  await page.browserPage.reload();
  await page.text("The service can’t be reached.").waitFor();
  await page.shows(["One"]);
  // Its words are understood, too, although nothing has needed that library before.
  await page.newTitle.focus();
  await page.write("Two tomorrow");
  await page.newTodo.getByRole("button", { name: /^Due .*: remove$/ }).waitFor();
  await page.button("Add").click();
  await page.row("Two").getByText("Not stored yet").waitFor();
  await page.browserPage.reload();
  await page.shows(["Two", "One"]);
  await page.text("1 change waits.").waitFor();
  await page.browserPage.context().setOffline(false);
  await page.text("The service can’t be reached.").waitFor({ state: "detached" });
  await page.settled();
  assert.deepEqual((await page.call("ListTodos", {})).todos.map((/** @type {any} */ { title }) => title), ["Two", "One"]);
});

test("nothing but the page's own files is stored, and the page can be installed", async (t) => {
  const page = await stack.openAs(t, "Alice", { context: { serviceWorkers: "allow" } });
  await page.add("Secret");
  await controlled(page.browserPage);
  await page.reload();
  await page.settled();
  const urls = await page.browserPage.evaluate(async () => {
    const caches_ = await Promise.all((await caches.keys()).map((name) => caches.open(name)));
    return (await Promise.all(caches_.map((cache) => cache.keys()))).flat().map(({ url }) => url);
  });
  const built = await readdir(join(root, "web/app/dist"), { recursive: true, withFileTypes: true });
  const files = built.filter((entry) => entry.isFile() && entry.name !== "sw.js");
  const names = files.map(({ name, parentPath }) => (parentPath.endsWith("assets") ? `assets/${name}` : name));
  const paths = urls.map((url) => url.replace(`${stack.pageURL}/`, ""));
  assert.deepEqual(paths.sort(), names.sort());
  const session = await page.browserPage.context().newCDPSession(page.browserPage);
  const { installabilityErrors } = await session.send("Page.getInstallabilityErrors");
  // Tests run in windows like private ones.
  assert.deepEqual(installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== "in-incognito"), []);
});

test("a new version of the page takes over at the next load, as a whole", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "todo-versions-"));
  t.after(() => rm(folder, { recursive: true }));
  const [first, second] = [join(folder, "first"), join(folder, "second")];
  for (const version of [first, second]) await cp(join(root, "web/app/dist"), version, { recursive: true });
  for (const [name, from, to] of /** @type {const} */ ([
    ["index.html", "<title>Todo</title>", "<title>Todo 2</title>"],
    ["sw.js", /version = "\w+"/, 'version = "second"'],
  ])) {
    const text = await readFile(join(second, name), "utf8");
    assert.match(text, new RegExp(from));
    await writeFile(join(second, name), text.replace(from, to));
  }
  const port = await freePort();
  const config = { apiUrl: "http://localhost:1", authUrl: "http://localhost:1" };
  let stopPage = await servePage(first, port, config);
  const browser = await startBrowser();
  t.after(() => browser.close());
  const page = await browser.newPage();
  await page.goto(`http://localhost:${port}`);
  await controlled(page);
  await stopPage();
  await page.reload();
  assert.equal(await page.title(), "Todo", "it opens without its server");

  stopPage = await servePage(second, port, config);
  t.after(() => stopPage());
  const changed = page.evaluate(() => new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", () => resolve(undefined))));
  await page.evaluate(async () => (await navigator.serviceWorker.ready).update());
  await changed;
  assert.equal(await page.title(), "Todo", "a page that is open stays as it is");
  await page.reload();
  assert.equal(await page.title(), "Todo 2");
  const names = await page.evaluate(() => caches.keys());
  assert.deepEqual(names.sort(), ["todo-config", "todo-page-second"]);
});

/**
 * Waits until the service worker answers for a page. When the browser has failed to start it,
 * the next load registers it again.
 *
 * @param {import("playwright-core").Page} page
 */
async function controlled(page) {
  const isControlled = () => navigator.serviceWorker.controller?.state === "activated";
  for (let load = 1; ; load++) {
    try {
      await page.waitForFunction(isControlled, undefined, { polling: 100, timeout: 20_000 });
      return;
    } catch (error) {
      if (load === 3) throw error;
      await page.reload();
    }
  }
}
