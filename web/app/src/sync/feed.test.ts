import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { Browser, newUser } from "../testing/browser.ts";
import { until } from "../testing/service.ts";
import { TodoServer } from "../testing/todo-server.ts";
import { Copy, type Page } from "./copy.ts";
import { openDatabase } from "./database.ts";

test("a copy that can't be continued begins anew, and drops what no longer comes", async (t) => {
  const server = new TodoServer();
  const ids = ["1", "2", "3", "4", "5"].map((title) => server.create(title));
  const tab = await new Browser(t).open(server, newUser());
  await until(() => tab.titles.length === 5);
  server.pageSize = 1;
  server.restoreWithout(ids[1]!, ids[3]!);
  await until(() => tab.titles.length === 3);
  assert.deepEqual(tab.titles, ["5", "3", "1"]);
});

test("a crash while the copy begins anew shows the old todos until all new ones have come", async (t) => {
  const server = new TodoServer();
  const [browser, user] = [new Browser(t), newUser()];
  const ids = ["1", "2", "3", "4", "5"].map((title) => server.create(title));
  const first = await browser.open(server, user);
  await until(() => first.titles.length === 5);
  await first.todos.close();

  server.pageSize = 1;
  server.restoreWithout(ids[1]!, ids[3]!);
  let pages = 0;
  server.before = () => {
    if (++pages > 2) throw new ConnectError("away", Code.Unavailable);
  };
  const second = await browser.open(server, user);
  await until(() => second.todos.status.problem !== undefined);
  assert.deepEqual(second.titles, ["5", "4", "3", "2", "1"]);
  await second.todos.close();
  server.before = () => {};
  const third = await browser.open(server, user);
  await until(() => third.titles.length === 3);
  assert.deepEqual(third.titles, ["5", "3", "1"]);
});

test("a page is stored only if the copy has the token that it continues", async (t) => {
  const db = await openDatabase(newUser(), () => {});
  t.after(() => db.close());
  const copy = new Copy(db);
  const page = (nextSyncToken: string): Page => ({ todos: [], nextSyncToken, hasMore: false, reset: false });
  assert(await copy.put("", page("1")));
  assert.equal(await copy.put("", page("0")), undefined, "a slower tab's");
  assert.equal(await copy.token(), "1");
  assert(await copy.put("1", page("2")));
});

test("a stream that brings nothing in time is held back by a proxy, and a long poll used instead", async (t) => {
  const server = new TodoServer();
  server.before = (procedure) => (procedure === "watchTodos" ? new Promise(() => {}) : undefined);
  const tab = await new Browser(t).open(server, newUser(), { times: { firstMessage: 20, poll: 2_000 } });
  await until(() => server.calls.filter((call) => call === "syncTodos").length >= 3);
  server.create("a");
  await until(() => tab.titles.length === 1);
  server.create("b");
  await until(() => tab.titles.length === 2);
  assert.equal(server.calls.filter((call) => call === "watchTodos").length, 1);
  assert.equal(tab.todos.status.problem, undefined);
});

test("a stream that is silent for too long is opened again where it was", async (t) => {
  const server = new TodoServer();
  const tab = await new Browser(t).open(server, newUser(), { times: { silence: 30 } });
  await until(() => server.calls.filter((call) => call === "watchTodos").length >= 2);
  server.create("a");
  await until(() => tab.titles.length === 1);
});

test("a stream that ends is opened again, and says nothing of being away", async (t) => {
  const server = new TodoServer();
  const tab = await new Browser(t).open(server, newUser());
  await until(() => server.streams === 1);
  const problems: unknown[] = [];
  tab.changed = () => problems.push(tab.todos.status.problem);
  server.endStreams();
  await until(() => server.calls.filter((call) => call === "watchTodos").length >= 2);
  server.create("a");
  await until(() => tab.titles.length === 1);
  assert.deepEqual(problems.filter((problem) => problem !== undefined), []);
});

test("trash is dropped when the service forgets it", async (t) => {
  const server = new TodoServer();
  const [browser, user] = [new Browser(t), newUser()];
  const [a, b] = [server.create("a"), server.create("b")];
  server.delete(a, Date.now() - 1);
  server.delete(b);
  const first = await browser.open(server, user);
  await until(() => first.todos.complete);
  await first.todos.close();
  const second = await browser.open(server, user);
  assert.deepEqual(second.trash, ["b"]);
});

test("what is deleted permanently elsewhere is gone from the trash", async (t) => {
  const server = new TodoServer();
  const a = server.create("a");
  const tab = await new Browser(t).open(server, newUser());
  await until(() => tab.todos.complete && server.streams === 1);
  server.delete(a);
  await until(() => tab.trash.length === 1);
  server.purge(a);
  await until(() => tab.trash.length === 0);
  assert.deepEqual(tab.titles, []);
});
