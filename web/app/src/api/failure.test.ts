import assert from "node:assert/strict";
import test from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { ViolationsSchema } from "../gen/buf/validate/validate_pb.ts";
import { SessionEnded } from "./access-tokens.ts";
import { AuthError } from "./account.ts";
import { TodoSchema } from "../gen/todo/v1/todo_pb.ts";
import { failureOf } from "./failure.ts";

test("each field's first fault is told at the field", () => {
  const violation = (fieldName: string, message: string) => ({ field: { elements: [{ fieldName }] }, message });
  const violations = [
    violation("title", "value is required"),
    violation("title", "must be shorter"),
    violation("description", "must be at most 2000 characters."),
    { message: "must change something" },
  ];
  const error = new ConnectError("validation error: title: value is required", Code.InvalidArgument, {}, [
    { desc: ViolationsSchema, value: create(ViolationsSchema, { violations }) },
  ]);
  assert.deepEqual(failureOf(error), {
    kind: "invalid",
    message: "Validation error: title: value is required.",
    fields: {
      title: "Value is required.",
      description: "Must be at most 2000 characters.",
      "": "Must change something.",
    },
  });
});

test("a refused update has the todo as it is now", () => {
  // The detail as the service sends it: base64 of a todo with a title and an etag.
  const error = new ConnectError("the todo has been changed since", Code.Aborted);
  const current = create(TodoSchema, { title: "Buy milk", etag: "AY8s1" });
  error.details.push({ type: "todo.v1.Todo", value: toBinary(TodoSchema, current) });
  assert.deepEqual(error.findDetails(TodoSchema), [current]);
});

test("what will pass is told apart from what will not", () => {
  const wait = { "Retry-After": "3" };
  for (const [error, kind, retryAfter] of [
    [new ConnectError("", Code.Unavailable, wait), "away", 3000],
    [new ConnectError("", Code.Unavailable), "away", 0],
    [new ConnectError("", Code.DeadlineExceeded), "away", 0],
    [new ConnectError("", Code.ResourceExhausted, wait), "away", 3000],
    [new ConnectError("", Code.ResourceExhausted), "refused", undefined],
    [new ConnectError("", Code.NotFound), "gone", undefined],
    [new ConnectError("", Code.Canceled), "canceled", undefined],
    [new ConnectError("", Code.Unauthenticated), "refused", undefined],
    [new ConnectError("", Code.Internal), "refused", undefined],
    [new Error("a defect of the page"), "refused", undefined],
    [new TypeError("fetch failed"), "away", 0],
    [new DOMException("", "AbortError"), "away", 0],
    [ConnectError.from(new TypeError("fetch failed")), "away", 0],
    [new SessionEnded(), "session-ended", undefined],
    [ConnectError.from(new SessionEnded()), "session-ended", undefined],
    [new AuthError({ status: 503 }), "away", 0],
    [new AuthError({ status: 429 }), "away", 0],
  ] as const) {
    const failure = failureOf(error);
    assert.equal(failure.kind, kind, String(error));
    assert.equal("retryAfter" in failure ? failure.retryAfter : undefined, retryAfter, String(error));
  }
});

test("a refusal of the login system is told at its field", () => {
  for (const [code, field] of [
    ["PASSWORD_TOO_SHORT", "password"],
    ["INVALID_EMAIL", "email"],
    ["USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL", "email"],
    ["INVALID_EMAIL_OR_PASSWORD", ""],
    ["VALIDATION_ERROR", ""],
  ] as const) {
    const failure = failureOf(new AuthError({ status: 400, code, message: "it is wrong" }));
    assert.deepEqual(failure, { kind: "invalid", message: "It is wrong.", fields: { [field]: "It is wrong." } });
  }
});
