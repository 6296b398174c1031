import assert from "node:assert/strict";
import { test } from "node:test";
import { Browser, newUser } from "../testing/browser.ts";
import { until } from "../testing/service.ts";
import { TodoServer } from "../testing/todo-server.ts";

for (const secure of [true, false]) {
  test(`a tab that is hidden for long has no stream, ${secure ? "with" : "without"} locks`, async (t) => {
    const server = new TodoServer();
    const tab = await new Browser(t, { secure }).open(server, newUser(), { hiddenLimit: 20 });
    await until(() => server.streams === 1);
    tab.todos.setVisible(false);
    await until(() => server.streams === 0);
    server.create("a");
    tab.todos.setVisible(true);
    await until(() => tab.titles.includes("a"));
  });
}

test("a tab that was hidden for a moment keeps its stream", async (t) => {
  const server = new TodoServer();
  const tab = await new Browser(t).open(server, newUser());
  await until(() => server.streams === 1);
  tab.todos.setVisible(false);
  tab.todos.setVisible(true);
  server.create("a");
  await until(() => tab.titles.includes("a"));
  assert.equal(server.calls.filter((call) => call === "watchTodos").length, 1);
});

test("a leader that is hidden for long lets a visible tab lead", async (t) => {
  const server = new TodoServer();
  const [browser, user] = [new Browser(t), newUser()];
  const one = await browser.open(server, user, { hiddenLimit: 20 });
  await until(() => server.streams === 1);
  const two = await browser.open(server, user);
  one.todos.setVisible(false);
  await until(() => server.calls.filter((call) => call === "watchTodos").length === 2);
  server.create("a");
  await until(() => two.titles.includes("a") && one.titles.includes("a"));
  await until(() => server.streams === 1);
});
