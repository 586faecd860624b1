/**
 * A stream's async iterator: it takes chunks past the stream's queue, which costs more than a chunk does, and keeps
 * the language's rules: overlapping calls of `next()` are answered in order, and none is left without an answer.
 */
import type { Buffer } from 'node:buffer'
import type { Readable } from 'streamx'
import type { Chunks } from './chunks.js'

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined }

export class ChunkIterator implements AsyncIterableIterator<Buffer>, AsyncDisposable {
  readonly #stream: Readable
  readonly #chunks: Chunks
  /** Calls that have not been answered. */
  #pending = 0
  /** The last of them; the next one starts when it has settled. */
  #tail: Promise<unknown> = Promise.resolve()
  #error: unknown
  #failed = false

  /**
   * @param stream ended and destroyed as the iteration goes; what it fails with, `next()` rejects with
   * @param chunks the stream's own
   */
  constructor(stream: Readable, chunks: Chunks) {
    this.#stream = stream
    this.#chunks = chunks
    stream.on('error', error => {
      this.#failed = true
      this.#error = error
    })
  }

  /** The next chunk. A leased one before it is done with. */
  next(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.#pending === 0 && !this.#stream.destroying) {
      const chunk = this.#chunks.take()
      if (chunk !== undefined) return Promise.resolve({ done: false, value: chunk })
    }
    this.#pending++
    const answer = this.#tail.then(() => this.#advance())
    this.#tail = answer.then(
      () => this.#pending--,
      () => this.#pending--
    )
    return answer
  }

  /** Destroy the stream; answers once it is closed. */
  async return(): Promise<IteratorResult<Buffer, undefined>> {
    await this.#close()
    return DONE
  }

  /** Destroy the stream, and reject with `error` once it is closed. */
  async throw(error: unknown): Promise<IteratorResult<Buffer, undefined>> {
    await this.#close()
    throw error
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async #advance(): Promise<IteratorResult<Buffer, undefined>> {
    try {
      while (!this.#stream.destroying) {
        const chunk = this.#chunks.take()
        if (chunk !== undefined) return { done: false, value: chunk }
        if (!(await this.#chunks.advance())) break
      }
    } catch (error) {
      this.#stream.destroy(error as Error)
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
    if (!this.#failed) return
    this.#failed = false
    throw this.#error
  }

  #close(): Promise<void> {
    this.#stream.destroy()
    return this.#closed()
  }

  #closed(): Promise<void> {
    if (this.#stream.destroyed) return Promise.resolve()
    return new Promise(resolve => this.#stream.once('close', resolve))
  }
}
