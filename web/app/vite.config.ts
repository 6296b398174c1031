import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig, type Plugin } from "vite";

/** The deployment's, so no file of the page. */
const configFile = "config.json";

/** Writes sw.js with the names of the page's files, and a version that changes with their contents. */
function serviceWorker(): Plugin {
  return {
    name: "service-worker",
    apply: "build",
    enforce: "post",
    generateBundle(_, bundle) {
      const folder = join(import.meta.dirname, "public");
      const contents = new Map<string, string | Uint8Array>();
      for (const name of readdirSync(folder)) contents.set(name, readFileSync(join(folder, name)));
      for (const file of Object.values(bundle)) contents.set(file.fileName, file.type === "chunk" ? file.code : file.source);
      contents.delete(configFile);
      const names = [...contents.keys()].sort();
      const template = readFileSync(join(import.meta.dirname, "service-worker.js"), "utf8");
      const hash = createHash("sha256").update(template);
      for (const name of names) hash.update(name).update(contents.get(name)!);
      const source = template
        .replace(`["__FILES__"]`, () => JSON.stringify(names))
        .replace("__VERSION__", hash.digest("hex").slice(0, 16));
      this.emitFile({ type: "asset", fileName: "sw.js", source });
    },
  };
}

export default defineConfig({
  // One page, no router: a path that isn't there is a 404, not the page.
  appType: "mpa",
  plugins: [serviceWorker()],
  server: { port: 5173, strictPort: true },
  preview: { port: 5173, strictPort: true },
});
