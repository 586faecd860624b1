/** So few empty places are not worth closing up. */
const MIN_PASSED = 32

/**
 * First in, first out.
 *
 * An array does as well where little passes. But its `shift()` moves all that is behind, and in a runtime with a
 * generational collector each such move is written down: with 64 waiting, some 3,000 instructions.
 */
export class Queue<T> {
  #items: (T | undefined)[] = []
  /** Places at the front that are empty. */
  #passed = 0

  /** How many wait. */
  get length(): number {
    return this.#items.length - this.#passed
  }

  /** The one that so many are before. */
  at(index: number): T | undefined {
    return this.#items[this.#passed + index]
  }

  push(item: T): void {
    this.#items.push(item)
  }

  /** Take the first; undefined where nobody waits. */
  shift(): T | undefined {
    const item = this.#items[this.#passed]
    if (item === undefined) return undefined
    // It must not be held from here.
    this.#items[this.#passed++] = undefined
    // Each is moved once at the most: there are no more than have passed.
    if (this.#passed >= MIN_PASSED && this.#passed >= this.length) {
      this.#items = this.#items.slice(this.#passed)
      this.#passed = 0
    }
    return item
  }
}
