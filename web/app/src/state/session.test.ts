import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { openDB } from "idb";
import type { Account, User } from "../api/account.ts";
import { databaseName, deleteDatabase } from "../sync/database.ts";
import { newUser } from "../testing/browser.ts";
import { until } from "../testing/service.ts";
import { tabStorage } from "../testing/tab-storage.ts";
import { TodoServer } from "../testing/todo-server.ts";
import { composerKey } from "./drafts.ts";
import { forgetUser } from "./last-user.ts";
import { Session } from "./session.ts";

/** A session of whoever is signed in. */
class Desk {
  readonly server = new TodoServer();
  readonly tab = tabStorage();
  user: User | undefined = userOf(newUser());
  changes = 0;
  readonly session: Session;

  constructor(t: TestContext) {
    const before = globalThis.sessionStorage;
    Object.defineProperty(globalThis, "sessionStorage", { value: this.tab, configurable: true });
    t.after(() => Object.defineProperty(globalThis, "sessionStorage", { value: before, configurable: true }));
    const account = {
      user: async () => this.user,
      signIn: async () => this.user,
      signOut: async () => (this.user = undefined),
    } as unknown as Account;
    this.session = new Session({
      account,
      undoSeconds: 1,
      clientFor: () => this.server.client,
      filter: () => "all",
      changed: () => this.changes++,
      goTo: () => {},
      confirm: () => true,
    });
    t.after(() => this.session.store?.close());
  }
}

function userOf(id: string): User {
  return { id, name: "", email: "" };
}

test("a store whose database is lost ends", async (t) => {
  const desk = new Desk(t);
  await desk.session.start();
  const { store } = desk.session;
  assert(store);
  const close = t.mock.method(store, "close");
  const id = desk.user!.id;
  desk.user = undefined;
  await deleteDatabase(id);
  await until(() => desk.session.store === undefined && !desk.session.starting);
  assert.equal(close.mock.callCount(), 1);
});

test("a page that is older than the database says that it has to be loaded again, and keeps what is being written", async (t) => {
  const desk = new Desk(t);
  await desk.session.start();
  desk.session.store?.drafts.type(composerKey, "title", "unsaved");
  const newer = await openDB(databaseName(desk.user!.id), 99);
  t.after(() => newer.close());
  await until(() => desk.session.problem !== undefined);
  assert.match(desk.session.problem ?? "", /reload this page/i);
  assert.match(desk.tab.getItem(`todo.drafts ${desk.user!.id}`) ?? "", /unsaved/);
  desk.user = undefined;
  desk.session.retryNow();
  await until(() => desk.session.problem === undefined);
});

test("a tab forgets what its user was writing when the user signs out in another tab, or another user comes", async (t) => {
  const desk = new Desk(t);
  desk.tab.setItem("todo.drafts somebody", "[]");
  desk.tab.setItem("other", "kept");
  const [first, second] = [desk.user!, userOf(newUser())];
  const keys = () => Array.from({ length: desk.tab.length }, (_, i) => desk.tab.key(i));
  await desk.session.start();
  desk.session.store?.drafts.type(composerKey, "title", "unsaved");
  assert.deepEqual(keys(), ["other", `todo.drafts ${first.id}`]);

  desk.user = undefined;
  await forgetUser(first);
  await deleteDatabase(first.id);
  await until(() => desk.session.store === undefined && keys().join() === "other");

  desk.user = first;
  await desk.session.signIn({ name: "", email: "", password: "" }, false);
  desk.session.store?.drafts.type(composerKey, "title", "unsaved");
  desk.user = second;
  await desk.session.signIn({ name: "", email: "", password: "" }, false);
  assert.deepEqual(keys(), ["other"]);
});

test("a session that has ended keeps what the user was writing", async (t) => {
  const desk = new Desk(t);
  const user = desk.user!;
  await desk.session.start();
  desk.session.store?.drafts.type(composerKey, "title", "unsaved");
  desk.user = undefined;
  await deleteDatabase(user.id);
  await until(() => desk.session.store === undefined && !desk.session.starting);
  assert.match(desk.tab.getItem(`todo.drafts ${user.id}`) ?? "", /unsaved/);
});
