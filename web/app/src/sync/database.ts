// The user's database in the browser (IndexedDB).

import { deleteDB, openDB, type DBSchema, type IDBPDatabase, type IDBPTransaction } from "idb";
import type { Entry } from "./outbox.ts";
import { derivedPosition } from "./position.ts";
import { noDetails, type LocalTodo } from "./todo.ts";

/** A todo, and when it was last received. */
export interface StoredTodo extends LocalTodo {
  /** SyncState.generation of that time. */
  readonly generation: number;
}

/** How far the copy has followed the service. */
export interface SyncState {
  /** Whose database it is. */
  readonly userId: string;
  /** The next_sync_token of the last page; "" before the first one. */
  readonly token: string;
  /** Counts how often the copy began anew. */
  readonly generation: number;
  /** Whether todos of an earlier generation are still to be dropped. */
  readonly restarting: boolean;
  /** Whether the copy has had all todos once. */
  readonly complete: boolean;
}

/** The object stores. */
export interface Schema extends DBSchema {
  todos: { key: string; value: StoredTodo };
  /** The operations that wait, by their number. */
  outbox: { key: number; value: Entry };
  state: { key: "sync"; value: SyncState };
}

export type Database = IDBPDatabase<Schema>;

/** A transaction that may write to some stores. */
export type Write = IDBPTransaction<Schema, ("todos" | "outbox" | "state")[], "readwrite">;

/**
 * The version of the schema. A later one needs steps in upgrade. Since 2, todos have due
 * dates, priorities, tags and positions.
 */
const version = 2;

/** Returns the name of a user's database. */
export function databaseName(userId: string): string {
  return `todos-${hash(userId)}`;
}

/**
 * How long other tabs may take to let go of an older version, in milliseconds. A tab that
 * stores what was done in it takes a few; one that can't answer, for ever.
 */
const blockedLimit = 2_000;

/** The database is there, but this page can't use it now. The message is for the user. */
export class DatabaseUnusable extends Error {}

/**
 * Opens a user's database.
 *
 * @param lost is called when the database can't be used any more: another tab has
 *   deleted it or upgrades it, or the browser has removed it. The other tab waits until
 *   it is closed.
 */
export async function openDatabase(userId: string, lost: () => void): Promise<Database> {
  let isOurs = true;
  let giveUp: (reason: DatabaseUnusable) => void = () => {};
  const blocked = new Promise<never>((_, reject) => (giveUp = reject));
  let limit: ReturnType<typeof setTimeout> | undefined;
  const opening = openDB<Schema>(databaseName(userId), version, {
    async upgrade(db, from, _, tx) {
      if (from === 1) return refill(tx);
      db.createObjectStore("todos", { keyPath: "id" });
      db.createObjectStore("outbox", { keyPath: "number", autoIncrement: true });
      const first = { userId, token: "", generation: 1, restarting: false, complete: false };
      await db.createObjectStore("state").put(first, "sync");
    },
    blocked() {
      limit = setTimeout(() => giveUp(new DatabaseUnusable("Close the other tabs of this page: they have an older version of it.")), blockedLimit);
    },
    blocking() {
      if (isOurs) void opening.then((db) => db.close());
      lost();
    },
    terminated: lost,
  }).catch((error: unknown) => {
    if ((error as Error | null)?.name !== "VersionError") throw error;
    throw new DatabaseUnusable("Another tab has a newer version of this page. Reload this page.", { cause: error });
  });
  try {
    const db = await Promise.race([opening, blocked]);
    if ((await stateOf(db)).userId !== userId) throw new Error("two users have the same database name");
    isOurs = false;
    return db;
  } catch (error) {
    // It may still come, and must not stand in another tab's way then.
    opening.then((db) => db.close(), () => {});
    throw error;
  } finally {
    clearTimeout(limit);
  }
}

/**
 * Makes the todos of version 1 whole, and gets all of them anew: that page has dropped the
 * fields that it didn't know. What is unsent stays.
 */
async function refill(tx: IDBPTransaction<Schema, ("todos" | "outbox" | "state")[], "versionchange">): Promise<void> {
  const todos = tx.objectStore("todos");
  for (const todo of await todos.getAll()) {
    await todos.put({ ...noDetails, ...todo, position: derivedPosition(todo.createdAt) });
  }
  const state = await tx.objectStore("state").get("sync");
  if (!state) return;
  const { generation, ...rest } = state;
  await tx.objectStore("state").put({ ...rest, token: "", generation: generation + 1, restarting: true }, "sync");
}

/** Removes all that the browser keeps of a user's todos. Tabs that have the database open lose it. */
export function deleteDatabase(userId: string): Promise<void> {
  return deleteDB(databaseName(userId));
}

/** Reads the state. */
export async function stateOf(db: Database): Promise<SyncState> {
  const state = await db.get("state", "sync");
  if (!state) throw new Error("the database has no state");
  return state;
}

/**
 * Returns a hash of 64 bits (FNV-1a) in hexadecimal. Browsers have crypto.subtle only
 * in secure contexts. openDatabase refuses a collision.
 */
function hash(text: string): string {
  let sum = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) {
    sum = BigInt.asUintN(64, (sum ^ BigInt(byte)) * 0x100000001b3n);
  }
  return sum.toString(16).padStart(16, "0");
}
