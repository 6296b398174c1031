// A program of somebody who has the OpenAPI document and nothing else: it calls
// each operation through the types that are generated from it, and prints what
// came. ../openapi.test.mjs generates, type-checks and runs it.

import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

type Failure = components["schemas"]["Error"];

const { API_URL: baseUrl = "", TOKEN: token = "" } = process.env;
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });

/** Returns the answer to a call that has to succeed. */
function answerOf<Answer>(result: { data?: Answer; error?: Failure }): Answer {
  if (result.data === undefined) throw new Error(`${result.error?.code}: ${result.error?.message}`);
  return result.data;
}

const created = answerOf(await client.POST("/api/todos", { body: { title: "Buy milk", description: "2 litres" } }));
const path = { id: created.id };
const read = answerOf(await client.GET("/api/todos/{id}", { params: { path } }));
const other = answerOf(await client.POST("/api/todos", { body: { title: "Buy bread" } }));
const updated = answerOf(
  await client.PATCH("/api/todos/{id}", { params: { path }, body: { description: "", isCompleted: true } }),
);

const first = answerOf(await client.GET("/api/todos", { params: { query: { pageSize: 1 } } }));
const second = answerOf(
  await client.GET("/api/todos", { params: { query: { pageSize: 1, pageToken: first.nextPageToken } } }),
);
const completed = answerOf(await client.GET("/api/todos", { params: { query: { isCompleted: true } } }));
const titles = [first, second, completed].map(({ todos }) => todos.map(({ title }) => title));

const deleted = answerOf(await client.DELETE("/api/todos/{id}", { params: { path } }));

// What goes wrong has one type, whichever status it comes with.
const gone = await client.GET("/api/todos/{id}", { params: { path } });
const blank = await client.POST("/api/todos", { body: { title: "  " } });
const anonymous = await client.GET("/api/todos", { headers: { Authorization: null } });
const failures = [gone, blank, anonymous].map(({ error, response }) => ({
  status: response.status,
  code: error?.code,
  details: error?.details?.map(({ type, debug }) => ({ type, debug })),
}));

const { data: health } = await client.GET("/api/health");

console.log(JSON.stringify({ created, read, other, updated, titles, deleted, failures, health }));

// The document is as strict as the service: none of these is for it to refuse.
export const mistakes = [
  // @ts-expect-error a title is required
  () => client.POST("/api/todos", { body: { description: "2 litres" } }),
  // @ts-expect-error the body is required
  () => client.POST("/api/todos", {}),
  // @ts-expect-error there is no such field
  (): components["schemas"]["CreateTodoRequest"] => ({ title: "Buy milk", isCompleted: true }),
  // @ts-expect-error null clears nothing
  () => client.PATCH("/api/todos/{id}", { params: { path }, body: { description: null } }),
  // @ts-expect-error the id is required
  () => client.GET("/api/todos/{id}"),
  // @ts-expect-error a number is no text
  () => client.GET("/api/todos", { params: { query: { pageSize: "1" } } }),
  // @ts-expect-error there is no such parameter
  () => client.GET("/api/todos", { params: { query: { page: 2 } } }),
  // @ts-expect-error there is no such path
  () => client.GET("/api/todo"),
  // @ts-expect-error a todo need not have a description
  () => created.description.length,
  // @ts-expect-error there is no such code
  () => gone.error?.code === "gone",
];

// What is always there needs no check.
export const certainties = [
  created.id.length,
  created.createdAt.length,
  created.updatedAt.length,
  !created.isCompleted,
  first.todos.length,
  first.nextPageToken.length,
];
