/**
 * Framings: how records follow each other in bytes. One by delimiters, one by sizes that are known or are written at
 * the head of each record.
 */
import { Buffer } from 'node:buffer'
import { invalidRange, invalidType, SlidemapError } from '../errors.js'
import type { Carry } from './carry.js'
import { Delimiter, type Scan } from './delimiter.js'

/** Where records are in some bytes: `[starts[i], ends[i])` for i < count. Filled anew for each batch. */
export interface RecordTable {
  readonly starts: Uint32Array
  readonly ends: Uint32Array
  count: number
}

export interface Framing {
  /**
   * Find whole records from the first byte on, until `most` are found or none ends in `bytes` any more.
   *
   * @param offset where `bytes` begins in the sequence
   * @returns index after the last of them, its delimiter included
   * @throws {SlidemapError} ERR_MAP_RECORD_TOO_LONG for the first record; a later one is for the next call
   */
  frame(bytes: Buffer, offset: number, table: RecordTable, most: number): number
  /**
   * Index in `bytes` after the record whose beginning is in `carry`, and which goes on at `from`; -1 where it ends
   * later.
   *
   * @param offset where `bytes` begins in the sequence
   */
  complete(carry: Carry, bytes: Buffer, from: number, offset: number): number
  /**
   * Bytes of a record that has not ended, as far as its beginning tells; at least one more than there are.
   *
   * @param rest its beginning
   */
  needed(rest: Buffer, offset: number): number
  /** Check the beginning of a record that goes on for `length` bytes, and has not ended. */
  check(length: number, offset: number): void
  /** How many bytes of `rest`, what is left at the end, are a last record. @throws {SlidemapError} ERR_MAP_FILE_TRUNCATED */
  last(rest: Buffer, offset: number): number
}

/** How long a record may be, and whose it is. */
export interface RecordBounds {
  /** Bytes. */
  readonly maxRecordBytes: number
  /** For errors. */
  readonly path: string | undefined
}

/** Records with a delimiter after each, but perhaps the last. */
export class DelimitedFraming implements Framing {
  readonly #delimiter: Delimiter
  readonly #limits: RecordBounds
  readonly #scan: Scan

  constructor(delimiter: Buffer, scan: Scan, limits: RecordBounds) {
    this.#delimiter = new Delimiter(delimiter)
    this.#limits = limits
    this.#scan = scan
  }

