/**
 * Sights: what a buffer sees of the regions under it.
 */
import type { Buffer } from 'node:buffer'
import { SlidemapError } from '../errors.js'
import type { SharedRegion } from '../manager/shared-region.js'
import { endOf } from '../range.js'
import type { CursorView } from './cursor.js'
import type { Piece, Pieces } from './pieces.js'

/** Sights remembered by a buffer; a power of two. As many windows of the default size as the default budget has. */
const REMEMBERED = 64

/** Bytes of a piece at the most: Buffer's searches count in 32 bits, and answer wrongly from 2 GiB on. */
const LONGEST_PIECE = 2 ** 30

/** The part of a buffer that one region holds. Indices count from the start of the buffer. */
export class Sight implements Piece {
  readonly region: SharedRegion
  /** First byte. */
  readonly low: number
  /** Byte after the last. */
  readonly high: number
  /** An index less this is an index into {@link data}. */
  readonly shift: number
  /** All of the region. */
  readonly data: DataView
  #bytes: Buffer | undefined

  constructor(region: SharedRegion, { base, limit }: CursorView) {
    this.region = region
    this.low = Math.max(base, region.offset) - base
    this.high = Math.min(endOf(region), limit) - base
    this.shift = region.offset - base
    this.data = region.data
  }

  get offset(): number {
    return this.low
  }

  /** Those of this part. */
  get bytes(): Buffer {
    this.#bytes ??= this.region.bytes.subarray(this.low - this.shift, this.high - this.shift)
    return this.#bytes
  }

  /** Whether it can be read, and has `width` bytes from `offset` on. */
  holds(offset: number, width: number): boolean {
    return offset >= this.low && offset <= this.high - width && this.region.current
  }

  /** Of all regions, be the one used last. */
  use(): void {
    // Mostly it is that already.
    if (this.region.next !== undefined) this.region.touch()
  }
}

/**
 * Finds the region for each byte of a view. Leases none: what is shown is there until the next call, since nothing is
 * unmapped before something is mapped.
 */
export class Sights implements Pieces {
  readonly length: number
  readonly #view: CursorView
  /** By their place. They may be gone by now. */
  readonly #remembered: (Sight | undefined)[] = new Array(REMEMBERED).fill(undefined)
  /** Slots a byte: regions next to each other have slots next to each other. */
  readonly #rate: number
  /** The piece that was handed out and not yet found sound. */
  #shown: Sight | undefined
  /** After the last byte of it that is looked at. */
  #until = 0
  #closed = false

  constructor(view: CursorView) {
    this.#view = view
    this.length = view.limit - view.base
    this.#rate = 1 / view.windowSize
  }

  /**
   * What there is to be seen at `offset`: of all regions, it is the one used last from here on.
   *
   * @param offset bytes from the start of the view, 0 <= offset < length
   * @throws {SlidemapError} ERR_MAP_RELEASED after {@link close}; what {@link SharedRegions.map} throws
   */
  at(offset: number): Sight {
    const known = this.recall(offset)
    if (known?.holds(offset, 1)) {
      known.use()
      return known
    }
    const sight = new Sight(this.#regionAt(this.#view.base + offset), this.#view)
    this.#remembered[this.#slot(offset)] = sight
    return sight
  }

  /** What was seen last around there. It may be gone, or elsewhere. */
  recall(offset: number): Sight | undefined {
    return this.#remembered[this.#slot(offset)]
  }

  /** See {@link Pieces.pieceAt}; nothing of it was lost before. Whoever is done with pieces {@link verify}s the last. */
  pieceAt(offset: number, until = Number.POSITIVE_INFINITY): Piece {
    this.verify()
    let sight = this.at(offset)
    if (sight.region.region.lost !== -1) {
      // Others saw it go. What is there now is had by mapping it anew.
      sight.region.retire()
      sight = this.at(offset)
    }
    this.#shown = sight
    this.#until = Math.min(until, sight.high)
    return sight.high - sight.low > LONGEST_PIECE ? partAt(sight, offset) : sight
  }

  /**
   * Make sure that the last piece was sound while it was looked at.
   *
   * @param until after the last byte of it that was looked at, if that is known by now
   * @throws {SlidemapError} ERR_MAP_FILE_TRUNCATED, ERR_MAP_IO
   */
  verify(until = Number.POSITIVE_INFINITY): void {
    const sight = this.#shown
    this.#shown = undefined
    if (sight === undefined) return
    this.attest(sight, Math.min(until, this.#until))
    if (sight.region.region.lost !== -1) this.fail(sight)
  }

  /**
   * Make sure that the bytes in sight up to `end` had not been cut off within a page while they were looked at.
   *
   * @param end bytes from the start of the view, in sight
   * @throws {SlidemapError} ERR_MAP_FILE_TRUNCATED
   */
  attest({ low, region: { region } }: Sight, end: number): void {
    if (end > low) this.#view.file.attestSync(region, this.#view.base + end)
  }

  /** Throw what explains that bytes in sight were lost, and let nobody see that region any more. */
  fail({ region }: Sight): never {
    region.retire()
    throw this.#view.file.explainLossSync(region.region.lost)
  }

  /** See nothing any more. */
  close(): void {
    this.#closed = true
    this.#remembered.fill(undefined)
  }

  throwIfClosed(): void {
    if (!this.#closed) return
    throw new SlidemapError('ERR_MAP_RELEASED', 'the buffer was disposed of', { path: this.#view.file.path })
  }

  #slot(offset: number): number {
    return ((this.#view.base + offset) * this.#rate) & (REMEMBERED - 1)
  }

  /** @param place bytes from the start of the file */
  #regionAt(place: number): SharedRegion {
    this.throwIfClosed()
    const { file, windowSize } = this.#view
    file.throwIfClosed()
    throwIfEnded(this.#view, place)
    const found = file.shared.find(place)
    if (found !== undefined) {
      found.touch()
      return found
    }
    const made = file.shared.map({ offset: place, length: 1, size: 1, windowSize })
    made.unlease()
    return made
  }
}

/**
 * @param place bytes from the start of the file, inside the view
 * @throws {SlidemapError} ERR_MAP_FILE_TRUNCATED where the file is known to end before it by now
 */
export function throwIfEnded({ file }: CursorView, place: number): void {
  if (place < file.size) return
  const message = `the file ended at ${file.size} when it was looked at last, short of ${place + 1}`
  throw new SlidemapError('ERR_MAP_FILE_TRUNCATED', message, { path: file.path, offset: file.size })
}

/** A part of a piece that holds the byte at `offset`. */
function partAt(piece: Piece, offset: number): Piece {
  const start = offset - piece.offset - ((offset - piece.offset) % LONGEST_PIECE)
  return { offset: piece.offset + start, bytes: piece.bytes.subarray(start, start + LONGEST_PIECE) }
}
