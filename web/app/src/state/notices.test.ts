import assert from "node:assert/strict";
import { test } from "node:test";
import { Notices } from "./notices.ts";

const noChange = () => {};

function texts(notices: Notices): string[] {
  return notices.all.map(({ text }) => text);
}

test("a message goes when its time is over, or is dismissed", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const notices = new Notices(noChange);
  for (const [text, seconds] of [["one", 3], ["two", 5], ["three", 5]] as const) notices.add({ text, tone: "info" }, seconds);
  t.mock.timers.tick(2_999);
  assert.deepEqual(texts(notices), ["one", "two", "three"]);
  t.mock.timers.tick(1);
  assert.deepEqual(texts(notices), ["two", "three"]);
  notices.dismiss(notices.all[1]?.key ?? NaN);
  assert.deepEqual(texts(notices), ["two"]);
  t.mock.timers.tick(10_000);
  assert.deepEqual(texts(notices), []);
});

test("what can be done about a message is done once", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const notices = new Notices(noChange);
  const happened: string[] = [];
  for (const text of ["one", "two"]) {
    const action = { label: "Undo", undoes: true, run: () => (happened.push(`undo ${text}`), `row ${text}`) };
    notices.add({ text, tone: "info", action }, 5);
  }
  notices.add({ text: "three", tone: "error" }, 5);
  assert.equal(notices.act(), "row two", "the newest that has one");
  assert.equal(notices.act(notices.all[1]?.key), undefined, "one without");
  assert.equal(notices.act(notices.all[0]?.key), "row one");
  assert.equal(notices.act(), undefined, "there is none left");
  t.mock.timers.tick(10_000);
  assert.deepEqual(happened, ["undo two", "undo one"]);
});

test("what leads elsewhere undoes nothing", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const notices = new Notices(noChange);
  notices.add({ text: "one", tone: "info", action: { label: "Undo", undoes: true, run: () => "undone" } }, 60);
  notices.add({ text: "two", tone: "info", action: { label: "Show", undoes: false, run: () => "shown" } }, 60);
  assert.equal(notices.act(), "undone");
  assert.equal(notices.act(), undefined);
  assert.equal(notices.act(notices.all[0]?.key), "shown");
});

test("what was done before something without a message is undone by its own button only", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const notices = new Notices(noChange);
  notices.add({ text: "one", tone: "info", action: { label: "Undo", undoes: true, run: () => "one" } }, 60);
  notices.pass();
  assert.equal(notices.act(), undefined);
  notices.add({ text: "two", tone: "info", action: { label: "Undo", undoes: true, run: () => "two" } }, 60);
  assert.deepEqual([notices.act(), notices.act(), notices.act(notices.all[0]?.key)], ["two", undefined, "one"]);
});

test("what is no longer true is withdrawn", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const notices = new Notices(noChange);
  for (const about of ["a", "b", "a"]) notices.add({ text: `about ${about}`, tone: "info", about }, 60);
  notices.add({ text: "about nothing", tone: "info" }, 60);
  notices.withdraw("a");
  assert.deepEqual(texts(notices), ["about b", "about nothing"]);
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
