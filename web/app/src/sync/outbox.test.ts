import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { Browser, newUser, type Tab } from "../testing/browser.ts";
import { gate, until } from "../testing/service.ts";
import { TodoServer, type Procedure } from "../testing/todo-server.ts";
import { merge, type Operation } from "./operation.ts";

/** Returns a tab with the server's todos. */
async function open(t: TestContext, server: TodoServer, user = newUser(), browser = new Browser(t)): Promise<Tab> {
  const tab = await browser.open(server, user);
  await until(() => tab.todos.complete);
  return tab;
}

/** Makes every call of one kind fail from now on. */
function failing(procedure: Procedure, code = Code.Unavailable) {
  return (called: Procedure) => {
    if (called === procedure) throw new ConnectError("no", code);
  };
}

const text = (title: string) => ({ title, description: "" });

/** Where a tab can crash while it sends: the server has or has not carried the request out. */
const crashes = {
  "before the request": (server: TodoServer) => (server.before = failing("applyTodos")),
  "before the response": (server: TodoServer) => (server.after = failing("applyTodos")),
};

for (const [name, crash] of Object.entries(crashes)) {
  test(`a crash with a full outbox loses nothing and does nothing twice: ${name}`, async (t) => {
    const server = new TodoServer();
    const [browser, user] = [new Browser(t), newUser()];
    const id = server.create("a");
    const first = await open(t, server, user, browser);
    crash(server);
    for (let i = 0; i < 250; i++) first.todos.create(text(`todo ${i}`));
    first.todos.update(id, { title: "a, edited" }, first.todos.find(id));
    await until(() => server.calls.includes("applyTodos") && first.todos.unsent === 251);
    await first.todos.close();

    server.before = failing("syncTodos");
    server.after = () => {};
    const second = await browser.open(server, user);
    assert.equal(second.titles.length, 251);
    assert(second.titles.includes("a, edited"), "what was done is shown at once");
    server.before = () => {};
    await until(() => second.todos.unsent === 0);
    assert.equal(server.titles.length, 251);
    assert.deepEqual(server.titles.slice(0, 3), ["todo 249", "todo 248", "todo 247"]);
    assert.deepEqual(second.refusals, []);
    const requests = server.applied.map(({ requestId, operations }) => `${requestId} ${operations.length}`);
    assert.deepEqual(requests.map((request) => Number(request.split(" ")[1])).filter((count) => count > 100), []);
    const sizes = new Set(requests);
    if (name === "before the response") assert(sizes.size < requests.length, "a batch is repeated as it was");
  });
}

test("a tab that ends before an operation is stored doesn't end before it is stored", async (t) => {
  const server = new TodoServer();
  const [browser, user] = [new Browser(t), newUser()];
  const first = await open(t, server, user, browser);
  server.before = failing("applyTodos");
  first.todos.create(text("a"));
  await first.todos.close();
  server.before = () => {};
  const second = await browser.open(server, user);
  await until(() => server.titles.length === 1);
  await until(() => second.todos.unsent === 0);
});

test("edits of one todo that wait become one", async (t) => {
  const server = new TodoServer();
  const id = server.create("a");
  const tab = await open(t, server);
  const sent = gate();
  server.before = (procedure) => (procedure === "applyTodos" ? sent.passed : undefined);
  tab.todos.create(text("first"));
  await until(() => server.calls.includes("applyTodos"));
  for (const title of ["b", "c"]) tab.todos.update(id, { title }, tab.todos.find(id));
  tab.todos.update(id, { description: "details", isCompleted: true }, tab.todos.find(id));
  sent.open();
  await until(() => tab.todos.unsent === 0);
  assert.equal(server.applied[1]?.operations.length, 1);
  const { title, description, isCompleted } = server.find("c");
  assert.deepEqual([title, description, isCompleted], ["c", "details", true]);
  assert.deepEqual(tab.todos.refused, []);
});

test("an edit behind another one that is on its way is sent with the etag of its result", async (t) => {
  const server = new TodoServer();
  const id = server.create("a");
  const tab = await open(t, server);
  const sent = gate();
  server.before = (procedure) => (procedure === "applyTodos" ? sent.passed : undefined);
  tab.todos.update(id, { title: "b" }, tab.todos.find(id));
  await until(() => server.calls.includes("applyTodos"));
  tab.todos.update(id, { title: "c" }, tab.todos.find(id));
  sent.open();
  await until(() => tab.todos.unsent === 0);
  assert.deepEqual([server.titles, tab.titles, tab.todos.refused], [["c"], ["c"], []]);
});

test("a todo that is deleted and then purged while offline is gone for good", async (t) => {
  const server = new TodoServer();
  const id = server.create("a");
  const tab = await open(t, server);
  const sent = gate();
  server.before = (procedure) => (procedure === "applyTodos" ? sent.passed : undefined);
  tab.todos.create(text("first"));
  await until(() => server.calls.includes("applyTodos"));
  tab.todos.delete(id);
  tab.todos.purge(id);
  sent.open();
  await until(() => tab.todos.unsent === 0);
  assert.deepEqual([tab.refusals, tab.trash, tab.titles], [[], [], ["first"]]);
});

