// The README's commands, as they are pasted, with a token of the real Better
// Auth in place of the development issuer's.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { execute } from "./testing/command.mjs";
import { useGrpcurl } from "./testing/grpcurl.mjs";
import { root, useStack } from "./testing/stack.mjs";

const stack = useStack({ page: false });
const grpcurl = useGrpcurl();

/** What the commands print, in this order, among other things. */
const expected = [
  // REST
  `"title":"Buy milk","description":"2 litres","isCompleted":false`,
  `"title":"Buy milk","description":"2 litres","isCompleted":false`,
  `{"todos":[{`,
  `"title":"Buy milk","description":"2 litres","isCompleted":true`,
  `{}`,
  // Connect
  `"title":"Buy bread"`,
  `"title":"Buy bread"`,
  `"title":"Buy rye bread","isCompleted":true`,
  `{}`,
  // Lost updates
  `"title":"Buy rye flour"`,
  `{"code":"aborted"`,
  `HTTP/1.1 200 OK`,
  // The trash
  `{}`,
  `"title":"Buy salt"`,
  `"deletedAt":"`,
  `"title":"Buy salt"`,
  `{}`,
  `{}`,
  // Sync, watch and apply
  `"title":"Buy oats"`,
  `"title":"Buy oats"`,
  `"nextSyncToken":"`,
  `data: {"todos":[{`,
  `"title":"Buy oats"`,
  `{"results":[{`,
  `"title":"Buy rice"`,
  `{"results":[{`,
  // gRPC
  `todo.v1.TodoService`,
  `"title": "Buy tea"`,
  `"title": "Buy tea"`,
  `"description": "green"`,
  `{}`,
  `"status": "SERVING"`,
];

test("the README's commands work with a token of Better Auth", async () => {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const blocks = [...readme.matchAll(/^```sh\n(.*?)^```/gms)].map((match) => match[1]);
  const script = blocks.join("\n").replaceAll("localhost:8080", stack.apiURL.replace("http://", ""));
  const watch = await readFile(join(root, "cmd/todod/testdata/watch.sh"), "utf8");
  const { code, stdout, stderr } = await execute("bash", ["-c", `set -euo pipefail\n${watch}\n${script}`], {
    env: { TOKEN: await stack.signUp("Alice") },
    path: grpcurl.folder,
  });
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" }, stdout);
  let end = 0;
  for (const text of expected) {
    const start = stdout.indexOf(text, end);
    assert(start >= 0, `no ${text} in\n${stdout.slice(end)}`);
    end = start + text.length;
  }
  assert.deepEqual(stdout.match(/"code": *"[^"]+"/g), [`"code":"aborted"`]); // The one that is meant to fail.
});
