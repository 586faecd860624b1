/**
 * `MappedBuffer`: a file of any length that reads like one Buffer.
 */
import { Buffer } from 'node:buffer'
import { types } from 'node:util'
import { integer } from '../arguments.js'
import { invalidRange, invalidType, SlidemapError } from '../errors.js'
import { CopiedWindow, type Window } from '../window.js'
import type { CursorView } from './cursor.js'
import { lease, tryLease } from './lease.js'
import { NumberReader, type Reach, refuse } from './numbers.js'
import { copyPieces } from './pieces.js'
import { type Query, readQuery, type Sought, searchBackwards, searchForwards } from './search.js'
import { Sights } from './sights.js'

/** Bytes of another buffer compared at a time: they fit the processor's cache. */
const COMPARED = 64 * 1024

/**
 * A file, or a range of one, that reads like one Buffer, however long it is: smmap's SlidingWindowMapBuffer.
 *
 * Index 0 is the first byte of the range. Reads are synchronous; what is not mapped yet is mapped on this thread, and
 * its pages are read from the disk as they are touched. `file.cursor().load()` has them read off the event loop before.
 *
 * Between calls it leases nothing: any number of buffers share the regions that random access keeps, and those are
 * unmapped, the one used longest ago first, when the budget is needed. What it answers are numbers and copies; the
 * file's own pages are had by {@link lease} and {@link subarray}, which are leased until they are released.
 *
 * Every read throws
 * - `ERR_MAP_CLOSED` once the file is closed, `ERR_MAP_RELEASED` once the buffer is disposed of;
 * - `ERR_MAP_FILE_TRUNCATED` or `ERR_MAP_IO` where it touched bytes that were lost: never zeros in their place.
 * - `ERR_MAP_LIMIT` where all the budget is leased or waited for;
 * - `ERR_MAP_FILE_CHANGED`, and errors of the OS, where mapping fails.
 *
 * @example
 * ```ts
 * using index = file.buffer(1032)
 * const count = index.readUInt32BE(0)
 * const id = index.slice(4, 24).toString('hex')
 * const end = index.indexOf('\0', 24)
 * ```
 */
export class MappedBuffer extends NumberReader implements Disposable {
  /** Bytes; never changes, whatever becomes of the file. */
  readonly length: number = 0
  /** @internal */
  protected readonly base: number = 0
  readonly #view: CursorView
  readonly #sights: Sights

  /**
   * Made by `file.buffer()`: what it takes is slidemap's own.
   *
   * @param view what to read: `base` and `limit`, which lies inside the file, are the range
   */
  constructor(view: CursorView) {
    super()
    this.#view = view
    this.length = view.limit - view.base
    this.base = view.base
    this.#sights = new Sights(view)
  }

  /**
   * The byte at an index, as `Buffer.at` has it.
   *
   * @param index negative ones count from the end; fractions are cut off
   * @returns undefined where there is none
   * @throws {SlidemapError} as every read does, see {@link MappedBuffer}
   */
  at(index: number): number | undefined {
    const whole = Math.trunc(index) || 0
    const offset = whole < 0 ? whole + this.length : whole
    if (offset >= 0 && offset < this.length) return this.readUInt8(offset)
    this.#sights.throwIfClosed()
    return undefined
  }

