/**
 * A stream's async iterator: it takes chunks past the stream's queue, which costs more than a chunk does, and keeps
 * the language's rules: overlapping calls of `next()` are answered in order, and none is left without an answer. Several
 * iterators of one stream share its chunks: each goes to one of them.
 */
import type { Buffer } from 'node:buffer'
import type { Readable } from 'streamx'
import type { Chunks } from './chunks.js'
import { asError } from './stream-error.js'

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined }

export class ChunkIterator implements AsyncIterableIterator<Buffer>, AsyncDisposable {
  readonly #stream: Readable
  readonly #chunks: Chunks
  /** The failure was told. */
  #told = false
  /** The consumer has left: what failed concerns only calls that were waiting then. */
  #left = false

  /**
   * @param stream ended and destroyed as the iteration goes
   * @param chunks the stream's own; what they failed with, `next()` rejects with, whenever that was
   */
  constructor(stream: Readable, chunks: Chunks) {
    this.#stream = stream
    this.#chunks = chunks
    // It is told by `next()`.
    stream.on('error', () => {})
  }

  /** The next chunk. A leased one before it is done with. */
  next(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.#left) return this.#closed().then(() => DONE)
    const { turns } = this.#chunks
    if (turns.pending === 0 && !this.#stream.destroying) {
      const chunk = this.#atHand()
      if (chunk !== undefined) return Promise.resolve({ done: false, value: chunk })
    }
    turns.pending++
    const answer = turns.last.then(() => this.#advance())
    turns.last = answer.then(
      () => turns.pending--,
      () => turns.pending--
    )
    return answer
  }

  /** Destroy the stream; answers once it is closed, and rejects with what that fails with. */
  async return(): Promise<IteratorResult<Buffer, undefined>> {
    await this.#close()
    return DONE
  }

  /** Destroy the stream, and reject with `error` once it is closed. */
  async throw(error: unknown): Promise<IteratorResult<Buffer, undefined>> {
    await this.#close().catch(() => {})
    throw error
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #atHand(): Buffer | undefined {
    try {
      return this.#chunks.take()
    } catch {
      // Whoever takes it in turn meets it again, and tells.
      return undefined
    }
  }

  async #advance(): Promise<IteratorResult<Buffer, undefined>> {
    try {
      while (!this.#stream.destroying) {
        const chunk = this.#chunks.take()
        if (chunk !== undefined) return { done: false, value: chunk }
        if (!(await this.#chunks.advance())) break
      }
    } catch (error) {
      if (!this.#stream.destroying) {
        this.#chunks.failure ??= { error }
        this.#stream.destroy(asError(error))
      }
    }
    await this.#finish()
    return DONE
  }

  /** The stream has come to its end, or is being destroyed: see it closed, and tell what it failed with, once. */
  async #finish(): Promise<void> {
    if (!this.#stream.destroying) {
      this.#stream.push(null)
      this.#stream.resume()
    }
    await this.#closed()
    this.#throwFailure()
  }

  async #close(): Promise<void> {
    this.#left = true
    // What had failed before does not concern who leaves.
    const failed = this.#chunks.failure !== undefined
    this.#stream.destroy()
    await this.#closed()
    if (!failed) this.#throwFailure()
  }

  #throwFailure(): void {
    if (this.#chunks.failure === undefined || this.#told) return
    this.#told = true
    throw this.#chunks.failure.error
  }

  #closed(): Promise<void> {
    if (this.#stream.destroyed) return Promise.resolve()
    return new Promise(resolve => this.#stream.once('close', resolve))
  }
}
