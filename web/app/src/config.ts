// The page's configuration. The build has defaults; a /config.json beside the page
// overrides them, so the same build runs anywhere.

/** The configuration of the page. */
export interface Config {
  /** The todo service's URL. */
  readonly apiUrl: string;
  /** The Better Auth server's URL. */
  readonly authUrl: string;
  /** How long a deletion or a completion can be undone, in seconds: 1 to 60. */
  readonly undoSeconds: number;
}

/** How long to wait for /config.json, in milliseconds. */
const loadTimeout = 5_000;

/**
 * Returns the build's defaults, overridden by /config.json if there is one.
 *
 * @throws Error when the file can't be read or has a wrong value.
 */
export async function loadConfig(): Promise<Config> {
  const response = await fetch(`${import.meta.env.BASE_URL}config.json`, {
    cache: "no-store",
    signal: AbortSignal.timeout(loadTimeout),
  });
  if (!response.ok && response.status !== 404) {
    throw new Error(`config.json: the server answered ${response.status}`);
  }
  return parseConfig(response.ok ? await response.json() : {}, {
    apiUrl: import.meta.env.VITE_API_URL ?? "http://localhost:8080",
    authUrl: import.meta.env.VITE_AUTH_URL ?? "http://localhost:3000",
    undoSeconds: 8,
  });
}

/**
 * Returns defaults, overridden by the members of a /config.json.
 *
 * @throws Error that names the member at fault.
 */
export function parseConfig(json: unknown, defaults: Config): Config {
  const given = typeof json === "object" && json !== null ? (json as Record<string, unknown>) : {};
  const undoSeconds = Number(given["undoSeconds"] ?? defaults.undoSeconds);
  if (!(undoSeconds >= 1 && undoSeconds <= 60)) {
    throw new Error("config.json: undoSeconds must be from 1 to 60");
  }
  return {
    apiUrl: parseUrl("apiUrl", given["apiUrl"] ?? defaults.apiUrl),
    authUrl: parseUrl("authUrl", given["authUrl"] ?? defaults.authUrl),
    undoSeconds,
  };
}

function parseUrl(name: string, value: unknown): string {
  if (typeof value !== "string" || !/^https?:/.test(value) || !URL.canParse(value)) {
    throw new Error(`config.json: ${name} must be a URL like https://example.com`);
  }
  return value.replace(/\/+$/, "");
}
