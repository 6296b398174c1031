import "fake-indexeddb/auto";
import assert from "node:assert/strict";
import { test } from "node:test";
import { deleteDB, openDB } from "idb";
import { Browser, newUser } from "../testing/browser.ts";
import { until } from "../testing/service.ts";
import { TodoServer } from "../testing/todo-server.ts";
import { databaseName, DatabaseUnusable, deleteDatabase, openDatabase } from "./database.ts";
import { derivedPosition } from "./position.ts";

/** Writes the database of a page from before todos had due dates, with a todo and an unsent change. */
async function openOld(userId: string, id: string, token: string) {
  const db = await openDB(databaseName(userId), 1, {
    upgrade(db) {
      db.createObjectStore("todos", { keyPath: "id" });
      db.createObjectStore("outbox", { keyPath: "number", autoIncrement: true });
      void db.createObjectStore("state").put({ userId, token, generation: 1, restarting: false, complete: true }, "sync");
    },
    blocking: () => db.close(),
  });
  await db.put("todos", { id, title: "a", description: "", isCompleted: false, createdAt: 7, updatedAt: 7, etag: "e1", generation: 1 });
  await db.put("todos", { id: "gone", title: "gone", description: "", isCompleted: false, createdAt: 8, updatedAt: 8, etag: "e0", generation: 1 });
  const operation = { kind: "update", id, patch: { isCompleted: true } };
  await db.add("outbox", { key: "k", origin: "tab", title: "a", operation });
  return db;
}

test("a copy of an earlier page gets what that page didn't know, and loses nothing", async (t) => {
  const server = new TodoServer();
  const id = server.create("a", { dueDate: "2026-12-01", tags: ["x"] });
  const user = newUser();
  const old = await openOld(user, id, "1.1");
  t.after(() => old.close());

  let served = () => {};
  const open = new Promise<void>((resolve) => (served = resolve));
  server.before = () => open;
  const tab = await new Browser(t).open(server, user);
  const todo = tab.todos.find(id);
  assert.deepEqual([todo?.tags, todo?.priority, todo?.due, todo?.position], [[], 0, undefined, derivedPosition(7)], "at once");
  assert.deepEqual([todo?.isCompleted, tab.todos.unsent, tab.todos.complete], [true, 1, true]);

  served();
  await until(() => tab.todos.find(id)?.due !== undefined && tab.todos.unsent === 0);
  assert.deepEqual([tab.todos.find(id)?.due, tab.todos.find(id)?.tags], [{ date: "2026-12-01" }, ["x"]]);
  assert.equal(server.find("a").isCompleted, true);
  await until(() => tab.todos.find("gone") === undefined);
  await tab.todos.close();
  await deleteDB(databaseName(user));
});

test("a tab that can't answer does not make a newer page wait for ever, and the next attempt succeeds", async () => {
  const user = newUser();
  const old = await openDB(databaseName(user), 1, {
    upgrade(db) {
      db.createObjectStore("todos", { keyPath: "id" });
      db.createObjectStore("outbox", { keyPath: "number", autoIncrement: true });
      void db.createObjectStore("state").put({ userId: user, token: "", generation: 1, restarting: false, complete: true }, "sync");
    },
  });
  await assert.rejects(openDatabase(user, () => {}), (error) => error instanceof DatabaseUnusable && /close the other tabs/i.test(error.message));
  old.close();
  const db = await openDatabase(user, () => db.close());
  assert.equal(db.version, 2);
  await deleteDatabase(user); // Waits for all that have it open.
});

test("a page that is older than the database says so", async () => {
  const user = newUser();
  (await openDB(databaseName(user), 99)).close();
  await assert.rejects(openDatabase(user, () => {}), (error) => error instanceof DatabaseUnusable && /reload/i.test(error.message));
  await deleteDatabase(user);
});

test("what was done in a tab is stored before another page upgrades its database", async (t) => {
  const server = new TodoServer();
  const user = newUser();
  const tab = await new Browser(t).open(server, user);
  await until(() => tab.todos.complete);
  server.before = () => new Promise(() => {});
  for (let i = 0; i < 5; i++) tab.todos.create({ title: `todo ${i}`, description: "" });
  const newer = openDB(databaseName(user), 3, { blocked: () => {} });
  await until(() => tab.losses === 1);
  for (let i = 5; i < 10; i++) tab.todos.create({ title: `todo ${i}`, description: "" });
  const db = await newer;
  const titles = (await db.getAll("outbox")).map(({ operation }) => operation.title);
  db.close();
  assert.deepEqual(titles.slice(0, 5), [0, 1, 2, 3, 4].map((i) => `todo ${i}`));
  await deleteDB(databaseName(user));
});
