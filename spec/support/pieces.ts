/**
 * Bytes in pieces that are taken away as soon as another piece is asked for: whoever keeps one sees it.
 */
import { Buffer } from 'node:buffer'
import type { Piece, Pieces } from '../../lib/access/pieces.js'

/** `content` cut into pieces of these sizes, the sizes over and over. */
export class CutPieces implements Pieces {
  readonly length: number
  readonly #content: Buffer
  readonly #cuts: number[] = [0]
  #shown: Buffer | undefined

  /** @param sizes bytes of a piece, >= 1 each */
  constructor(content: Buffer, sizes: readonly number[]) {
    this.length = content.length
    this.#content = content
    for (let at = 0, i = 0; at < content.length; i++) {
      at = Math.min(content.length, at + (sizes[i % sizes.length] ?? 1))
      this.#cuts.push(at)
    }
  }

  pieceAt(offset: number): Piece {
    if (!(offset >= 0 && offset < this.length)) throw new RangeError(`no piece holds ${offset}`)
    this.#shown?.fill(0x5a)
    const next = this.#cuts.findIndex(cut => cut > offset)
    const start = this.#cuts[next - 1] ?? 0
    this.#shown = Buffer.from(this.#content.subarray(start, this.#cuts[next]))
    return { offset: start, bytes: this.#shown }
  }
}
