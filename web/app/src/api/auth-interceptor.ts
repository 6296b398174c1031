import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import type { AccessTokens } from "./access-tokens.ts";

/**
 * Returns an interceptor that sends the user's access token with every call.
 *
 * The service can reject a token that seemed valid here: keys rotate, clocks
 * differ, laptops sleep. Then the call is repeated once, with a new token. This
 * is safe for writes too, since the service checks the token before it does
 * anything else.
 */
export function authInterceptor(tokens: AccessTokens): Interceptor {
  return (next) => async (req) => {
    const token = await tokens.get();
    req.header.set("Authorization", `Bearer ${token}`);
    try {
      return await next(req);
    } catch (error) {
      if (ConnectError.from(error).code !== Code.Unauthenticated) throw error;
      req.header.set("Authorization", `Bearer ${await tokens.replace(token)}`);
      return await next(req);
    }
  };
}
