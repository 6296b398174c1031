// Better Auth, configured so that todod takes its tokens. This is the file to
// copy; docs/better-auth.md explains it.

import { betterAuth } from "better-auth";
import { jwt } from "better-auth/plugins";

/**
 * Returns the issuer. The tables that it needs are made by
 * getMigrations(auth.options).
 *
 * @param {import("./settings.mjs").Settings} settings
 * @param {import("pg").Pool} database
 */
export function createAuth(settings, database) {
  return betterAuth({
    // The issuer and the audience of every token are the origin of this URL,
    // and todod has the same setting.
    baseURL: settings.baseURL,
    secret: settings.secret,
    database,
    trustedOrigins: settings.trustedOrigins,
    emailAndPassword: { enabled: true },
    telemetry: { enabled: false },
    plugins: [
      jwt({
        jwks: {
          // The default is EdDSA, which todod refuses.
          keyPairConfig: { alg: "RS256", modulusLength: 2048 },
          // Seconds. A key signs for as long as the first says, and is
          // published for as long again as the second says.
          rotationInterval: settings.keyRotation,
          gracePeriod: settings.keyGrace,
        },
        jwt: {
          // With its unit: a bare number would be a date, not a duration.
          expirationTime: `${settings.tokenLifetime}s`,
          // The default is the user's whole row. todod needs the subject
          // alone, which is there without asking.
          definePayload: () => ({}),
        },
        // Pages ask for a token when they need one, so no session look-up
        // has to sign one more.
        disableSettingJwtHeader: true,
      }),
    ],
  });
}
