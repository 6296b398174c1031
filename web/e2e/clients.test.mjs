// docs/clients.md, as somebody follows it who has a project of their own: its
// commands are run, what it has copied compiles and works in a browser, and the
// script for cron gets tokens of the real Better Auth.

import assert from "node:assert/strict";
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { startBrowser } from "./testing/browser.mjs";
import { execute, succeed } from "./testing/command.mjs";
import { servePage } from "./testing/page-server.mjs";
import { root, useStack } from "./testing/stack.mjs";
import { password } from "./testing/todo-page.mjs";

const stack = useStack({ page: false });
const examples = join(root, "web/examples");

/** The code blocks of docs/clients.md. @type {{ language: string, code: string }[]} */
let blocks = [];
before(async () => {
  const text = await readFile(join(root, "docs/clients.md"), "utf8");
  blocks = [...text.matchAll(/^```(\w+)\n(.*?)^```/gms)].map(([, language = "", code = ""]) => ({ language, code }));
});

/**
 * Returns the one block of a language that has a text in it, with the stack's
 * addresses.
 *
 * @param {string} language
 * @param {string} text
 */
function block(language, text) {
  const found = blocks.filter((block) => block.language === language && block.code.includes(text));
  assert.equal(found.length, 1, `blocks with ${text}`);
  return (found[0]?.code ?? "").replaceAll("http://localhost:8080", stack.apiURL).replaceAll("http://localhost:8081", stack.authURL);
}

/**
 * Returns a folder that is removed when the test has ended.
 *
 * @param {import("node:test").TestContext} t
 */
async function newFolder(t) {
  const folder = await mkdtemp(join(tmpdir(), "todo-clients-"));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

describe("a project of one's own", () => {
  test("what is copied and installed is what the page uses, without its tests", async () => {
    const api = await readdir(join(root, "web/app/src/api"));
    const wanted = api.filter((name) => !name.includes(".test.")).map((name) => name.replace(".ts", ""));
    const copy = block("sh", "src/api");
    assert.deepEqual(/for file in (.*?);/.exec(copy)?.[1]?.split(" "), wanted);
    const { dependencies } = JSON.parse(await readFile(join(examples, "package.json"), "utf8"));
    const installs = copy + block("sh", "npm install react@");
    const named = [...installs.matchAll(/ (@?[\w/-]+)@(\d[\d.]*)/g)].map(([, name, version]) => [name, version]);
    assert.deepEqual(Object.fromEntries(named), dependencies);
    const app = JSON.parse(await readFile(join(root, "web/app/package.json"), "utf8"));
    for (const [name, version] of Object.entries(app.dependencies)) {
      assert([undefined, version].includes(dependencies[name]), `${name}: the page has ${version}`);
    }
  });

  test("it compiles, and its pages work", async (t) => {
    const project = await newFolder(t);
    const copy = block("sh", "src/api").replaceAll(/^npm install .*$/gm, "");
    await succeed("bash", ["-euc", copy], { cwd: project, env: { TODO: root } });
    await symlink(join(root, "web/node_modules"), join(project, "node_modules"));
    for (const name of ["app.tsx", "main.tsx", "fetch.ts"]) {
      await cp(join(examples, "src", name), join(project, "src", name));
    }
    await writeFile(join(project, "src/client.ts"), block("ts", "createTodoClient"));
    await writeFile(join(project, "src/plain.ts"), block("ts", "./fetch.ts"));
    await writeFile(join(project, "src/all.ts"), `import "./main.tsx";\nexport { connect } from "./fetch.ts";\nimport { connect } from "./fetch.ts";\nObject.assign(globalThis, { connect });\n`);
    await writeFile(join(project, "index.html"), `<!doctype html><title>Todos</title><body><script type="module" src="/src/all.ts"></script>`);
    const { compilerOptions } = JSON.parse((await readFile(join(examples, "tsconfig.json"), "utf8")).replaceAll(/^\s*\/\/.*$/gm, ""));
    delete compilerOptions.rootDirs;
    await writeFile(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["src"] }));
    const bin = join(root, "web/node_modules/.bin");
    await succeed(join(bin, "tsc"), [], { cwd: project });
    await succeed(join(bin, "vite"), ["build"], { cwd: project, env: { VITE_API_URL: stack.apiURL, VITE_AUTH_URL: stack.authURL } });

    t.after(await servePage(join(project, "dist"), Number(new URL(stack.pageURL).port), { apiUrl: stack.apiURL, authUrl: stack.authURL }));
    const browser = await startBrowser();
    t.after(() => browser.close());
    const page = await browser.newPage();
    await page.goto(stack.pageURL);
    await page.getByLabel("Email").fill(stack.newEmail("react"));
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Sign up" }).click();
    for (const title of ["Buy milk", "Buy bread"]) {
      await page.getByLabel("What is to be done").fill(title);
      await page.getByRole("button", { name: "Add" }).click();
      await page.getByRole("checkbox", { name: title }).waitFor();
    }
    await page.getByRole("checkbox", { name: "Buy milk" }).click();
    await page.locator("li", { hasText: "Buy milk" }).getByRole("checkbox", { checked: true }).waitFor();
    await page.locator("li", { hasText: "Buy bread" }).getByRole("button", { name: "Delete" }).click();
    await page.getByRole("checkbox", { name: "Buy bread" }).waitFor({ state: "detached" });

    // Of the same session, by fetch alone.
    const { made, list, restored, refusal } = await page.evaluate(
      async ([api, auth]) => {
        const todos = /** @type {any} */ (globalThis).connect(api, auth);
        const made = await todos.create({ title: "Buy eggs" });
        await todos.update(made.id, { description: "six" });
        const { todos: list } = await todos.list();
        await todos.remove(made.id);
        const restored = await todos.restore(made.id);
        await todos.remove(made.id);
        const refusal = await todos.remove(made.id).catch((/** @type {any} */ error) => ({ ...error, message: error.message }));
        return { made, list, restored, refusal };
      },
      /** @type {const} */ ([stack.apiURL, stack.authURL]),
    );
    assert.deepEqual(
      list.map((/** @type {any} */ { title, description, isCompleted }) => [title, description, isCompleted]),
      [["Buy eggs", "six", false], ["Buy milk", undefined, true]],
    );
    assert.equal(made.isCompleted, false);
    assert.equal(restored.description, "six");
    assert.deepEqual({ code: refusal.code, status: refusal.status, message: refusal.message }, { code: "not_found", status: 404, message: "todo not found" });
  });
});

