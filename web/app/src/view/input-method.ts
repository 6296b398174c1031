/**
 * Lets no part of the page hear the keys with which an input method composes
 * text, like the arrows that choose among its candidates: they are the
 * method's.
 */
export function leaveInputMethodsAlone(document: Document): void {
  document.addEventListener(
    "keydown",
    (event) => {
      // Safari tells the key that ends a composition after its end, and marks
      // it by its code only.
      if (event.isComposing || event.keyCode === 229) event.stopImmediatePropagation();
    },
    { capture: true },
  );
}