  /**
   * A copy of the bytes `[start, end)`: an ordinary Buffer, the caller's own.
   *
   * @param start negative ones count from the end; clamped, as Buffer does; default 0
   * @param end default the end
   * @throws {RangeError} ERR_OUT_OF_RANGE where one Buffer cannot hold as much (`buffer.constants.MAX_LENGTH`)
   * @throws {SlidemapError} as every read does
   */
  slice(start?: number, end?: number): Buffer {
    this.#sights.throwIfClosed()
    const first = this.#clamp(start, 0)
    const until = Math.max(first, this.#clamp(end, this.length))
    const copy = Buffer.allocUnsafe(until - first)
    this.#copyTo(copy, 0, first, until)
    return copy
  }

  /**
   * Copy bytes into `target`, as `Buffer.copy` does.
   *
   * @param targetStart where in `target` to begin; default 0
   * @param sourceStart first byte to copy, 0 <= sourceStart <= length; default 0
   * @param sourceEnd byte after the last; default the end
   * @returns how many bytes were copied: as many as there were and had room
   * @throws {TypeError} ERR_INVALID_ARG_TYPE
   * @throws {RangeError} ERR_OUT_OF_RANGE
   * @throws {SlidemapError} as every read does
   */
  copy(target: Uint8Array, targetStart?: number, sourceStart?: number, sourceEnd?: number): number {
    if (!types.isUint8Array(target)) {
      throw invalidType('target', 'an instance of Buffer or Uint8Array', target)
    }
    const to = wholeNumber(targetStart, 0)
    const first = wholeNumber(sourceStart, 0)
    const until = wholeNumber(sourceEnd, this.length)
    if (to < 0) throw invalidRange('targetStart', '>= 0', to)
    if (first < 0 || first > this.length) {
      throw invalidRange('sourceStart', `>= 0 && <= ${this.length}`, first)
    }
    if (until < 0) throw invalidRange('sourceEnd', '>= 0', until)
    const count = Math.min(this.length - first, until - first, target.length - to)
    this.#sights.throwIfClosed()
    if (count <= 0) return 0
    this.#copyTo(target, to, first, first + count)
    return count
  }

  /**
   * Whether these are the same bytes as those.
   *
   * @throws {TypeError} ERR_INVALID_ARG_TYPE
   * @throws {SlidemapError} as every read does, of either
   */
  equals(other: Uint8Array | MappedBuffer): boolean {
    this.#sights.throwIfClosed()
    if (other === this) return true
    const mapped = other instanceof MappedBuffer
    if (!mapped && !types.isUint8Array(other)) {
      throw invalidType('other', 'an instance of Buffer, Uint8Array or MappedBuffer', other)
    }
    if (mapped) other.#sights.throwIfClosed()
    if (other.length !== this.length) return false
    // Of another mapped buffer a little at a time is copied: its pages and these need not be mapped at once.
    const step = mapped ? COMPARED : this.length
    for (let at = 0; at < this.length; at += step) {
      const end = Math.min(at + step, this.length)
      const theirs = mapped ? other.slice(at, end) : other
      if (!this.#matches(at, end, theirs)) return false
    }
    return true
  }

  /**
   * The first index at which `value` is found, or -1, as `Buffer.indexOf` has it; also where it begins in one region
   * and ends in the next.
   *
   * @param value a byte, bytes, or a string
   * @param from where to begin; negative ones count from the end; default 0
   * @param encoding of a string; default `'utf8'`
   * @throws {TypeError} ERR_INVALID_ARG_TYPE, ERR_UNKNOWN_ENCODING
   * @throws {SlidemapError} as every read does
   */
  indexOf(value: Sought, from?: number, encoding?: BufferEncoding): number
  indexOf(value: string, encoding: BufferEncoding): number
  indexOf(value: Sought, from?: number | BufferEncoding, encoding?: BufferEncoding): number {
    const query = readQuery(this.length, value, from, encoding, true)
    return this.#search(searchForwards, query)
  }

  /** The last index at which `value` is found, or -1; `from` defaults to the end. See {@link indexOf}. */
  lastIndexOf(value: Sought, from?: number, encoding?: BufferEncoding): number
  lastIndexOf(value: string, encoding: BufferEncoding): number
  lastIndexOf(value: Sought, from?: number | BufferEncoding, encoding?: BufferEncoding): number {
    const query = readQuery(this.length, value, from, encoding, false)
    return this.#search(searchBackwards, query)
  }

  /** Whether `value` is found at all. See {@link indexOf}. */
  includes(value: Sought, from?: number, encoding?: BufferEncoding): boolean
  includes(value: string, encoding: BufferEncoding): boolean
  includes(value: Sought, from?: number | BufferEncoding, encoding?: BufferEncoding): boolean {
    return this.indexOf(value, from as number, encoding) !== -1
  }

  /** The bytes, one after the other. */
  *[Symbol.iterator](): Generator<number, undefined> {
    this.#sights.throwIfClosed()
    for (let at = 0; at < this.length; at++) yield this.readUInt8(at)
  }

  /**
   * Lease the bytes `[offset, offset + length)`, without a copy: in the region that holds them all, else in one of
   * their own, which counts in the budget until it is released.
   *
   * Finish with them before you release them. Writing into them does not reach the file, but whoever else looks at the
   * same region. Bytes that are lost meanwhile read as zeros: `window.lost` tells, and
   * `release()` throws ERR_MAP_FILE_TRUNCATED or ERR_MAP_IO, once.
   *
   * @param offset bytes from the start of this buffer, 0 <= offset < length; so is the window's
   * @param length bytes, >= 1; clamped at the end of the buffer
   * @throws {SlidemapError} ERR_MAP_OUT_OF_RANGE for an offset at the end or past it; as every read does
   * @throws {TypeError} ERR_INVALID_ARG_TYPE
   * @throws {RangeError} ERR_OUT_OF_RANGE
   * @example
   * ```ts
   * using object = pack.lease(offset, 4096)
   * const content = inflateSync(object.bytes)
   * ```
   * @see git packfile.c use_pack(): the same pin rule, without a bound on what is pinned
   */
  lease(offset: number, length: number): Window {
    this.#sights.throwIfClosed()
    integer('offset', offset, 0)
    integer('length', length, 1)
    return lease(this.#view, offset, length)
  }

  /**
   * The bytes `[start, end)`, without a copy where one region has them all: then it is a lease as {@link lease} makes
   * it, and its `lifetime` is `'leased'`. Else they are a copy, and `'copied'`.
   *
   * @param start negative ones count from the end; clamped, as Buffer does; default 0
   * @param end default the end
   * @throws {RangeError} ERR_OUT_OF_RANGE for a copy that one Buffer cannot hold
   * @throws {SlidemapError} as every read does
   */
  subarray(start?: number, end?: number): Window {
    this.#sights.throwIfClosed()
    const first = this.#clamp(start, 0)
    const until = Math.max(first, this.#clamp(end, this.length))
    const leased = until > first ? tryLease(this.#view, first, until - first) : undefined
    return leased ?? new CopiedWindow(first, this.slice(first, until))
  }

  /**
   * A part of this buffer as a buffer of its own: its index 0 is `offset` here. Nothing is mapped or copied.
   *
   * @param offset bytes, 0 <= offset <= length
   * @param length bytes, >= 0; clamped at the end of this buffer, which is also the default
   * @throws {SlidemapError} ERR_MAP_OUT_OF_RANGE for an offset past the end, ERR_MAP_CLOSED, ERR_MAP_RELEASED
   * @throws {TypeError} ERR_INVALID_ARG_TYPE
   * @throws {RangeError} ERR_OUT_OF_RANGE
   */
  buffer(offset = 0, length: number = this.length): MappedBuffer {
    this.#sights.throwIfClosed()
    return new MappedBuffer(partOf(this.#view, this.length, offset, length))
  }

  /** Make every later read throw ERR_MAP_RELEASED. Optional, since it leases nothing; idempotent. */
  [Symbol.dispose](): void {
    this.#sights.close()
  }

  /** @internal */
  protected reach(offset: number, width: number): Reach {
    const inside = typeof offset === 'number' && offset >= 0 && offset <= this.length - width
    if (!inside || Math.floor(offset) !== offset) refuse(offset, width, this.length)
    const place = this.base + offset
    const region = this.#sights.regions.latest(place)
    const near = region !== undefined && place >= region.offset && place + width <= region.end
    if (!near) return this.#reachOut(place, width)
    region.touch()
    return region
  }

  /** @internal */
  protected attest(at: Reach, last: number, end: number): void {
    if (last === 0 || at.suspect) this.#sights.examine(at, this.base + end)
  }

  /** The same where another region was found last, or nothing is mapped, and for a number in two regions. */
  #reachOut(place: number, width: number): Reach {
    const region = this.#sights.at(place)
    if (place + width <= region.end) return region
    const seam = Buffer.alloc(width)
    const start = place - this.base
    copyPieces(this.#sights, start, start + width, seam)
    this.#sights.verify()
    return { data: new DataView(seam.buffer, seam.byteOffset, width), offset: place, suspect: false }
  }

  #copyTo(target: Uint8Array, to: number, first: number, until: number): void {
    copyPieces(this.#sights, first, until, target, to)
    this.#sights.verify()
    this.#view.file.manager.copied(until - first)
  }

  #matches(first: number, until: number, theirs: Uint8Array): boolean {
    for (let at = first; at < until; ) {
      const { offset, bytes } = this.#sights.pieceAt(at, until)
      const end = Math.min(until, offset + bytes.length)
      // Not compare() with bounds: Deno takes those of one Buffer for those of the other.
      const same = bytes.subarray(at - offset, end - offset).equals(theirs.subarray(at - first, end - first))
      this.#sights.verify()
      if (!same) return false
      at = end
    }
    return true
  }

  #search(search: typeof searchForwards, query: Query | number): number {
    this.#sights.throwIfClosed()
    if (typeof query === 'number') return query
    const found = search(this.#sights, query)
    const size = typeof query.needle === 'number' ? 1 : query.needle.length
    // Backwards, everything from the beginning down to what was found was looked at.
    const forwards = search === searchForwards && found !== -1
    this.#sights.verify(forwards ? found + size : undefined)
    return found
  }

  /** An index of `slice` as Buffer takes it: from the end if it is negative, and within bounds. */
  #clamp(index: number | undefined, fallback: number): number {
    if (index === undefined) return fallback
    const whole = Math.trunc(index) || 0
    return whole < 0 ? Math.max(0, whole + this.length) : Math.min(whole, this.length)
  }
}

/**
 * The view of a part.
 *
 * @param size bytes of the whole
 * @throws {SlidemapError} ERR_MAP_OUT_OF_RANGE
 */
export function partOf(view: CursorView, size: number, offset: number, length: number): CursorView {
  integer('offset', offset, 0)
  integer('length', length, 0)
  if (offset > size) {
    const { path } = view.file
    const message = `offset ${offset} is past the end, ${size}`
    throw new SlidemapError('ERR_MAP_OUT_OF_RANGE', message, { path, offset })
  }
  const base = view.base + offset
  return { ...view, base, limit: base + Math.min(length, size - offset) }
}

/** A number as `Buffer.copy` takes it: what is none, or not finite, is 0. */
function wholeNumber(value: number | undefined, fallback: number): number {
  if (value === undefined) return fallback
  const number = Math.floor(value)
  return Number.isFinite(number) ? number : 0
}
