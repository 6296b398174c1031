import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { SessionEnded } from "../api/access-tokens.ts";
import { Browser, newUser } from "../testing/browser.ts";
import { gate, until } from "../testing/service.ts";
import { TodoServer } from "../testing/todo-server.ts";
import { deleteDatabase } from "./database.ts";

const away = () => {
  throw new ConnectError("away", Code.Unavailable);
};

test("all todos come, page by page, then changes as they are made elsewhere", async (t) => {
  const server = new TodoServer();
  server.pageSize = 2;
  const ids = ["1", "2", "3", "4", "5"].map((title) => server.create(title));
  const tab = await new Browser(t).open(server, newUser());
  await until(() => tab.todos.complete);
  assert.deepEqual(tab.titles, ["5", "4", "3", "2", "1"]);
  await until(() => server.streams === 1);
  server.update(ids[1]!, { title: "2, edited" });
  server.delete(ids[2]!);
  server.create("6");
  await until(() => tab.titles[0] === "6");
  assert.deepEqual([tab.titles, tab.trash], [["6", "5", "4", "2, edited", "1"], ["3"]]);
});

test("what is done shows at once, and reaches the service", async (t) => {
  const server = new TodoServer();
  const [a, b] = [server.create("a"), server.create("b")];
  const tab = await new Browser(t).open(server, newUser());
  await until(() => tab.todos.complete);
  tab.todos.create({ title: " c ", description: "details" });
  tab.todos.update(a, { isCompleted: true });
  tab.todos.delete(b);
  assert.deepEqual([tab.titles, tab.trash, tab.todos.unsent], [["c", "a"], ["b"], 3]);
  await until(() => tab.todos.unsent === 0);
  assert.deepEqual(server.todos.map(({ title, isCompleted }) => [title, isCompleted]), [["c", false], ["a", true]]);
  assert.equal(server.find("c").description, "details");
  assert.deepEqual(tab.titles, ["c", "a"]);
});

test("offline edits of two browsers meet, and both agree", async (t) => {
  const server = new TodoServer();
  server.create("a");
  server.create("b");
  const user = newUser();
  const [one, two] = [await new Browser(t).open(server, user), await new Browser(t).open(server, `${user} elsewhere`)];
  await until(() => one.todos.complete && two.todos.complete);
  server.before = away;
  server.endStreams();
  one.todos.update(one.id("a"), { title: "a of one" }, one.todos.find(one.id("a")));
  one.todos.create({ title: "new of one", description: "" });
  two.todos.update(two.id("a"), { isCompleted: true });
  two.todos.delete(two.id("b"));
  await until(() => one.todos.status.problem !== undefined && two.todos.status.problem !== undefined);
  server.before = () => {};
  one.todos.retryNow();
  two.todos.retryNow();
  await until(() => one.todos.unsent + two.todos.unsent === 0);
  await until(() => one.titles.length === 2 && two.titles.length === 2 && two.titles.includes("a of one"));
  assert.deepEqual(one.titles, two.titles);
  assert.deepEqual([one.trash, two.trash], [["b"], ["b"]]);
  await until(() => one.todos.find(one.id("a of one"))!.isCompleted);
  assert.equal(server.find("a of one").isCompleted, true);
});

test("the trash is restored from, and emptied for good, but not of what was restored elsewhere", async (t) => {
  const server = new TodoServer();
  const ids = ["a", "b", "c"].map((title) => server.create(title));
  const tab = await new Browser(t).open(server, newUser());
  await until(() => tab.todos.complete);
  for (const id of ids) tab.todos.delete(id);
  await until(() => tab.todos.unsent === 0);
  await until(() => tab.todos.trash.every(({ purgeTime }) => purgeTime !== undefined));
  tab.todos.undelete(ids[0]!);
  assert.deepEqual([tab.titles, tab.trash.toSorted()], [["a"], ["b", "c"]]);
  await until(() => tab.todos.unsent === 0);
  assert.deepEqual(server.titles, ["a"]);

  const sent = gate();
  server.before = (procedure) => (procedure === "applyTodos" ? sent.passed : undefined);
  tab.todos.purge(ids[1]!, ids[2]!);
  assert.deepEqual(tab.trash, []);
  await until(() => server.calls.at(-1) === "applyTodos");
  server.undelete(ids[1]!);
  sent.open();
  await until(() => tab.todos.unsent === 0);
  await until(() => tab.titles.length === 2);
  assert.deepEqual([tab.titles, tab.trash], [["b", "a"], []]);
  assert.deepEqual(tab.refusals.map(({ title, refusal }) => [title, refusal?.code]), [["b", "aborted"]]);
  assert.deepEqual(tab.todos.refused, []);
});

test("a todo that is deleted and restored before it is sent was never deleted", async (t) => {
  const server = new TodoServer();
  const id = server.create("a");
  const tab = await new Browser(t).open(server, newUser());
  await until(() => tab.todos.complete);
  server.before = away;
  server.endStreams();
  await until(() => tab.todos.status.problem !== undefined);
  tab.todos.create({ title: "b", description: "" });
  await until(() => server.calls.includes("applyTodos"));
  tab.todos.delete(id);
  assert.deepEqual(tab.titles, ["b"]);
  tab.todos.undelete(id);
  await until(() => tab.todos.unsent === 1);
  assert.deepEqual(tab.titles, ["b", "a"]);
});

