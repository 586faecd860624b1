/**
 * What all iterators without awaits have in common: the language's rules of iteration, and an end that leaves nothing.
 */

/** An iterator that holds something while it is iterated: a loop gives it back, however it is left. */
export interface SyncIteration<T> extends IterableIterator<T>, Disposable {
  next(): IteratorResult<T, undefined>
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined }

export abstract class SyncWalk<T> implements SyncIteration<T> {
  #ended = false

  /** The next item, undefined at the end. */
  protected abstract advance(): T | undefined
  /** Give everything back. */
  protected abstract finish(): void

  /** The next item. What was lent before goes at this call. */
  next(): IteratorResult<T, undefined> {
    if (this.#ended) return DONE
    try {
      const value = this.advance()
      if (value !== undefined) return { done: false, value }
    } catch (error) {
      this.#finish()
      throw error
    }
    this.#finish()
    return DONE
  }

  /** End, and give everything back. */
  return(): IteratorResult<T, undefined> {
    this.#finish()
    return DONE
  }

  /** End, give everything back, and throw `error`. */
  throw(error: unknown): IteratorResult<T, undefined> {
    this.#finish()
    throw error
  }

  [Symbol.dispose](): void {
    this.#finish()
  }

  [Symbol.iterator](): this {
    return this
  }

  #finish(): void {
    this.#ended = true
    this.finish()
  }
}
