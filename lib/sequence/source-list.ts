/**
 * A list of sources, pulled one at a time, and told when its consumer leaves it.
 */
import { invalidType } from '../errors.js'

type Sources<S> = Iterable<S> | AsyncIterable<S>
type SourceIterator<S> = Iterator<S> | AsyncIterator<S>

const EXPECTED = 'an iterable or async iterable of sources'

/**
 * Check that something is a list of sources. Strings and bytes are not, though they are iterable: nobody means a
 * path's letters as paths, or bytes as descriptors.
 *
 * @throws {TypeError} ERR_INVALID_ARG_TYPE
 */
export function checkSources<S>(sources: Sources<S>): Sources<S> {
  if (sources === null || typeof sources !== 'object' || ArrayBuffer.isView(sources)) {
    throw invalidType('sources', EXPECTED, sources)
  }
  if (!isAsync(sources) && typeof (sources as Iterable<S>)[Symbol.iterator] !== 'function') {
    throw invalidType('sources', EXPECTED, sources)
  }
  return sources
}

/** Begin a walk of a list: its iterator, which for a list that can be walked once only is the list itself. */
export function iteratorOf<S>(sources: Sources<S>): SourceIterator<S> {
  return isAsync(sources) ? sources[Symbol.asyncIterator]() : sources[Symbol.iterator]()
}

function isAsync<S>(sources: Sources<S>): sources is AsyncIterable<S> {
  return typeof (sources as AsyncIterable<S>)[Symbol.asyncIterator] === 'function'
}

/** The end of the list. */
export const END = Symbol('the end of the list')

export class SourceList<S> {
  /** Whether sources come in time, not at once. */
  readonly async: boolean
  readonly #iterator: SourceIterator<S>
  #ended = false
  #pulling = false

  /** @param sources the list that `iterator` walks */
  constructor(sources: Sources<S>, iterator: SourceIterator<S>) {
    this.async = isAsync(sources)
    this.#iterator = iterator
  }

  /** Whether there is nothing more to pull: it has come to its end, failed, or been left. */
  get ended(): boolean {
    return this.#ended
  }

  /** Pull the next source: at once from a list that has it, else in time. To be called again when that has settled. */
  pull(): S | typeof END | Promise<S | typeof END> {
    if (this.#ended) return END
    this.#pulling = true
    try {
      const result = this.#iterator.next()
      if (this.async) return this.#later(result as Promise<IteratorResult<S>>)
      this.#pulling = false
      return this.#accept(result as IteratorResult<S>)
    } catch (error) {
      this.#pulling = false
      this.#ended = true
      throw error
    }
  }

  /**
   * Leave: the list is told, unless it has come to its end. Idempotent.
   *
   * Settles when the list has cleaned up; at once where it is busy making its next source, which may take it for
   * ever: it cleans up when it has done that.
   *
   * @throws what the list's `return()` throws
   */
  async end(): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    if (!this.#pulling) await this.#iterator.return?.()
    else if (this.async) this.#abandon()
  }

  async #later(result: Promise<IteratorResult<S>>): Promise<S | typeof END> {
    try {
      return this.#accept(await result)
    } catch (error) {
      this.#ended = true
      throw error
    } finally {
      this.#pulling = false
    }
  }

  #accept(result: IteratorResult<S>): S | typeof END {
    if (result === null || typeof result !== 'object')
      throw invalidType('sources.next()', 'an object', result)
    if (!result.done) {
      if (!this.#ended) return result.value
      // It was left by what its own next() did; an async one has been told.
      if (!this.async) this.#abandon()
      return END
    }
    this.#ended = true
    return END
  }

  /** Tell the list that it is left, without waiting for it. */
  #abandon(): void {
    try {
      Promise.resolve(this.#iterator.return?.()).catch(() => {})
    } catch {
      // Nobody is left to be told.
    }
  }
}
