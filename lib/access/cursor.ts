/**
 * Cursors: random access through a window that goes where it is sent.
 */
import type { Buffer } from 'node:buffer'
import { follow } from '../abort.js'
import { abortSignal, integer, optionsObject } from '../arguments.js'
import { invalidType, SlidemapError } from '../errors.js'
import type { Consumer, OpenFile } from '../manager/open-file.js'
import type { SharedRegion } from '../manager/shared-region.js'
import type { Wanted } from '../manager/shared-regions.js'

/** What a cursor needs to know of the file it moves over. */
export interface CursorView {
  readonly file: OpenFile
  /** Where the view begins, in bytes from the start of the file. */
  readonly base: number
  /** Where it ends, in bytes from the start of the file; Infinity where it ends with the file, however long that is. */
  readonly limit: number
  readonly windowSize: number
  /** The public file: who holds a cursor, holds it. */
  readonly keep: object
}

export interface LoadOptions {
  /** Gives up; rejects with the signal's reason. */
  signal?: AbortSignal | undefined
}

/** What a cursor leases. Apart from the cursor, so that a cursor can be collected and this ends its affairs. */
class Grip implements Consumer {
  region: SharedRegion | undefined

  async destroy(): Promise<void> {
    this.region?.abandon()
    this.region = undefined
  }
}

/**
 * A window that moves over a file as it is told: smmap's WindowCursor.
 *
 * `use()` maps what is not mapped yet, on this thread; `load()` does it off the event loop and waits for budget.
 * `bytes` are the file's own pages, without a copy, **leased**: valid until the cursor is sent elsewhere, unused or
 * disposed of. Regions are shared by all cursors of a file and stay mapped after use, until the budget is needed for
 * others; the one used longest ago goes first. Writing into `bytes` reaches the file in no case, but whoever else looks
 * at the same region.
 *
 * Bytes that are lost while they are looked at (the file shrank, or the disk failed) read as zeros. The next call then
 * throws ERR_MAP_FILE_TRUNCATED or ERR_MAP_IO: `use()`, `load()`, `unuse()`, or the end of a `using` block. {@link lost}
 * tells before, but for bytes that were cut off within a page.
 *
 * @example
 * ```ts
 * using cursor = file.cursor()
 * const count = cursor.use(8, 4).bytes.readUInt32BE()
 * for (let at = 12; at < file.size; at += cursor.length) hash.update(cursor.use(at).bytes)
 * ```
 * @see git packfile.c use_pack(), smmap's WindowCursor
 */
export class Cursor implements Disposable {
  readonly #view: CursorView
  readonly #grip = new Grip()
  /** Where the window may reach in the region in use, in bytes from the start of the file. */
  #limit = 0
  /** Window, in bytes from the start of the file and in bytes. */
  #start = 0
  #length = 0
  /** Where the windows end that were shown of the region in use: a loss after that concerns others. */
  #shown = 0
  #bytes: Buffer | undefined
  #loading: AbortController | undefined
  #disposed = false

  /** Made by `file.cursor()`: what it takes is slidemap's own. */
  constructor(view: CursorView) {
    this.#view = view
    this.#start = view.base
    view.file.manager.dropped.register(this, this.#grip, this.#grip)
  }

  /**
   * Go to `offset`. Maps a region there, on this thread and without faulting its pages in, unless there is one.
   *
   * The window holds the byte at `offset` at least. It may be shorter than asked for, see {@link length}: it ends where
   * the region, the view or the file ends, and {@link use} at the byte after it goes on from there.
   *
   * @param offset bytes from the start of the file, 0 <= offset < size
   * @param size bytes, >= 1; default as many as the region has
   * @throws {SlidemapError} ERR_MAP_OUT_OF_RANGE for an offset at the end or past it, ERR_MAP_CLOSED, ERR_MAP_RELEASED
   *   once disposed of: the cursor stays where it was
   * @throws {SlidemapError} ERR_MAP_LIMIT where what is leased leaves no room, or others wait for it;
   *   ERR_MAP_FILE_TRUNCATED, ERR_MAP_FILE_CHANGED, ERR_MAP_IO; and errors of the OS: the cursor has no window then
   * @throws {TypeError} ERR_INVALID_ARG_TYPE
   * @throws {RangeError} ERR_OUT_OF_RANGE
   */
  use(offset: number, size: number = Number.MAX_SAFE_INTEGER): this {
    // The common cases first, and nothing in them that is not needed: the region in use has it, or another that is there.
    // Nor do they ask a field whether it is true or falsy in one of six ways, or Math.min() which of two is no number.
    const { region } = this.#grip
    if (region !== undefined && Number.isSafeInteger(offset) && Number.isSafeInteger(size) && size >= 1) {
      const start = this.#view.base + offset
      if (offset >= 0 && this.#isSound(region)) {
        const inUse = region.current === true && start >= region.offset && start < this.#limit
        if (inUse || this.#moved(region, start)) {
          this.#show(start, size)
          return this
        }
      }
    }
    return this.#go(offset, size)
  }

  /** {@link use} for all others. Apart, as all is that is seldom: what is short, V8 compiles into the caller's loop. */
  #go(offset: number, size: number): this {
    const start = this.#check(offset, size)
    this.unuse()
    const { shared } = this.#view.file
    const mapped = shared.find(start)
    if (mapped === undefined) this.#take(shared.map(this.#wanted(start, size)), start, size)
    else {
      mapped.lease()
      this.#take(mapped, start, size)
    }
    return this
  }

