// The OpenAPI document, as those who generate clients from it see it.

import assert from "node:assert/strict";
import { copyFile, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { execute, succeed } from "./testing/command.mjs";
import { root, useStack } from "./testing/stack.mjs";

const stack = useStack({ page: false });

// The programs of packages, whichever folder npm has put these into.
const { resolve } = createRequire(import.meta.url);
const generator = join(dirname(resolve("openapi-typescript/package.json")), "bin/cli.js");
const compiler = resolve("typescript/bin/tsc");

/** @returns {Promise<string>} the document that the service serves. */
async function served() {
  const res = await fetch(`${stack.apiURL}/openapi.yaml`);
  assert.equal(res.status, 200);
  return await res.text();
}

/**
 * Makes a folder with a program of openapi/, the document, and the packages
 * installed here.
 *
 * @param {import("node:test").TestContext} t
 * @returns {Promise<string>}
 */
async function newProject(t) {
  const folder = await mkdtemp(join(tmpdir(), "todo-openapi-"));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "openapi.yaml"), await served());
  await writeFile(join(folder, "package.json"), `{ "type": "module" }`);
  await copyFile(new URL("openapi/client.ts", import.meta.url), join(folder, "client.ts"));
  await symlink(join(root, "web/node_modules"), join(folder, "node_modules"));
  return folder;
}

test("the document that is served is valid, and every reference in it leads somewhere", async () => {
  const validator = new Validator();
  const { valid, errors } = await validator.validate(await served());
  assert(valid, JSON.stringify(errors, null, 2));
  assert.equal(validator.version, "3.1");
  const resolved = JSON.stringify(validator.resolveRefs());
  assert.doesNotMatch(resolved, /"\$ref"/);
});

test("a document with a mistake is not valid", async () => {
  const { valid } = await new Validator().validate((await served()).replace("in: query", "in: body"));
  assert(!valid, "the validator takes a parameter that is in the body");
});

test("a client that is generated from the document makes each call, and its failures are typed", async (t) => {
  const folder = await newProject(t);
  await succeed(process.execPath, [generator, "openapi.yaml", "--output", "api.d.ts"], { cwd: folder });
  const flags = ["--strict", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes", "--noEmitOnError"];
  const { code, stdout: faults } = await execute(
    process.execPath,
    [compiler, ...flags, "--target", "es2023", "--module", "nodenext", "--types", "node", "client.ts"],
    { cwd: folder },
  );
  assert.equal(code, 0, faults);

  const env = { API_URL: stack.apiURL, TOKEN: await stack.signUp("Alice") };
  const printed = JSON.parse(await succeed(process.execPath, ["client.js"], { cwd: folder, env }));
  const { created } = printed;
  const todo = { id: created.id, title: "Buy milk", createdAt: created.createdAt, tags: [], position: created.position };
  const violation = {
    field: { elements: [{ fieldNumber: 1, fieldName: "title", fieldType: "TYPE_STRING" }] },
    rule: printed.failures[1].details?.[0]?.debug?.violations?.[0]?.rule,
    ruleId: "title.not_blank",
    message: "must contain a visible character",
  };
  assert.deepEqual(printed, {
    created: { ...todo, description: "2 litres", isCompleted: false, updatedAt: created.createdAt, etag: created.etag },
    read: created,
    other: { ...printed.other, title: "Buy bread", isCompleted: false },
    updated: { ...todo, isCompleted: true, completedAt: printed.updated.completedAt, updatedAt: printed.updated.updatedAt, etag: printed.updated.etag },
    titles: [["Buy bread"], ["Buy milk"], ["Buy milk"]],
    deleted: {},
    failures: [
      { status: 404, code: "not_found" },
      {
        status: 400,
        code: "invalid_argument",
        details: [{ type: "buf.validate.Violations", debug: { violations: [violation] } }],
      },
      { status: 401, code: "unauthenticated" },
    ],
    health: { status: "ok", database: "ok" },
  });
  assert(printed.updated.updatedAt > created.updatedAt);
  assert.notEqual(printed.updated.etag, created.etag);
});
