// Who used this browser last, so that the page opens without a network. It is in a
// database of its own, beside those of the users' todos.

import { openDB, type DBSchema } from "idb";
import type { User } from "../api/account.ts";

interface Schema extends DBSchema {
  users: { key: "last"; value: User };
}

/** Returns the user who was signed in last, and has not signed out; undefined when that isn't known. */
export async function lastUser(): Promise<User | undefined> {
  return await withDatabase((db) => db.get("users", "last")).catch(() => undefined);
}

/** Remembers the user who is signed in. */
export async function rememberUser({ id, name, email }: User): Promise<void> {
  await withDatabase((db) => db.put("users", { id, name, email }, "last"));
}

/** Forgets the user, unless another one has signed in meanwhile. */
export async function forgetUser({ id }: User): Promise<void> {
  await withDatabase(async (db) => {
    if ((await db.get("users", "last"))?.id === id) await db.delete("users", "last");
  });
}

async function withDatabase<T>(use: (db: Awaited<ReturnType<typeof open>>) => Promise<T>): Promise<T> {
  const db = await open();
  try {
    return await use(db);
  } finally {
    db.close();
  }
}

function open() {
  return openDB<Schema>("todo-session", 1, { upgrade: (db) => void db.createObjectStore("users") });
}
