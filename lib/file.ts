/**
 * `MappedFile`: an open file, and everything that can be done with it.
 */
import { Buffer } from 'node:buffer'
import { under } from './abort.js'
import { MappedBuffer, partOf } from './access/buffer.js'
import { Cursor, type CursorView } from './access/cursor.js'
import { abortSignal, integer, optionsObject, withoutOptions } from './arguments.js'
import { SlidemapError } from './errors.js'
import type { OpenFile } from './manager/open-file.js'
import { FollowedWindows, isFollowed, planFollow } from './sequence/follow.js'
import { SyncItems, type SyncBatches } from './sequence/batches-sync.js'
import { type Scan, scanBytes } from './sequence/delimiter.js'
import type { Line } from './sequence/line-plan.js'
import { batchesOfLinesSync, type LineSyncOptions } from './sequence/lines-sync.js'
import type { Place } from './sequence/place.js'
import { Sequence, type WindowIterator } from './sequence/sequence.js'
import { planWindows, type View, type WindowOptions, Windows } from './sequence/windows.js'
import type { SyncIteration } from './sequence/sync-walk.js'
import { SyncWindows, type WindowSyncOptions } from './sequence/windows-sync.js'
import type { Window } from './window.js'

/** Copying is cheapest out of windows that stay in the processor's cache. */
const COPIED_WINDOW_SIZE = 4 * 2 ** 20

/** What a file takes over from its manager. */
export interface FileDefaults {
  readonly windowSize: number
  readonly prefetch: number
}

/** How to wait for what is asked of a file. */
export interface FileCallOptions {
  /** Gives up; rejects with the signal's reason. */
  signal?: AbortSignal | undefined
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
export class MappedFile extends Sequence {
  /** The path it was opened by, if it was. */
  declare readonly path?: string
  /** @internal */
  protected readonly windowSize: number
  /** @internal */
  protected readonly onCopy: (bytes: number) => void
  readonly #file: OpenFile
  readonly #base: number
  readonly #defaults: FileDefaults
  /** Where it ends, whatever becomes of the file, in bytes from its start; Infinity where it ends with the file. */
  readonly #limit: number

  /**
   * Made by `open()`: what it takes is slidemap's own.
   *
   * @param base where it begins, in bytes from the start of the file
   * @param limit where it ends, whatever becomes of the file; Infinity where it ends with the file
   */
  constructor(file: OpenFile, defaults: FileDefaults, base: number, limit: number) {
    super()
    this.windowSize = defaults.windowSize
    this.onCopy = file.manager.copied
    this.#file = file
    this.#defaults = defaults
    this.#base = base
    this.#limit = limit
    if (file.path !== undefined) this.path = file.path
    file.facade = new WeakRef(this)
  }

