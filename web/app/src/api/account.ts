// Signing up, in and out with Better Auth, and getting access tokens from it.

import { createAuthClient } from "better-auth/client";
import { jwtClient } from "better-auth/client/plugins";
import { SessionEnded } from "./access-tokens.ts";

/** How long a request to Better Auth may take, in milliseconds. */
const authTimeout = 10_000;

/** The user who is signed in. */
export interface User {
  /** The subject of the user's access tokens. */
  readonly id: string;
  readonly name: string;
  readonly email: string;
}

interface Refusal {
  status: number;
  code?: string | undefined;
  message?: string | undefined;
}

/** An error response of Better Auth. */
export class AuthError extends Error {
  override readonly name = "AuthError";
  /** The HTTP status. */
  readonly status: number;
  /** Better Auth's error code, like INVALID_PASSWORD; may be empty. */
  readonly code: string;

  constructor(answer: Refusal) {
    super(answer.message || "The request was refused.");
    this.status = answer.status;
    this.code = answer.code ?? "";
  }
}

/**
 * The user's account. Every method fails with AuthError when Better Auth
 * responds with an error, and with fetch's errors when it can't be reached.
 */
export type Account = ReturnType<typeof createAccount>;

/** Returns the account on the Better Auth server at baseURL. */
export function createAccount(baseURL: string) {
  // The session is a cookie of the Better Auth server. The client sends it
  // (credentials: "include"); this page can't read it.
  const client = createAuthClient({
    baseURL,
    plugins: [jwtClient()],
    fetchOptions: { timeout: authTimeout },
  });
  return {
    /** Returns the user who is signed in, if any. */
    async user(): Promise<User | undefined> {
      return dataOf(await client.getSession())?.user;
    },

    /** Signs in, and returns the user. */
    async signIn(email: string, password: string): Promise<User> {
      return dataOf(await client.signIn.email({ email, password })).user;
    },

    /** Creates an account, and signs in with it. */
    async signUp(name: string, email: string, password: string): Promise<User> {
      return dataOf(await client.signUp.email({ name, email, password })).user;
    },

    /** Ends the session. Access tokens stay valid until they expire. */
    async signOut(): Promise<void> {
      dataOf(await client.signOut());
    },

    /** Returns a new access token. It fails with SessionEnded when nobody is signed in. */
    async token(): Promise<string> {
      const answer = await client.token();
      if (answer.error?.status === 401) throw new SessionEnded("the session is over");
      return dataOf(answer).token;
    },
  };
}

/** Returns the data of Better Auth's response, or throws its error. */
function dataOf<A extends { data: unknown; error: Refusal | null }>(answer: A): Extract<A, { error: null }>["data"] {
  if (answer.error) throw new AuthError(answer.error);
  return answer.data;
}
