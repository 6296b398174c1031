/** More is loaded when the end of the list is this near to the window, in pixels. */
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

  /** Watches the element at the end of the list, or nothing when there is none. */
  readonly watch = (element?: Element): void => {
    if (element === this.#end) return;
    this.#observer.disconnect();
    this.#end = element;
    if (element) this.#observer.observe(element);
  };

  /** Checks whether the end is near; it can still be near after a page has been loaded. */
  check(): void {
    if (this.#end && this.#end.getBoundingClientRect().top < innerHeight + reach) this.#near();
  }
}
