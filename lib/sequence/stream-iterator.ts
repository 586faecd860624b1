/**
 * An async iterator over a streamx Readable that keeps the language's rules: overlapping calls of `next()` are
 * answered in order, and none is left without an answer (streamx's own forgets all but the latest).
 */
import type { Readable } from 'streamx'

interface Call<T> {
  resolve(result: IteratorResult<T, undefined>): void
  reject(error: unknown): void
}

export interface IteratorHooks {
  /** The consumer has come back for more: it is done with the last chunk. */
  asked(): void
  /** A chunk was handed out, and no more was asked for yet. */
  handed(): void
}

export class StreamIterator<T> implements AsyncIterableIterator<T>, AsyncDisposable {
  readonly #stream: Readable
  readonly #hooks: IteratorHooks
  readonly #calls: Call<T>[] = []
  #error: unknown
  #failed = false
  #closed: boolean

  constructor(stream: Readable, hooks: IteratorHooks) {
    this.#stream = stream
    this.#hooks = hooks
    this.#closed = stream.destroyed
    stream.on('readable', () => this.#answer())
    stream.on('error', error => {
      this.#failed = true
      this.#error = error
    })
    stream.on('close', () => {
      this.#closed = true
      this.#answer()
    })
  }

  /** The next chunk. */
  next(): Promise<IteratorResult<T, undefined>> {
    return new Promise((resolve, reject) => {
      this.#calls.push({ resolve, reject })
      this.#hooks.asked()
      this.#answer()
    })
  }

  /** Destroy the stream; answers once it is closed. */
  async return(): Promise<IteratorResult<T, undefined>> {
    await this.#destroy()
    return { done: true, value: undefined }
  }

  async throw(error: unknown): Promise<IteratorResult<T, undefined>> {
    await this.#destroy()
    throw error
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#destroy()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #destroy(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    return new Promise(resolve => {
      this.#stream.once('close', resolve)
      this.#stream.destroy()
    })
  }

  #answer(): void {
    while (this.#calls.length > 0) {
      const chunk = this.#closed ? null : (this.#stream.read() as T | null)
      if (chunk === null && !this.#closed) return
      const call = this.#calls.shift() as Call<T>
      if (chunk !== null) {
        // Whoever has asked for more already does without this one by the time it comes.
        if (this.#calls.length === 0) this.#hooks.handed()
        call.resolve({ done: false, value: chunk })
      } else if (this.#failed) {
        this.#failed = false
        call.reject(this.#error)
      } else {
        call.resolve({ done: true, value: undefined })
      }
    }
  }
}
