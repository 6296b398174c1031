// Access tokens (JWT) are valid for minutes. This module keeps the current one in
// memory, never in storage, and renews it before it expires.

/** There is no session to get tokens from: the user must sign in. */
export class SessionEnded extends Error {
  override readonly name = "SessionEnded";
}

/** Renew when this share of a token's lifetime is left, but at most maxMargin milliseconds. */
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
   * @param userId the user whom the tokens must be for. When another user signs
   *   in in another tab, the browser's cookie is theirs. Without this check the
   *   page would then act as that user.
   * @param fetchToken gets a token from the login system.
   */
  constructor(userId: string, fetchToken: () => Promise<string>, now: () => number = () => Date.now()) {
    this.#userId = userId;
    this.#fetchToken = fetchToken;
    this.#now = now;
  }

  /**
   * Returns a token that is valid for a while. It fails with fetchToken's errors,
   * and with SessionEnded when the session is another user's.
   */
  async get(): Promise<string> {
    if (this.#current && this.#now() < this.#current.renewAt) return this.#current.text;
    return this.#renew();
  }

  /**
   * Returns another token than the one that the service has just rejected. When
   * many calls are rejected at once, the first renews the token for all.
   */
  async replace(refused: string): Promise<string> {
    if (this.#current && this.#current.text !== refused) return this.#current.text;
    return this.#renew();
  }

  async #renew(): Promise<string> {
    // One request at a time; further callers wait for the same one.
    this.#renewal ??= this.#fetchToken()
      .then((text) => (this.#current = this.#read(text)))
      .finally(() => (this.#renewal = undefined));
    return (await this.#renewal).text;
  }

  #read(text: string): Token {
    const { sub, iat, exp } = claimsOf(text);
    if (sub !== this.#userId) throw new SessionEnded("another user has signed in");
    // The lifetime counts from now, since the user's clock may be wrong by hours.
    const life = (exp - iat) * 1000;
    return { text, renewAt: this.#now() + life - Math.min(life * marginShare, maxMargin) };
  }
}

/** Parses a token without verifying it; the service verifies it. */
function claimsOf(token: string): { sub: string; iat: number; exp: number } {
  const payload = token.split(".")[1] ?? "";
  const bytes = Uint8Array.from(atob(payload.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}
