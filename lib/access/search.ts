/**
 * Search: `indexOf` and `lastIndexOf` as Buffer has them, over bytes that come in pieces.
 *
 * Inside a piece it is Buffer's own search. What lies across the bounds of pieces is copied together and searched in
 * turn: less than twice the length of what is sought, whatever the length of the pieces.
 */
import { Buffer } from 'node:buffer'
import { types } from 'node:util'
import { invalidType, unknownEncoding } from '../errors.js'
import { copyPieces, type Pieces } from './pieces.js'

/** What can be sought: a byte, bytes, or a string in an encoding. */
export type Sought = number | string | Uint8Array

/** A question as Buffer's `indexOf` would have understood it. */
export interface Query {
  /** A byte, or bytes of which there is at least one. */
  readonly needle: number | Uint8Array
  /** Where to begin: forwards the first index that may be answered, backwards the last. */
  readonly from: number
  /** Answers are multiples of this: Buffer finds UTF-16 at even indices only. */
  readonly step: 1 | 2
}

/**
 * Read the arguments of `indexOf` and `lastIndexOf`.
 *
 * @param length bytes there are to be searched
 * @returns the question, or its answer where no byte has to be looked at
 * @throws {TypeError} ERR_INVALID_ARG_TYPE, ERR_UNKNOWN_ENCODING
 */
export function readQuery(
  length: number,
  value: Sought,
  from: number | BufferEncoding | undefined,
  encoding: BufferEncoding | undefined,
  forwards: boolean
): Query | number {
  if (typeof from === 'string') return readQuery(length, value, undefined, from, forwards)
  const needle = needleOf(value, encoding)
  const step = typeof value === 'string' && isUtf16(encoding) ? 2 : 1
  const searched = length - (length % step)
  const size = typeof needle === 'number' ? 1 : needle.length
  const begin = beginning(searched, size, from, forwards)
  if (begin < 0 || size === 0) return begin
  const last = searched - size
  if (last < 0 || (forwards && begin > last)) return -1
  return { needle, from: Math.min(begin - (begin % step), last), step }
}

/** The first index at or after `query.from` where the needle lies, or -1. */
export function searchForwards(pieces: Pieces, { needle, from, step }: Query): number {
  if (typeof needle === 'number') return firstByte(pieces, needle, from)
  for (let at = from; ; ) {
    const found = first(pieces, needle, at)
    if (found === -1 || found % step === 0) return found
    at = found + 1
  }
}

/** The last index at or before `query.from` where the needle lies, or -1. */
export function searchBackwards(pieces: Pieces, { needle, from, step }: Query): number {
  if (typeof needle === 'number') return lastByte(pieces, needle, from)
  for (let at = from; ; ) {
    const found = last(pieces, needle, at)
    if (found === -1 || found % step === 0) return found
    at = found - 1
  }
}

function needleOf(value: unknown, encoding: BufferEncoding | undefined): number | Uint8Array {
  if (typeof value === 'number') return (value >>> 0) & 255
  // Encoded as Buffer.from() does: half a surrogate pair is U+FFFD, which indexOf() of Buffer misses.
  if (typeof value === 'string') return Buffer.from(value, known(encoding))
  if (types.isUint8Array(value)) return value
  throw invalidType('value', 'a number, a string, or an instance of Buffer or Uint8Array', value)
}

/** Buffer.from() takes what is no text, or an empty one, for 'utf8'; a search does not. */
function known(encoding: BufferEncoding | undefined): BufferEncoding | undefined {
  if (encoding === undefined) return undefined
  const name = `${encoding}`
  if (!Buffer.isEncoding(name)) throw unknownEncoding(name)
  return name
}

function isUtf16(encoding: string | undefined): boolean {
  return encoding !== undefined && /^(ucs-?2|utf-?16le)$/i.test(encoding)
}

/** Where a search begins, by the rules of Buffer's `byteOffset`; -1 where nothing can be found. */
function beginning(length: number, size: number, from: unknown, forwards: boolean): number {
  // Coerced as Buffer does: objects, booleans and null become numbers, bigints and symbols do not; and -0 is no index.
  const number = Math.trunc(from as number) + 0
  const wanted = Number.isNaN(number) ? (forwards ? 0 : length) : number
  if (wanted < 0) {
    if (wanted + length >= 0) return wanted + length
    return forwards || size === 0 ? 0 : -1
  }
  if (wanted + size <= length) return wanted
  if (size === 0) return length
  return forwards ? -1 : length - 1
}

function firstByte(pieces: Pieces, byte: number, from: number): number {
  for (let at = from; at < pieces.length; ) {
    const { offset, bytes } = pieces.pieceAt(at)
    const found = bytes.indexOf(byte, at - offset)
    if (found !== -1) return offset + found
    at = offset + bytes.length
  }
  return -1
}

function lastByte(pieces: Pieces, byte: number, from: number): number {
  for (let at = from; at >= 0; ) {
    const { offset, bytes } = pieces.pieceAt(at, at + 1)
    const found = bytes.lastIndexOf(byte, at - offset)
    if (found !== -1) return offset + found
    at = offset - 1
  }
  return -1
}

function first(pieces: Pieces, needle: Uint8Array, from: number): number {
  const size = needle.length
  for (let at = from; at + size <= pieces.length; ) {
    const { offset, bytes } = pieces.pieceAt(at)
    const end = offset + bytes.length
    if (at + size <= end) {
      const found = bytes.indexOf(needle, at - offset)
      if (found !== -1) return offset + found
      at = end - size + 1
      if (at + size > pieces.length) return -1
    }
    // No match begins in this piece and ends in it. At least `size` beginnings at a time, so that a needle longer
    // than many pieces is not copied once for each of them.
    const seam = copyOf(pieces, at, Math.min(pieces.length, Math.max(end, at + size) + size - 1))
    const found = seam.indexOf(needle)
    if (found !== -1) return at + found
    at += seam.length - size + 1
  }
  return -1
}

function last(pieces: Pieces, needle: Uint8Array, from: number): number {
  const size = needle.length
  for (let at = Math.min(from, pieces.length - size); at >= 0; ) {
    const { offset, bytes } = pieces.pieceAt(at + size - 1, at + size)
    if (at >= offset) {
      const found = bytes.lastIndexOf(needle, at - offset)
      if (found !== -1) return offset + found
      at = offset - 1
      if (at < 0) return -1
    }
    const start = Math.max(0, at - size + 1)
    const found = copyOf(pieces, start, at + size).lastIndexOf(needle)
    if (found !== -1) return start + found
    at = start - 1
  }
  return -1
}

function copyOf(pieces: Pieces, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafe(end - start)
  copyPieces(pieces, start, end, copy)
  return copy
}
