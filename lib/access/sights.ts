/**
 * Sights: what a buffer sees of the regions under it.
 */
import { SlidemapError } from '../errors.js'
import { RegionList } from '../manager/region-list.js'
import { SharedRegion } from '../manager/shared-region.js'
import type { CursorView } from './cursor.js'
import type { Reach } from './numbers.js'
import type { Piece, Pieces } from './pieces.js'

/** Bytes of a piece at the most: Buffer's searches count in 32 bits, and answer wrongly from 2 GiB on. */
const LONGEST_PIECE = 2 ** 30

/** What somebody who sees nothing any more finds his regions in. */
const NOTHING = new RegionList<SharedRegion>()

/**
 * Finds the region for each byte of a view. Leases none: what is shown is there until the next call, since nothing is
 * unmapped before something is mapped.
 *
 * Offsets are bytes from the start of the view; places, bytes from the start of the file.
 */
export class Sights implements Pieces {
  readonly length: number
  readonly #view: CursorView
  /** Those of the file that can be found. Of one that is found here, {@link SharedRegion.touch} is the caller's. */
  regions: RegionList<SharedRegion>
  /** Of which a piece was handed out that was not yet found sound. */
  #shown: SharedRegion | undefined
  /** The place after the last byte of it that is looked at. */
  #until = 0

  constructor(view: CursorView) {
    this.#view = view
    this.regions = view.file.shared.list
    this.length = view.limit - view.base
  }

  /**
   * The region that holds the byte at a place, mapped if need be: of all regions, it is the one used last from here on.
   *
   * @throws {SlidemapError} ERR_MAP_RELEASED after {@link close}; what {@link SharedRegions.map} throws
   */
  at(place: number): SharedRegion {
    const known = this.regions.find(place)
    if (known !== undefined) {
      known.touch()
      return known
    }
    this.throwIfClosed()
    const { file, windowSize } = this.#view
    throwIfEnded(this.#view, place)
    const made = file.shared.map({ offset: place, length: 1, size: 1, windowSize })
    made.unlease()
    // Whoever waits for room may be served at that, by what listens for mappings, say; and this is the room there is.
    return made.released ? this.at(place) : made
  }

  /** See {@link Pieces.pieceAt}; nothing of it was lost before. Whoever is done with pieces {@link verify}s the last. */
  pieceAt(offset: number, until = Number.POSITIVE_INFINITY): Piece {
    this.verify()
    const { base, limit } = this.#view
    let region = this.at(base + offset)
    if (region.lost !== -1) {
      // Others saw it go. What is there now is had by mapping it anew.
      region.retire()
      region = this.at(base + offset)
    }
    const low = Math.max(base, region.offset)
    const high = Math.min(region.end, limit)
    this.#shown = region
    this.#until = Math.min(base + until, high)
    const start = low + longestBefore(base + offset - low)
    const end = Math.min(high, start + LONGEST_PIECE)
    const { bytes } = region
    const all = end - start === region.length
    return {
      offset: start - base,
      bytes: all ? bytes : bytes.subarray(start - region.offset, end - region.offset)
    }
  }

  /**
   * Make sure that the last piece was sound while it was looked at.
   *
   * @param until after the last byte of it that was looked at, if that is known by now
   * @throws {SlidemapError} ERR_MAP_FILE_TRUNCATED, ERR_MAP_IO
   */
  verify(until = Number.POSITIVE_INFINITY): void {
    const region = this.#shown
    this.#shown = undefined
    if (region === undefined) return
    const { base, file } = this.#view
    const end = Math.min(base + until, this.#until)
    if (end > Math.max(base, region.offset)) file.attestSync(region, end)
    if (region.lost !== -1) this.#fail(region)
  }

  /**
   * Make sure that the bytes of a number were sound when it was read.
   *
   * @param end the place after it
   * @throws {SlidemapError} ERR_MAP_FILE_TRUNCATED, ERR_MAP_IO
   */
  examine(region: Reach, end: number): void {
    // Else it was put together out of two, and these were sound.
    if (!(region instanceof SharedRegion)) return
    const { lost } = region
    if (lost !== -1 && lost < end) this.#fail(region)
    this.#view.file.attestSync(region, end)
  }

  /** See nothing any more. */
  close(): void {
    this.regions = NOTHING
  }

  /** @throws {SlidemapError} ERR_MAP_RELEASED after {@link close}, ERR_MAP_CLOSED */
  throwIfClosed(): void {
    const { file } = this.#view
    if (this.regions === NOTHING)
      throw new SlidemapError('ERR_MAP_RELEASED', 'the buffer was disposed of', { path: file.path })
    file.throwIfClosed()
  }

  /** Throw what explains that bytes of a region were lost, and let nobody see it any more. */
  #fail(region: SharedRegion): never {
    region.retire()
    throw this.#view.file.explainLossSync(region.lost)
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

/** As many whole pieces of the longest kind as there are before a byte. */
function longestBefore(offset: number): number {
  return offset - (offset % LONGEST_PIECE)
}
