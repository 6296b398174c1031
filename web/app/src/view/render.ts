/**
 * Returns a function that has draw called once, after everything that happens
 * in the same turn of the event loop, however often it is called.
 */
export function coalesce(draw: () => void): () => void {
  let wanted = false;
  return () => {
    if (wanted) return;
    wanted = true;
    queueMicrotask(() => {
      wanted = false;
      draw();
    });
  };
}

/** Resolves when what has just been changed is on the screen: microtasks run in order. */
export function rendered(): Promise<void> {
  return Promise.resolve();
}
