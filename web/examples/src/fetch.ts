// The service by fetch alone: no packages, no generated code. docs/clients.md
// says more.

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
  /** Where to go on; empty at the end. */
  readonly nextPageToken: string;
}

/** Why the service refused a call. */
export class TodoError extends Error {
  override readonly name = "TodoError";
  /** The HTTP status. */
  readonly status: number;
  /** What to act on, like "not_found": the README lists them. */
  readonly code: string;
  /** After how many milliseconds the same call may succeed; absent when it won't. */
  readonly retryAfter: number | undefined;

  constructor(res: Response, refusal: { code: string; message: string }) {
    super(refusal.message);
    this.status = res.status;
    this.code = refusal.code;
    const seconds = res.headers.get("Retry-After");
    this.retryAfter = seconds === null ? undefined : 1000 * Number(seconds);
  }
}

/** Returns the service at apiUrl, for who is signed in at the Better Auth server at authUrl. */
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

    /** An id of one's own, a fresh one for each todo, makes it safe to call again. */
    create: (todo: { id?: string; title: string; description?: string }) =>
      call<Todo>("POST", "", { id: crypto.randomUUID(), ...todo }),

    /** Changes what is named, and nothing else. */
    update: (id: string, changes: { title?: string; description?: string; isCompleted?: boolean }) =>
      call<Todo>("PATCH", `/${id}`, changes),

    remove: (id: string) => call<object>("DELETE", `/${id}`),
  };
}

/** Returns a function that returns an access token, and gets a new one when a fifth of its life is left. */
function tokensOf(authUrl: string): () => Promise<string> {
  let token = "";
  let renewAt = 0;
  return async () => {
    if (Date.now() < renewAt) return token;
    // With the session's cookie, which signing in has set.
    const res = await fetch(`${authUrl}/api/auth/token`, { credentials: "include" });
    if (!res.ok) throw new Error(res.status === 401 ? "nobody is signed in" : `no token: status ${res.status}`);
    token = (await res.json()).token;
    const payload = token.split(".")[1] ?? "";
    const { iat, exp } = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
    renewAt = Date.now() + (exp - iat) * 800;
    return token;
  };
}
