// The generated client over a service whose answers a test gives, without a
// network.

import { create } from "@bufbuild/protobuf";
import { createClient, createRouterTransport, type Interceptor, type ServiceImpl } from "@connectrpc/connect";
import type { TodoClient } from "../api/client.ts";
import { TodoSchema, TodoService, type Todo } from "../gen/todo/v1/todo_pb.ts";

/** Returns a client whose calls are answered by these methods. */
export function clientOf(methods: Partial<ServiceImpl<typeof TodoService>>, interceptors: Interceptor[] = []): TodoClient {
  const transport = createRouterTransport(({ service }) => service(TodoService, methods), { transport: { interceptors } });
  return createClient(TodoService, transport);
}

/** Returns a todo whose title is its id. */
export function todo(id: string, fields: { isCompleted?: boolean; title?: string; description?: string } = {}): Todo {
  return create(TodoSchema, { id, title: id, ...fields });
}

/** A promise, and how to resolve it. */
export interface Gate {
  readonly passed: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  let open = () => {};
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open };
}

/** Waits until a condition holds; the test's own time limit is the bound. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
