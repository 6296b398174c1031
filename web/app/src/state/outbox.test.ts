import assert from "node:assert/strict";
import test from "node:test";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { SessionEnded } from "../api/access-tokens.ts";
import { clientOf, gate, todo, until } from "../testing/service.ts";
import { Outbox } from "./outbox.ts";
import type { Change } from "./pending.ts";

const create = { kind: "create", id: "id", title: "new", description: "" } as const;

function creation(title: string): Change {
  return { kind: "create", id: `id of ${title}`, title, description: "" };
}

function update(id: string, title: string): Change {
  return { kind: "update", id, title: id, patch: { title } };
}

function deletion(id: string): Change {
  return { kind: "delete", id, title: id };
}

/** An outbox, what it sends to a service, and what it tells of it. */
class Bench {
  readonly sent: string[] = [];
  readonly told: string[] = [];
  signedIn = true;
  /** Runs before each answer; what it throws is the answer. */
  answer: (call: string) => Promise<void> | void = () => {};
  readonly outbox: Outbox;

  constructor() {
    const call = async (text: string) => {
      this.sent.push(text);
      await this.answer(text);
    };
    const signIn: Interceptor = (next) => async (req) => {
      if (!this.signedIn) throw new SessionEnded("the session is over");
      return next(req);
    };
    const methods: Parameters<typeof clientOf>[0] = {
      createTodo: async ({ id = "", title }) => (await call(`create ${title}`), todo(id, { title })),
      updateTodo: async ({ id, title = "" }) => (await call(`update ${id} ${title}`), todo(id, { title })),
      deleteTodo: async ({ id }) => (await call(`delete ${id}`), {}),
    };
    this.outbox = new Outbox(clientOf(methods, [signIn]), {
      changed: () => {},
      saved: ({ change }, todo) => this.told.push(`saved ${change.kind} ${todo?.title ?? ""}`.trim()),
      refused: ({ change }, failure) => this.told.push(`refused ${change.kind}: ${failure.kind}`),
      held: (failure) => this.told.push(`held: ${failure.kind}`),
    });
  }

  get progress(): string[] {
    return this.outbox.pending.map(({ progress }) => progress);
  }

  async settled(): Promise<void> {
    await this.outbox.settle(10_000);
  }
}

test("changes are sent, and no longer pending when the service has carried them out", async () => {
  const bench = new Bench();
  bench.outbox.add(create);
  bench.outbox.add(update("a", "A"));
  bench.outbox.add(deletion("b"));
  assert.deepEqual(bench.progress, ["sending", "sending", "sending"]);
  await bench.settled();
  assert.deepEqual(bench.sent.toSorted(), ["create new", "delete b", "update a A"]);
  assert.deepEqual(bench.told.toSorted(), ["saved create new", "saved delete", "saved update A"]);
  assert.deepEqual(bench.progress, []);
});

test("changes of one todo are sent one after the other, those of others meanwhile", async () => {
  const bench = new Bench();
  const held = gate();
  bench.answer = (call) => (call === "update a 1" ? held.passed : undefined);
  bench.outbox.add(update("a", "1"));
  bench.outbox.add(update("a", "2"));
  bench.outbox.add(deletion("a"));
  bench.outbox.add(update("b", "B"));
  await until(() => bench.told.includes("saved update B"));
  assert.deepEqual(bench.sent, ["update a 1", "update b B"]);
  assert.deepEqual(bench.progress, ["sending", "queued", "queued"]);
  held.open();
  await bench.settled();
  assert.deepEqual(bench.sent.slice(2), ["update a 2", "delete a"]);
});

test("what is held is not sent until it is released, and never when it is discarded", async () => {
  const bench = new Bench();
  const first = bench.outbox.add(deletion("a"), "held");
  const second = bench.outbox.add(deletion("b"), "held");
  bench.outbox.add(update("b", "B"));
  assert.deepEqual(bench.progress, ["held", "held", "queued"], "what comes after waits for it");
  bench.outbox.release(first);
  bench.outbox.discard(second);
  await bench.settled();
  assert.deepEqual(bench.sent.toSorted(), ["delete a", "update b B"]);
});

test("updates and deletions wait for the service, and are sent again", async () => {
  const bench = new Bench();
  bench.answer = () => {
    throw new ConnectError("", Code.Unavailable);
  };
  bench.outbox.add(update("a", "A"));
  bench.outbox.add(deletion("b"));
  await bench.settled();
  assert.deepEqual(bench.progress, ["waiting", "waiting"]);
  assert.deepEqual(bench.told, ["held: away", "held: away"]);
  bench.answer = () => {};
  bench.outbox.resume();
  await bench.settled();
  assert.deepEqual(bench.progress, []);
  assert.equal(bench.sent.length, 4);
});