test("two tabs of a browser have one stream; the other leads when the first is closed", async (t) => {
  const server = new TodoServer();
  const [browser, user] = [new Browser(t), newUser()];
  const one = await browser.open(server, user);
  const two = await browser.open(server, user);
  await until(() => two.todos.complete && server.streams === 1);
  server.create("a");
  await until(() => two.titles.includes("a"));
  two.todos.create({ title: "b", description: "" });
  await until(() => server.titles.length === 2 && two.todos.unsent === 0);
  await until(() => one.titles.length === 2);
  assert.equal(server.streams, 1);

  await one.todos.close();
  server.create("c");
  await until(() => two.titles.includes("c"));
  two.todos.create({ title: "d", description: "" });
  await until(() => server.titles.length === 4);
});

test("a refusal is told in the tab in which it was done", async (t) => {
  const server = new TodoServer();
  const [browser, user] = [new Browser(t), newUser()];
  const one = await browser.open(server, user);
  const two = await browser.open(server, user);
  server.refuses = () => {
    throw new ConnectError("bad", Code.InvalidArgument);
  };
  two.todos.create({ title: "b", description: "" });
  await until(() => two.refusals.length === 1);
  assert.equal(one.refusals.length, 0);
  assert.deepEqual([one.titles, two.titles], [[], []]);
});

test("without locks each visible tab has a stream, and what each does is done once", async (t) => {
  const server = new TodoServer();
  const [browser, user] = [new Browser(t, { secure: false }), newUser()];
  const one = await browser.open(server, user);
  const two = await browser.open(server, user);
  await until(() => server.streams === 2);
  for (const tab of [one, two]) for (let i = 0; i < 20; i++) tab.todos.create({ title: `todo ${i}`, description: "" });
  server.create("elsewhere");
  await until(() => one.todos.unsent + two.todos.unsent === 0 && one.titles.length === 41 && two.titles.length === 41);
  assert.equal(server.titles.length, 41);
  assert.deepEqual([one.titles, two.titles], [server.titles, server.titles]);
});

test("users have databases of their own, and deleting one ends the tabs that have it open", async (t) => {
  const server = new TodoServer();
  server.create("secret");
  const [browser, alice] = [new Browser(t), newUser()];
  const tab = await browser.open(server, alice);
  await until(() => tab.titles.length === 1);
  const bob = await browser.open(new TodoServer(), newUser());
  assert.deepEqual(bob.titles, []);

  await deleteDatabase(alice);
  assert.deepEqual([tab.losses, bob.losses], [1, 0]);
  server.before = away;
  const again = await browser.open(server, alice);
  assert.deepEqual([again.titles, again.todos.complete], [[], false]);
});

test("a session that has ended keeps all, and goes on when the user is back", async (t) => {
  let signedIn = true;
  const server = new TodoServer([(next) => (req) => {
    if (!signedIn) throw new SessionEnded("over");
    return next(req);
  }]);
  const tab = await new Browser(t).open(server, newUser());
  await until(() => tab.todos.complete);
  signedIn = false;
  tab.todos.create({ title: "a", description: "" });
  await until(() => tab.sessionsEnded > 0);
  assert.deepEqual([tab.titles, tab.todos.unsent], [["a"], 1]);
  signedIn = true;
  tab.todos.retryNow();
  await until(() => tab.todos.unsent === 0);
  assert.deepEqual(server.titles, ["a"]);
});

test("all of a todo reaches the service, and comes from it", async (t) => {
  const server = new TodoServer();
  const user = newUser();
  const [one, two] = [await new Browser(t).open(server, user), await new Browser(t).open(server, `${user} elsewhere`)];
  await until(() => one.todos.complete && two.todos.complete);
  const due = { date: "2026-12-01", time: "09:00", zone: "Europe/Berlin" };
  const [id = ""] = one.todos.create({ title: "a", description: "", due, priority: 3, tags: ["x", "Y"], position: "a1" });
  await until(() => two.todos.find(id)?.etag !== undefined && one.todos.unsent === 0);
  for (const { todos } of [one, two]) {
    const todo = todos.find(id)!;
    assert.deepEqual([todo.due, todo.priority, todo.tags, todo.position], [due, 3, ["x", "Y"], "a1"]);
  }
  two.todos.updateAll([{ id, patch: { due: null, priority: 0, tags: { remove: ["y"] }, isCompleted: true } }]);
  await until(() => one.todos.find(id)?.isCompleted === true && two.todos.unsent === 0);
  const todo = one.todos.find(id)!;
  assert.deepEqual([todo.due, todo.priority, todo.tags, typeof todo.completedAt], [undefined, 0, ["x"], "number"]);
  two.todos.update(id, { isCompleted: false });
  await until(() => one.todos.find(id)?.isCompleted === false);
  assert.equal(one.todos.find(id)?.completedAt, undefined);
});

test("tags of two browsers meet, and a due date is no conflict with a text", async (t) => {
  const server = new TodoServer();
  const id = server.create("a", { tags: ["both"] });
  const user = newUser();
  const [one, two] = [await new Browser(t).open(server, user), await new Browser(t).open(server, `${user} elsewhere`)];
  await until(() => one.todos.complete && two.todos.complete);
  server.before = away;
  server.endStreams();
  one.todos.updateAll([{ id, patch: { tags: { add: ["one"] } } }]);
  one.todos.update(id, { title: "A" }, one.todos.find(id));
  two.todos.updateAll([{ id, patch: { tags: { add: ["two"], remove: ["both"] }, due: { date: "2026-12-01" } } }]);
  server.before = () => {};
  two.todos.retryNow();
  await until(() => two.todos.unsent === 0);
  one.todos.retryNow();
  await until(() => one.todos.unsent === 0 && two.titles[0] === "A");
  for (const { todos } of [one, two]) {
    const todo = todos.find(id)!;
    assert.deepEqual([todo.title, todo.tags, todo.due, todo.conflict], ["A", ["one", "two"], { date: "2026-12-01" }, undefined]);
  }
});
