/**
 * `stream()`: a file as a streamx Readable of chunks.
 */
import { Buffer } from 'node:buffer'
import { Readable } from 'streamx'
import { integer, optionsObject } from '../arguments.js'
import { StreamIterator } from './stream-iterator.js'
import type { Window } from './window.js'
import { planWindows, type View, type WindowOptions, Windows } from './windows.js'

/** Which part of a file to stream, and how. */
export interface StreamOptions extends WindowOptions {
  /** Bytes of a chunk, the last of a window excepted; default 64 KiB. Apart from `size`, which is what is mapped. */
  chunkSize?: number
}

/** What Node's own streams use, and what parsers that ignore backpressure inside a chunk can bear. */
const DEFAULT_CHUNK_SIZE = 64 * 1024

/** Copying is cheapest out of windows that stay in the processor's cache. */
const COPIED_WINDOW_SIZE = 4 * 2 ** 20

/**
 * A streamx Readable over the windows of a file.
 *
 * Chunks are **copied** by default: ordinary Buffers, the consumer's own, since pipes queue them and pass them on.
 * With `lifetime: 'leased'` they are views of the mapped pages, for sinks that are done with a chunk when `write` or
 * the `'data'` handler returns (hashes, synchronous parsers); a `for await` loop may use its chunk until it asks for
 * the next.
 *
 * It works with `pipe`, with `pipeline` and `finished` of node:stream, and with `for await`.
 *
 * @example
 * ```ts
 * import { pipeline } from 'node:stream/promises'
 * await pipeline(file.stream(), createGzip(), createWriteStream('copy.gz'))
 * ```
 */
export class MapReadable extends Readable implements AsyncDisposable {
  readonly #windows: Windows
  readonly #chunkSize: number
  readonly #leased: boolean
  readonly #counts: { bytesCopied: number }
  #window: Window | undefined
  /** Bytes of the window handed out. */
  #position = 0
  /** A leased chunk is with an iterator's consumer, who has not come back yet: its window must stay. */
  #lent = false
  /** A read that waits for that consumer. */
  #parked: ((error: Error | null) => void) | undefined

  /**
   * @throws {TypeError} ERR_INVALID_ARG_TYPE
   * @throws {RangeError} ERR_OUT_OF_RANGE
   */
  constructor(view: View, given?: StreamOptions) {
    const options = optionsObject('options', given)
    const chunkSize = integer('options.chunkSize', options.chunkSize ?? DEFAULT_CHUNK_SIZE, 1)
    const copied = (options.lifetime ?? 'copied') === 'copied'
    const plan = planWindows(view, options, {
      lifetime: 'copied',
      size: copied ? Math.min(view.windowSize, COPIED_WINDOW_SIZE) : view.windowSize
    })
    // One chunk at a time: what is queued here is not with the consumer, and a leased one must not outlive its window.
    super({ highWaterMark: 1 })
    this.#chunkSize = chunkSize
    this.#leased = plan.lifetime === 'leased'
    this.#counts = view.file.manager.counts
    this.#windows = new Windows(view, { ...plan, lifetime: 'leased' })
    this.#destroyWith(this.#windows)
  }

  override _read(callback: (error: Error | null) => void): void {
    if (this.#window !== undefined && this.#position < this.#window.length) {
      this.#pushChunk(this.#window)
      callback(null)
    } else if (this.#lent) {
      this.#parked = callback
    } else {
      this.#advance().then(() => callback(null), callback)
    }
  }

  override _predestroy(): void {
    // An abandoned wait for budget must leave the queue now: streamx calls _destroy only after the pending read.
    void this.#windows.return()
    this.#resume()
  }

  override _destroy(callback: (error: Error | null) => void): void {
    this.#window = undefined
    this.#windows.return().then(() => callback(null), callback)
  }

  override [Symbol.asyncIterator](): AsyncIterableIterator<Buffer> {
    return new StreamIterator<Buffer>(this, {
      asked: () => this.#resume(),
      handed: () => {
        this.#lent = this.#leased
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new StreamIterator<Buffer>(this, { asked() {}, handed() {} }).return()
  }

  /** What ends the windows from outside, an abort or the file's being closed, ends the stream with the same error. */
  #destroyWith(windows: Windows): void {
    // Weak, or the open file would keep a stream that was dropped half way from being collected.
    const stream = new WeakRef(this)
    windows.onEnded(error => stream.deref()?.destroy(error as Error))
  }

  /** Whoever had a chunk is done with it. */
  #resume(): void {
    this.#lent = false
    const callback = this.#parked
    this.#parked = undefined
    if (callback === undefined) return
    if (this.destroying) callback(null)
    else this._read(callback)
  }

  async #advance(): Promise<void> {
    const { done, value } = await this.#windows.next()
    if (this.destroying) return
    if (done) {
      this.push(null)
      return
    }
    this.#window = value
    this.#position = 0
    this.#pushChunk(value)
  }

  #pushChunk(window: Window): void {
    const from = this.#position
    const to = Math.min(from + this.#chunkSize, window.length)
    this.#position = to
    const bytes = window.bytes.subarray(from, to)
    this.push(this.#leased ? bytes : this.#copy(bytes))
  }

  #copy(bytes: Buffer): Buffer {
    // Not from Node's pool: chunks are kept and passed on, and a slice would keep a whole slab alive.
    const chunk = Buffer.allocUnsafeSlow(bytes.length)
    bytes.copy(chunk)
    this.#counts.bytesCopied += bytes.length
    return chunk
  }
}
