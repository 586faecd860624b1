/**
 * Region lists: ranges of one file in the order of their offsets, none overlapping another, and where a new one may go.
 */
import { alignDown, alignUp, endOf, type Range } from '../range.js'

/** Members of a chunk at the most; a full one is cut in two. Moving so many references costs next to nothing. */
const CHUNK = 128

/** Bytes that share a slot of what was found last, and slots: together as many bytes as the default budget has. */
const GRAIN = 2 ** 21
const SLOTS = 512

/** Where nothing was ever found, nothing begins or ends. */
const NOWHERE = new Float64Array(SLOTS)

/** A stretch of the list, so that joining and leaving move a few dozen members, not all. Never empty. */
interface Chunk<T> {
  readonly items: T[]
  /** Those of the items, side by side: a search that went to the items would miss the processor's cache at each step. */
  readonly offsets: number[]
}

/** Where a member is: the number of its chunk times {@link CHUNK}, and its index in there. */
type Position = number

/**
 * Ranges of one file. A lookup costs O(log n); joining and leaving cost the same, and a move of at most 128 references.
 *
 * @example
 * ```ts
 * const list = new RegionList<Range>()
 * list.add({ offset: 4096, length: 4096 })
 * list.find(5000)?.offset // 4096
 * list.gapAt(0, 100_000) // { offset: 0, length: 4096 }
 * ```
 */
export class RegionList<T extends Range> {
  readonly #chunks: Chunk<T>[] = []
  /** The offset of each chunk's first member. */
  readonly #firsts: number[] = []
  /**
   * What was found last in each part of the file, so that a search in a few hundred regions is mostly a look. Where it
   * is stands beside it: numbers of an array are had without a look at each member.
   */
  readonly #found: (T | undefined)[] = []
  #starts = NOWHERE
  #ends = NOWHERE
  #size = 0

  /** Members. */
  get size(): number {
    return this.#size
  }

  /** The member that holds the byte at `offset`. */
  find(offset: number): T | undefined {
    const slot = (offset / GRAIN) & (SLOTS - 1)
    const known = offset >= (this.#starts[slot] as number) && offset < (this.#ends[slot] as number)
    return known ? this.#found[slot] : this.#search(offset, slot)
  }

  #search(offset: number, slot: number): T | undefined {
    const item = this.#at(this.#before(offset))
    if (item === undefined || offset >= endOf(item)) return undefined
    if (this.#found.length === 0) {
      this.#found.length = SLOTS
      this.#starts = new Float64Array(SLOTS)
      this.#ends = new Float64Array(SLOTS)
    }
    this.#found[slot] = item
    this.#starts[slot] = item.offset
    this.#ends[slot] = endOf(item)
    return item
  }

  /**
   * The largest range that holds the byte at `offset` and overlaps no member but, if there is one, that which holds
   * this byte itself.
   *
   * @param end where the file ends, `offset < end`
   */
  gapAt(offset: number, end: number): Range {
    const position = this.#before(offset)
    let left = this.#at(position)
    const right = this.#at(this.#next(position))
    if (left !== undefined && offset < endOf(left)) left = this.#at(this.#previous(position))
    const start = left === undefined ? 0 : endOf(left)
    return { offset: start, length: Math.min(right?.offset ?? end, end) - start }
  }

  /** Join, unless it overlaps a member. Answers whether it did join. */
  add(item: T): boolean {
    const position = this.#before(item.offset)
    const before = this.#at(position)
    if (before !== undefined && endOf(before) > item.offset) return false
    const after = this.#at(this.#next(position))
    if (after !== undefined && after.offset < endOf(item)) return false
    const number = Math.max(0, Math.floor(position / CHUNK))
    const chunk = this.#chunks[number]
    if (chunk === undefined) this.#insert(0, { items: [item], offsets: [item.offset] })
    else {
      const index = position < 0 ? 0 : (position % CHUNK) + 1
      chunk.items.splice(index, 0, item)
      chunk.offsets.splice(index, 0, item.offset)
      if (index === 0) this.#firsts[number] = item.offset
      if (chunk.items.length === CHUNK) this.#split(number, chunk)
    }
    this.#size++
    return true
  }

