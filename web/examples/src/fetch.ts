// A client of the service with only fetch: no packages, no generated code. See
// docs/clients.md.

export interface Todo {
  readonly id: string;
  readonly title: string;
  readonly description?: string;
  readonly isCompleted: boolean;
  /** RFC 3339, in UTC. */
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface Page {
  readonly todos: readonly Todo[];
  /** The token of the next page; empty on the last page. */
  readonly nextPageToken: string;
}

/** Why a call failed. */
export class TodoError extends Error {
  override readonly name = "TodoError";
  /** The HTTP status. */
  readonly status: number;
  /** The error code, like "not_found": the README lists them. */
  readonly code: string;
  /** After how many milliseconds to retry; absent when a retry won't help. */
  readonly retryAfter: number | undefined;

  constructor(res: Response, refusal: { code: string; message: string }) {
    super(refusal.message);
    this.status = res.status;
    this.code = refusal.code;
    const seconds = res.headers.get("Retry-After");
    this.retryAfter = seconds === null ? undefined : 1000 * Number(seconds);
  }
}

/** Returns a client of the service at apiUrl, for the user who is signed in at the Better Auth server at authUrl. */
export function connect(apiUrl: string, authUrl: string) {
  const accessToken = tokensOf(authUrl);

  async function call<T>(method: string, path: string, body?: object): Promise<T> {
    const res = await fetch(`${apiUrl}/api/todos${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${await accessToken()}`,
        ...(body && { "Content-Type": "application/json" }),
      },
      body: body ? JSON.stringify(body) : null,
      signal: AbortSignal.timeout(10_000),
    });
    const answer = await res.json();
    if (!res.ok) throw new TodoError(res, answer);
    return answer;
  }

  return {
    list: (pageToken = "") => call<Page>("GET", `?${new URLSearchParams({ pageSize: "20", pageToken })}`),

    /** Sends an id, so that the call is safe to repeat with the same id. */
    create: (todo: { id?: string; title: string; description?: string }) =>
      call<Todo>("POST", "", { id: crypto.randomUUID(), ...todo }),

    /** Changes only the given fields. */
    update: (id: string, changes: { title?: string; description?: string; isCompleted?: boolean }) =>
      call<Todo>("PATCH", `/${id}`, changes),

    /** Moves the todo to the trash. */
    remove: (id: string) => call<object>("DELETE", `/${id}`),

    /** Restores a todo from the trash. */
    restore: (id: string) => call<Todo>("POST", `/${id}:undelete`, {}),
  };
}

/** Returns a function that returns an access token, and renews it when a fifth of its lifetime is left. */
function tokensOf(authUrl: string): () => Promise<string> {
  let token = "";
  let renewAt = 0;
  return async () => {
    if (Date.now() < renewAt) return token;
    // Sends the session's cookie, which signing in has set.
    const res = await fetch(`${authUrl}/api/auth/token`, { credentials: "include" });
    if (!res.ok) throw new Error(res.status === 401 ? "nobody is signed in" : `no token: status ${res.status}`);
    token = (await res.json()).token;
    const payload = token.split(".")[1] ?? "";
    const { iat, exp } = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
    renewAt = Date.now() + (exp - iat) * 800;
    return token;
  };
}
