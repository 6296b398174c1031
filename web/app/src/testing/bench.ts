// A page's state of one user, with a service in memory behind it.

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Now } from "../state/clock.ts";
import { DraftStorage } from "../state/draft-storage.ts";
import { composerKey } from "../state/drafts.ts";
import type { Filter } from "../state/filter.ts";
import type { Row } from "../state/rows.ts";
import { Store } from "../state/store.ts";
import { newUser } from "./browser.ts";
import { until } from "./service.ts";
import { tabStorage } from "./tab-storage.ts";
import { TodoServer, type Fields } from "./todo-server.ts";

/** A store, and the service behind it. */
export class Bench {
  store!: Store;
  readonly server = new TodoServer();
  readonly went: Filter[] = [];
  readonly questions: string[] = [];
  readonly userId = newUser();
  /** A Sunday afternoon. */
  readonly now: Now = { instant: Date.parse("2026-11-29T14:30Z"), zone: "UTC" };
  readonly draftStorage = new DraftStorage(this.userId, tabStorage());

  /** Opens a tab; the todos of before are there. */
  async open(filter: Filter): Promise<void> {
    this.store = await Store.open({
      userId: this.userId,
      client: this.server.client,
      filter,
      undoSeconds: 60,
      now: () => this.now,
      draftStorage: this.draftStorage,
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
export async function open(t: TestContext, filter: Filter, ...todos: (string | (Fields & { title: string }))[]): Promise<Bench> {
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
