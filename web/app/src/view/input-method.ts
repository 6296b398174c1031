/**
 * Hides the keys of an input method from the page while it composes text, like
 * the arrows that choose among its candidates.
 */
export function leaveInputMethodsAlone(document: Document): void {
  document.addEventListener(
    "keydown",
    (event) => {
      // Safari sends the key that ends a composition after its end, and marks it
      // only by its code.
      if (event.isComposing || event.keyCode === 229) event.stopImmediatePropagation();
    },
    { capture: true },
  );
}
