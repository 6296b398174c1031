// The settings of the server, from the environment.

/** The longest lifetime of a token, in seconds: a day. */
const maxTokenLifetime = 24 * 60 * 60;

/** The longest of the other durations, in seconds: a year. */
const maxDuration = 365 * 24 * 60 * 60;

/** How long a key signs by default, in seconds: 30 days. */
const defaultRotation = 30 * 24 * 60 * 60;

/** Better Auth's own warning begins below this many characters. */
const minSecretLength = 32;

/** todod reads at most 100 keys; this leaves room for keys made at once. */
const maxPublishedKeys = 50;

/**
 * The settings of the server. Durations are in seconds.
 *
 * @typedef {object} Settings
 * @property {string} databaseURL PostgreSQL's connection string.
 * @property {string} baseURL The server's public origin.
 * @property {string} secret Signs cookies, and encrypts the keys in the database.
 * @property {string[]} trustedOrigins The origins of the pages that may call.
 * @property {string} host The address to listen on.
 * @property {number} port The TCP port to listen on; 0 for a free one.
 * @property {number} tokenLifetime How long an access token is valid.
 * @property {number} keyRotation How long a key signs.
 * @property {number} keyGrace How long a key is published after that.
 */

/** Names all settings that are at fault. */
export class SettingsError extends Error {
  /** @param {string[]} faults */
  constructor(faults) {
    super(faults.join("; "));
    this.name = "SettingsError";
    /** One sentence for each, beginning with the variable's name. */
    this.faults = faults;
  }
}

/**
 * Reads the settings. An empty variable counts as missing.
 *
 * @param {Record<string, string | undefined>} env
 * @returns {Settings}
 * @throws {SettingsError} with all faults.
 */
export function readSettings(env) {
  /** @type {string[]} */
  const faults = [];

  /**
   * Reads one variable. The parser's error continues a sentence that begins with
   * the variable's name.
   *
   * @template T
   * @param {string} name
   * @param {(text: string) => T} parse
   * @param {string} [fallback] makes the variable optional.
   * @returns {T} not to be used after a fault.
   */
  const read = (name, parse, fallback) => {
    const text = env[name]?.trim() || fallback;
    try {
      if (text === undefined) throw new Error("is required");
      return parse(text);
    } catch (error) {
      faults.push(`${name} ${/** @type {Error} */ (error).message}`);
      return /** @type {T} */ (undefined);
    }
  };

  const settings = {
    databaseURL: read("DATABASE_URL", parseDatabaseURL),
    baseURL: read("BETTER_AUTH_URL", parseOrigin),
    secret: read("BETTER_AUTH_SECRET", parseSecret),
    trustedOrigins: read("TRUSTED_ORIGINS", parseOrigins),
    host: read("HOST", String, "127.0.0.1"),
    port: read("PORT", integer(0, 65535), "3000"),
    tokenLifetime: read("JWT_TTL", integer(1, maxTokenLifetime), "900"),
    keyRotation: read("JWKS_ROTATION", integer(0, maxDuration), "0") || defaultRotation,
    keyGrace: read("JWKS_GRACE", integer(1, maxDuration), "86400"),
  };
  // Comparisons with a value at fault are false.
  if (settings.keyGrace < settings.tokenLifetime) {
    faults.push("JWKS_GRACE must be at least JWT_TTL: a token may be as old as that when its key has stopped signing");
  }
  if (settings.keyGrace > settings.keyRotation * maxPublishedKeys) {
    faults.push(`JWKS_GRACE must be at most ${maxPublishedKeys} times JWKS_ROTATION: more keys would be published than todod reads`);
  }
  if (faults.length > 0) throw new SettingsError(faults);
  return settings;
}

/** @param {string} text */
function parseDatabaseURL(text) {
  // The text may contain a password, so no error shows it.
  if (!URL.canParse(text) || !/^postgres(ql)?:$/.test(new URL(text).protocol)) {
    throw new Error("must be like postgres://user:password@host:5432/database");
  }
  return text;
}

/** @param {string} text */
function parseOrigin(text) {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) throw new Error("must be like https://example.com");
  if (url.host.includes("*")) throw new Error("must name each origin; * is not supported");
  if (url.href !== `${url.origin}/`) {
    throw new Error("must have nothing after host and port, and no user: like https://example.com");
  }
  return url.origin;
}

/** @param {string} text */
function parseOrigins(text) {
  return text.split(",").map((origin) => parseOrigin(origin.trim()));
}

/** @param {string} text */
function parseSecret(text) {
  if (text.length < minSecretLength) {
    throw new Error(`must have at least ${minSecretLength} characters: openssl rand -base64 32 makes one`);
  }
  return text;
}

/**
 * @param {number} least
 * @param {number} most
 */
function integer(least, most) {
  return (/** @type {string} */ text) => {
    const n = /^\d+$/.test(text) ? Number(text) : NaN;
    if (!(n >= least && n <= most)) throw new Error(`must be a whole number from ${least} to ${most}`);
    return n;
  };
}
