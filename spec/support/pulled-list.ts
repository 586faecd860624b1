/**
 * A list of sources that notes how far it has been pulled, and how it was left.
 */
export class PulledList<S> implements Iterable<S>, AsyncIterable<S> {
  readonly sources: readonly S[]
  /** Sources handed out. */
  pulled = 0
  /** Whether it has been pulled past its last source. */
  exhausted = false
  /** How often it was left early. */
  left = 0

  constructor(sources: readonly S[]) {
    this.sources = sources
  }

  *[Symbol.iterator](): Generator<S> {
    let over = false
    try {
      for (const source of this.sources) {
        this.pulled++
        yield source
      }
      over = true
      this.exhausted = true
    } finally {
      if (!over) this.left++
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<S> {
    yield* this[Symbol.iterator]()
  }

  /** As a list that can only be iterated at once. */
  get sync(): Iterable<S> {
    return { [Symbol.iterator]: () => this[Symbol.iterator]() }
  }

  /** As a list that can only be awaited. */
  get async(): AsyncIterable<S> {
    return { [Symbol.asyncIterator]: () => this[Symbol.asyncIterator]() }
  }
}
