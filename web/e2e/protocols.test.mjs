// The protocols that a page can speak, each through the whole page: CORS lets
// each of them through, and errors keep their details.

import assert from "node:assert/strict";
import test from "node:test";
import { eventually } from "./testing/eventually.mjs";
import { useStack } from "./testing/stack.mjs";

const stack = useStack();

const protocols = [
  { transport: "json", contentType: "application/json" },
  { transport: "binary", contentType: "application/proto" },
  { transport: "grpc-web", contentType: "application/grpc-web+proto" },
];

for (const { transport, contentType } of protocols) {
  test(`the page works over ${transport}`, async (t) => {
    const page = await stack.openAs(t, "Alice", { query: `?transport=${transport}` });
    const token = await page.token();
    for (let i = 1; i <= 60; i++) await page.call("CreateTodo", { title: `Todo ${i}` }, token);
    await page.reload();
    await page.add("é 😀", "zwei\nZeilen");
    await page.complete("é 😀");
    await page.showDone();
    const editor = await page.edit("é 😀");
    await editor.getByLabel("Details").fill("");
    await page.leaveEditor();
    await eventually(async () => (await page.call("ListTodos", { pageSize: 1 }, token)).todos.map(withoutTimes), [
      { title: "é 😀", isCompleted: true },
    ]);
    await page.link("Done").click();
    await page.shows(["é 😀"]);
    await page.delete("é 😀");
    await page.messages.getByRole("button", { name: "Dismiss" }).click();
    await page.text("Nothing done yet").waitFor();

    await page.link("All").click();
    await eventually(async () => (await page.titles()).length, 60);
    // A change made elsewhere comes by the stream.
    await page.call("CreateTodo", { title: "Elsewhere" }, token);
    await page.row("Elsewhere").waitFor();

    const procedures = new Set(page.calls.map((call) => call.procedure));
    assert.deepEqual([...procedures].sort(), ["ApplyTodos", "SyncTodos", "WatchTodos"]);
    for (const call of page.calls) {
      // Connect has content types of its own for streams.
      const isStream = call.procedure === "WatchTodos";
      assert.equal(call.contentType, isStream ? contentType.replace("application/", "application/connect+").replace("connect+grpc", "grpc") : contentType);
    }
  });

  test(`faults are shown at their fields over ${transport}`, async (t) => {
    const page = await stack.openAs(t, "Alice", { query: `?transport=${transport}` });
    await page.write("x".repeat(501), "x".repeat(2001));
    await page.button("Add").click();
    await eventually(() => page.newTodo.getByRole("alert").allInnerTexts(), [
      "Must be at most 500 characters.",
      "Must be at most 2000 characters.",
    ]);
  });

  test(`a todo that is gone is reported over ${transport}`, async (t) => {
    const page = await stack.openAs(t, "Alice", { query: `?transport=${transport}` });
    await page.add("One");
    const { todos } = await page.call("ListTodos", {});
    const sent = await page.holdUp("ApplyTodos");
    await page.checkbox("One").click();
    await page.call("DeleteTodo", { id: todos[0].id });
    sent();
    await page.messages.getByText("“One” was not changed. It no longer exists.").waitFor();
  });
}

/** @param {Record<string, unknown>} todo */
function withoutTimes({ title, isCompleted, description }) {
  return { title, isCompleted, ...(description !== undefined && { description }) };
}
