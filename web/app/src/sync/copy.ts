import type { SyncTodosResponse, Todo, WatchTodosResponse } from "../gen/todo/v1/todo_pb.ts";
import { stateOf, type Database, type StoredTodo, type SyncState, type Write } from "./database.ts";
import { localTodo, nowMicroseconds, type LocalTodo } from "./todo.ts";

/** What a write has changed in the copy. */
export interface Changes {
  readonly put: readonly LocalTodo[];
  readonly removed: readonly string[];
}

/** A page of changes, of SyncTodos or WatchTodos. */
export type Page = Pick<SyncTodosResponse | WatchTodosResponse, "todos" | "nextSyncToken" | "hasMore" | "reset">;

/** The browser's copy of the service's todos, deleted ones too, in IndexedDB. */
export class Copy {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Returns the sync token to continue with. */
  async token(): Promise<string> {
    return (await stateOf(this.#db)).token;
  }

  /**
   * Stores a page together with its token, so a crash can't separate them.
   *
   * @param from the token that the page continues. If the copy has another one by
   *   now, another tab was faster, and the page is not stored: it may be older than
   *   the copy, and overwriting a newer todo would leave a gap.
   * @returns undefined if the page was not stored.
   */
  async put(from: string, page: Page): Promise<(Changes & { readonly state: SyncState }) | undefined> {
    const tx = this.#db.transaction(["todos", "state"], "readwrite");
    const before = await tx.objectStore("state").get("sync");
    if (before?.token !== from) {
      await tx.done;
      return undefined;
    }
    const state = stateAfter(before, page);
    const restarting = before.restarting || page.reset;
    const changes = await putTodos(tx as unknown as Write, page.todos, state.generation, restarting);
    if (restarting && !page.hasMore) changes.removed.push(...(await dropOld(tx as unknown as Write, state.generation)));
    await tx.objectStore("state").put(state, "sync");
    await tx.done;
    return { ...changes, state };
  }

  /** Drops the trash that the service has forgotten by now. Returns the ids. */
  async dropExpired(now = nowMicroseconds()): Promise<readonly string[]> {
    const tx = this.#db.transaction("todos", "readwrite");
    const expired = (await tx.store.getAll()).filter(({ purgeTime }) => purgeTime !== undefined && purgeTime <= now);
    for (const { id } of expired) await tx.store.delete(id);
    await tx.done;
    return expired.map(({ id }) => id);
  }
}

/**
 * Stores todos that the service has sent.
 *
 * @param overwrite is false to keep todos that are newer: the response to the user's
 *   own change may overtake an older page, whose successor brings the change again.
 *   While the copy begins anew nothing is newer, since the service's database may have
 *   been restored.
 */
export async function putTodos(
  tx: Write,
  todos: readonly Todo[],
  generation: number,
  overwrite: boolean,
): Promise<{ put: LocalTodo[]; removed: string[] }> {
  const store = tx.objectStore("todos");
  const put: LocalTodo[] = [];
  const removed: string[] = [];
  for (const todo of todos) {
    if (todo.purged) {
      await store.delete(todo.id);
      removed.push(todo.id);
      continue;
    }
    const received = localTodo(todo);
    const known = overwrite ? undefined : await store.get(todo.id);
    const kept: StoredTodo = { ...(known && known.updatedAt > received.updatedAt ? known : received), generation };
    await store.put(kept);
    put.push(kept);
  }
  return { put, removed };
}

function stateAfter(before: SyncState, page: Page): SyncState {
  return {
    userId: before.userId,
    token: page.nextSyncToken,
    generation: before.generation + Number(page.reset),
    restarting: (before.restarting || page.reset) && page.hasMore,
    complete: before.complete || !page.hasMore,
  };
}

/** Drops the todos that have not come since the copy began anew, once all have come. */
async function dropOld(tx: Write, generation: number): Promise<string[]> {
  const store = tx.objectStore("todos");
  const old = (await store.getAll()).filter((todo) => todo.generation < generation);
  for (const { id } of old) await store.delete(id);
  return old.map(({ id }) => id);
}
