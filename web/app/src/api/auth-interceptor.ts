import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import type { AccessTokens } from "./access-tokens.ts";

/**
 * Returns an interceptor that sends the user's access token with every call.
 *
 * A token can be refused although it looked good here: keys rotate, clocks
 * differ, laptops sleep. The call is then made once more, with a new one. That
 * is safe for writes too, because the service looks at the token before it
 * looks at anything else.
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