  frame(bytes: Buffer, offset: number, table: RecordTable, most: number): number {
    const { starts, ends } = table
    const { maxRecordBytes } = this.#limits
    const found = this.#scan(bytes, this.#delimiter.bytes, most < ends.length ? ends.subarray(0, most) : ends)
    const { length } = this.#delimiter
    let start = 0
    let count = 0
    for (; count < found; count++) {
      const end = ends[count] as number
      if (end - start > maxRecordBytes) {
        if (count === 0) throw tooLong(offset, this.#limits)
        break
      }
      starts[count] = start
      start = end + length
    }
    table.count = count
    return start
  }

  complete(carry: Carry, bytes: Buffer, from: number, offset: number): number {
    return this.#delimiter.endAfter(carry, bytes, from, offset)
  }

  needed(rest: Buffer): number {
    return rest.length + 1
  }

  check(length: number, offset: number): void {
    // Its last bytes may be the beginning of the delimiter.
    if (length - this.#delimiter.length + 1 > this.#limits.maxRecordBytes) throw tooLong(offset, this.#limits)
  }

  last(rest: Buffer, offset: number): number {
    if (rest.length > this.#limits.maxRecordBytes) throw tooLong(offset, this.#limits)
    return rest.length
  }
}

/** Records that say how long they are, or that are all of one length. */
export interface SizedOptions extends RecordBounds {
  /** Bytes at the head of each that have to be read for its length; 0 for none. */
  readonly headerSize: number
  /** Bytes at the head of each that are not part of what is yielded. */
  readonly skipped: number
  /**
   * Bytes of the record that begins at `at`, header included.
   *
   * @param offset where it begins in the sequence
   */
  readonly sizeAt: (bytes: Buffer, at: number, offset: number) => number
}

export class SizedFraming implements Framing {
  readonly #options: SizedOptions

  constructor(options: SizedOptions) {
    this.#options = options
  }

  frame(bytes: Buffer, offset: number, table: RecordTable, most: number): number {
    const { headerSize, skipped } = this.#options
    const { starts, ends } = table
    let at = 0
    let count = 0
    while (count < most && at < bytes.length && at + headerSize <= bytes.length) {
      let size: number
      try {
        size = this.#sizeAt(bytes, at, offset + at)
      } catch (error) {
        if (count === 0) throw error
        break
      }
      if (size > bytes.length - at) break
      starts[count] = at + skipped
      ends[count] = at + size
      count++
      at += size
    }
    table.count = count
    return at
  }

  complete(carry: Carry, bytes: Buffer, from: number, offset: number): number {
    const { headerSize } = this.#options
    const begin = offset + from - carry.length
    const missing = headerSize - carry.length
    let header = carry.head(headerSize)
    if (missing > 0) header = joined(header, bytes.subarray(from, from + missing))
    if (header.length < headerSize) return -1
    const end = from + this.#sizeAt(header, 0, begin) - carry.length
    return end <= bytes.length ? end : -1
  }

  needed(rest: Buffer, offset: number): number {
    const { headerSize } = this.#options
    return rest.length < headerSize ? headerSize : this.#sizeAt(rest, 0, offset)
  }

  check(): void {
    // Whether it is too long was known at its head.
  }

  last(rest: Buffer, offset: number): number {
    const wanted = this.needed(rest, offset)
    const place = this.#options.path === undefined ? 'it' : `'${this.#options.path}'`
    throw new SlidemapError(
      'ERR_MAP_FILE_TRUNCATED',
      `${place} ends at ${offset + rest.length}, within the record at offset ${offset}, which needs ${wanted} bytes`,
      { path: this.#options.path, offset, length: wanted }
    )
  }

  #sizeAt(bytes: Buffer, at: number, offset: number): number {
    const { sizeAt, skipped, maxRecordBytes } = this.#options
    const size = sizeAt(bytes, at, offset)
    if (size - skipped > maxRecordBytes) throw tooLong(offset, this.#options)
    return size
  }
}

/** Reads the length written before each record. */
export function readPrefix(width: 1 | 2 | 4 | 8, endian: 'le' | 'be'): (bytes: Buffer, at: number) => number {
  const little = endian === 'le'
  switch (width) {
    case 1:
      return (bytes, at) => bytes.readUInt8(at)
    case 2:
      return little ? (bytes, at) => bytes.readUInt16LE(at) : (bytes, at) => bytes.readUInt16BE(at)
    case 4:
      return little ? (bytes, at) => bytes.readUInt32LE(at) : (bytes, at) => bytes.readUInt32BE(at)
    case 8:
      // Where it is not exact any more it is far too long all the same.
      return little
        ? (bytes, at) => Number(bytes.readBigUInt64LE(at))
        : (bytes, at) => Number(bytes.readBigUInt64BE(at))
  }
}

/**
 * @throws {TypeError} ERR_INVALID_ARG_TYPE where the length that was named for a record is no number
 * @throws {RangeError} ERR_OUT_OF_RANGE where it makes no sense
 */
export function checkSize(what: string, size: number, least: number, offset: number): number {
  if (typeof size !== 'number') throw invalidType(`${what} at offset ${offset}`, 'of type number', size)
  if (size >= least && Number.isInteger(size)) return size
  throw invalidRange(`${what} at offset ${offset}`, `an integer >= ${least}`, size)
}

function joined(head: Buffer, more: Buffer): Buffer {
  return head.length === 0 ? more : Buffer.concat([head, more])
}

function tooLong(offset: number, { maxRecordBytes: max, path }: RecordBounds): SlidemapError {
  return new SlidemapError(
    'ERR_MAP_RECORD_TOO_LONG',
    `the record at offset ${offset} is longer than ${max} bytes`,
    { path, offset, length: max }
  )
}
