// The service worker: it opens the page without a network. The build (vite.config.ts)
// fills in the version and the files of the page, and writes it to dist/sw.js.
//
// It answers only for the page's own files and its configuration. It lets every other
// request through, so no response of the service or of the login system is ever stored,
// not even when they share the page's origin.
//
// Each version of the page has a cache of its own, so files of two versions never mix.
// A new version is loaded in the background while the old one is used, and shown the
// next time that the page is opened or reloaded.

/// <reference lib="webworker" />

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));

/** Identifies the contents of the files. */
const version = "__VERSION__";

/** The page's files, relative to the worker. */
const files = ["__FILES__"];

const prefix = "todo-page-";
const pageCache = prefix + version;

/** The configuration is the deployment's, not the version's. */
const configCache = "todo-config";
const configFile = "config.json";

worker.addEventListener("install", (event) => event.waitUntil(install()));
worker.addEventListener("activate", (event) => event.waitUntil(activate()));
worker.addEventListener("fetch", (event) => {
  const file = fileOf(event.request);
  if (file === configFile) event.respondWith(config(event));
  else if (file !== undefined && files.includes(file)) event.respondWith(stored(file, event.request));
});

/** Loads all files, or fails, so that the version before stays. */
async function install() {
  const cache = await caches.open(pageCache);
  await cache.addAll(files.map((file) => new Request(file, { cache: "reload" })));
  // A page that runs may be older. The one thing that it loads later is what reads due
  // dates from words: without that it goes on, and has it when it is next loaded.
  await worker.skipWaiting();
}

async function activate() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(prefix) && name !== pageCache).map((name) => caches.delete(name)));
  await worker.clients.claim();
}

/**
 * Returns which of the page's files a request is for, if any.
 *
 * @param {Request} request
 */
function fileOf(request) {
  const { origin, pathname } = new URL(request.url);
  const base = new URL(worker.registration.scope);
  if (request.method !== "GET" || origin !== base.origin || !pathname.startsWith(base.pathname)) return undefined;
  return pathname.slice(base.pathname.length) || "index.html";
}

/**
 * @param {string} file
 * @param {Request} request
 */
async function stored(file, request) {
  const cache = await caches.open(pageCache);
  // Without the query, which the page itself reads.
  return (await cache.match(new URL(file, worker.registration.scope))) ?? fetch(request);
}

/**
 * Answers with the last configuration, and loads it anew for the next time.
 *
 * @param {FetchEvent} event
 */
async function config(event) {
  const cache = await caches.open(configCache);
  const loaded = fetch(event.request).then(async (response) => {
    if (response.ok) await cache.put(configFile, response.clone());
    return response;
  });
  event.waitUntil(loaded.catch(() => {}));
  return (await cache.match(configFile)) ?? loaded;
}
