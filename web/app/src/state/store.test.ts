import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Todo } from "../gen/todo/v1/todo_pb.ts";
import { clientOf, todo, until } from "../testing/service.ts";
import { composerKey } from "./drafts.ts";
import type { Filter, Row } from "./pending.ts";
import { Store } from "./store.ts";

/** A store, and the service behind it. */
class Bench {
  readonly store: Store;
  readonly went: Filter[] = [];
  /** The service's todos, newest first. */
  todos: readonly Todo[];
  /** Runs before each answer to a change; what it throws is the answer. */
  answer: (title: string) => void = () => {};

  constructor(filter: Filter, ...todos: Todo[]) {
    this.todos = todos;
    const find = (id: string) => this.todos.find((todo) => todo.id === id) ?? fail(Code.NotFound);
    const client = clientOf({
      listTodos: ({ isCompleted }) => ({
        todos: this.todos.filter((todo) => isCompleted === undefined || todo.isCompleted === isCompleted),
      }),
      createTodo: ({ id = "", title, description = "" }) => {
        this.answer(title);
        this.todos = [todo(id, { title, description }), ...this.todos];
        return find(id);
      },
      updateTodo: ({ id, ...patch }) => {
        this.answer(patch.title ?? "");
        const { title, description = "", isCompleted } = { ...find(id), ...JSON.parse(JSON.stringify(patch)) };
        const changed = todo(id, { title, description, isCompleted });
        this.todos = this.todos.map((todo) => (todo.id === id ? changed : todo));
        return changed;
      },
      deleteTodo: ({ id }) => {
        this.todos = this.todos.filter((todo) => todo !== find(id));
        return {};
      },
    });
    this.store = new Store({
      client,
      filter,
      undoSeconds: 60,
      changed: () => {},
      goTo: (filter) => this.went.push(filter),
      sessionEnded: () => {},
    });
  }

  /** What the user sees of the rows: those that are edited as "title > draft: fault". */
  get seen(): string[] {
    return this.store.rows.map(({ key, title, isCompleted }) => {
      const draft = this.store.drafts.of(key);
      const writes = draft ? ` > ${draft.title}: ${Object.values(draft.faults).join()}` : "";
      return `${isCompleted ? "x " : ""}${title}${writes}`;
    });
  }

  get messages(): string[] {
    return this.store.notices.all.map(({ text, action }) => `${text}${action ? ` [${action.label}]` : ""}`);
  }

  row(title: string): Row {
    return this.store.rows.find((row) => row.title === title) ?? assert.fail(`no row ${title}`);
  }

  write(title: string, description = ""): void {
    this.store.drafts.set(composerKey, { title, description, faults: {} });
  }

  edit(title: string, edited: string): Row {
    const row = this.row(title);
    this.store.drafts.open(row);
    this.store.drafts.type(row.key, "title", edited);
    return row;
  }

  async settled(): Promise<void> {
    await this.store.settle(10_000);
  }
}

function fail(code: Code): never {
  throw new ConnectError("no", code);
}

/** Returns a bench whose list is loaded; nothing of it outlasts the test. */
async function open(t: TestContext, filter: Filter, ...todos: Todo[]): Promise<Bench> {
  const bench = new Bench(filter, ...todos);
  t.after(() => {
    for (const { key } of bench.store.notices.all) bench.store.notices.dismiss(key);
    bench.store.stop();
  });
  bench.store.start();
  await until(() => bench.store.list.loading === undefined);
  return bench;
}

test("text that can't be taken over stays where it was typed", async (t) => {
  const bench = await open(t, "all", todo("a"));
  t.mock.method(crypto, "getRandomValues", () => {
    throw new Error("there is no chance");
  });
  t.mock.method(crypto, "randomUUID", undefined as never);
  bench.write("One", "with details");
  assert.throws(() => bench.store.create());
  assert.deepEqual(bench.store.drafts.composer, { title: "One", description: "with details", faults: {} });
});

