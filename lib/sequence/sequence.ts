/**
 * Sequences: what can be walked from its first byte to its last, whatever it is made of.
 */
import { integer, oneOf, optionsObject } from '../arguments.js'
import { MapReadable } from './readable.js'
import type { Window } from './window.js'
import type { Lifetime, WindowOptions } from './windows.js'

/** What `windows()` answers. */
export interface WindowIterator extends AsyncIterableIterator<Window>, AsyncDisposable {
  next(): Promise<IteratorResult<Window, undefined>>
  /** Call `tell` when this is ended from outside: by its signal, or by the file's being closed. */
  onEnded(tell: (error: unknown) => void): void
}

/** Which part of a sequence to stream, and how. */
export interface StreamOptions extends WindowOptions {
  /** Bytes of a chunk, the last of a window excepted; default 64 KiB. Apart from `size`, which is what is mapped. */
  chunkSize?: number
  /** `'copied'` (default): chunks are the consumer's own. `'leased'`: for sinks that are done when `write` returns. */
  lifetime?: Lifetime
}

/** What Node's own streams use, and what parsers that ignore backpressure inside a chunk can bear. */
const DEFAULT_CHUNK_SIZE = 64 * 1024

/** Copying is cheapest out of windows that stay in the processor's cache. */
const COPIED_WINDOW_SIZE = 4 * 2 ** 20

/** Everything that follows from windows. */
export abstract class Sequence implements AsyncDisposable {
  /** Bytes of a window where no other size is asked for. */
  protected abstract readonly windowSize: number
  /** Told how many bytes were copied for a consumer. */
  protected abstract readonly onCopy: (bytes: number) => void

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
    const { chunkSize = DEFAULT_CHUNK_SIZE, lifetime = 'copied', ...rest } = optionsObject('options', options)
    const chunk = {
      chunkSize: integer('options.chunkSize', chunkSize, 1),
      leased: oneOf('options.lifetime', lifetime, ['leased', 'copied']) === 'leased',
      onCopy: this.onCopy
    }
    const size = chunk.leased ? this.windowSize : Math.min(this.windowSize, COPIED_WINDOW_SIZE)
    return new MapReadable(this.windows({ size, ...rest, lifetime: 'leased' }), chunk)
  }

  /** End whatever is at work on it, release every window of it, and close what was opened for it. Idempotent. */
  abstract close(): Promise<void>

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
