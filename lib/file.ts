/**
 * `MappedFile`: an open file, and everything that can be done with it.
 */
import type { HandleSource } from './manager/handles.js'
import type { OpenFile } from './manager/open-file.js'
import { MapReadable, type StreamOptions } from './sequence/readable.js'
import type { Window } from './sequence/window.js'
import { planWindows, type View, type WindowOptions, Windows } from './sequence/windows.js'

/** What a file takes over from its manager. */
export interface FileDefaults {
  readonly windowSize: number
  readonly prefetch: number
}

/**
 * An open file. Made by `open()`; closed by `close()`, or by leaving an `await using` block.
 *
 * @example
 * ```ts
 * await using file = await open('huge.log')
 * for await (const { offset, bytes } of file.windows()) console.log(offset, bytes.length)
 * ```
 */
export class MappedFile implements AsyncDisposable {
  /** The path it was opened by, if it was. */
  readonly path?: string
  readonly #file: OpenFile
  readonly #base: number
  readonly #size: number
  readonly #defaults: FileDefaults

  /** @internal */
  constructor(file: OpenFile, defaults: FileDefaults, base: number, size: number) {
    this.#file = file
    this.#defaults = defaults
    this.#base = base
    this.#size = size
    if (file.path !== undefined) this.path = file.path
    file.facade = new WeakRef(this)
  }

  /** @internal What to open in order to have the same bytes once more. */
  get source(): { handle: HandleSource; start: number; end: number } {
    return { handle: this.#file.handle.source, start: this.#base, end: this.#base + this.#size }
  }

  /** Bytes, as of opening. */
  get size(): number {
    return this.#size
  }

  /**
   * The file as a sequence of windows.
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
  windows(options?: WindowOptions): AsyncIterableIterator<Window> & AsyncDisposable {
    this.#file.throwIfClosed()
    const view = this.#view()
    return new Windows(view, planWindows(view, options, {}))
  }

  /**
   * The file as a streamx Readable of Buffers.
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
    this.#file.throwIfClosed()
    return new MapReadable(this.#view(), options)
  }

  /**
   * End whatever is at work on this file, release every window of it, retained ones included, and close it.
   * Idempotent. Pending and later calls reject with ERR_MAP_CLOSED.
   */
  close(): Promise<void> {
    return this.#file.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #view(): View {
    return { file: this.#file, base: this.#base, size: this.#size, ...this.#defaults }
  }
}
