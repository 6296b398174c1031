import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { Bench } from "../testing/bench.ts";
import { until } from "../testing/service.ts";

/** Opens a page of a service without a trash. */
async function open(t: TestContext, ...titles: string[]): Promise<Bench> {
  const bench = new Bench();
  bench.server.hasTrash = false;
  for (const title of titles) bench.server.create(title);
  await bench.open("all");
  t.after(() => bench.close());
  await until(() => !bench.store.hasTrash);
  return bench;
}

test("a service without a trash is listed, and changed call by call", async (t) => {
  const bench = await open(t, "b", "a");
  assert.deepEqual([bench.seen, bench.store.isLoading, bench.store.loadFault], [["a", "b"], false, undefined]);
  bench.write("c #x !high");
  bench.store.composer.create();
  bench.store.actions.toggle([bench.row("a")]);
  bench.store.editor.save(bench.edit("b", "B"));
  bench.store.actions.move([bench.row("B")], bench.row("c").key);
  assert.deepEqual(bench.seen, ["B", "c", "x a"], "at once");
  await bench.settled();
  assert.deepEqual(bench.seen, ["B", "c", "x a"]);
  assert.deepEqual([bench.server.find("c").tags, bench.server.find("a").isCompleted], [["x"], true]);
});

test("all pages are listed", async (t) => {
  const bench = new Bench();
  Object.assign(bench.server, { hasTrash: false, pageSize: 2 });
  for (const title of ["e", "d", "c", "b", "a"]) bench.server.create(title);
  await bench.open("all");
  t.after(() => bench.close());
  await until(() => bench.store.rows.length === 5);
  assert.deepEqual(bench.seen, ["a", "b", "c", "d", "e"]);
});

test("what is deleted is made again by its undo, as it was and where it was", async (t) => {
  const bench = await open(t, "c", "b", "a");
  const { key } = bench.row("b");
  bench.store.actions.setDue([bench.row("b")], { date: "2026-12-01", time: "09:00" });
  bench.store.actions.toggle([bench.row("b")]);
  await bench.settled();
  for (const { key } of bench.store.notices.all) bench.store.notices.dismiss(key);
  bench.store.actions.delete([bench.row("b"), bench.row("c")]);
  assert.deepEqual([bench.seen, bench.messages], [["a"], ["Deleted 2 todos [Undo]"]]);
  await bench.settled();
  assert.deepEqual(bench.server.titles, ["a"]);
  bench.store.notices.act();
  await bench.settled();
  assert.deepEqual(bench.seen, ["a", "c", "x b"]);
  assert.deepEqual([bench.row("b").key, bench.row("b").due], [key, { date: "2026-12-01", time: "09:00" }]);
  bench.store.actions.toggle([bench.row("b")]);
  await bench.settled();
  assert.deepEqual(bench.seen, ["a", "b", "c"]);
});

test("there is no trash to show", async (t) => {
  const bench = await open(t, "a");
  bench.store.show("trash");
  assert.equal(bench.store.filter, "all");
});

test("without the network, texts come back and the page says why", async (t) => {
  const bench = await open(t, "a");
  bench.server.before = () => {
    throw new ConnectError("away", Code.Unavailable);
  };
  bench.write("b");
  bench.store.composer.create();
  bench.store.actions.toggle([bench.row("a")]);
  await bench.settled();
  assert.deepEqual([bench.seen, bench.store.drafts.composer.title], [["a"], "b"]);
  assert.deepEqual(bench.messages, ["“a” was not changed. The service is not available at the moment."]);
  bench.store.retryNow();
  await until(() => bench.store.problem !== undefined);
  bench.server.before = () => {};
  bench.server.create("elsewhere");
  bench.store.retryNow();
  await until(() => bench.store.problem === undefined);
  assert.deepEqual(bench.seen, ["elsewhere", "a"]);
  bench.store.composer.create();
  await bench.settled();
  assert.deepEqual(bench.server.titles, ["b", "elsewhere", "a"]);
});

for (const [choice, titles] of Object.entries({ mine: ["mine"], theirs: ["theirs"] })) {
  test(`a text that was changed elsewhere is kept beside the user's: ${choice}`, async (t) => {
    const bench = await open(t, "a");
    const row = bench.edit("a", "mine");
    bench.server.update(row.key, { title: "theirs" });
    bench.store.editor.save(row);
    await bench.settled();
    assert.equal(bench.row("theirs").conflict?.title, "mine");
    bench.store.editor.resolve(bench.row("theirs"), choice as "mine" | "theirs");
    await until(() => bench.store.unsent === 0 && bench.store.rows.every(({ conflict }) => !conflict));
    assert.deepEqual(bench.server.titles, titles);
  });
}

test("what was done before the page knew is sent", async (t) => {
  const bench = new Bench();
  bench.server.create("a");
  await bench.open("all");
  await until(() => bench.server.streams === 1);
  bench.server.before = () => {
    throw new ConnectError("away", Code.Unavailable);
  };
  bench.server.endStreams();
  await until(() => bench.store.problem !== undefined);
  bench.write("b");
  bench.store.composer.create();
  bench.server.hasTrash = false;
  bench.server.before = () => {};
  t.after(() => bench.close());
  bench.store.retryNow();
  await until(() => !bench.store.hasTrash && bench.store.rows.length === 2);
  assert.deepEqual(bench.server.titles, ["b", "a"]);
});

test("a service that implements nothing is no service without a trash", async (t) => {
  const bench = new Bench();
  bench.server.before = () => {
    throw new ConnectError("no such path", Code.Unimplemented);
  };
  await bench.open("all");
  t.after(() => bench.close());
  await until(() => bench.store.loadFault !== undefined);
  assert.equal(bench.store.hasTrash, true);
  bench.server.before = () => {};
  bench.server.create("a");
  bench.store.retryNow();
  await until(() => bench.store.rows.length === 1);
});
