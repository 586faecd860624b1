/**
 * Pieces: how bytes are reached that no single Buffer holds.
 */
import type { Buffer } from 'node:buffer'

/** A run of bytes, and where it lies among all. */
export interface Piece {
  /** Bytes from the start of the whole. */
  readonly offset: number
  readonly bytes: Buffer
}

/** Something as long as it likes to be, that shows one piece of itself at a time. */
export interface Pieces {
  /** Bytes. */
  readonly length: number
  /**
   * The piece that holds the byte at `offset`: as much of it as there is, before that byte and behind it.
   *
   * Its bytes may be gone as soon as this is called again, so whoever needs two pieces at a time copies the first.
   *
   * @param offset bytes, 0 <= offset < length
   * @param until after the last byte that will be looked at; default all there are
   */
  pieceAt(offset: number, until?: number): Piece
}

/**
 * Copy the bytes `[start, end)` of `pieces` into `target`.
 *
 * @param target has room for them from `targetStart` on
 */
export function copyPieces(
  pieces: Pieces,
  start: number,
  end: number,
  target: Uint8Array,
  targetStart = 0
): void {
  for (let at = start; at < end; ) {
    const { offset, bytes } = pieces.pieceAt(at, end)
    const until = Math.min(end, offset + bytes.length)
    target.set(bytes.subarray(at - offset, until - offset), targetStart + at - start)
    at = until
  }
}