test("a session that has ended loses nothing", async () => {
  const bench = new Bench();
  bench.signedIn = false;
  bench.outbox.add(create);
  bench.outbox.add(update("a", "A"));
  await bench.settled();
  assert.deepEqual(bench.told, ["held: session-ended", "held: session-ended"]);
  assert.deepEqual(bench.progress, ["waiting", "waiting"]);
  bench.signedIn = true;
  bench.outbox.resume();
  await bench.settled();
  assert.deepEqual(bench.progress, []);
  assert.deepEqual(bench.sent.toSorted(), ["create new", "update a A"]);
});

test("a refused change is told, and what follows it goes on", async () => {
  const bench = new Bench();
  bench.answer = (call) => {
    if (call === "update a bad") throw new ConnectError("", Code.InvalidArgument);
  };
  bench.outbox.add(update("a", "bad"));
  bench.outbox.add(update("a", "good"));
  await bench.settled();
  assert.deepEqual(bench.told, ["refused update: invalid", "saved update good"]);
});

test("what is gone has been deleted, but not updated", async () => {
  const bench = new Bench();
  bench.answer = () => {
    throw new ConnectError("", Code.NotFound);
  };
  bench.outbox.add(deletion("a"));
  bench.outbox.add(update("b", "B"));
  await bench.settled();
  assert.deepEqual(bench.told.toSorted(), ["refused update: gone", "saved delete"]);
  assert.deepEqual(bench.progress, []);
});

test("settling ends in time, whatever the service does", async () => {
  const bench = new Bench();
  const held = gate();
  bench.answer = () => held.passed;
  bench.outbox.add(update("a", "A"));
  await bench.outbox.settle(1);
  assert.deepEqual(bench.progress, ["sending"]);
  held.open();
  await bench.settled();
});

test("a new todo is sent with the same id until there is an answer", async () => {
  const bench = new Bench();
  bench.answer = () => {
    throw new ConnectError("", Code.Unavailable);
  };
  assert.equal(bench.outbox.add(create), create.id);
  await bench.settled();
  assert.deepEqual(bench.progress, ["waiting"]);
  bench.answer = () => {};
  bench.outbox.resume();
  await bench.settled();
  assert.deepEqual(bench.sent, ["create new", "create new"]);
  assert.deepEqual(bench.told, ["held: away", "saved create new"]);
});

test("a new todo that exists already was made by an attempt before", async () => {
  const bench = new Bench();
  bench.answer = () => {
    throw new ConnectError("", Code.AlreadyExists);
  };
  bench.outbox.add(create);
  await bench.settled();
  assert.deepEqual(bench.told, ["saved create"]);
  assert.deepEqual(bench.progress, []);
});

test("new todos are sent one after the other, so that the service lists them in their order", async () => {
  const bench = new Bench();
  const held = gate();
  bench.answer = (call) => (call === "create 1" ? held.passed : undefined);
  for (const title of ["1", "2", "3"]) bench.outbox.add(creation(title));
  bench.outbox.add(update("a", "A"));
  await until(() => bench.told.includes("saved update A"));
  assert.deepEqual(bench.sent, ["create 1", "update a A"]);
  assert.deepEqual(bench.progress, ["sending", "queued", "queued"]);
  held.open();
  await bench.settled();
  assert.deepEqual(bench.sent.slice(2), ["create 2", "create 3"]);
});

test("new todos that the service was away for are sent in their order", async () => {
  const bench = new Bench();
  bench.answer = () => {
    throw new ConnectError("", Code.Unavailable);
  };
  for (const title of ["1", "2"]) bench.outbox.add(creation(title));
  await bench.settled();
  bench.outbox.add(creation("3"));
  assert.deepEqual(bench.progress, ["waiting", "waiting", "waiting"], "what is behind one that waits waits too");
  assert.deepEqual(bench.sent, ["create 1"], "and is not tried");
  bench.answer = () => {};
  bench.outbox.resume();
  await bench.settled();
  assert.deepEqual(bench.sent, ["create 1", "create 1", "create 2", "create 3"]);
});

test("a new todo that is refused stands in no other's way", async () => {
  const bench = new Bench();
  bench.outbox.add(creation("1"), "refused");
  bench.answer = (call) => {
    if (call === "create 2") throw new ConnectError("", Code.InvalidArgument);
  };
  for (const title of ["2", "3"]) bench.outbox.add(creation(title));
  await bench.settled();
  assert.deepEqual(bench.sent, ["create 2", "create 3"]);
  assert.deepEqual(bench.progress, ["refused"]);
});
