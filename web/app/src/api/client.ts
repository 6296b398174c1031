import { createClient, type Client } from "@connectrpc/connect";
import { TodoService } from "../gen/todo/v1/todo_pb.ts";
import { AccessTokens } from "./access-tokens.ts";
import type { Account, User } from "./account.ts";
import { authInterceptor } from "./auth-interceptor.ts";
import { createTransport, type WireFormat } from "./transport.ts";

/** The service's methods, as calls: `await client.createTodo({ title })`. */
export type TodoClient = Client<typeof TodoService>;

/** Returns a client of the service at baseUrl that makes its calls as the user. */
export function createTodoClient(baseUrl: string, format: WireFormat, account: Account, user: User): TodoClient {
  const tokens = new AccessTokens(user.id, () => account.token());
  return createClient(TodoService, createTransport(baseUrl, format, [authInterceptor(tokens)]));
}