test("a change elsewhere of another field is no conflict", async (t) => {
  const server = new TodoServer();
  const id = server.create("a");
  const tab = await open(t, server);
  const seen = tab.todos.find(id);
  const sent = gate();
  server.before = (procedure) => (procedure === "applyTodos" ? sent.passed : undefined);
  tab.todos.update(id, { title: "b" }, seen);
  await until(() => server.calls.includes("applyTodos"));
  server.update(id, { description: "elsewhere", isCompleted: true });
  sent.open();
  await until(() => tab.todos.unsent === 0);
  const { title, description, isCompleted } = server.find("b");
  assert.deepEqual([title, description, isCompleted], ["b", "elsewhere", true]);
});

for (const choice of ["mine", "theirs"] as const) {
  test(`a text that was changed elsewhere meanwhile is kept beside the user's, who chooses: ${choice}`, async (t) => {
    const server = new TodoServer();
    const [browser, user] = [new Browser(t), newUser()];
    const id = server.create("a");
    const first = await open(t, server, user, browser);
    const seen = first.todos.find(id);
    server.update(id, { title: "theirs" });
    first.todos.update(id, { title: "mine" }, seen);
    await until(() => first.refusals.length === 1);
    assert.deepEqual([server.titles, first.titles, first.todos.unsent], [["theirs"], ["theirs"], 0]);
    assert.equal(first.todos.find(id)?.conflict?.title, "mine");

    await first.todos.close();
    const second = await open(t, server, user, browser);
    const { conflict } = second.todos.find(id)!;
    assert.equal(conflict?.title, "mine", "the choice outlasts the tab");
    if (choice === "mine") await second.todos.insist(conflict.key);
    else await second.todos.drop(conflict.key);
    await until(() => second.todos.unsent === 0);
    assert.deepEqual([server.titles, second.titles, second.todos.find(id)?.conflict], [[choice], [choice], undefined]);
  });
}

test("a text that was changed to the same elsewhere is no conflict", async (t) => {
  const server = new TodoServer();
  const id = server.create("a");
  const tab = await open(t, server);
  const seen = tab.todos.find(id);
  server.update(id, { title: "the same" });
  tab.todos.update(id, { title: "the same" }, seen);
  await until(() => tab.todos.unsent === 0);
  assert.deepEqual([tab.refusals, tab.todos.refused], [[], []]);
});

test("a refused operation stops no other, and its text stays until it is dropped", async (t) => {
  const server = new TodoServer();
  const tab = await open(t, server);
  server.refuses = ({ operation }) => {
    if (operation.case === "create" && operation.value.title === "bad") throw new ConnectError("bad", Code.InvalidArgument);
  };
  tab.todos.create(text("one"));
  const [id = ""] = tab.todos.create(text("bad"));
  tab.todos.update(id, { isCompleted: true });
  tab.todos.update(id, { description: "details" }, tab.todos.find(id));
  tab.todos.create(text("two"));
  await until(() => tab.todos.unsent === 0);
  assert.deepEqual([server.titles, tab.titles], [["two", "one"], ["two", "one"]]);
  const [refused, ...others] = tab.todos.refused;
  assert.deepEqual(others, []);
  assert.equal(refused?.operation.kind === "create" && refused.operation.description, "details");
  await tab.todos.drop(refused!.key);
  assert.deepEqual(tab.todos.refused, []);
});

test("a refused create takes the later tags and due date with it, whatever became of it meanwhile", async (t) => {
  const server = new TodoServer();
  const tab = await open(t, server);
  server.refuses = () => {
    throw new ConnectError("bad", Code.InvalidArgument);
  };
  const sent = gate();
  server.before = (procedure) => (procedure === "applyTodos" ? sent.passed : undefined);
  const [id = ""] = tab.todos.create({ ...text("bad"), tags: ["b"] });
  await until(() => server.calls.includes("applyTodos"));
  tab.todos.update(id, { isCompleted: true });
  tab.todos.update(id, { tags: { add: ["a"], remove: ["b"] }, due: { date: "2026-12-01" } });
  tab.todos.update(id, { due: null, priority: 2 });
  await tab.todos.drop();
  sent.open();
  await until(() => tab.todos.unsent === 0);
  const [refused, ...others] = tab.todos.refused;
  assert.deepEqual(others, []);
  assert(refused?.operation.kind === "create");
  const { tags, due, priority } = refused.operation;
  assert.deepEqual([tags, due, priority], [["a"], undefined, 2]);
  assert.deepEqual(tab.refusals.at(-1)?.operation, refused.operation);
});

