// The service for operators: grpcurl, the real program, knows nothing but what
// the service tells by reflection, and has a token of the real Better Auth.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { useGrpcurl } from "./testing/grpcurl.mjs";
import { useStack } from "./testing/stack.mjs";

const stack = useStack({ page: false });
const program = useGrpcurl();

const service = "todo.v1.TodoService";

/**
 * Runs grpcurl.
 *
 * @param {string[]} flags
 * @param {string[]} rest what follows the address.
 */
function grpcurl(flags, ...rest) {
  return program.run(["-plaintext", ...flags, stack.apiURL.replace("http://", ""), ...rest]);
}

/**
 * Runs grpcurl, which has to succeed.
 *
 * @param {Parameters<typeof grpcurl>} command
 * @returns {Promise<string>} what it prints.
 */
async function succeed(...command) {
  const { code, stdout, stderr } = await grpcurl(...command);
  assert.equal(code, 0, stderr);
  return stdout;
}

/**
 * Makes a call.
 *
 * @param {string} method
 * @param {object} message
 * @param {string} [token]
 * @returns {Promise<any>} the answer, or the error, with its details decoded.
 */
async function call(method, message, token) {
  const authorization = token ? ["-H", `Authorization: Bearer ${token}`] : [];
  const { stdout, stderr } = await grpcurl(["-format-error", "-d", JSON.stringify(message), ...authorization], method);
  return JSON.parse(stdout || stderr);
}

test("the services are listed and described", async () => {
  assert.equal(await succeed([], "list"), `grpc.health.v1.Health\n${service}\n`);
  const contract = readFileSync(new URL("../../proto/todo/v1/todo.proto", import.meta.url), "utf8");
  const methods = [...contract.matchAll(/^  rpc (\w+)\(/gm)].map((match) => match[1]).sort();
  assert.ok(methods.includes("CreateTodo"), "the contract's methods are found");
  assert.equal(await succeed([], "list", service), methods.map((method) => `${service}.${method}\n`).join(""));
  const description = await succeed([], "describe", service);
  for (const method of methods) assert.match(description, new RegExp(`rpc ${method} \\(`));
  assert.match(description, /option \(\.google\.api\.http\) = \{ patch: "\/api\/todos\/\{id\}", body: "\*" \}/);
  assert.match(await succeed([], "describe", "todo.v1.CreateTodoRequest"), /\(\.buf\.validate\.field\) = \{[^}]*string: \{[^}]*max_len: 500/);
  assert.match(await succeed([], "describe", "buf.validate.Violations"), /repeated \.buf\.validate\.Violation violations = 1;/);
});

for (const version of ["v1", "v1alpha"]) {
  test(`reflection ${version} is served`, async () => {
    const answer = await call(`grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`, { list_services: "" });
    const names = answer.listServicesResponse.service.map((/** @type {{ name: string }} */ { name }) => name);
    assert.deepEqual(names.sort(), ["grpc.health.v1.Health", service]);
  });
}

test("health is told without a token", async () => {
  for (const name of ["", service]) {
    assert.deepEqual(await call("grpc.health.v1.Health/Check", { service: name }), { status: "SERVING" });
  }
  assert.deepEqual(await call("grpc.health.v1.Health/Check", { service: "other" }), { code: 5, message: "unknown service" });
});

test("each method answers", async () => {
  const token = await stack.signUp("Alice");
  const created = await call(`${service}/CreateTodo`, { title: "Buy tea", description: "green" }, token);
  const { id, createdAt, etag, position } = created;
  // grpcurl leaves out what has its default.
  assert.deepEqual(created, { id, title: "Buy tea", description: "green", createdAt, updatedAt: createdAt, etag, position });
  assert.deepEqual(await call(`${service}/GetTodo`, { id }, token), created);
  const updated = await call(`${service}/UpdateTodo`, { id, is_completed: true }, token);
  assert.deepEqual(updated, { ...created, isCompleted: true, completedAt: updated.completedAt, updatedAt: updated.updatedAt, etag: updated.etag });
  assert.notEqual(updated.etag, etag);
  const conflict = await call(`${service}/UpdateTodo`, { id, is_completed: false, etag }, token);
  assert.deepEqual([conflict.code, conflict.details[0]["@type"], conflict.details[0].etag], [10, "type.googleapis.com/todo.v1.Todo", updated.etag]);
  assert.deepEqual(await call(`${service}/ListTodos`, { page_size: 10, is_completed: true }, token), { todos: [updated] });
  assert.deepEqual(await call(`${service}/ListTodos`, {}, await stack.signUp("Bob")), {});
  assert.deepEqual(await call(`${service}/DeleteTodo`, { id }, token), {});
  assert.deepEqual(await call(`${service}/GetTodo`, { id }, token), { code: 5, message: "todo not found" });
});

test("broken rules are told with their fields", async () => {
  const error = await call(`${service}/CreateTodo`, { title: "  ", description: "x".repeat(2001) }, await stack.signUp("Alice"));
  assert.equal(error.code, 3);
  assert.equal(error.details.length, 1);
  const [{ "@type": type, violations }] = error.details;
  assert.equal(type, "type.googleapis.com/buf.validate.Violations");
  assert.deepEqual(
    violations.map((/** @type {any} */ { field, ruleId }) => [field.elements[0].fieldName, ruleId]),
    [
      ["title", "title.not_blank"],
      ["description", "string.max_len"],
    ],
  );
});

test("a call without a token is refused, and the exit code says so", async () => {
  const message = "a valid access token is needed: Authorization: Bearer <token>";
  assert.deepEqual(await call(`${service}/ListTodos`, {}), { code: 16, message });
  const { code, stdout, stderr } = await grpcurl([], `${service}/ListTodos`);
  assert.deepEqual({ code, stdout, stderr }, { code: 64 + 16, stdout: "", stderr: `ERROR:\n  Code: Unauthenticated\n  Message: ${message}\n` });
});
