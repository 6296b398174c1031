import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { readSettings } from "./settings.mjs";
import { environment } from "./testing/issuer.mjs";

/** @param {string} path relative to this file. */
function read(path) {
  return readFile(new URL(path, import.meta.url), "utf8");
}

test("the documentation shows the configuration as it is", async () => {
  const snippet = /```js\n(.+?)```/s.exec(await read("../../docs/better-auth.md"))?.[1] ?? "";
  assert.ok(snippet.includes("betterAuth({"), "docs/better-auth.md shows no configuration");
  assert.ok((await read("auth.mjs")).endsWith(snippet), "the first js block of docs/better-auth.md is not the end of auth.mjs");
});

test("the README lists every setting that is read", async () => {
  /** @type {Set<string>} */
  const seen = new Set();
  readSettings(
    new Proxy(environment("postgres://localhost/todo"), {
      get: (env, name) => (seen.add(String(name)), env[String(name)]),
    }),
  );
  const rows = [...(await read("README.md")).matchAll(/^\| `([A-Z_]+)` \|/gm)].map((row) => row[1]);
  assert.deepEqual(rows.sort(), [...seen].sort());
});

test("the documentation says what each reason of todod's log means", async () => {
  const [docs, source] = await Promise.all([read("../../docs/better-auth.md"), read("../../internal/auth/refusal.go")]);
  const reasons = [...source.matchAll(/\bReason = "(\w+)"/g)].map((match) => match[1]);
  assert(reasons.length > 10, `todod has ${reasons.length} reasons`);
  const [, table = ""] = docs.split("## When calls fail");
  const rows = table.split("\n").filter((line) => line.startsWith("| ") && line.includes("reason `"));
  assert.deepEqual(reasons.filter((reason) => !rows.some((row) => row.includes(`\`${reason}\``))), []);
});