describe("a script", () => {
  test("the commands work as pasted, one after the other", async (t) => {
    const cwd = await newFolder(t);
    const script = [block("sh", "sign-up/email"), block("sh", "-c cookies"), block("sh", "web/examples/token.sh")].join("\n");
    await mkdir(join(cwd, "web"));
    await symlink(examples, join(cwd, "web/examples"));
    const stdout = await succeed("bash", ["-euo", "pipefail", "-c", script], { cwd, env: { TOKEN_DIR: join(cwd, "kept") } });
    const [signedUp, first, second] = stdout.trim().split("\n");
    assert.match(signedUp ?? "", /"email":"backup@example.com"/);
    assert.equal(first, `{"todos":[],"nextPageToken":""}`);
    assert.equal(second, first);
  });

  test("a token is kept while it is good, renewed before its end, and replaced with the session", async (t) => {
    const cwd = await newFolder(t);
    const [email, secret] = [stack.newEmail("cron"), `with "quotes" and \\backslashes`];
    const account = { name: "Cron", email, password: secret };
    await signUp(account);
    const env = { AUTH_URL: stack.authURL, AUTH_EMAIL: email, AUTH_PASSWORD: secret, TOKEN_DIR: join(cwd, "kept") };
    const token = async () => (await succeed("sh", [join(examples, "token.sh")], { env })).trim();
    const sessions = async () => {
      const rows = await stack.execute(`SELECT s.token FROM session s JOIN "user" u ON u.id = s."userId" WHERE u.email = '${email}'`);
      return rows.length;
    };
    const before = await sessions();
    const first = await token();
    assert.equal((await call(first)).status, 200);
    assert.equal(await token(), first, "a good token is kept");
    assert.equal(await sessions(), before + 1);

    await writeFile(join(cwd, "kept/token"), aged(first, 59));
    const renewed = await token();
    assert.equal((await call(renewed)).status, 200);
    assert.equal(await sessions(), before + 1, "by the same session");
    await writeFile(join(cwd, "kept/token"), aged(first, 70));
    assert.equal(await token(), aged(first, 70), "a minute before its end it is still good");

    await stack.execute("DELETE FROM session");
    await writeFile(join(cwd, "kept/token"), aged(first, 0));
    assert.equal((await call(await token())).status, 200);
    assert.equal(await sessions(), 1, "a new session");
    assert.deepEqual((await readdir(join(cwd, "kept"))).sort(), ["cookies", "token"]);
  });

  test("what is wrong is said, and no token printed", async (t) => {
    const TOKEN_DIR = await newFolder(t);
    await chmod(TOKEN_DIR, 0o700);
    const good = { AUTH_URL: stack.authURL, AUTH_EMAIL: "nobody@example.com", AUTH_PASSWORD: "wrong horse", TOKEN_DIR };
    for (const [env, want] of /** @type {const} */ ([
      [good, /INVALID_EMAIL_OR_PASSWORD.* 401/],
      [{ ...good, AUTH_URL: "http://127.0.0.1:1" }, /connect/],
      [{ ...good, AUTH_PASSWORD: "" }, /AUTH_PASSWORD/],
    ])) {
      const { code, stdout, stderr } = await execute("sh", [join(examples, "token.sh")], { env });
      assert.notEqual(code, 0);
      assert.equal(stdout, "");
      assert.match(stderr, want);
    }
  });
});

/** @param {{ name: string, email: string, password: string }} account */
async function signUp(account) {
  const res = await fetch(`${stack.authURL}/api/auth/sign-up/email`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Origin: stack.pageURL },
    body: JSON.stringify(account),
  });
  assert.equal(res.status, 200, await res.text());
}

/** @param {string} token */
function call(token) {
  return fetch(`${stack.apiURL}/api/todos`, { headers: { Authorization: `Bearer ${token}` } });
}

/**
 * Returns the token with an end in so many seconds, which its signature does not
 * fit.
 *
 * @param {string} token
 * @param {number} seconds
 */
function aged(token, seconds) {
  const [header, payload = "", signature] = token.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
  claims.exp = Math.floor(Date.now() / 1000) + seconds;
  return [header, Buffer.from(JSON.stringify(claims)).toString("base64url"), signature].join(".");
}
