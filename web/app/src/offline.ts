/**
 * Lets the page open without a network: registers the service worker (service-worker.js).
 * Browsers have service workers in secure contexts only; the page works without one.
 */
export async function openOffline(): Promise<void> {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register(`${import.meta.env.BASE_URL}sw.js`);
  } catch (error) {
    // The browser may forbid it, as some do in private windows.
    console.info("The page won’t open without a network.", error);
  }
}
