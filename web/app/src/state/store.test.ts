import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { newUser } from "../testing/browser.ts";
import { gate, until } from "../testing/service.ts";
import { TodoServer } from "../testing/todo-server.ts";
import { composerKey } from "./drafts.ts";
import type { Filter } from "./filter.ts";
import type { Row } from "./rows.ts";
import { Store } from "./store.ts";

/** A store, and the service behind it. */
class Bench {
  store!: Store;
  readonly server = new TodoServer();
  readonly went: Filter[] = [];
  readonly questions: string[] = [];
  readonly userId = newUser();

  /** Opens a tab; the todos of before are there. */
  async open(filter: Filter): Promise<void> {
    this.store = await Store.open({
      userId: this.userId,
      client: this.server.client,
      filter,
      undoSeconds: 60,
      changed: () => {},
      goTo: (filter) => this.went.push(filter),
      confirm: (question) => this.questions.push(question) > 0,
      sessionEnded: () => {},
      lost: () => {},
    });
    if (filter === "all") this.store.toggleFold("done");
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

  /** Waits until another list shows these rows, and goes back. */
  async sees(go: () => void, titles: string[]): Promise<void> {
    const { filter } = this.store;
    go();
    await until(() => this.store.rows.map(({ title }) => title).join() === titles.join());
    this.store.show(filter);
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

  /** Refuses all operations from now on. */
  refuse(code: Code, message = "no"): void {
    this.server.refuses = () => {
      throw new ConnectError(message, code);
    };
  }

  async settled(): Promise<void> {
    await until(() => this.store.unsent === 0);
  }

  async close(): Promise<void> {
    for (const { key } of this.store.notices.all) this.store.notices.dismiss(key);
    await this.store.close();
  }
}

/** Returns a bench whose todos, the newest last, are loaded; nothing of it outlasts the test. */
async function open(t: TestContext, filter: Filter, ...todos: (string | { title: string; isCompleted?: boolean; description?: string })[]): Promise<Bench> {
  const bench = new Bench();
  for (const todo of todos) {
    const { title, ...fields } = typeof todo === "string" ? { title: todo } : todo;
    bench.server.create(title, fields);
  }
  await bench.open(filter);
  t.after(() => bench.close());
  await until(() => !bench.store.isLoading && bench.server.streams === 1);
  return bench;
}

test("text that can't be taken over stays where it was typed", async (t) => {
  const bench = await open(t, "all", "a");
  t.mock.method(crypto, "getRandomValues", () => {
    throw new Error("there is no chance");
  });
  bench.write("One", "with details");
  assert.throws(() => bench.store.composer.create());
  assert.deepEqual(bench.store.drafts.composer, { title: "One", description: "with details", faults: {} });
});

test("text that breaks a rule stays, and the page says so before anything is sent", async (t) => {
  const bench = await open(t, "all", "a");
  bench.write(" \u200b", "x".repeat(2001));
  assert.equal(bench.store.composer.create(), false);
  assert.deepEqual(bench.store.drafts.composer.faults, {
    title: "Nothing in this title can be seen. Write one that can.",
    description: "Must be at most 2000 characters.",
  });
  const row = bench.edit("a", "");
  assert.equal(bench.store.editor.save(row), false);
  assert.deepEqual(bench.seen, ["a > : Write a title first."]);
  assert.equal(bench.store.unsent, 0);
});

test("a title from before it had to be visible stands in no other change's way", async (t) => {
  const bench = await open(t, "all", "\u200b");
  const row = bench.row("\u200b");
  bench.store.drafts.open(row);
  bench.store.drafts.type(row.key, "description", "details");
  assert.equal(bench.store.editor.save(row), true);
  await bench.settled();
  assert.equal(bench.server.todos[0]?.description, "details");
});

test("an edit that is refused while its row is in another list comes back, with what is wrong", async (t) => {
  const bench = await open(t, "all", { title: "b", isCompleted: true }, "a");
  bench.refuse(Code.InvalidArgument, "title: must be better");
  bench.store.editor.save(bench.edit("a", "edited"));
  bench.store.show("done");
  await bench.settled();
  assert.deepEqual(bench.seen, ["a > edited: Must be better.", "x b"]);
  assert.equal(bench.store.wouldLose, true);
});

test("a refused edit outlasts the tab, until it is corrected", async (t) => {
  const bench = await open(t, "all", "a");
  bench.refuse(Code.InvalidArgument);
  bench.store.editor.save(bench.edit("a", "edited"));
  await bench.settled();
  await bench.close();
  await bench.open("all");
  assert.deepEqual(bench.seen, ["a > edited: No."]);
  bench.server.refuses = () => {};
  bench.store.drafts.type(bench.row("a").key, "title", "corrected");
  bench.store.editor.save(bench.row("a"));
  await bench.settled();
  await until(() => bench.server.titles[0] === "corrected");
  await bench.close();
  await bench.open("all");
  assert.deepEqual(bench.seen, ["corrected"]);
});

test("an edit of a todo that was deleted elsewhere stays, and is given back when it is saved", async (t) => {
  const bench = await open(t, "all", "a", "b");
  const row = bench.row("a");
  bench.store.drafts.open(row);
  bench.server.delete(row.key);
  await bench.sees(() => bench.store.show("trash"), ["a"]);
  assert.deepEqual(bench.seen, ["a > a: ", "b"], "the editor stays open");
  bench.store.drafts.type(row.key, "title", "edited");
  assert.deepEqual(bench.seen, ["a > edited: ", "b"]);
  bench.store.editor.save(row);
  assert.deepEqual(bench.seen, ["b"]);
  assert.equal(bench.store.drafts.composer.title, "edited");
  assert.deepEqual(bench.store.drafts.composer.faults, { "": "This was deleted elsewhere. Add it again?" });
});

test("an edit that was on its way to a todo that is gone is given back", async (t) => {
  const bench = await open(t, "all", "a");
  const sent = gate();
  bench.server.before = (procedure) => (procedure === "applyTodos" ? sent.passed : undefined);
  bench.store.actions.toggle([bench.row("a")]);
  await until(() => bench.server.calls.includes("applyTodos"));
  const row = bench.edit("a", "edited");
  bench.store.editor.save(row);
  bench.server.delete(row.key);
  sent.open();
  await bench.settled();
  assert.equal(bench.store.drafts.composer.title, "edited");
  assert.deepEqual(bench.messages, ["“a” was not changed. It no longer exists."]);
});

test("an edit leaves alone what was changed elsewhere meanwhile", async (t) => {
  const bench = await open(t, "all", { title: "a", description: "details" });
  const row = bench.edit("a", "edited");
  bench.server.update(row.key, { description: "changed elsewhere" });
  bench.store.editor.save(row);
  await bench.settled();
  assert.deepEqual(bench.server.todos.map(({ title, description }) => [title, description]), [["edited", "changed elsewhere"]]);
});

for (const [choice, titles] of Object.entries({ mine: ["mine"], theirs: ["theirs"], both: ["mine", "theirs"] })) {
  test(`two texts of one todo are both kept until the user chooses: ${choice}`, async (t) => {
    const bench = await open(t, "all", "a");
    const row = bench.edit("a", "mine");
    bench.server.update(row.key, { title: "theirs" });
    await until(() => bench.store.rows[0]?.title === "theirs");
    assert.deepEqual(bench.seen, ["theirs > mine: "]);
    bench.store.editor.save(row);
    await bench.settled();
    assert.deepEqual(bench.seen, ["theirs"]);
    assert.equal(bench.row("theirs").conflict?.title, "mine");
    assert.deepEqual(bench.messages, ["“theirs” was changed elsewhere, too. Choose a text."]);
    bench.store.editor.resolve(bench.row("theirs"), choice as "mine" | "theirs" | "both");
    await until(() => bench.store.rows.every(({ conflict }) => !conflict));
    await bench.settled();
    assert.deepEqual([bench.seen, bench.server.titles], [titles, titles]);
  });
}

test("a text in conflict with a todo that is deleted then is given back", async (t) => {
  const bench = await open(t, "all", "a");
  const row = bench.edit("a", "mine");
  bench.server.update(row.key, { title: "theirs" });
  bench.store.editor.save(row);
  await bench.settled();
  bench.server.delete(row.key);
  await until(() => bench.store.rows.length === 0);
  assert.equal(bench.store.drafts.composer.title, "mine");
});

test("a new todo that is refused comes back, whatever the list and what is being written", async (t) => {
  const bench = await open(t, "done");
  bench.refuse(Code.InvalidArgument);
  bench.write("One");
  bench.store.composer.create();
  bench.write("Two");
  await bench.settled();
  assert.deepEqual(bench.seen, ["One > One: No."]);
  assert.equal(bench.store.drafts.composer.title, "Two");
});

test("a todo that is being edited is not deleted, with the text", async (t) => {
  const bench = await open(t, "all", "a");
  bench.store.actions.delete([bench.edit("a", "edited")]);
  assert.deepEqual(bench.seen, ["a > edited: "]);
  assert.deepEqual(bench.messages, []);
});

test("completing can be undone, and what is no longer so can't", async (t) => {
  const bench = await open(t, "all", "a", "b");
  const { key } = bench.row("a");
  bench.store.actions.toggle([bench.row("a")]);
  await bench.settled();
  assert.deepEqual([bench.seen, bench.messages], [["b", "x a"], ["Completed “a” [Undo]"]]);
  assert.equal(bench.store.notices.act(), key);
  await bench.settled();
  assert.deepEqual([bench.seen, bench.messages], [["b", "a"], []]);
  assert.equal(bench.store.announcement, "Restored “a”");
  assert.deepEqual(bench.server.todos.map(({ isCompleted }) => isCompleted), [false, false]);

  const sent = gate();
  bench.server.before = (procedure) => (procedure === "applyTodos" ? sent.passed : undefined);
  bench.store.actions.toggle([bench.row("a")]);
  bench.server.delete(key);
  sent.open();
  await bench.settled();
  assert.deepEqual(bench.messages, ["“a” was not changed. It no longer exists."]);
  assert.equal(bench.store.notices.act(), undefined);
});

test("what is deleted is in the trash, from where it comes back", async (t) => {
  const bench = await open(t, "all", "a", "b");
  bench.store.actions.delete([bench.row("a")]);
  assert.deepEqual([bench.seen, bench.messages], [["b"], ["Deleted “a” [Undo]"]]);
  bench.store.notices.act();
  assert.deepEqual(bench.seen, ["b", "a"]);
  for (const title of ["a", "b"]) bench.store.actions.delete([bench.row(title)]);
  bench.store.show("trash");
  assert.equal(bench.store.announcement, "2 todos in the trash");
  await bench.settled();
  bench.store.actions.restore([bench.row("a")]);
  await bench.settled();
  assert.deepEqual([bench.seen, bench.server.titles], [["b"], ["a"]]);
  assert(bench.messages.includes("Restored “a” to All [Show]"));
  bench.store.actions.delete([bench.row("b")]);
  assert.deepEqual(bench.questions, ["Delete “b” for good? This can’t be undone."]);
  await bench.settled();
  assert.deepEqual(bench.seen, []);
});

test("emptying the trash asks first, and leaves all else", async (t) => {
  const bench = await open(t, "all", "a", "b", "c");
  for (const title of ["a", "b"]) bench.store.actions.delete([bench.row(title)]);
  bench.store.show("trash");
  await bench.settled();
  bench.store.actions.emptyTrash();
  assert.deepEqual(bench.questions, ["Delete all 2 todos in the trash for good? This can’t be undone."]);
  await bench.settled();
  assert.deepEqual(bench.seen, []);
  bench.store.show("all");
  assert.deepEqual([bench.seen, bench.server.titles], [["c"], ["c"]]);
});

test("each todo has one message about being completed or deleted", async (t) => {
  const bench = await open(t, "all", "a", "b");
  for (const title of ["a", "b", "a"]) bench.store.actions.toggle([bench.row(title)]);
  assert.deepEqual(bench.messages, ["Completed “b” [Undo]", "Opened “a” [Undo]"]);
  bench.store.actions.delete([bench.row("b")]);
  assert.deepEqual(bench.messages, ["Opened “a” [Undo]", "Deleted “b” [Undo]"]);
});

test("what is added to a list that is not shown is said, with the way there", async (t) => {
  const bench = await open(t, "done", { title: "a", isCompleted: true });
  bench.write("One");
  bench.store.composer.create();
  assert.deepEqual([bench.seen, bench.messages], [["x a"], ["Added “One” to All [Show]"]]);
  const key = bench.store.notices.act(bench.store.notices.all[0]?.key);
  assert.deepEqual(bench.went, ["all"]);
  assert.deepEqual(bench.seen, ["One"]);
  assert.equal(bench.row("One").key, key);
  await bench.settled();
  assert.deepEqual([bench.seen, bench.messages], [["One"], []]);
});

test("what is added to the list that is shown is announced", async (t) => {
  const bench = await open(t, "all");
  bench.write("One");
  bench.store.composer.create();
  assert.deepEqual(bench.messages, []);
  assert.equal(bench.store.announcement, "Added “One”");
});

test("what is restored to a list that is not shown is said, with the way there", async (t) => {
  const bench = await open(t, "all", "a", "b");
  bench.store.actions.delete([bench.row("a")]);
  bench.store.actions.toggle([bench.row("b")]);
  bench.store.show("done");
  bench.store.notices.act();
  bench.store.notices.act();
  assert.deepEqual(bench.messages, ["Restored “b” to All [Show]", "Restored “a” to All [Show]"]);
});
