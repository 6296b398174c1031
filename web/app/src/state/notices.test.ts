import assert from "node:assert/strict";
import { test } from "node:test";
import { Notices } from "./notices.ts";

const noChange = () => {};

function texts(notices: Notices): string[] {
  return notices.all.map(({ text }) => text);
}

test("a message goes when its time is over, or is dismissed, and says so once", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const notices = new Notices(noChange);
  const expired: string[] = [];
  for (const [text, seconds] of [["one", 3], ["two", 5], ["three", 5]] as const) {
    notices.add({ text, tone: "info" }, seconds, () => expired.push(text));
  }
  t.mock.timers.tick(2_999);
  assert.deepEqual(texts(notices), ["one", "two", "three"]);
  t.mock.timers.tick(1);
  assert.deepEqual(texts(notices), ["two", "three"]);
  notices.dismiss(notices.all[1]?.key ?? NaN);
  assert.deepEqual(texts(notices), ["two"]);
  t.mock.timers.tick(10_000);
  assert.deepEqual(texts(notices), []);
  assert.deepEqual(expired, ["one", "three", "two"]);
});

test("what can be done about a message is done instead of what follows its end", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const notices = new Notices(noChange);
  const happened: string[] = [];
  for (const text of ["one", "two"]) {
    const action = { label: "Undo", run: () => happened.push(`undo ${text}`) };
    notices.add({ text, tone: "info", action }, 5, () => happened.push(`end ${text}`));
  }
  notices.add({ text: "three", tone: "error" }, 5);
  assert.equal(notices.act(), true, "the newest that has one");
  assert.equal(notices.act(notices.all[1]?.key), false, "one without");
  assert.equal(notices.act(notices.all[0]?.key), true);
  assert.equal(notices.act(), false, "there is none left");
  t.mock.timers.tick(10_000);
  assert.deepEqual(happened, ["undo two", "undo one"]);
});

test("the clock stands still while the user looks", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const notices = new Notices(noChange);
  notices.add({ text: "one", tone: "info" }, 5);
  t.mock.timers.tick(4_000);
  notices.pause();
  t.mock.timers.tick(60_000);
  notices.resume();
  t.mock.timers.tick(4_999);
  assert.deepEqual(texts(notices), ["one"]);
  t.mock.timers.tick(1);
  assert.deepEqual(texts(notices), []);
});

test("all can be dismissed at once", () => {
  const notices = new Notices(noChange);
  const expired: string[] = [];
  for (const text of ["one", "two"]) notices.add({ text, tone: "info" }, 60, () => expired.push(text));
  notices.dismissAll();
  assert.deepEqual(texts(notices), []);
  assert.deepEqual(expired, ["one", "two"]);
});
