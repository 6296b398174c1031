import assert from "node:assert/strict";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { succeed } from "./command.mjs";
import { retry } from "./eventually.mjs";
import { Program } from "./program.mjs";
import { root } from "./stack.mjs";

/** How long it may take to print its banner, in milliseconds: it makes a database first. */
const startTimeout = 60_000;

/**
 * Runs todo-dev, with everything that it starts, during the tests of a file.
 *
 * @param {string[]} args besides folders and ports.
 */
export function useTodoDev(args = []) {
  const dev = new TodoDev();
  before(() => dev.start(args));
  after(() => dev.close());
  return dev;
}

/** A running todo-dev, with a folder and ports of its own. */
export class TodoDev {
  #folder = "";
  /** @type {Program | undefined} */
  #program;

  /** @param {string[]} args */
  async start(args) {
    this.#folder = await mkdtemp(join(tmpdir(), "todo-dev-e2e-"));
    await chmod(this.#folder, 0o755); // PostgreSQL's user has to get through when root runs this.
    const file = join(this.#folder, "todo-dev");
    await succeed("go", ["build", "-buildvcs=false", "-o", file, "./cmd/todo-dev"], { cwd: root });
    const dir = join(this.#folder, "dev");
    const ports = ["-port", "0", "-issuer-port", "0", "-page-port", "0"];
    const program = new Program({
      name: "todo-dev",
      file,
      args: ["-todod", join(root, "bin/todod"), "-dir", dir, ...ports, ...args],
      cwd: this.#folder,
      env: {},
    });
    this.#program = program;
    await program.start(async (ended) => {
      await retry(async () => {
        if (!ended.aborted) assert.match(program.output, /Logs follow/);
      }, startTimeout);
      ended.throwIfAborted();
    });
  }

  async close() {
    try {
      await this.#program?.stop();
    } finally {
      await rm(this.#folder, { recursive: true, force: true });
    }
  }

  /**
   * Returns what the banner says about something, like "docs".
   *
   * @param {string} name
   * @returns {string}
   */
  value(name) {
    const output = this.#program?.output ?? "";
    const value = new RegExp(`^  ${name} +(\\S+)`, "m").exec(output)?.[1];
    assert(value, `the banner has no ${name}:\n${output}`);
    return value;
  }

  /**
   * Returns a token of the user whom the banner's commands act as, or of another.
   *
   * @param {string} query
   * @returns {Promise<string>}
   */
  async token(query = "") {
    const [, url] = /export TOKEN=\$\(curl -sS (\S+)\)/.exec(this.#program?.output ?? "") ?? [];
    const res = await fetch(`http://${url}${query}`);
    assert.equal(res.status, 200);
    return (await res.text()).trim();
  }
}
