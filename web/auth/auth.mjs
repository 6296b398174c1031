// Better Auth, configured so that todod accepts its tokens. Copy this file;
// docs/better-auth.md explains it.

import { betterAuth } from "better-auth";
import { jwt } from "better-auth/plugins";

/**
 * Returns the issuer. getMigrations(auth.options) creates its tables.
 *
 * @param {import("./settings.mjs").Settings} settings
 * @param {import("pg").Pool} database
 */
export function createAuth(settings, database) {
  return betterAuth({
    // The origin of this URL is the issuer and the audience of every token.
    // todod has the same setting.
    baseURL: settings.baseURL,
    secret: settings.secret,
    database,
    trustedOrigins: settings.trustedOrigins,
    emailAndPassword: { enabled: true },
    telemetry: { enabled: false },
    plugins: [
      jwt({
        jwks: {
          // The default is EdDSA, which todod rejects.
          keyPairConfig: { alg: "RS256", modulusLength: 2048 },
          // Seconds: how long a key signs, and how long it stays published
          // after that.
          rotationInterval: settings.keyRotation,
          gracePeriod: settings.keyGrace,
        },
        jwt: {
          // With a unit: a bare number would be a date, not a duration.
          expirationTime: `${settings.tokenLifetime}s`,
          // The default is the user's whole row. todod needs only the subject,
          // which is always there.
          definePayload: () => ({}),
        },
        // Pages request a token when they need one, so session look-ups need
        // not sign another one.
        disableSettingJwtHeader: true,
      }),
    ],
  });
}
