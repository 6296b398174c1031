import assert from "node:assert/strict";
import test from "node:test";
import { parseConfig } from "./config.ts";

const defaults = { apiUrl: "http://localhost:8080", authUrl: "http://localhost:3000", undoSeconds: 8 };

test("what config.json leaves out is as the build has it", () => {
  assert.deepEqual(parseConfig({}, defaults), defaults);
  assert.deepEqual(parseConfig({ apiUrl: "https://api.example.com/", undoSeconds: 3 }, defaults), {
    ...defaults,
    apiUrl: "https://api.example.com",
    undoSeconds: 3,
  });
});

test("a wrong value is named", () => {
  for (const [json, message] of [
    [{ apiUrl: "api.example.com" }, /apiUrl must be a URL/],
    [{ apiUrl: "javascript:alert(1)" }, /apiUrl must be a URL/],
    [{ apiUrl: "https://" }, /apiUrl must be a URL/],
    [{ authUrl: 3000 }, /authUrl must be a URL/],
    [{ undoSeconds: 0 }, /undoSeconds must be from 1 to 60/],
    [{ undoSeconds: 61 }, /undoSeconds must be from 1 to 60/],
    [{ undoSeconds: "soon" }, /undoSeconds must be from 1 to 60/],
  ] as const) {
    assert.throws(() => parseConfig(json, defaults), message);
  }
});
