import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";

/** How long a program may take to end by itself, in milliseconds: more than its drain. */
const stopTimeout = 20_000;

/** How long one that runs to its end may take, in milliseconds. */
const runTimeout = 60_000;

/**
 * @typedef {object} Command
 * @property {string} name for messages.
 * @property {string} file
 * @property {string[]} args
 * @property {Record<string, string>} env is all that the program sees of the environment, besides PATH and HOME.
 * @property {string} cwd
 */

/** A program that runs beside the tests, and can be stopped and started again. */
export class Program {
  /** @type {import("node:child_process").ChildProcess | undefined} */
  #child;
  #output = "";

  /** @param {Command} command */
  constructor(command) {
    this.command = command;
  }

  /** Everything that the program has printed, over all its runs. */
  get output() {
    return this.#output;
  }

  /**
   * Starts the program, and waits until it is ready.
   *
   * @param {(signal: AbortSignal) => Promise<void>} ready resolves when it is; the signal says
   *   that the program has ended instead.
   */
  async start(ready) {
    const { name } = this.command;
    const child = this.#spawn();
    const ended = new AbortController();
    child.once("exit", () => ended.abort());
    this.#child = child;
    try {
      await ready(ended.signal);
    } catch (error) {
      throw new Error(`${name} did not start\n${this.#output}`, { cause: error });
    }
  }

  /** Runs the program to its end, which must be a good one. */
  async run() {
    const child = this.#spawn();
    const timer = setTimeout(() => child.kill("SIGKILL"), runTimeout);
    const [code, signal] = await once(child, "close");
    clearTimeout(timer);
    assert.equal(code ?? signal, 0, `${this.command.name} failed\n${this.#output}`);
  }

  /** Ends the program by SIGTERM, which it must obey in time and with success. */
  async stop() {
    const child = this.#child;
    if (!child) return;
    this.#child = undefined;
    if (child.exitCode === null && child.signalCode === null) {
      const exit = once(child, "exit");
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), stopTimeout);
      await exit;
      clearTimeout(timer);
    }
    assert.equal(child.signalCode ?? child.exitCode, 0, `${this.command.name} did not end well\n${this.#output}`);
  }

  #spawn() {
    const { file, args, env, cwd } = this.command;
    const { PATH = "", HOME = "" } = process.env;
    const child = spawn(file, args, { cwd, env: { PATH, HOME, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    child.on("error", (error) => (this.#output += `${error}\n`));
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => (this.#output += text));
    }
    return child;
  }
}
