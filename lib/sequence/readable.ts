/**
 * `stream()`: a sequence as a streamx Readable of chunks.
 */
import type { Buffer } from 'node:buffer'
import { Readable, type ReadableEvents } from 'streamx'
import { hasCode } from '../errors.js'
import { ChunkIterator } from './chunk-iterator.js'
import { type ChunkOptions, Chunks } from './chunks.js'
import type { WindowIterator } from './sequence.js'

type Callback = (error: Error | null) => void

/** The events of streamx's Readable, with chunks that are Buffers. */
export interface MapReadableEvents extends ReadableEvents {
  data: [chunk: Buffer]
}

/**
 * A streamx Readable over the windows of a sequence.
 *
 * Chunks are **copied** by default: ordinary Buffers, the consumer's own, since pipes queue them and pass them on.
 * With `lifetime: 'leased'` they are views of the mapped pages, for sinks that are done with a chunk when `write` or
 * the `'data'` handler returns (hashes, synchronous parsers); a `for await` loop may use its chunk until it asks for
 * the next.
 *
 * It works with `pipe`, with `pipeline` and `finished` of node:stream, and with `for await`, which is fastest.
 *
 * @example
 * ```ts
 * import { pipeline } from 'node:stream/promises'
 * await pipeline(file.stream(), createGzip(), createWriteStream('copy.gz'))
 * ```
 */
export class MapReadable extends Readable<MapReadableEvents> implements AsyncDisposable {
  readonly #chunks: Chunks
  /** It is read, piped or listened to: streamx has the chunks. */
  #opened = false
  /** An iterator has them. */
  #iterated = false
  /** A read that came after that; it has nothing to give. */
  #parked: Callback | undefined

  /** @internal */
  constructor(windows: WindowIterator, options: ChunkOptions) {
    // One chunk at a time: what is queued is not with the consumer, and a leased one must not outlive its window.
    super({ highWaterMark: 1 })
    this.#chunks = new Chunks(windows, options)
    // What ends the windows from outside ends the stream with the same error. Weakly, or the open file would keep a
    // stream that was dropped half way from being collected.
    const stream = new WeakRef(this)
    windows.onEnded(error => {
      const alive = stream.deref()
      if (alive) alive.#windowsEnded(error)
    })
  }

  override _open(callback: Callback): void {
    this.#opened = true
    callback(null)
  }

  override _read(callback: Callback): void {
    if (this.#iterated) {
      this.#parked = callback
      return
    }
    // streamx waits for ever for a read that throws.
    try {
      const chunk = this.#chunks.take()
      if (chunk === undefined) {
        this.#advance().then(() => callback(null), callback)
      } else {
        this.push(chunk)
        callback(null)
      }
    } catch (error) {
      callback(error as Error)
    }
  }

  override _predestroy(): void {
    // An abandoned wait for budget must leave the queue now: streamx calls _destroy only after the pending read.
    void this.#chunks.end()
    this.#parked?.(null)
  }

  override _destroy(callback: Callback): void {
    this.#chunks.end().then(() => callback(null), callback)
  }

  override [Symbol.asyncIterator](): AsyncIterableIterator<Buffer> {
    // What streamx has queued by now must not be passed by: then it has to hand out the rest too.
    if (this.#opened) return super[Symbol.asyncIterator]() as AsyncIterableIterator<Buffer>
    this.#iterated = true
    return new ChunkIterator(this, this.#chunks)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new ChunkIterator(this, this.#chunks).return()
  }

  #windowsEnded(error: unknown): void {
    // Who has not begun to read need not listen for errors. Left as it is, it tells the same to whoever reads it later,
    // while one that was destroyed would look empty.
    const unused = !this.#opened && !this.#iterated && this.listenerCount('error') === 0
    if (unused && hasCode(error, 'ERR_MAP_CLOSED')) return
    this.destroy(error as Error)
  }

  async #advance(): Promise<void> {
    while (!this.destroying && (await this.#chunks.advance())) {
      const chunk = this.#chunks.take()
      if (chunk === undefined) continue
      this.push(chunk)
      return
    }
    if (!this.destroying) this.push(null)
  }
}
