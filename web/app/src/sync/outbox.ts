import type { TodoResult } from "../gen/todo/v1/todo_pb.ts";
import { newId } from "../api/ids.ts";
import { putTodos, type Changes } from "./copy.ts";
import type { Database, Write } from "./database.ts";
import {
  createWith,
  etagFor,
  hasText,
  isConditional,
  isDone,
  isUntouched,
  merge,
  messageOf,
  splitTexts,
  type Operation,
} from "./operation.ts";
import { localTodo } from "./todo.ts";

/** The most operations of a request: the contract's limit. */
export const maxOperations = 100;

/** The most bytes of a request's operations, in JSON: half of what the service accepts. */
const maxBytes = 512 * 1024;

/** An operation in the outbox. */
export interface Entry {
  readonly key: string;
  /** The place in the order; undefined until the entry is stored. */
  readonly number?: number;
  /** The tab that the user did it in. */
  readonly origin: string;
  /** The todo's title at that time, for messages. */
  readonly title: string;
  readonly operation: Operation;
  /** The request that the entry is part of, from before its first attempt. */
  readonly batch?: { readonly requestId: string; readonly etag?: string | undefined } | undefined;
  /** Why the service refused it. The user has to decide, so it is not sent again by itself. */
  readonly refusal?: Refusal | undefined;
}

/** The entries of operations that the user did in a tab, on todos as they are. */
export function entriesOf(operations: readonly Operation[], origin: string, find: (id: string) => { readonly title: string } | undefined): readonly Entry[] {
  return operations.map((operation) => {
    const title = operation.kind === "create" ? operation.title : (find(operation.id)?.title ?? "");
    return { key: newId(), origin, title, operation };
  });
}

/** Why the service refused an operation. */
export interface Refusal {
  /** A code of the contract, like "not_found"; "aborted" is a conflict. */
  readonly code: string;
  readonly message: string;
}

/** The entries of a request, in order. */
export interface Batch {
  readonly requestId: string;
  readonly entries: readonly Entry[];
}

/** What has become of a batch. */
export interface Outcome extends Changes {
  /** The entries that the service refused; those with text are still in the outbox. */
  readonly refused: readonly Entry[];
  readonly entries: readonly Entry[];
}

/** Codes of a result that say that the operation may be sent again. */
const passing = new Set(["unavailable", "deadline_exceeded", "canceled"]);

/**
 * The operations that the service has not carried out yet, in order, in IndexedDB.
 * Every method is one transaction, so tabs can use it at once. Methods return all
 * entries as they are afterwards.
 */
export class Outbox {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Returns the entries. */
  entries(): Promise<readonly Entry[]> {
    return this.#db.getAll("outbox");
  }

  /** Adds entries, or merges each into one of the same todo that has not been sent. */
  async add(...added: readonly Entry[]): Promise<readonly Entry[]> {
    return this.#write(async (tx) => {
      const store = tx.objectStore("outbox");
      const lasts = new Map((await store.getAll()).map((entry) => [entry.operation.id, entry]));
      for (const entry of added) {
        const { id } = entry.operation;
        const last = lasts.get(id);
        const merges = last && !last.batch && !last.refusal;
        const operations = merges ? merge(last.operation, entry.operation) : [entry.operation];
        lasts.delete(id);
        if (!merges || operations.length === 2) {
          lasts.set(id, { ...entry, number: await store.add(entry) });
        } else if (operations[0]) {
          const merged = { ...last, operation: operations[0], origin: entry.origin, title: entry.title };
          lasts.set(id, merged);
          await store.put(merged);
        } else await store.delete(last.number!);
      }
    });
  }

  /** Removes entries by their keys, unless they are being sent. */
  async discard(...keys: string[]): Promise<readonly Entry[]> {
    return this.#write(async (tx) => {
      const store = tx.objectStore("outbox");
      for (const { key, number, batch } of await store.getAll()) {
        if (keys.includes(key) && !batch) await store.delete(number!);
      }
    });
  }

  /** Sends a refused update again, so that it overwrites the todo as the copy has it now. */
  async insist(key: string): Promise<readonly Entry[]> {
    return this.#write(async (tx) => {
      const store = tx.objectStore("outbox");
      const entry = (await store.getAll()).find((entry) => entry.key === key);
      if (entry?.operation.kind !== "update") return;
      const todo = await tx.objectStore("todos").get(entry.operation.id);
      const base = todo && { title: todo.title, description: todo.description, etag: todo.etag };
      await store.put({ ...entry, refusal: undefined, operation: { ...entry.operation, base } });
    });
  }

  /**
   * Returns the batch to send next; undefined when there is none. The batch is
   * stored, so that all attempts have the same content, after a crash too.
   */
  async claim(limit = maxOperations): Promise<Batch | undefined> {
    const tx = this.#db.transaction(["outbox", "todos"], "readwrite");
    const store = tx.objectStore("outbox");
    const entries = (await store.getAll()).filter(({ refusal }) => !refusal);
    const sent = entries.find(({ batch }) => batch)?.batch?.requestId;
    if (sent) {
      await tx.done;
      return { requestId: sent, entries: entries.filter(({ batch }) => batch?.requestId === sent) };
    }
    const requestId = newId();
    const claimed: Entry[] = [];
    for (const entry of batchOf(entries, limit)) {
      const etag = etagFor(entry.operation, await tx.objectStore("todos").get(entry.operation.id));
      const next = { ...entry, batch: { requestId, etag } };
      await store.put(next);
      claimed.push(next);
    }
    await tx.done;
    return claimed.length > 0 ? { requestId, entries: claimed } : undefined;
  }

  /** Gives a batch up: its entries will be sent in other batches. */
  async release({ requestId }: Batch): Promise<readonly Entry[]> {
    return this.#write(async (tx) => {
      for (const entry of await tx.objectStore("outbox").getAll()) {
        if (entry.batch?.requestId === requestId) await tx.objectStore("outbox").put(waiting(entry));
      }
    });
  }

  /** Removes the entries that the service has carried out, and stores the todos that it has sent. */
  async finish({ requestId }: Batch, results: readonly Result[]): Promise<Outcome> {
    const refused: Entry[] = [];
    let changes: Changes = { put: [], removed: [] };
    const entries = await this.#write(async (tx) => {
      const store = tx.objectStore("outbox");
      // None is left when another tab has sent the same batch.
      const sent = (await store.getAll()).filter(({ batch }) => batch?.requestId === requestId);
      const todos = results.flatMap(({ todo }, i) => (sent[i] && todo ? [todo] : []));
      const { generation, restarting } = (await tx.objectStore("state").get("sync"))!;
      changes = await putTodos(tx, todos, generation, restarting);
      for (const [i, entry] of sent.entries()) {
        const result = results[i] ?? { code: "unavailable", message: "" };
        const left = leftOf(entry, result);
        await store.delete(entry.number!);
        for (const part of left) await store.put(part);
        if (result.code === "" || result.code === "not_found") {
          if (entry.operation.kind === "purge") await this.#purge(tx, entry, changes);
        }
        const back = left.find(({ refusal }) => refusal);
        if (back || (left.length === 0 && result.code !== "" && !isCarriedOut(entry, result))) {
          refused.push({ ...(back ?? entry), refusal: { code: result.code, message: result.message } });
        }
      }
      await foldIntoRefusedCreates(tx, refused);
    });
    return { ...changes, refused, entries };
  }

  /** Marks the only entry of a batch as refused: the service can't handle it. */
  refuse(batch: Batch, refusal: Refusal): Promise<Outcome> {
    return this.finish(batch, [refusal]);
  }

  async #purge(tx: Write, { operation }: Entry, changes: Changes): Promise<void> {
    await tx.objectStore("todos").delete(operation.id);
    (changes.removed as string[]).push(operation.id);
  }

  async #write(work: (tx: Write) => Promise<void>): Promise<readonly Entry[]> {
    const tx = this.#db.transaction(["outbox", "todos", "state"], "readwrite") as unknown as Write;
    await work(tx);
    const entries = await tx.objectStore("outbox").getAll();
    await tx.done;
    return entries;
  }
}

