/**
 * Sequences: what can be walked from its first byte to its last, whatever it is made of.
 */
import type { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { boolean, callback, integer, oneOf, optionsObject } from '../arguments.js'
import { Items } from './batches.js'
import { type ChunkOptions, Chunks } from './chunks.js'
import { type Scan, scanBytes } from './delimiter.js'
import type { Line, LineOptions } from './line-plan.js'
import { batchesOfLines, type Windowed } from './lines.js'
import { newNodeReadable } from './node-stream.js'
import { type PipeToOptions, pipe } from './pipe-to.js'
import { type MapReadable, newMapReadable } from './readable.js'
import type { RecordOptions } from './record-plan.js'
import type { MapRecord, RecordBatch } from './record-splitter.js'
import { batchesOfRecords } from './records.js'
import { isDoneAtCallback, isStdio, type Sinkable, sinkable } from './sinks.js'
import { readableByteStream } from './web-stream.js'
import type { Window } from '../window.js'
import type { Lifetime, WindowOptions } from './windows.js'

/** What `windows()` answers. */
export interface WindowIterator extends AsyncIterableIterator<Window>, AsyncDisposable {
  next(): Promise<IteratorResult<Window, undefined>>
  /** @internal Call `tell` when this is ended from outside: by its signal, or by the file's being closed. */
  onEnded(tell: (error: unknown) => void): void
  /**
   * @internal
   * Let the next window begin early enough to hold `[offset, offset + length)`, which begins in the window at hand
   * and ends after it. Absent where no window ever does.
   *
   * @returns whether it will
   */
  slide?(offset: number, length: number): boolean
  /**
   * @internal
   * Make sure that the bytes of the window at hand up to `end` were not cut off within a page before they were looked at.
   *
   * @returns undefined where that is sure; what rejects says why not
   */
  attest?(end: number): Promise<void> | undefined
  /** @internal How often they have begun again at byte 0, with another file or one that was cut short. Absent for never. */
  readonly restarts?: number
}

/** An iterator that gives everything back when it is left: by `break`, `return()`, or the end of `await using`. */
export type Iteration<T> = AsyncIterableIterator<T> & AsyncDisposable

/** Which part of a sequence to stream, and how. */
export interface StreamOptions extends WindowOptions {
  /** Bytes of a chunk, the last of a window excepted; default 64 KiB. Apart from `size`, which is what is mapped. */
  chunkSize?: number | undefined
  /**
   * `'copied'` (default): chunks are the consumer's own. `'leased'`: for sinks that are done when `write` returns;
   * never for zlib, which comes back to a chunk and takes the process down where that is gone.
   */
  lifetime?: Lifetime | undefined
}

/** Which part of a sequence to stream to the web, and how. */
export type WebStreamOptions = Omit<StreamOptions, 'lifetime'>

/** What Node's own streams use, and what parsers that ignore backpressure inside a chunk can bear. */
const DEFAULT_CHUNK_SIZE = 64 * 1024

/** A chunk that is lent costs a write, not a copy: the larger, the fewer. */
const LENT_CHUNK_SIZE = 2 ** 20

/** Everything that follows from windows. */
export abstract class Sequence implements AsyncDisposable {
  /** @internal Bytes of a window where no other size is asked for. */
  protected abstract readonly windowSize: number
  /** @internal Told how many bytes were copied for a consumer. */
  protected abstract readonly onCopy: (bytes: number) => void
  /** @internal Bytes, where that is known before they have been walked. */
  protected get knownSize(): number | undefined {
    return undefined
  }
  /** @internal Whether a window can repeat bytes of the one before it. */
  protected get overlaps(): boolean {
    return false
  }
  /** @internal What opens the windows of the stretches of one iteration. */
  protected get stretches(): (options: WindowOptions) => WindowIterator {
    return options => this.windows(options)
  }
  /** @internal Finds delimiters in bulk. */
  protected get scan(): Scan {
    return scanBytes
  }

  /**
   * The bytes as a sequence of windows.
   *
   * Leased by default: `window.bytes` are valid until the next window is asked for. Finish with them, or await
   * whatever uses them, before you advance. Beyond `prefetch`, nothing is mapped that was not asked for, and while
   * the budget is spent `next()` waits.
   *
   * @throws {SlidemapError} ERR_MAP_OUT_OF_RANGE for a start past the end, ERR_MAP_CLOSED
   * @throws {TypeError} ERR_INVALID_ARG_TYPE
   * @throws {RangeError} ERR_OUT_OF_RANGE
   *
   * @example
   * ```ts
   * let lines = 0
   * for await (const { bytes } of file.windows({ size: 4 * 2 ** 20 })) {
   *   for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) lines++
   * }
   * ```
   */
  abstract windows(options?: WindowOptions): WindowIterator

  /**
   * The bytes as a streamx Readable of Buffers.
   *
   * Copied by default: chunks are the consumer's own. See {@link MapReadable}.
   *
   * @throws as {@link windows} does
   *
   * @example
   * ```ts
   * file.stream({ start: 2 ** 32 }).pipe(parser)
   * ```
   */
  stream(options?: StreamOptions): MapReadable {
    const { windows, chunk } = this.#cut(options, DEFAULT_CHUNK_SIZE, 'copied')
    return newMapReadable(windows, chunk)
  }

  /**
   * The bytes as a Readable of node:stream, for what takes no other.
   *
   * Copied by default: chunks are the consumer's own. A leased one is valid until the next is read: for a `'data'`
   * handler, a `write` that is done when it returns, or the body of a `for await` loop.
   *
   * @throws as {@link windows} does
   *
   * @example
   * ```ts
   * const types = await file.nodeStream().map(chunk => chunk[0]).toArray()
   * ```
   */
  nodeStream(options?: StreamOptions): Readable {
    const { windows, chunk } = this.#cut(options, DEFAULT_CHUNK_SIZE, 'copied')
    return newNodeReadable(windows, chunk)
  }

  /**
   * The bytes as a ReadableStream of type `'bytes'`, for `Response`, `fetch` and their like.
   *
   * A BYOB reader's buffer is filled straight out of the mapped pages, as far as the window under way reaches; a
   * default reader gets chunks of its own. Nothing is mapped before it is read. There are no leased chunks: a byte
   * stream takes the memory of its chunks over, and mapped memory cannot be given away.
   *
   * @throws as {@link windows} does
   *
   * @example
   * ```ts
   * return new Response(file.webStream({ start, end }))
   * ```
   */
  webStream(options?: WebStreamOptions): ReadableStream<Uint8Array> {
    const { lifetime = 'copied' } = optionsObject<StreamOptions>('options', options)
    oneOf('options.lifetime', lifetime, ['copied'])
    const { windows, chunk } = this.#cut(options, DEFAULT_CHUNK_SIZE, 'copied')
    return readableByteStream(windows, chunk)
  }

  /**
   * Write the bytes to a writable of Node's, of streamx or of the web, and end it. Settles when it has flushed them
   * all; rejects with what failed, and has destroyed the writable then.
   *
   * Leased where the sink is known to be done with a chunk once the write has called back: files, sockets, HTTP
   * responses, hashes, and every Writable that only writes. Copied for what could pass chunks on or keep them: what
   * can be read too (PassThrough, zlib, parsers), and WritableStreams. `lifetime` overrules that: say `'copied'` for
   * a Writable of your own that keeps chunks after it has called back, and `'leased'` for a parser that does not.
   * Never lend to zlib.
   *
   * An abort, or a failure of the sink's, also ends a wait for budget at once. With `preventAbort` it waits for the
   * write under way, whose bytes the sink was lent.
   *
   * @throws {TypeError} ERR_INVALID_ARG_TYPE; for a WritableStream that is locked, ERR_INVALID_STATE
   * @throws {Error} ERR_STREAM_UNABLE_TO_PIPE at once for a writable that was ended or destroyed; the sink's own
   *   errors; the signal's reason; and as {@link windows} and its `next()` do
   *
   * @example
   * ```ts
   * await file.pipeTo(createWriteStream('copy'), { onProgress: bytes => bar.update(bytes) })
   * ```
   */
  async pipeTo(writable: Sinkable, options?: PipeToOptions): Promise<void> {
    const sink = sinkable('writable', writable)
    const { onProgress, preventClose, preventAbort, ...rest } = optionsObject('options', options)
    const { lifetime = isDoneAtCallback(sink) ? 'leased' : 'copied' } = rest
    const chunkSize = lifetime === 'leased' ? LENT_CHUNK_SIZE : DEFAULT_CHUNK_SIZE
    const plan = {
      preventClose:
        preventClose === undefined ? isStdio(sink) : boolean('options.preventClose', preventClose),
      preventAbort:
        preventAbort === undefined ? isStdio(sink) : boolean('options.preventAbort', preventAbort),
      onProgress: onProgress === undefined ? undefined : callback('options.onProgress', onProgress),
      signal: rest.signal
    }
    const { windows, chunk } = this.#cut(rest, chunkSize, lifetime)
    await pipe(new Chunks(windows, chunk), sink, plan)
  }

  /**
   * The lines of the text, as strings: exactly what `Buffer.toString()` makes of the bytes of each, a BOM included.
   *
   * Bytes are decoded many lines at a time and split then, so that what is paid for a line is the await; without it,
   * {@link lineBatches} is about twice as fast.
   *
   * @throws {SlidemapError} ERR_MAP_OUT_OF_RANGE for a start past the end, ERR_MAP_CLOSED, ERR_MAP_UNSUPPORTED for
   *   `reverse` where the size is not known, and for leased lines; `next()` also ERR_MAP_RECORD_TOO_LONG, and as that of {@link windows}
   * @throws {TypeError} ERR_INVALID_ARG_TYPE
   * @throws {RangeError} ERR_OUT_OF_RANGE
   *
   * @example
   * ```ts
   * for await (const line of file.lines()) if (line.includes('ERROR')) console.log(line)
   * for await (const line of file.lines({ reverse: true, limit: 10 })) console.log(line)
   * ```
   */
  lines(options?: LineOptions & { offsets?: false | undefined }): Iteration<string>
  lines(options: LineOptions & { offsets: true }): Iteration<Line>
  lines(options?: LineOptions): Iteration<string> | Iteration<Line>
  lines(options?: LineOptions): Iteration<string | Line> {
    return new Items<string | Line>(batchesOfLines(this.#windowed(), options))
  }

  /**
   * The same, as arrays of some hundred lines: one await for many lines. No array is empty.
   *
   * @example
   * ```ts
   * for await (const lines of file.lineBatches()) for (const line of lines) count(line)
   * ```
   */
  lineBatches(options?: LineOptions & { offsets?: false | undefined }): Iteration<string[]>
  lineBatches(options: LineOptions & { offsets: true }): Iteration<Line[]>
  lineBatches(options?: LineOptions): Iteration<string[]> | Iteration<Line[]>
  lineBatches(options?: LineOptions): Iteration<string[] | Line[]> {
    return batchesOfLines(this.#windowed(), options)
  }

  /**
   * The bytes as records: of one size, with delimiters, or with their length before them. See {@link RecordOptions}.
   *
   * Leased by default: a record is valid until the next one is asked for. Not copied but where it is longer than a
   * window or crosses from one file into another: the next window begins at the page where the record does.
   *
   * @throws {SlidemapError} ERR_MAP_OUT_OF_RANGE for a start past the end, ERR_MAP_CLOSED, ERR_MAP_UNSUPPORTED for
   *   `follow`, `dropBehind` and `overlap`; `next()` also ERR_MAP_RECORD_TOO_LONG, ERR_MAP_FILE_TRUNCATED where the last record is cut short, and as that of {@link windows}
   * @throws {TypeError} ERR_INVALID_ARG_TYPE
   * @throws {RangeError} ERR_OUT_OF_RANGE; `next()` too, where a record says of itself that it is shorter than its head
   *
   * @example
   * ```ts
   * for await (const { offset, bytes } of file.records({ lengthPrefix: 4, endian: 'le' })) index(offset, decode(bytes))
   * ```
   */
  records(options: RecordOptions): Iteration<MapRecord> {
    return new Items(batchesOfRecords(this.#windowed(), options))
  }

  /**
   * The same, some thousand at a time: where they are, in two arrays of numbers. One await for many records, and no
   * object for each.
   *
   * @example
   * ```ts
   * for await (const { bytes, starts, ends, length } of file.recordBatches({ delimiter: '\n' })) {
   *   for (let i = 0; i < length; i++) if (bytes[starts[i]] === 0x7b) objects += ends[i] - starts[i]
   * }
   * ```
   */
  recordBatches(options: RecordOptions): Iteration<RecordBatch> {
    return batchesOfRecords(this.#windowed(), options)
  }

  /** End whatever is at work on it, release every window of it, and close what was opened for it. Idempotent. */
  abstract close(): Promise<void>

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** What lines and records need to know. */
  #windowed(): Windowed {
    const { windowSize, onCopy, knownSize, overlaps, scan } = this
    const path = 'path' in this && typeof this.path === 'string' ? this.path : undefined
    return { windows: this.stretches, windowSize, onCopy, knownSize, overlaps, scan, path }
  }

  /** The windows of a stream, and how they are cut into chunks. */
  #cut(
    options: StreamOptions | undefined,
    defaultChunkSize: number,
    defaultLifetime: Lifetime
  ): { windows: WindowIterator; chunk: ChunkOptions } {
    const o = optionsObject('options', options)
    const { chunkSize = defaultChunkSize, lifetime = defaultLifetime, ...rest } = o
    const chunk = {
      chunkSize: integer('options.chunkSize', chunkSize, 1),
      leased: oneOf('options.lifetime', lifetime, ['leased', 'copied']) === 'leased',
      onCopy: this.onCopy
    }
    return { windows: this.windows({ ...rest, lifetime: 'leased' }), chunk }
  }
}
