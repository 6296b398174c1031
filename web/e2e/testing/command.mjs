import { execFile } from "node:child_process";

/** How long a command may take, in milliseconds: a build with no cache takes minutes. */
const timeout = 300_000;

/** The most that a command may print, in bytes. */
const maxOutput = 16 << 20;

/**
 * @typedef {object} Result
 * @property {number | string} code the exit code, or why there is none.
 * @property {string} stdout
 * @property {string} stderr
 */

/**
 * Runs a command to its end, whatever that is.
 *
 * @param {string} file
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string>, path?: string }} [options] env is added to
 *   the environment, and path, a folder, put in front of PATH.
 * @returns {Promise<Result>}
 */
export function execute(file, args, { cwd, env, path } = {}) {
  const PATH = [...(path ? [path] : []), process.env.PATH].join(":");
  return new Promise((resolve) => {
    const options = { cwd, env: { ...process.env, ...env, PATH }, timeout, maxBuffer: maxOutput };
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      resolve({ code: error ? (error.code ?? error.signal ?? error.message) : 0, stdout, stderr });
    });
    child.stdin?.end();
  });
}

/**
 * Runs a command that has to succeed.
 *
 * @param {Parameters<typeof execute>} command
 * @returns {Promise<string>} what it prints on stdout.
 */
export async function succeed(...command) {
  const { code, stdout, stderr } = await execute(...command);
  if (code !== 0) throw new Error(`${command[0]} ${command[1].join(" ")}: ${code}\n${stdout}\n${stderr}`);
  return stdout;
}