test("a blank title stays, and the page says so before anything is sent", async (t) => {
  const bench = await open(t, "all", todo("a"));
  bench.answer = () => assert.fail("it was sent");
  bench.write(" \u200b", "with details");
  assert.equal(bench.store.create(), false);
  const fault = "Nothing in this title can be seen. Write one that can.";
  assert.deepEqual(bench.store.drafts.composer, { title: " \u200b", description: "with details", faults: { title: fault } });
  const row = bench.edit("a", "");
  assert.equal(bench.store.save(row), false);
  assert.deepEqual(bench.seen, ["a > : Write a title first."]);
  assert.equal(bench.store.unsaved, 0);
});

test("a title from before it had to be visible stands in no other change's way", async (t) => {
  const bench = await open(t, "all", todo("a", { title: "\u200b" }));
  const row = bench.row("\u200b");
  bench.store.drafts.open(row);
  bench.store.drafts.type("a", "description", "details");
  assert.equal(bench.store.save(row), true);
  await bench.settled();
  assert.equal(bench.todos[0]?.description, "details");
});

test("an edit that is refused while its row is in another list comes back, with what is wrong", async (t) => {
  const bench = await open(t, "open", todo("a"), todo("b", { isCompleted: true }));
  bench.answer = () => fail(Code.InvalidArgument);
  bench.store.save(bench.edit("a", "edited"));
  await bench.store.show("done");
  bench.todos = [todo("b", { isCompleted: true })];
  await bench.store.show("done");
  await bench.settled();
  assert.deepEqual(bench.seen, ["a > edited: ", "x b"]);
  assert.equal(bench.store.wouldLose, true);
});

test("an edit of a todo that has left the list stays, and is given back when the todo is gone", async (t) => {
  const bench = await open(t, "all", todo("b"), todo("a"));
  const row = bench.edit("a", "edited");
  bench.todos = [todo("b")]; // Deleted elsewhere.
  await bench.store.refresh();
  assert.deepEqual(bench.seen, ["a > edited: ", "b"]);
  bench.store.save(row);
  await bench.settled();
  assert.deepEqual(bench.seen, ["b"]);
  assert.equal(bench.store.drafts.composer.title, "edited");
  assert.deepEqual(bench.store.drafts.composer.faults, { "": "This was deleted elsewhere. Add it again?" });
});

test("an edit leaves alone what was changed elsewhere meanwhile", async (t) => {
  const bench = await open(t, "all", todo("a", { description: "details" }));
  const row = bench.edit("a", "edited");
  bench.todos = [todo("a", { description: "changed elsewhere" })];
  await bench.store.refresh();
  bench.store.save(row);
  await bench.settled();
  assert.deepEqual(bench.todos.map(({ title, description }) => [title, description]), [["edited", "changed elsewhere"]]);
});

test("an edit that waited behind another change of a todo that is gone is given back", async (t) => {
  const bench = await open(t, "all", todo("a"));
  bench.todos = [];
  bench.store.toggle(bench.row("a"));
  bench.store.save(bench.edit("a", "edited"));
  await bench.settled();
  assert.equal(bench.store.drafts.composer.title, "edited");
  assert.deepEqual(bench.messages, ["“a” was not changed. It no longer exists."]);
});

test("a new todo that is refused comes back, whatever the list and what is being written", async (t) => {
  const bench = await open(t, "done");
  bench.answer = () => fail(Code.InvalidArgument);
  bench.write("One");
  bench.store.create();
  bench.write("Two");
  await bench.settled();
  assert.deepEqual(bench.seen, ["One > One: "]);
  assert.equal(bench.store.drafts.composer.title, "Two");
});

test("a todo that is being edited is not deleted, with the text", async (t) => {
  const bench = await open(t, "all", todo("a"));
  bench.store.delete(bench.edit("a", "edited"));
  assert.deepEqual(bench.seen, ["a > edited: "]);
  assert.deepEqual(bench.messages, []);
});