  /** @internal Where its bytes are: to be opened once more, or used as they are open. */
  get source(): Place {
    const lent = { file: this.#file, ...this.#defaults }
    return { lent, handle: this.#file.handle.source, start: this.#base, end: this.#limit }
  }

  /** Bytes, as of opening or the last {@link refresh}. */
  get size(): number {
    return Math.max(0, Math.min(this.#limit, this.#file.size) - this.#base)
  }

  /** @internal */
  protected override get knownSize(): number {
    return this.size
  }

  /** @internal */
  protected override get overlaps(): boolean {
    return true
  }

  /** @internal */
  protected override get scan(): Scan {
    return this.#file.mapper.scan ?? scanBytes
  }

  override windows(options?: WindowOptions): WindowIterator {
    return this.#windows(this.#view(), options)
  }

  /** @internal Of the file as it is now, also where it is refreshed between two stretches: its bounds were taken from it. */
  protected override get stretches(): (options: WindowOptions) => WindowIterator {
    const view = this.#view()
    return options => this.#windows(view, options)
  }

  #windows(view: View, options: WindowOptions | undefined): WindowIterator {
    this.#file.throwIfClosed()
    const o = optionsObject('options', options)
    if (isFollowed(o.follow)) return new FollowedWindows(view, planFollow(view, o, this.#limit - this.#base))
    return new Windows(view, planWindows(view, o))
  }

  /**
   * {@link windows} without awaits, for scripts that do nothing else meanwhile: this thread waits for the disk, and
   * nothing is mapped ahead.
   *
   * @throws {SlidemapError} ERR_MAP_OUT_OF_RANGE for a start past the end, ERR_MAP_CLOSED, ERR_MAP_UNSUPPORTED for
   *   `follow`; `next()` also ERR_MAP_LIMIT where the budget is spent, since it cannot wait, and as that of {@link windows}
   * @throws {TypeError} ERR_INVALID_ARG_TYPE
   * @throws {RangeError} ERR_OUT_OF_RANGE
   *
   * @example
   * ```ts
   * for (const { bytes } of file.windowsSync()) hash.update(bytes)
   * ```
   */
  windowsSync(options?: WindowSyncOptions): SyncIteration<Window> {
    return this.#windowsSync(this.#view(), options)
  }

  /**
   * {@link lines} without awaits, for scripts that do nothing else meanwhile.
   *
   * @throws as {@link lines} and {@link windowsSync} do
   *
   * @example
   * ```ts
   * for (const line of file.linesSync()) if (line.includes('ERROR')) errors++
   * ```
   */
  linesSync(options?: LineSyncOptions & { offsets?: false | undefined }): SyncIteration<string>
  linesSync(options: LineSyncOptions & { offsets: true }): SyncIteration<Line>
  linesSync(options?: LineSyncOptions): SyncIteration<string> | SyncIteration<Line>
  linesSync(options?: LineSyncOptions): SyncIteration<string | Line> {
    return new SyncItems<string | Line>(this.#lineBatchesSync(options))
  }

  /** {@link lineBatches} without awaits. No array is empty. */
  lineBatchesSync(options?: LineSyncOptions & { offsets?: false | undefined }): SyncIteration<string[]>
  lineBatchesSync(options: LineSyncOptions & { offsets: true }): SyncIteration<Line[]>
  lineBatchesSync(options?: LineSyncOptions): SyncIteration<string[]> | SyncIteration<Line[]>
  lineBatchesSync(options?: LineSyncOptions): SyncIteration<string[] | Line[]> {
    return this.#lineBatchesSync(options)
  }

  /**
   * A cursor: random access, synchronous, through regions that stay mapped while the budget lasts. Without a window
   * until it is used.
   *
   * @throws {SlidemapError} ERR_MAP_CLOSED
   */
  cursor(): Cursor {
    this.#file.throwIfClosed()
    return new Cursor(this.#cursorView())
  }

  /**
   * The bytes `[offset, offset + length)` as one buffer, however many they are: synchronous, through the same regions
   * as {@link cursor}. Its own index 0 is `offset` here. Nothing is mapped until it is read.
   *
   * @param offset bytes from the start of the file, 0 <= offset <= size; default 0
   * @param length bytes, >= 0; clamped at the end of the file as it is now; default all there are
   * @throws {SlidemapError} ERR_MAP_OUT_OF_RANGE for an offset past the end, ERR_MAP_CLOSED
   * @throws {TypeError} ERR_INVALID_ARG_TYPE
   * @throws {RangeError} ERR_OUT_OF_RANGE
   *
   * @example
   * ```ts
   * const index = file.buffer()
   * if (index.readUInt32BE(0) !== 0xff744f63) throw new Error('not an index')
   * ```
   */
  buffer(offset = 0, length: number = Number.MAX_SAFE_INTEGER): MappedBuffer {
    this.#file.throwIfClosed()
    return new MappedBuffer(partOf(this.#cursorView(), this.size, offset, length))
  }

  /**
   * A copy of the bytes `[offset, offset + length)`, the caller's own; pages are faulted in off the event loop.
   *
   * Takes them from a region that is mapped already where that was loaded and is no copy (those of `read` are), else maps
   * windows of its own, so that the regions of cursors are left alone. Whether the bytes were still the file's is checked
   * after they were copied.
   *
   * @param offset bytes from the start of the file, 0 <= offset <= size
   * @param length bytes; clamped at the end of the file; default all there are
   * @throws {SlidemapError} ERR_MAP_OUT_OF_RANGE for an offset past the end, ERR_MAP_CLOSED, ERR_MAP_FILE_TRUNCATED,
   *   ERR_MAP_FILE_CHANGED, ERR_MAP_IO; ERR_MAP_LIMIT for a budget of less than a page or two; errors of the OS; the
   *   signal's reason
   * @throws {TypeError} ERR_INVALID_ARG_TYPE
   * @throws {RangeError} ERR_OUT_OF_RANGE, also for more than one Buffer can hold
   *
   * @example
   * ```ts
   * const trailer = await file.read(file.size - 20)
   * ```
   */
  async read(offset: number, length?: number, options?: FileCallOptions): Promise<Buffer> {
    const { size } = this
    const view = this.#view()
    const signal = abortSignal('options.signal', optionsObject('options', options).signal)
    integer('offset', offset, 0)
    const wanted = length === undefined ? size : integer('length', length, 0)
    this.#file.throwIfClosed()
    signal?.throwIfAborted()
    if (offset > size) {
      throw new SlidemapError(
        'ERR_MAP_OUT_OF_RANGE',
        `offset ${offset} is past the end of the file, ${size}`,
        {
          path: this.#file.path,
          offset
        }
      )
    }
    const bytes = Buffer.allocUnsafeSlow(Math.min(wanted, size - offset))
    const range = { offset: this.#base + offset, length: bytes.length }
    const { shared } = this.#file
    if (!(await under(signal, stop => shared.copyLoaded(range, bytes, stop)))) {
      await this.#copyWindows(view, offset, bytes, signal)
    }
    this.onCopy(bytes.length)
    return bytes
  }

  /**
   * Look at the file again: its size now. Windows, cursors and reads that begin later see the file as it is by then;
   * where it has changed, cursors go on with what they show until they are sent elsewhere. A range that was opened with
   * an `end` keeps it.
   *
   * @returns {@link size}, in bytes
   * @throws {SlidemapError} ERR_MAP_CLOSED; ERR_MAP_FILE_CHANGED if the file has to be reopened for it, and another
   *   one is at its path
   * @throws errors of the OS; the signal's reason
   */
  async refresh(options?: FileCallOptions): Promise<number> {
    const signal = abortSignal('options.signal', optionsObject('options', options).signal)
    await under(signal, stop => this.#file.refresh(stop))
    return this.size
  }

  /**
   * End whatever is at work on this file, release every window of it, retained ones included, and close it.
   * Idempotent. Pending and later calls reject with ERR_MAP_CLOSED.
   */
  override close(): Promise<void> {
    return this.#file.close()
  }

  /** @param view of when the range was found to lie inside */
  async #copyWindows(
    view: View,
    offset: number,
    bytes: Buffer,
    signal: AbortSignal | undefined
  ): Promise<void> {
    const windows = this.#windows(view, {
      start: offset,
      end: offset + bytes.length,
      size: Math.min(this.windowSize, COPIED_WINDOW_SIZE),
      ...(signal && { signal })
    })
    for await (const window of windows) window.bytes.copy(bytes, window.offset - offset)
  }

  #windowsSync(view: View, options: WindowSyncOptions | undefined): SyncWindows {
    this.#file.throwIfClosed()
    withoutOptions('windows without awaits', optionsObject('options', options), ['follow'])
    return new SyncWindows(view, planWindows(view, options))
  }

  #lineBatchesSync(options: LineSyncOptions | undefined): SyncBatches<string[] | Line[]> {
    const { size, windowSize, scan, path } = this
    const view = this.#view()
    const windows = (given: WindowSyncOptions) => this.#windowsSync(view, given)
    return batchesOfLinesSync({ windows, windowSize, size, scan, path }, options)
  }

  #cursorView(): CursorView {
    const { windowSize } = this
    return { file: this.#file, base: this.#base, limit: this.#limit, windowSize, keep: this }
  }

  #view(): View {
    return { file: this.#file, base: this.#base, size: this.size, ...this.#defaults }
  }
}