  /**
   * The same with pages faulted in off the event loop, waiting for budget, first come first served, while it is spent.
   *
   * The whole region is faulted in, `windowSize` bytes of the manager at the most. Until this settles the cursor is not
   * valid; another call of `use()`, `load()` or `unuse()` meanwhile ends it with ERR_MAP_RELEASED.
   *
   * @param offset bytes from the start of the file, 0 <= offset < size
   * @param size bytes, >= 1; default as many as the region has
   * @throws what {@link use} does, but ERR_MAP_LIMIT only for what can never fit; the signal's reason
   */
  async load(offset: number, size: number = Number.MAX_SAFE_INTEGER, options?: LoadOptions): Promise<this> {
    const signal = abortSignal('options.signal', optionsObject('options', options).signal)
    const start = this.#check(offset, size)
    // Given back before this waits: so any number of cursors get by with a budget of one region.
    this.unuse()
    this.#throwIfDisposed()
    const loading = new AbortController()
    this.#loading = loading
    const unfollow = follow(signal, loading)
    try {
      const region = await this.#view.file.shared.load(this.#wanted(start, size), loading.signal)
      if (loading.signal.aborted) {
        region.unlease()
        throw loading.signal.reason
      }
      this.#take(region, start, size)
      return this
    } finally {
      unfollow()
      if (this.#loading === loading) this.#loading = undefined
    }
  }

  /**
   * Give the region back: the cursor is not valid then, and its bytes may be unmapped whenever room is needed. It can
   * be used again. Idempotent.
   *
   * @throws {SlidemapError} ERR_MAP_FILE_TRUNCATED or ERR_MAP_IO, where bytes were lost that this cursor had shown
   */
  unuse(): void {
    if (this.#loading !== undefined) {
      const why = this.#disposed ? 'disposed of' : 'sent elsewhere or given back'
      this.#loading.abort(this.#released(`the cursor was ${why}`))
      this.#loading = undefined
    }
    const { region } = this.#grip
    if (region === undefined) return
    const shown = this.#shown
    const sound = this.#isSound(region)
    // Who was told of a loss may have sent this elsewhere, or given it back.
    if (this.#grip.region !== region) return
    this.#grip.region = undefined
    this.#bytes = undefined
    this.#length = this.#shown = 0
    if (sound) region.unlease()
    else this.#leave(region, shown)
  }

  /** Lease the region that holds the byte at a place in place of this one, which is sound, if there is one. */
  #moved(region: SharedRegion, place: number): boolean {
    const { file, limit } = this.#view
    const next = file.shared.list.find(place)
    if (next === undefined || next.suspect || place >= limit) return false
    // First, so that it is not what makes room for who waits for this one.
    next.lease()
    this.#bytes = undefined
    this.#shown = 0
    this.#hold(next)
    // Last: who is told of what that makes room for may use this cursor.
    region.unlease()
    return true
  }

  /** Give a region back of which bytes may have been lost that were shown. */
  #leave(region: SharedRegion, shown: number): void {
    try {
      // First, since that may find bytes lost.
      if (!region.released) this.#view.file.attestSync(region, shown)
      const { lost } = region
      if (lost >= 0 && lost < shown) throw this.#view.file.explainLossSync(lost)
    } finally {
      if (region.lost >= 0) region.retire()
      region.unlease()
    }
  }

