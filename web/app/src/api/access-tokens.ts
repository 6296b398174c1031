// Access tokens (JWT) live for minutes. This keeps the current one in memory,
// never in storage, and renews it before its time is over.

/** Says that there is no session to get tokens from: the user must sign in. */
export class SessionEnded extends Error {
  override readonly name = "SessionEnded";
}

/** Renew when this much of a token's life is left, but at most maxMargin. */
const marginShare = 0.2;
const maxMargin = 60_000;

interface Token {
  readonly text: string;
  /** When to renew, in milliseconds of the page's own clock. */
  readonly renewAt: number;
}

/** The access tokens of one user. */
export class AccessTokens {
  #current: Token | undefined;
  #renewal: Promise<Token> | undefined;
  readonly #userId: string;
  readonly #fetchToken: () => Promise<string>;
  readonly #now: () => number;

  /**
   * @param userId whom the tokens must be for. Someone else may sign in in
   *   another tab, and the browser's one cookie is then theirs: without this
   *   check the page would go on under their name.
   * @param fetchToken asks the login system for a token.
   */
  constructor(userId: string, fetchToken: () => Promise<string>, now: () => number = () => Date.now()) {
    this.#userId = userId;
    this.#fetchToken = fetchToken;
    this.#now = now;
  }

  /**
   * Returns a token that is good for a while. It fails as fetchToken does, and
   * with SessionEnded when the session is another user's.
   */
  async get(): Promise<string> {
    if (this.#current && this.#now() < this.#current.renewAt) return this.#current.text;
    return this.#renew();
  }

  /**
   * Returns a token other than the one that the service has just refused. Of
   * many calls that were refused at once, the first renews for all.
   */
  async replace(refused: string): Promise<string> {
    if (this.#current && this.#current.text !== refused) return this.#current.text;
    return this.#renew();
  }

  async #renew(): Promise<string> {
    // One request at a time, whoever waits for it.
    this.#renewal ??= this.#fetchToken()
      .then((text) => (this.#current = this.#read(text)))
      .finally(() => (this.#renewal = undefined));
    return (await this.#renewal).text;
  }

  #read(text: string): Token {
    const { sub, iat, exp } = claimsOf(text);
    if (sub !== this.#userId) throw new SessionEnded("another user has signed in");
    // The life counts from now: the user's clock may be wrong by hours.
    const life = (exp - iat) * 1000;
    return { text, renewAt: this.#now() + life - Math.min(life * marginShare, maxMargin) };
  }
}

/** Reads a token without verifying it, which is the service's part. */
function claimsOf(token: string): { sub: string; iat: number; exp: number } {
  const payload = token.split(".")[1] ?? "";
  const bytes = Uint8Array.from(atob(payload.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}
