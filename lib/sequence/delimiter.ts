/**
 * Where records end: a sequence of bytes, found in a window or across the bound of two.
 */
import { Buffer } from 'node:buffer'
import type { Carry } from './carry.js'

/** Finds delimiters in bulk, as {@link scanBytes} does; a mapper may bring a faster one. */
export type Scan = (bytes: Buffer, delimiter: Buffer, positions: Uint32Array) => number

export class Delimiter {
  readonly bytes: Buffer
  /** Bytes. */
  readonly length: number
  /**
   * Whether two occurrences can overlap ("aa" in "aaa"): then where one is depends on where the search began, and it
   * can only be looked for forwards, from the beginning of a record.
   */
  readonly overlapsItself: boolean
  /** What is searched for: a byte alone is found several times faster. */
  readonly #needle: number | Buffer
  readonly #unit: number

  /**
   * @param bytes 1 or more
   * @param unit 2 where text is made of 16-bit units: an occurrence at an odd offset is none
   */
  constructor(bytes: Buffer, unit: 1 | 2 = 1) {
    this.bytes = bytes
    this.length = bytes.length
    this.#needle = bytes.length === 1 ? (bytes[0] as number) : bytes
    this.#unit = unit
    this.overlapsItself = hasBorder(bytes, unit)
  }

  /**
   * The first occurrence from `from` on, as an index; -1 for none.
   *
   * @param offset where `bytes` begins in the sequence
   */
  find(bytes: Buffer, from: number, offset: number): number {
    let at = bytes.indexOf(this.#needle, from)
    while (at !== -1 && (offset + at) % this.#unit !== 0) at = bytes.indexOf(this.#needle, at + 1)
    return at
  }

  /** The last occurrence that ends at `before` or earlier; -1 for none. Not for one that overlaps itself. */
  findLast(bytes: Buffer, before: number, offset: number): number {
    if (before < this.length) return -1
    let at = bytes.lastIndexOf(this.#needle, before - this.length)
    while (at > 0 && (offset + at) % this.#unit !== 0) at = bytes.lastIndexOf(this.#needle, at - 1)
    return (offset + at) % this.#unit === 0 ? at : -1
  }

  /**
   * The index in `bytes` after the first delimiter of a record whose beginning is in `carry` and goes on at `from`;
   * -1 for none. In `carry` alone there is none.
   */
  endAfter(carry: Carry, bytes: Buffer, from: number, offset: number): number {
    const lead = carry.tail(this.length - 1)
    if (lead.length > 0) {
      const seam = Buffer.concat([lead, bytes.subarray(from, from + this.length - 1)])
      const at = this.find(seam, 0, offset + from - lead.length)
      if (at !== -1) return from + at + this.length - lead.length
    }
    const at = this.find(bytes, from, offset)
    return at === -1 ? -1 : at + this.length
  }
}

/**
 * Find every delimiter, from left to right and none overlapping another, until `positions` is full.
 *
 * @param positions filled with indices in `bytes`, which is shorter than 2^32
 * @returns how many there are in it
 */
export function scanBytes(bytes: Buffer, delimiter: Buffer, positions: Uint32Array): number {
  const needle = delimiter.length === 1 ? (delimiter[0] as number) : delimiter
  let count = 0
  let at = bytes.indexOf(needle)
  while (at !== -1 && count < positions.length) {
    positions[count++] = at
    at = bytes.indexOf(needle, at + delimiter.length)
  }
  return count
}

function hasBorder(bytes: Buffer, unit: number): boolean {
  for (let length = unit; length < bytes.length; length += unit) {
    if (bytes.subarray(0, length).equals(bytes.subarray(-length))) return true
  }
  return false
}