test("completing can be undone, and what is no longer so can't", async (t) => {
  const bench = await open(t, "open", todo("b"), todo("a"));
  bench.store.toggle(bench.row("a"));
  await bench.settled();
  assert.deepEqual([bench.seen, bench.messages], [["b"], ["Completed “a” [Undo]"]]);
  assert.equal(bench.store.notices.act(), "a");
  await bench.settled();
  assert.deepEqual([bench.seen, bench.messages], [["b", "a"], []]);
  assert.equal(bench.store.announcement, "Restored “a”");
  assert.deepEqual(bench.todos.map(({ isCompleted }) => isCompleted), [false, false]);

  bench.todos = [todo("b")];
  bench.store.toggle(bench.row("a"));
  await bench.settled();
  assert.deepEqual(bench.messages, ["“a” was not changed. It no longer exists."]);
  assert.equal(bench.store.notices.act(), undefined);
});

test("completing can be undone after the list was loaded again without the todo", async (t) => {
  const bench = await open(t, "open", todo("c"), todo("b"), todo("a"));
  bench.store.toggle(bench.row("b"));
  await bench.settled();
  await bench.store.refresh();
  assert.deepEqual(bench.seen, ["c", "a"]);
  assert.equal(bench.store.notices.act(), "b");
  assert.deepEqual(bench.seen, ["c", "b", "a"]);
  await bench.store.refresh(); // It may be read before the update arrives.
  assert.deepEqual(bench.seen, ["c", "b", "a"]);
  await bench.settled();
  assert.deepEqual([bench.seen, bench.todos.map(({ isCompleted }) => isCompleted)], [["c", "b", "a"], [false, false, false]]);
});

test("a todo whose completion can be undone is not shown again where it was deleted elsewhere", async (t) => {
  const bench = await open(t, "all", todo("b"), todo("a"));
  bench.store.toggle(bench.row("a"));
  await bench.settled();
  bench.todos = [todo("b")];
  await bench.store.refresh();
  assert.deepEqual(bench.seen, ["b"]);
});

test("each todo has one message about being completed, and none once it is deleted", async (t) => {
  const bench = await open(t, "all", todo("b"), todo("a"));
  for (const title of ["a", "b", "a"]) bench.store.toggle(bench.row(title));
  assert.deepEqual(bench.messages, ["Completed “b” [Undo]", "Opened “a” [Undo]"]);
  bench.store.delete(bench.row("b"));
  assert.deepEqual(bench.messages, ["Opened “a” [Undo]", "Deleted “b” [Undo]"]);
});

test("what is added to a list that is not shown is said, with the way there", async (t) => {
  const bench = await open(t, "done", todo("a", { isCompleted: true }));
  bench.write("One");
  bench.store.create();
  assert.deepEqual([bench.seen, bench.messages], [["x a"], ["Added “One” to Open [Show]"]]);
  const key = bench.store.notices.act(bench.store.notices.all[0]?.key);
  assert.deepEqual(bench.went, ["open"]);
  assert.deepEqual(bench.seen, ["One"]);
  assert.equal(bench.row("One").key, key);
  await bench.settled();
  assert.deepEqual([bench.seen, bench.messages], [["One"], []]);
});

test("what is added to the list that is shown is announced once, when it is stored", async (t) => {
  const bench = await open(t, "open");
  bench.write("One");
  bench.store.create();
  assert.deepEqual(bench.messages, []);
  await bench.settled();
  assert.equal(bench.store.announcement, "Added “One”");
});

test("what is restored to a list that is not shown is said, with the way there", async (t) => {
  const bench = await open(t, "open", todo("b"), todo("a"));
  bench.store.delete(bench.row("a"));
  bench.store.toggle(bench.row("b"));
  await bench.store.show("done");
  bench.store.notices.act();
  bench.store.notices.act();
  assert.deepEqual(bench.messages, ["Restored “b” to Open [Show]", "Restored “a” to Open [Show]"]);
});
