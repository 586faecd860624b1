/**
 * What all iterators of windows have in common: the language's rules of iteration, and an end that leaves nothing.
 */
import type { Window } from '../window.js'
import type { WindowIterator } from './sequence.js'

/** What a consumer that leaves aborts with: not an error, its own wish. */
export const LEFT = Symbol('the consumer left')

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined }

type Answer<W> = IteratorResult<W, undefined>

/**
 * Calls of `next()` may overlap: they are answered in order. `return()` cancels a `next()` that waits, which then
 * answers `done`. However it is left, nothing stays mapped: what `return()` answers has waited for that.
 */
export abstract class WindowWalk<W extends Window = Window> implements WindowIterator {
  #ended = false
  /** Calls that have not been answered. */
  #pending = 0
  /** The last of them; the next one starts when it has settled. */
  #tail: Promise<unknown> = Promise.resolve()
  readonly #settled = () => {
    this.#pending--
  }

  /** Aborted once this has ended: with {@link LEFT} by the consumer, else by its signal or something's being closed. */
  protected abstract readonly signal: AbortSignal
  /** Let the window at hand go, unless it was retained, and get the next; undefined at the end. One call at a time. */
  protected abstract advance(): Promise<W | undefined>
  /** Cancel what is under way, now. */
  protected abstract cancel(): void
  /** Give everything back. Settles when nothing is under way. */
  protected abstract finish(): Promise<void>

  /** The next window if it is there already: that takes no time and cannot fail. */
  protected tryAdvance(): W | undefined {
    return undefined
  }

  /** The error that a failed advance is told by. */
  protected explain(error: unknown): unknown {
    return error
  }

  /**
   * The next window. The one before it goes at this call, unless it was retained.
   *
   * @throws {SlidemapError} ERR_MAP_LIMIT, ERR_MAP_CLOSED, ERR_MAP_FILE_TRUNCATED, ERR_MAP_FILE_CHANGED, ERR_MAP_IO;
   *   errors of the OS; the signal's reason
   */
  next(): Promise<Answer<W>> {
    if (this.#pending === 0 && !this.#ended) {
      const value = this.tryAdvance()
      if (value !== undefined) return Promise.resolve({ done: false, value })
    }
    return this.#enqueue(() => this.#advance())
  }

  /** End, and give everything back; a `next()` that waits answers `done`. */
  return(): Promise<Answer<W>> {
    this.cancel()
    return this.#enqueue(async () => {
      await this.#finish()
      return DONE
    })
  }

  /** End, give everything back, and reject with `error`. */
  async throw(error: unknown): Promise<Answer<W>> {
    await this.return()
    throw error
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  /** @internal */
  onEnded(tell: (error: unknown) => void): void {
    const { signal } = this
    const ended = () => {
      if (signal.reason !== LEFT) tell(signal.reason)
    }
    if (signal.aborted) ended()
    else signal.addEventListener('abort', ended, { once: true })
  }

  #enqueue(call: () => Promise<Answer<W>>): Promise<Answer<W>> {
    const answer = this.#pending++ === 0 ? call() : this.#tail.then(call)
    this.#tail = answer.then(this.#settled, this.#settled)
    return answer
  }

  async #advance(): Promise<Answer<W>> {
    if (this.#ended) return DONE
    try {
      const value = await this.advance()
      if (value !== undefined) return { done: false, value }
    } catch (error) {
      const told = this.explain(error)
      // What ended it is what to tell, whatever ending says.
      await this.#finish().catch(() => {})
      if (error === LEFT) return DONE
      throw told
    }
    await this.#finish()
    return DONE
  }

  #finish(): Promise<void> {
    this.#ended = true
    return this.finish()
  }
}