  /** Whether nothing can be lost of what was shown of a region: else it has to be asked. */
  #isSound(region: SharedRegion): boolean {
    const bytes = this.#bytes
    // Mostly that is all: what was shown before was asked about when the cursor left it.
    if (bytes !== undefined && bytes[this.#length - 1] !== 0 && !region.suspect) return true
    return !(region.suspect && region.lost >= 0) && region.doubt(this.#shown) === undefined
  }

  /** Whether there is a window: between `use()` or `load()` and `unuse()`, while the file is open. */
  get valid(): boolean {
    const { region } = this.#grip
    return region !== undefined && !region.released
  }

  /** Where the window begins, or began, in bytes from the start of the file. */
  get offset(): number {
    return this.#start - this.#view.base
  }

  /** Bytes of the window; 0 while there is none. */
  get length(): number {
    return this.valid ? this.#length : 0
  }

  /**
   * The bytes of the window, without a copy.
   *
   * @throws {SlidemapError} ERR_MAP_RELEASED while there is no window
   */
  get bytes(): Buffer {
    const { region } = this.#grip
    if (region === undefined || region.released) throw this.#released('the cursor has no window')
    const bytes = this.#bytes
    return bytes === undefined ? this.#lend(region) : bytes
  }

  #lend(region: SharedRegion): Buffer {
    region.lent = true
    this.#bytes = region.view({ offset: this.#start, length: this.#length })
    return this.#bytes
  }

  /**
   * Where the bytes begin that were lost under what this cursor has shown of its region, and read as zeros, counted as
   * `offset` is; -1 for none.
   */
  get lost(): number {
    const lost = this.#grip.region?.lost ?? -1
    if (lost < 0 || lost >= this.#shown) return -1
    return Math.max(lost - this.#view.base, 0)
  }

  /**
   * Whether the window holds the byte at `offset`, in bytes from the start of the file.
   *
   * @throws {TypeError} ERR_INVALID_ARG_TYPE for what is no number
   */
  includes(offset: number): boolean {
    if (typeof offset !== 'number') throw invalidType('offset', 'of type number', offset)
    const start = this.#view.base + offset
    return start >= this.#start && start < this.#start + this.length
  }

  /**
   * Another cursor, at the same place: it leases the same region, and goes its own ways.
   *
   * @throws {SlidemapError} ERR_MAP_CLOSED, ERR_MAP_RELEASED once disposed of
   */
  clone(): Cursor {
    this.#throwIfDisposed()
    this.#view.file.throwIfClosed()
    const clone = new Cursor(this.#view)
    clone.#start = this.#start
    const { region } = this.#grip
    if (region === undefined || region.released) return clone
    region.lease()
    clone.#grip.region = region
    clone.#limit = this.#limit
    clone.#show(this.#start, this.#length)
    return clone
  }

  /** {@link unuse}, for good. Idempotent. */
  [Symbol.dispose](): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#view.file.manager.dropped.unregister(this.#grip)
    this.unuse()
  }

  /** The byte at `offset`, in bytes from the start of the file, if one may go there. */
  #check(offset: number, size: number): number {
    this.#throwIfDisposed()
    const { file, base } = this.#view
    integer('offset', offset, 0)
    integer('size', size, 1)
    file.throwIfClosed()
    const end = this.#end()
    if (offset >= end - base) {
      throw new SlidemapError(
        'ERR_MAP_OUT_OF_RANGE',
        `offset ${offset} is not before the end, ${Math.max(0, end - base)}`,
        { path: file.path, offset }
      )
    }
    return base + offset
  }

  #wanted(start: number, size: number): Wanted {
    // Without a size any region will do: it goes where windows of the same size would lie side by side.
    const length = size === Number.MAX_SAFE_INTEGER ? 1 : Math.min(size, this.#end() - start)
    return { offset: start, length, size, windowSize: this.#view.windowSize }
  }

  /** Where the view ends now, in bytes from the start of the file. */
  #end(): number {
    return Math.min(this.#view.limit, this.#view.file.size)
  }

  /** Owns the lease from here on. */
  #take(region: SharedRegion, start: number, size: number): void {
    const refusal = this.#refusal(region)
    if (refusal !== undefined) {
      region.unlease()
      throw refusal
    }
    this.#hold(region)
    this.#show(start, size)
  }

  #hold(region: SharedRegion): void {
    this.#grip.region = region
    const { end } = region
    const { limit } = this.#view
    this.#limit = end < limit ? end : limit
  }

  #show(start: number, size: number): void {
    const left = this.#limit - start
    const length = size < left ? size : left
    if (start !== this.#start || length !== this.#length) this.#bytes = undefined
    this.#start = start
    this.#length = length
    if (start + length > this.#shown) this.#shown = start + length
  }

  /** Who was told of what was mapped, unmapped or lost on the way may have used this cursor: then that counts. */
  #refusal(region: SharedRegion): SlidemapError | undefined {
    if (this.#disposed) return this.#released('the cursor was disposed of')
    if (this.#grip.region !== undefined) return this.#released('the cursor was sent elsewhere')
    return region.released ? this.#view.file.goneError() : undefined
  }

  #throwIfDisposed(): void {
    if (this.#disposed) throw this.#released('the cursor was disposed of')
  }

  #released(message: string): SlidemapError {
    return new SlidemapError('ERR_MAP_RELEASED', message, { path: this.#view.file.path })
  }
}
