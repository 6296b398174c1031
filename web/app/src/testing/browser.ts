// What of a browser the sync package needs: a database, locks, and tabs.

import "fake-indexeddb/auto";
import type { TestContext } from "node:test";
import { newId } from "../api/ids.ts";
import type { Entry } from "../sync/outbox.ts";
import { SyncedTodos, type SyncOptions } from "../sync/synced-todos.ts";
import type { TodoServer } from "./todo-server.ts";

/** A browser's profile, whose tabs share databases and locks. */
export class Browser {
  readonly locks: LockManager | undefined;
  readonly #t: TestContext;

  constructor(t: TestContext, { secure = true } = {}) {
    this.#t = t;
    this.locks = secure ? fakeLocks() : undefined;
  }

  /** Opens a tab of a user. It ends with the test. */
  async open(server: TodoServer, userId: string, options: Partial<SyncOptions> = {}): Promise<Tab> {
    const tab = new Tab();
    tab.todos = await SyncedTodos.open({ userId, client: server.client, listener: tab, locks: this.locks, ...options });
    this.#t.after(() => tab.todos.close());
    return tab;
  }
}

/** A tab, and what it has been told. */
export class Tab {
  todos!: SyncedTodos;
  readonly refusals: Entry[] = [];
  sessionsEnded = 0;
  losses = 0;
  changed(): void {}
  refused(entries: readonly Entry[]): void {
    this.refusals.push(...entries);
  }
  sessionEnded(): void {
    this.sessionsEnded++;
  }
  lost(): void {
    this.losses++;
  }

  get titles(): readonly string[] {
    return this.todos.todos.map(({ title }) => title);
  }

  get trash(): readonly string[] {
    return this.todos.trash.map(({ title }) => title);
  }

  id(title: string): string {
    const found = [...this.todos.todos, ...this.todos.trash].find((todo) => todo.title === title);
    if (!found) throw new Error(`no todo ${title}`);
    return found.id;
  }
}

/** Returns a user whom no other test has. */
export function newUser(): string {
  return `user-${newId()}`;
}

/** Returns locks that are given in the order of asking. */
function fakeLocks(): LockManager {
  const queues = new Map<string, Promise<unknown>>();
  const request = (name: string, { signal }: { signal: AbortSignal }, held: () => unknown) => {
    const before = queues.get(name) ?? Promise.resolve();
    const result = before.then(() => (signal.aborted ? Promise.reject(signal.reason) : held()));
    queues.set(name, result.catch(() => {}));
    return result;
  };
  return { request } as unknown as LockManager;
}
