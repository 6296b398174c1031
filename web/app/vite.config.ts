import { defineConfig } from "vite";

export default defineConfig({
  // One page, no router: a path that isn't there is a 404, not the page.
  appType: "mpa",
  server: { port: 5173, strictPort: true },
  preview: { port: 5173, strictPort: true },
});
