/** A value that is made again only when what it is made of has changed. */
export class Memo<T> {
  #inputs: readonly unknown[] | undefined;
  #value: T | undefined;

  /** Returns the value for these inputs, which are compared one by one. */
  of(inputs: readonly unknown[], make: () => T): T {
    const known = this.#inputs;
    if (!known || known.length !== inputs.length || inputs.some((input, i) => !Object.is(input, known[i]))) {
      this.#value = make();
      this.#inputs = inputs;
    }
    return this.#value as T;
  }
}
