import assert from "node:assert/strict";
import test from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import type { ListTodosRequest, Todo } from "../gen/todo/v1/todo_pb.ts";
import { clientOf, gate, todo, until } from "../testing/service.ts";
import { TodoList } from "./todo-list.ts";

/** A service's list, newest first, whose page tokens are the id of the last todo before the page. */
class Source {
  readonly requests: ListTodosRequest[] = [];
  todos: readonly Todo[];
  /** Runs before each answer is read. */
  beforeRead: () => Promise<void> | void = () => {};
  /** Runs between reading an answer and sending it. */
  beforeSend: () => Promise<void> | void = () => {};
  readonly #pageSize: number;

  constructor(pageSize: number, ...ids: string[]) {
    this.#pageSize = pageSize;
    this.todos = ids.map((id) => todo(id));
  }

  list(filter: "all" | "open" | "done" = "all"): TodoList {
    const client = clientOf({
      listTodos: async (request) => {
        this.requests.push(request);
        await this.beforeRead();
        const wanted = this.todos.filter((t) => request.isCompleted === undefined || t.isCompleted === request.isCompleted);
        const from = wanted.findIndex(({ id }) => id === request.pageToken) + 1;
        const page = wanted.slice(from, from + this.#pageSize);
        const nextPageToken = from + this.#pageSize < wanted.length ? page.at(-1)?.id ?? "" : "";
        await this.beforeSend();
        return { todos: page, nextPageToken };
      },
    });
    return new TodoList(client, filter, () => {});
  }
}

function ids(list: TodoList): string {
  return list.todos.map(({ id }) => id).join("");
}

test("pages follow one another to the end", async () => {
  const source = new Source(2, "e", "d", "c", "b", "a");
  const list = source.list();
  assert.equal(list.loading, undefined);
  const first = list.show("all");
  assert.equal(list.loading, "first");
  assert.equal(await first, undefined);
  assert.deepEqual([ids(list), list.hasMore, list.loading], ["ed", true, undefined]);
  await list.more();
  await list.more();
  assert.deepEqual([ids(list), list.hasMore], ["edcba", false]);
  assert.equal(await list.more(), undefined);
  assert.deepEqual(source.requests.map(({ pageToken }) => pageToken), ["", "d", "b"]);
});

test("the next page is asked for once, however often the end comes near", async () => {
  const source = new Source(2, "c", "b", "a");
  const list = source.list();
  await list.show("all");
  await Promise.all([list.more(), list.more(), list.more()]);
  assert.equal(ids(list), "cba");
  assert.equal(source.requests.length, 2);
});

test("another list keeps what is known, and asks for the rest", async () => {
  const source = new Source(10, "c", "b", "a");
  source.todos = [todo("c"), todo("b", { isCompleted: true }), todo("a")];
  const list = source.list();
  await list.show("all");
  const shown = list.show("done");
  assert.equal(ids(list), "cba");
  await shown;
  assert.equal(ids(list), "b");
  await list.show("open");
  assert.equal(ids(list), "ca");
  assert.deepEqual(source.requests.map(({ isCompleted }) => isCompleted), [undefined, true, false]);
});

test("a newer request cancels the one before, whichever is answered first", async () => {
  const source = new Source(10, "b", "a");
  source.todos = [todo("b", { isCompleted: true }), todo("a")];
  const list = source.list();
  const held = gate();
  source.beforeSend = () => (source.requests.length === 1 ? held.passed : undefined);
  const first = list.show("done");
  const second = list.show("open");
  assert.equal((await first)?.kind, "canceled");
  assert.equal(await second, undefined);
  held.open();
  await until(() => list.loading === undefined);
  assert.equal(ids(list), "a");
});

test("a page that was read before a change and arrives after it is read again", async () => {
  const source = new Source(10, "b", "a");
  const list = source.list();
  await list.show("all");
  const held = gate();
  source.beforeSend = () => held.passed;
  const refreshed = list.refresh();
  await until(() => source.requests.length === 2);
  source.beforeSend = () => {};
  source.todos = [todo("c"), todo("b")];
  list.remove("a");
  list.add(todo("c"));
  held.open();
  await refreshed;
  assert.equal(ids(list), "cb");
  assert.equal(source.requests.length, 3);
});

test("bringing the list up to date keeps what is loaded below", async () => {
  const source = new Source(2, "e", "d", "c", "b", "a");
  const list = source.list();
  await list.show("all");
  await list.more();
  source.todos = ["f", "d", "c", "b", "a"].map((id) => todo(id)); // e was deleted elsewhere.
  await list.refresh();
  assert.equal(ids(list), "fdcb", "two pages, joined at d");
  await list.more();
  assert.deepEqual([ids(list), list.hasMore], ["fdcba", false]);
});

test("what is no longer there is let go, also below the first page", async () => {
  const source = new Source(2, "e", "d", "c", "b", "a");
  const list = source.list();
  await list.show("all");
  await list.more();
  source.todos = [todo("d"), todo("c")];
  await list.refresh();
  assert.deepEqual([ids(list), list.hasMore], ["dc", false]);
});

test("a list that has changed beyond its first page begins anew", async () => {
  const source = new Source(2, "b", "a");
  const list = source.list();
  await list.show("all");
  source.todos = ["g", "f", "e", "d", "b", "a"].map((id) => todo(id));
  await list.refresh();
  assert.deepEqual([ids(list), list.hasMore], ["gf", true]);
});

test("a todo that is created while the next page is loaded is there once", async () => {
  const source = new Source(2, "c", "b", "a");
  const list = source.list();
  await list.show("all");
  source.todos = ["d", "c", "b", "a"].map((id) => todo(id));
  list.add(todo("d"));
  list.add(todo("a")); // As if it had been moved over the page's border.
  await list.more();
  assert.equal(ids(list), "dcba");
});

test("what a todo has become replaces it in place, and no other list's", async () => {
  const source = new Source(10, "b", "a");
  const list = source.list();
  await list.show("all");
  list.replace(todo("b", { title: "B" }));
  list.replace(todo("x"));
  assert.deepEqual(list.todos.map(({ title }) => title), ["B", "a"]);
});

test("the first page stays wanted while the service is away; a refusal is a problem", async () => {
  const source = new Source(1, "b", "a");
  const list = source.list();
  source.beforeRead = () => {
    throw new ConnectError("", Code.Unavailable);
  };
  assert.equal((await list.show("all"))?.kind, "away");
  assert.deepEqual([list.loading, list.problem], ["first", undefined]);

  source.beforeRead = () => {};
  assert.equal(await list.refresh(), undefined);
  assert.deepEqual([ids(list), list.loading], ["b", undefined]);

  source.beforeRead = () => {
    throw new ConnectError("", Code.Internal);
  };
  assert.equal((await list.more())?.kind, "refused");
  assert.deepEqual([ids(list), list.loading, list.problem], ["b", undefined, "The service failed; this is not your fault."]);

  source.beforeRead = () => {};
  await list.show("all");
  assert.equal(list.problem, undefined);
});

test("a list that is stopped loads no more", async () => {
  const source = new Source(10, "a");
  const list = source.list();
  const shown = list.show("all");
  list.stop();
  assert.equal((await shown)?.kind, "canceled");
  assert.equal(ids(list), "");
});
