/**
 * `nodeStream()`: a sequence as a Readable of node:stream.
 */
import { Buffer } from 'node:buffer'
import type { Readable } from 'node:stream'
import { lazily } from '../lazily.js'
import { type ChunkOptions, Chunks } from './chunks.js'
import type { WindowIterator } from './sequence.js'
import { asAbortError, asError } from './stream-error.js'
import { isStreamxWritable } from './streamx.js'

/**
 * A Readable of node:stream over the windows of a sequence, for what insists on one: `instanceof`, `compose`, the
 * iterator helpers. `stream()` is faster under `for await`.
 *
 * Chunks are **copied** by default. With `lifetime: 'leased'` they are views of the mapped pages, and the one under
 * way is valid until the next is read: for sinks that are done with a chunk when `write` or the `'data'` handler
 * returns, and for the body of a `for await` loop. What they are piped to, if it is of streamx, is given copies.
 *
 * It maps when it is read, and holds one chunk ahead of its reader. `destroy()` cancels a wait for budget at once.
 *
 * @example
 * ```ts
 * import { pipeline } from 'node:stream/promises'
 * await pipeline(file.nodeStream(), createGzip(), createWriteStream('copy.gz'))
 * ```
 */
export function newNodeReadable(windows: WindowIterator, options: ChunkOptions): Readable {
  return new (nodeReadable())(windows, options)
}

/** The class: it extends one of node:stream, which is not loaded before the first stream is made. */
const nodeReadable = lazily(
  () =>
    class NodeReadable extends process.getBuiltinModule('node:stream').Readable {
      readonly #chunks: Chunks
      /** Node wants a chunk, and was not given one yet. */
      #wanting = false
      /** It has been read. */
      #opened = false
      /** What ended the windows from outside. */
      #ended: { readonly error: unknown } | undefined

      constructor(windows: WindowIterator, options: ChunkOptions) {
        super({ highWaterMark: options.chunkSize })
        this.#chunks = new Chunks(windows, options)
        // What ends the windows from outside ends the stream with the same error. Weakly, or the open file would keep a
        // stream that was dropped half way from being collected.
        const stream = new WeakRef(this)
        windows.onEnded(error => {
          const alive = stream.deref()
          if (alive) alive.#windowsEnded(error)
        })
      }

      override read(size?: number): Buffer | null {
        const chunk = super.read(size)
        if (!this.#wanting) return chunk
        // Only who reads in vain is done with the chunks of this window; Node's own read(0) says nothing of the consumer.
        const inVain = chunk === null && (size !== 0 || this.readableLength === 0)
        if (inVain || this.readableLength === 0) this.#supply(inVain)
        // Who reads once for each 'readable' has to come by once more, to be told that there is nothing just now.
        if (this.#wanting && chunk !== null && this.listenerCount('readable') > 0)
          process.nextTick(() => this.emit('readable'))
        return chunk
      }

      override pipe<T extends NodeJS.WritableStream>(destination: T, options?: { end?: boolean }): T {
        // A queue of streamx's is never empty again once a chunk in it has gone, and who looks into it never comes back.
        if (isStreamxWritable(destination)) {
          this.#keepRest()
          this.#chunks.copyFromNowOn()
        }
        return super.pipe(destination, options)
      }

      override _read(): void {
        this.#opened = true
        this.#wanting = true
        if (this.#ended) this.#fail()
        // Node asks for more before it hands out what it has, and would join the two.
        else if (this.readableLength === 0) this.#supply(false)
      }

      override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
        this.#chunks.end().then(
          () => callback(error),
          failure => callback(error ?? asError(failure))
        )
      }

      /** @param leave whether the consumer is done with the chunks that it has of this window */
      #supply(leave: boolean): void {
        try {
          const chunk = this.#chunks.take()
          if (chunk !== undefined) {
            this.#wanting = false
            this.push(chunk)
          } else if (leave || !this.#chunks.leased) {
            this.#keepRest()
            void this.#advance()
          }
        } catch (error) {
          this.destroy(asError(error))
        }
      }

      /** What is queued of a window is not to go with it: less than `read(size)` asked for, or for another queue. */
      #keepRest(): void {
        const rest = this.#chunks.leased && this.readableLength > 0 ? super.read() : null
        if (rest !== null) this.unshift(Buffer.from(rest))
      }

      #windowsEnded(error: unknown): void {
        this.#ended = { error }
        // Who has not begun to read need not listen for errors. Whoever reads it later is told the same. Whoever just got
        // it, with its signal aborted, may be about to listen.
        const heed = () => {
          if (this.#isWatched()) this.#fail()
        }
        heed()
        if (!this.destroyed) process.nextTick(heed)
      }

      #isWatched(): boolean {
        return this.#opened || this.listenerCount('error') > 0
      }

      /** If the windows were ended from outside, that ends this too. */
      #fail(): void {
        if (this.#ended) this.destroy(asAbortError(this.#ended.error))
      }

      async #advance(): Promise<void> {
        this.#wanting = false
        try {
          while (!this.destroyed && (await this.#chunks.advance())) {
            const chunk = this.#chunks.take()
            if (chunk === undefined) continue
            this.push(chunk)
            return
          }
          if (!this.destroyed) this.push(null)
        } catch (error) {
          this.destroy(asError(error))
        }
      }
    }
)