  /** Leave. Answers whether it was a member. */
  remove(item: T): boolean {
    const position = this.#before(item.offset)
    if (this.#at(position) !== item) return false
    const number = Math.floor(position / CHUNK)
    const { items, offsets } = this.#chunks[number] as Chunk<T>
    const index = position % CHUNK
    items.splice(index, 1)
    offsets.splice(index, 1)
    if (items.length === 0) {
      this.#chunks.splice(number, 1)
      this.#firsts.splice(number, 1)
    } else if (index === 0) this.#firsts[number] = offsets[0] as number
    this.#size--
    this.#forget(item)
    return true
  }

  /** In the order of offsets. No member may join or leave meanwhile. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (const { items } of this.#chunks) yield* items
  }

  /** Nobody who left may be found, nor be kept from being collected. */
  #forget(item: T): void {
    const first = Math.floor(item.offset / GRAIN)
    const slots = Math.min(Math.floor((endOf(item) - 1) / GRAIN) - first + 1, this.#found.length)
    for (let i = 0; i < slots; i++) {
      const slot = (first + i) & (SLOTS - 1)
      if (this.#found[slot] !== item) continue
      this.#found[slot] = undefined
      this.#ends[slot] = 0
    }
  }

  /** The last member that begins at `offset` or before it; -1 for none. */
  #before(offset: number): Position {
    const number = lastUpTo(this.#firsts, offset)
    const chunk = this.#chunks[number]
    return chunk === undefined ? -1 : number * CHUNK + lastUpTo(chunk.offsets, offset)
  }

  #at(position: Position): T | undefined {
    return position < 0 ? undefined : this.#chunks[Math.floor(position / CHUNK)]?.items[position % CHUNK]
  }

  #next(position: Position): Position {
    const number = Math.floor(position / CHUNK)
    const chunk = this.#chunks[number]
    // Before the first there is -1.
    return chunk === undefined || (position % CHUNK) + 1 < chunk.items.length
      ? position + 1
      : (number + 1) * CHUNK
  }

  #previous(position: Position): Position {
    if (position % CHUNK > 0) return position - 1
    const number = Math.floor(position / CHUNK) - 1
    const chunk = this.#chunks[number]
    return chunk === undefined ? -1 : number * CHUNK + chunk.items.length - 1
  }

  #split(number: number, { items, offsets }: Chunk<T>): void {
    this.#insert(number + 1, { items: items.splice(CHUNK / 2), offsets: offsets.splice(CHUNK / 2) })
  }

  #insert(number: number, chunk: Chunk<T>): void {
    this.#chunks.splice(number, 0, chunk)
    this.#firsts.splice(number, 0, chunk.offsets[0] as number)
  }
}

/** The index of the last of ascending numbers that is not above `limit`; -1 for none. */
function lastUpTo(numbers: readonly number[], limit: number): number {
  let low = 0
  let high = numbers.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((numbers[middle] as number) <= limit) low = middle + 1
    else high = middle
  }
  return low - 1
}

/** What regions of a file are to be like. */
export interface Shape {
  /** Bytes that a region grows to; a multiple of the granularity, or more than the file has. */
  readonly windowSize: number
  /** Regions begin at multiples of so many bytes. */
  readonly granularity: number
  /** Bytes that no region may exceed. */
  readonly maxLength: number
}

/**
 * Where the region for `wanted` goes.
 *
 * It holds the first byte of `wanted`, and all of it as far as the gap, the window size and the maximum reach. From
 * there it grows, within the gap, to the window that a walk in steps of the window size would see there: regions then
 * lie side by side without slivers between them, and begin where the OS has large pages. Last it is aligned to the
 * granularity outwards, and ends with the file.
 *
 * @param wanted its first byte lies in `gap`; at least 1 byte
 * @param gap begins at a multiple of the granularity, and ends at one or at the end of the file
 * @see smmap's MapWindow, from which the snapping comes; it grows to the left first
 */
export function place(wanted: Range, gap: Range, { windowSize, granularity, maxLength }: Shape): Range {
  const most = Math.max(granularity, alignDown(maxLength, granularity))
  const unit = Math.max(granularity, alignDown(Math.min(windowSize, most), granularity))
  const first = alignDown(wanted.offset, granularity)
  // Not alignUp(wanted.offset + ...): that sum may round.
  const needed = alignUp(wanted.offset - first + Math.min(wanted.length, windowSize), granularity)
  const last = first + Math.min(needed, most)
  const end = Math.max(alignDown(wanted.offset, unit) + unit, last)
  const offset = Math.max(Math.min(end - Math.max(unit, last - first), first), gap.offset)
  return { offset, length: Math.min(end, endOf(gap)) - offset }
}
