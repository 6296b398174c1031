import assert from "node:assert/strict";
import test from "node:test";
import type { Operation } from "./operation.ts";
import type { Entry } from "./outbox.ts";
import { localTodoOf } from "../testing/local-todos.ts";
import { comparePositions } from "./position.ts";
import type { LocalTodo } from "./todo.ts";
import { viewOf } from "./view.ts";

function copyOf(...todos: Partial<LocalTodo>[]): Map<string, LocalTodo> {
  return new Map(todos.map(localTodoOf).map((todo) => [todo.id, todo]));
}

function entries(...operations: Operation[]): Entry[] {
  return operations.map((operation, i) => ({ key: `${i}`, number: i, origin: "tab", title: "", operation }));
}

const create = (id: string, at = 0): Operation => ({ kind: "create", id, title: id, description: "", at });

test("new todos come first in the order of writing, however wrong the clock is", () => {
  const view = viewOf(copyOf({ id: "a", createdAt: 1_000 }, { id: "c", createdAt: 2_000 }), entries(create("d", 900), create("b", 5), create("c", 3)));
  assert.deepEqual(view.todos.map(({ id, unsent }) => `${id} ${unsent}`), ["b true", "d true", "c true", "a false"]);
});

test("what is deleted comes first in the trash, in the order of deleting, and returns to its place", () => {
  const copy = copyOf({ id: "a", createdAt: 3 }, { id: "b", createdAt: 2 }, { id: "c", createdAt: 1 }, { id: "d", deletedAt: 1_000 });
  const remove = (id: string): Operation => ({ kind: "delete", id, at: 7 });
  const view = viewOf(copy, entries(remove("a"), remove("c"), remove("b"), { kind: "undelete", id: "c" }));
  assert.deepEqual([view.todos.map(({ id }) => id), view.trash.map(({ id }) => id)], [["c"], ["b", "a", "d"]]);
});

test("operations are laid over the copy, which stays as it is", () => {
  const copy = copyOf({ id: "a" });
  const view = viewOf(copy, entries(
    { kind: "update", id: "a", patch: { title: "A" } },
    { kind: "update", id: "a", patch: { isCompleted: true } },
    { kind: "update", id: "gone", patch: { title: "B" } },
  ));
  assert.deepEqual(view.todos.map(({ title, isCompleted }) => [title, isCompleted]), [["A", true]]);
  assert.equal(copy.get("a")?.title, "a");
});

test("a new todo comes first by hand, too, however wrong the clock is", () => {
  const view = viewOf(copyOf({ id: "a", createdAt: 2_000 }), entries(create("b", 5), create("c", 3_000), create("d", 4)));
  const byHand = view.todos.toSorted((a, b) => comparePositions(a.position, b.position));
  assert.deepEqual(byHand.map(({ id, isProvisional = false }) => `${id} ${isProvisional}`), ["d true", "c true", "b true", "a false"]);
});

test("a new todo that was given a place has it", () => {
  const view = viewOf(copyOf(), entries({ ...create("b"), position: "a1" } as Operation, { kind: "update", id: "b", patch: { position: "a2" } }));
  assert.deepEqual(view.todos.map(({ position, isProvisional }) => [position, isProvisional]), [["a2", false]]);
});
