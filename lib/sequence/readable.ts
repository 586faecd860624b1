/**
 * `stream()`: a sequence as a streamx Readable of chunks.
 */
import { Buffer } from 'node:buffer'
import type { Readable, ReadableEvents, Writable } from 'streamx'
import { ChunkIterator } from './chunk-iterator.js'
import { type ChunkOptions, Chunks } from './chunks.js'
import { lazily } from '../lazily.js'
import type { WindowIterator } from './sequence.js'
import { asAbortError, asError } from './stream-error.js'
import { drained, isStreamxWritable, loadStreamx } from './streamx.js'
import { Windows } from './windows.js'

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
 * the next. What they are piped to, if it is of streamx and can be read as well, is given copies.
 *
 * It works with `pipe`, with `pipeline` and `finished` of node:stream, and with `for await`, which is fastest.
 *
 * A loop over it rejects with what it failed with, whenever that was: with the very reason of its signal. `'error'`
 * tells of a reason that is no Error by an AbortError whose `cause` it is. While nobody has begun to read or listens
 * for errors, an abort and a closed file wait for whoever does.
 *
 * @example
 * ```ts
 * import { pipeline } from 'node:stream/promises'
 * await pipeline(file.stream(), createGzip(), createWriteStream('copy.gz'))
 * ```
 */
export interface MapReadable extends Readable<MapReadableEvents>, AsyncDisposable {
  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer>
}

/** A stream of chunks of `windows`. */
export function newMapReadable(windows: WindowIterator, options: ChunkOptions): MapReadable {
  return new (mapReadable())(windows, options)
}

/** The class: it extends one of streamx, which is not loaded before the first stream is made. */
const mapReadable = lazily(
  () =>
    class MapReadableOfWindows extends loadStreamx().Readable<MapReadableEvents> implements MapReadable {
      readonly #chunks: Chunks
      /** It is read, piped or listened to: streamx has the chunks. */
      #opened = false
      /** An iterator has them. */
      #iterated = false
      /** What ended the windows from outside. */
      #ended: { readonly error: unknown } | undefined
      /** A read that came after that; it has nothing to give. */
      #parked: Callback | undefined
      /** Whose queue leased chunks wait in. */
      #lentTo: Writable | undefined

      constructor(windows: WindowIterator, options: ChunkOptions) {
        // One chunk at a time: what is queued is not with the consumer, and a leased one must not outlive its window. Where
        // it does, streamx must not ask it for its length: that is 0 then, and its queue would never be empty.
        super({ highWaterMark: 1, byteLength: () => 1 })
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
        this.#fail()
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
            this.#advance().then(
              () => callback(null),
              error => callback(asError(error))
            )
          } else {
            this.push(chunk)
            callback(null)
          }
        } catch (error) {
          callback(asError(error))
        }
      }

      /** Without an error it ends quietly: that is the consumer's own wish. */
      override destroy(error?: Error | null): void {
        if (error && !this.destroying) this.#chunks.failure ??= { error }
        super.destroy(error)
      }

      override pipe<S>(destination: S, callback?: (error: Error | null) => void): S {
        if (this.#chunks.leased && isStreamxWritable(destination as object))
          this.#queueIn(destination as unknown as Writable)
        super.pipe(destination, callback)
        return destination
      }

      override _predestroy(): void {
        // The queue of a Writable of streamx is never empty again once a chunk in it has gone. streamx destroys that
        // stream too, but later: until then it is not to come back to its queue.
        if (this.#chunks.hasWindow) this.#lentTo?.cork()
        // An abandoned wait for budget must end now: streamx calls _destroy only after the pending read. What is lent stays
        // until then: this may be called from within the very write that looks at it.
        this.#chunks.cancel()
        this.#parked?.(null)
      }

      override _destroy(callback: Callback): void {
        this.#chunks.end().then(
          () => callback(null),
          error => {
            // What it was destroyed with comes first: streamx has that, and tells it.
            if (this.#chunks.failure) return callback(null)
            this.#chunks.failure = { error }
            callback(asError(error))
          }
        )
      }

      override [Symbol.asyncIterator](): AsyncIterableIterator<Buffer> {
        // What streamx has queued by now must not be passed by: then it has to hand out the rest too.
        if (this.#opened && !(this.destroying && this.#chunks.failure))
          return super[Symbol.asyncIterator]() as AsyncIterableIterator<Buffer>
        this.#iterated = true
        const chunks = new ChunkIterator(this, this.#chunks)
        this.#fail()
        return chunks
      }

      async [Symbol.asyncDispose](): Promise<void> {
        await new ChunkIterator(this, this.#chunks).return()
      }

      /** Chunks will wait in the queue of a Writable of streamx: they must not go as long as they do. */
      #queueIn(destination: Writable): void {
        // Only a walk over one file ends with its windows, whoever takes them away. What can be read as well may pass
        // chunks on to other queues. And old versions have no cork().
        const { windows } = this.#chunks
        const lends = windows instanceof Windows && !('read' in destination) && 'cork' in destination
        if (!lends) {
          this.#chunks.copyFromNowOn()
          this.#keepQueued()
          return
        }
        this.#lentTo = destination
        this.#chunks.awaitTaken(() => drained(destination))
      }

      /** It may have been read before it is piped: what is queued since then is of a window that goes. */
      #keepQueued(): void {
        const state = (this as unknown as { _readableState: { buffered: number; shift(): Buffer } })
          ._readableState
        const copies: Buffer[] = []
        // Not by read(), which would tell who listens for data of it.
        while (state.buffered > 0) copies.push(Buffer.from(state.shift()))
        for (const copy of copies) this.push(copy)
      }

      #windowsEnded(error: unknown): void {
        this.#ended = { error }
        // Who has not begun to read need not listen for errors. Left as it is, it tells the same to whoever reads it later,
        // while one that was destroyed would look empty. Whoever just got it, with its signal aborted, may be about to.
        const heed = () => {
          if (this.#isWatched()) this.#fail()
        }
        heed()
        if (!this.destroying) queueMicrotask(heed)
      }

      #isWatched(): boolean {
        return this.#opened || this.#iterated || this.listenerCount('error') > 0
      }

      /** If the windows were ended from outside, that ends this too. */
      #fail(): void {
        if (this.#ended === undefined || this.destroying) return
        this.#chunks.failure ??= this.#ended
        this.destroy(asAbortError(this.#ended.error))
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
)