/**
 * Returns the first entries that fit into a request. An operation with an etag
 * begins a new request when its todo is in this one already, since the etag isn't
 * known before the response.
 */
function batchOf(entries: readonly Entry[], limit: number): Entry[] {
  const batch: Entry[] = [];
  const ids = new Set<string>();
  let bytes = 0;
  for (const entry of entries.slice(0, limit)) {
    const { operation } = entry;
    bytes += new TextEncoder().encode(JSON.stringify(messageOf(operation))).length;
    if (batch.length > 0 && (bytes > maxBytes || (isConditional(operation) && ids.has(operation.id)))) break;
    ids.add(operation.id);
    batch.push(entry);
  }
  return batch;
}

type Result = Pick<TodoResult, "todo" | "code" | "message">;

/** Returns what stays of an entry in the outbox after its result. */
function leftOf(entry: Entry, result: Result): readonly Entry[] {
  const { operation } = entry;
  if (result.code === "" || isCarriedOut(entry, result)) return [];
  if (passing.has(result.code)) return [waiting(entry)];
  if (result.code === "aborted" && operation.kind === "update" && result.todo && operation.base) {
    // The user saw these texts; only something else has changed. The next batch has the new etag.
    if (isUntouched(operation, localTodo(result.todo))) return [waiting(entry)];
  }
  if (!hasText(operation)) return [];
  const back = { ...waiting(entry), refusal: { code: result.code, message: result.message } };
  if (operation.kind !== "update" || result.code === "not_found") return [back];
  const { texts, rest } = splitTexts(operation);
  if (!rest) return [back];
  // Nothing but the texts needs the user, so all else is sent again, in the same place of the order.
  const again = { ...waiting(entry), key: newId(), operation: rest };
  const { number: _, ...unplaced } = back;
  return isCarriedOut({ ...entry, operation: texts }, result) ? [again] : [again, { ...unplaced, operation: texts }];
}

/** Returns whether a refusal means that the todo is as the operation wants it. */
function isCarriedOut({ operation }: Entry, { code, todo }: Result): boolean {
  switch (code) {
    case "not_found":
      return operation.kind === "delete" || operation.kind === "purge";
    case "already_exists":
      // An earlier attempt created it, and it was edited since.
      return operation.kind === "create";
    case "aborted":
      return operation.kind === "update" && todo !== undefined && isDone(operation, localTodo(todo));
    default:
      return false;
  }
}

/** Adds the later edits of a todo that could not be created to its text, and drops its other operations. */
async function foldIntoRefusedCreates(tx: Write, refused: Entry[]): Promise<void> {
  const store = tx.objectStore("outbox");
  for (const [i, create] of refused.entries()) {
    if (create.operation.kind !== "create") continue;
    let operation = create.operation;
    for (const { number, operation: later } of await store.getAll()) {
      if (later.id !== operation.id || number === create.number) continue;
      if (later.kind === "update") operation = createWith(operation, later.patch);
      await store.delete(number!);
    }
    refused[i] = { ...create, operation };
    await store.put({ ...waiting(create), refusal: create.refusal, operation });
    // Results of the same batch about this todo say nothing new.
    for (let j = refused.length - 1; j > i; j--) if (refused[j]?.operation.id === operation.id) refused.splice(j, 1);
  }
}

function waiting({ batch: _, ...entry }: Entry): Entry {
  return entry;
}
