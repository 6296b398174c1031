import assert from "node:assert/strict";
import test from "node:test";
import { Code } from "@connectrpc/connect";
import { open } from "../testing/bench.ts";
import { until } from "../testing/service.ts";

test("a text that is discarded can be brought back", async (t) => {
  const bench = await open(t, "all", "a");
  const { editor, notices } = bench.store;
  const row = bench.edit("a", "much text");
  editor.cancel(row);
  assert.deepEqual([bench.seen, bench.messages], [["a"], ["Discarded your text [Undo]"]]);
  assert.equal(notices.act(), row.key);
  assert.deepEqual([bench.seen, bench.messages], [["a > much text: "], []]);
  assert.equal(editor.save(bench.row("a")), true);
  assert.deepEqual(bench.seen, ["much text"]);
});

test("nothing is said where no text is lost", async (t) => {
  const bench = await open(t, "all", "a");
  bench.store.editor.cancel(bench.edit("a", "a"));
  assert.deepEqual([bench.seen, bench.messages], [["a"], []]);
});

test("bringing a text back does not lose the one that is written there now", async (t) => {
  const bench = await open(t, "all", "a");
  bench.store.editor.cancel(bench.edit("a", "first"));
  bench.edit("a", "second");
  bench.store.notices.act();
  assert.deepEqual([bench.seen, bench.messages], [["a > first: "], ["Discarded your text [Undo]"]]);
  bench.store.notices.act();
  assert.deepEqual(bench.seen, ["a > second: "]);
});

test("a refused new todo that is discarded can be brought back, and added", async (t) => {
  const bench = await open(t, "all", "a");
  const accepts = bench.server.refuses;
  bench.refuse(Code.InvalidArgument);
  bench.write("One");
  bench.store.composer.create();
  bench.write("in use");
  await until(() => bench.store.drafts.openRows.length === 1);
  const [row] = bench.store.drafts.openRows;
  assert.equal(row?.id, undefined);
  bench.store.editor.cancel(row!);
  await until(() => bench.store.unsent === 0);
  bench.server.refuses = accepts;
  bench.store.notices.act();
  assert.equal(bench.store.drafts.of(row!.key)?.title, "One");
  assert.equal(bench.store.editor.save(row!), true);
  await bench.settled();
  assert.deepEqual(bench.seen, ["One", "a"]);
});
