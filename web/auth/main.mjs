// A Better Auth server for development and the end-to-end tests:
//
//	node main.mjs
//
// README.md lists its settings.

import { startServer } from "./server.mjs";
import { readSettings, SettingsError } from "./settings.mjs";

try {
  const settings = readSettings(process.env);
  const server = await startServer(settings);
  for (const signal of ["SIGTERM", "SIGINT"]) {
    // Once: a second signal ends the process at once.
    process.once(signal, () => {
      console.log(`auth: ${signal}: finishing the requests in flight`);
      void server.close();
    });
  }
  console.log(`auth: listening on port ${server.port} as ${settings.baseURL}`);
} catch (error) {
  if (error instanceof SettingsError) {
    for (const fault of error.faults) console.error(`auth: ${fault}`);
  } else {
    console.error("auth:", error instanceof Error && error.message ? error.message : error);
  }
  process.exitCode = 1;
}