for (const [name, theirs, conflict] of [
  ["another text", "theirs", "mine"],
  ["the same text", "mine", undefined],
] as const) {
  test(`a text in conflict takes no other change with it: ${name}`, async (t) => {
    const server = new TodoServer();
    const id = server.create("a", { tags: ["x"] });
    const tab = await open(t, server);
    const seen = tab.todos.find(id);
    const sent = gate();
    server.before = (procedure) => (procedure === "applyTodos" ? sent.passed : undefined);
    tab.todos.create(text("first"));
    await until(() => server.calls.includes("applyTodos"));
    tab.todos.update(id, { title: "mine" }, seen);
    tab.todos.update(id, { isCompleted: true, due: { date: "2026-12-01" }, tags: { add: ["y"] } });
    server.update(id, { title: theirs });
    sent.open();
    await until(() => tab.todos.unsent === 0);
    const { isCompleted, dueDate, tags } = server.find(theirs);
    assert.deepEqual([isCompleted, dueDate, tags], [true, "2026-12-01", ["x", "y"]]);
    assert.equal(tab.todos.find(id)?.conflict?.title, conflict);
    assert.equal(tab.refusals.length, conflict ? 1 : 0);
    await tab.todos.drop(...tab.todos.refused.map(({ key }) => key));
    assert.deepEqual([tab.todos.refused, tab.todos.find(id)?.conflict, tab.todos.find(id)?.isCompleted], [[], undefined, true]);
  });
}

test("what is sent again without its text comes before what was done later", async (t) => {
  const server = new TodoServer();
  const id = server.create("a");
  const tab = await open(t, server);
  const [first, second] = [gate(), gate()];
  let calls = 0;
  server.before = (procedure) => (procedure === "applyTodos" ? [first, second][calls++]?.passed : undefined);
  tab.todos.create(text("first"));
  await until(() => calls === 1);
  tab.todos.update(id, { title: "mine" }, tab.todos.find(id));
  tab.todos.update(id, { priority: 1 });
  server.update(id, { title: "theirs" });
  first.open();
  await until(() => calls === 2);
  tab.todos.update(id, { priority: 3 });
  second.open();
  await until(() => tab.todos.unsent === 0);
  assert.equal(server.find("theirs").priority, 3);
});

test("an operation that the service fails at stands in no other's way", async (t) => {
  const server = new TodoServer();
  const tab = await open(t, server);
  server.before = (procedure) => {
    if (procedure === "applyTodos") throw new ConnectError("no", Code.InvalidArgument);
  };
  const sent = gate();
  for (const title of ["1", "2"]) tab.todos.create(text(title));
  await until(() => tab.refusals.length >= 1);
  sent.open();
  server.before = () => {};
  await until(() => tab.todos.unsent === 0);
  assert.equal(server.titles.length + tab.todos.refused.length, 2);
});

test("what waits for a busy service waits as long as it asks to", async (t) => {
  const server = new TodoServer();
  const tab = await open(t, server);
  let refusals = 0;
  server.before = (procedure) => {
    if (procedure === "applyTodos" && ++refusals === 1) throw new ConnectError("busy", Code.ResourceExhausted, { "Retry-After": "1" });
  };
  const started = Date.now();
  tab.todos.create(text("a"));
  await until(() => tab.todos.unsent === 0);
  assert(Date.now() - started >= 990, "it was asked too soon");
  assert.equal(server.applied.length, 1);
});

test("operations on one todo are merged where the effect is the same", () => {
  const create: Operation = { kind: "create", id: "a", at: 1, title: "a", description: "" };
  const base = { etag: "e1", title: "a" };
  const edit: Operation = { kind: "update", id: "a", patch: { title: "b" }, base };
  const check: Operation = { kind: "update", id: "a", patch: { isCompleted: true } };
  const detail: Operation = { kind: "update", id: "a", patch: { description: "d" }, base: { etag: "e2", description: "" } };
  const [remove, restore]: Operation[] = [{ kind: "delete", id: "a", at: 1 }, { kind: "undelete", id: "a" }];
  assert.deepEqual(merge(create, edit), [{ ...create, title: "b" }]);
  assert.deepEqual(merge(create, check), [create, check], "a todo is created open");
  assert.deepEqual(merge(edit, check), [{ ...edit, patch: { title: "b", isCompleted: true } }]);
  assert.deepEqual(merge(check, edit), [{ ...edit, patch: { isCompleted: true, title: "b" } }]);
  assert.deepEqual(merge(edit, detail), [{ ...edit, patch: { title: "b", description: "d" }, base: { etag: "e1", title: "a", description: "" } }]);
  assert.deepEqual(merge(remove!, restore!), []);
  assert.deepEqual(merge(restore!, remove!), []);
  assert.deepEqual(merge(create, remove!), [create, remove], "it can be restored from the trash");
  assert.deepEqual(merge(edit, remove!), [edit, remove]);
});
