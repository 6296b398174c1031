/** How near to the window the end of the list may come before more is loaded, in pixels. */
const reach = 600;

/** Notices when the user comes near the end of the list. */
export class EndWatcher {
  #end: Element | undefined;
  readonly #observer: IntersectionObserver;
  readonly #near: () => void;

  /** @param near is called when the end comes near. */
  constructor(near: () => void) {
    this.#near = near;
    this.#observer = new IntersectionObserver(() => this.check(), { rootMargin: `${reach}px` });
  }

  /** Takes the element at the end, or that there is none any more. */
  readonly watch = (element?: Element): void => {
    if (element === this.#end) return;
    this.#observer.disconnect();
    this.#end = element;
    if (element) this.#observer.observe(element);
  };

  /** Looks whether the end is near, as it can still be after a page has come. */
  check(): void {
    if (this.#end && this.#end.getBoundingClientRect().top < innerHeight + reach) this.#near();
  }
}
