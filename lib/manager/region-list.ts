/**
 * Region lists: ranges of one file in the order of their offsets, none overlapping another, and where a new one may go.
 */
import { alignDown, alignUp, endOf, type Range } from '../range.js'

/** Members of a chunk at the most; beyond that it is cut in two. Moving so many references costs next to nothing. */
const CHUNK = 512

/** A stretch of the list, so that joining and leaving move a few hundred members, not all. Never empty. */
class Chunk<T extends Range> {
  /** That of its first member. */
  offset: number
  readonly items: T[]

  constructor(items: T[]) {
    this.items = items
    this.offset = offsetOf(items)
  }
}

/**
 * Ranges of one file. A lookup costs O(log n); joining and leaving cost the same, and a move of at most 512 references.
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
  #size = 0

  /** Members. */
  get size(): number {
    return this.#size
  }

  /** The member that holds the byte at `offset`. */
  find(offset: number): T | undefined {
    const item = this.#before(offset)
    return item !== undefined && offset < endOf(item) ? item : undefined
  }

  /**
   * The largest range that holds the byte at `offset` and overlaps no member but, if there is one, that which holds
   * this byte itself.
   *
   * @param end where the file ends, `offset < end`
   */
  gapAt(offset: number, end: number): Range {
    const holder = this.find(offset)
    const left = this.#before((holder?.offset ?? offset) - (holder ? 1 : 0))
    const right = this.#after(offset)
    const start = left === undefined ? 0 : endOf(left)
    return { offset: start, length: Math.min(right?.offset ?? end, end) - start }
  }

  /** Join, unless it overlaps a member. Answers whether it did join. */
  add(item: T): boolean {
    const before = this.#before(item.offset)
    const after = this.#after(item.offset)
    if (before !== undefined && endOf(before) > item.offset) return false
    if (after !== undefined && after.offset < endOf(item)) return false
    this.#size++
    const at = Math.max(0, lastAt(this.#chunks, item.offset))
    const chunk = this.#chunks[at]
    if (chunk === undefined) {
      this.#chunks.push(new Chunk([item]))
      return true
    }
    chunk.items.splice(lastAt(chunk.items, item.offset) + 1, 0, item)
    chunk.offset = offsetOf(chunk.items)
    if (chunk.items.length > CHUNK) this.#chunks.splice(at + 1, 0, new Chunk(chunk.items.splice(CHUNK / 2)))
    return true
  }

  /** Leave. Answers whether it was a member. */
  remove(item: T): boolean {
    const at = lastAt(this.#chunks, item.offset)
    const chunk = this.#chunks[at]
    if (chunk === undefined) return false
    const index = lastAt(chunk.items, item.offset)
    if (chunk.items[index] !== item) return false
    this.#size--
    chunk.items.splice(index, 1)
    if (chunk.items.length === 0) this.#chunks.splice(at, 1)
    else chunk.offset = offsetOf(chunk.items)
    return true
  }

  /** In the order of offsets. No member may join or leave meanwhile. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (const chunk of this.#chunks) yield* chunk.items
  }

  /** The last member that begins at `offset` or before it. */
  #before(offset: number): T | undefined {
    const chunk = this.#chunks[lastAt(this.#chunks, offset)]
    return chunk?.items[lastAt(chunk.items, offset)]
  }

  /** The first member that begins after `offset`. */
  #after(offset: number): T | undefined {
    const at = lastAt(this.#chunks, offset)
    const chunk = this.#chunks[at]
    const following = chunk?.items[lastAt(chunk.items, offset) + 1]
    return following ?? this.#chunks[at + 1]?.items[0]
  }
}

/** The index of the last that begins at `offset` or before it; -1 for none. */
function lastAt(items: readonly { readonly offset: number }[], offset: number): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    // The index is below the length: an assertion would cost as much as the comparison.
    if ((items[middle] as { readonly offset: number }).offset <= offset) low = middle + 1
    else high = middle
  }
  return low - 1
}

function offsetOf(items: readonly Range[]): number {
  return (items[0] as Range).offset
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
