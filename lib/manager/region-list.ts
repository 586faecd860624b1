/**
 * Region lists: ranges of one file in the order of their offsets, none overlapping another, and where a new one may go.
 */
import { alignDown, alignUp, endOf, type Range } from '../range.js'

/** Members of a chunk at the most; a full one is cut in two. */
const CHUNK = 16

/** Bytes that share a slot of what was found last, */
const GRAIN = 2 ** 21
/** and slots: at the most for together as many bytes as the default budget has. */
const MOST_SLOTS = 512
const FEWEST_SLOTS = 8

/** Where nothing is, nothing begins or ends. */
const NOWHERE = new Float64Array(1)
const NO_PLACES = new Float64Array(0)
const NO_ROWS = new Int32Array(0)
/** What was found before anything was; never written into. */
const NOBODY: undefined[] = new Array(1).fill(undefined)

/** Where a member is: the place of its chunk times {@link CHUNK}, and its index in there; -1 for nowhere. */
type Position = number

/**
 * Ranges of one file. A lookup costs O(log n); joining and leaving cost the same, and a move of at most 15 members.
 *
 * Where members begin and end stands side by side in arrays of numbers, and no lookup goes by the members themselves:
 * with 100,000 of them, each is a wait for memory. The arrays are cut into chunks, so that joining and leaving move a
 * few members, not all.
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
  /** Chunks, in the order of their offsets: where the first member of each begins, */
  #firsts = NO_PLACES
  /** and the row of the first member. Its others have the rows after that, up to {@link CHUNK}. */
  #rows = NO_ROWS
  #chunks = 0
  /** How many rows are taken of a chunk, by its first row / {@link CHUNK}. */
  #counts: number[] = []
  /** First rows of chunks that have gone. */
  #free: number[] = []
  /** By row: members; and where each begins, and ends, side by side, so that both are one look. */
  #items: (T | undefined)[] = []
  #bounds = NO_PLACES
  #size = 0
  /** Bytes of all members. */
  #bytes = 0
  /**
   * What was found last in each part of the file, so that a search in a few hundred regions is mostly a look. As many
   * parts as there is use for: of 10,000 files with a region each, none needs hundreds.
   */
  #found: (T | undefined)[] = NOBODY
  #foundStarts = NOWHERE
  #foundEnds = NOWHERE

  /** Members. */
  get size(): number {
    return this.#size
  }

  /** The member that holds the byte at `offset`. */
  find(offset: number): T | undefined {
    const slot = (offset / GRAIN) & (this.#foundEnds.length - 1)
    const known = offset >= (this.#foundStarts[slot] as number) && offset < (this.#foundEnds[slot] as number)
    return known ? this.#found[slot] : this.#search(offset)
  }

  /**
   * What was found last near `offset`, if it is a member still: mostly what {@link find} answers, but whoever asks has
   * to see whether it holds that byte. For reads so short that a second look counts.
   */
  latest(offset: number): T | undefined {
    return this.#found[(offset / GRAIN) & (this.#found.length - 1)]
  }

  #search(offset: number): T | undefined {
    const position = this.#before(offset)
    if (offset >= this.#endAt(position)) return undefined
    const row = this.#rowOf(position)
    const item = this.#items[row] as T
    if (this.#found.length < MOST_SLOTS) this.#widen()
    const slot = (offset / GRAIN) & (this.#foundEnds.length - 1)
    this.#found[slot] = item
    this.#foundStarts[slot] = this.#bounds[2 * row] as number
    this.#foundEnds[slot] = this.#bounds[2 * row + 1] as number
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
    let start = this.#endAt(position)
    if (offset < start) start = this.#endAt(this.#previous(position))
    return { offset: start, length: Math.min(this.#startAt(this.#next(position)), end) - start }
  }

  /** Join, unless it overlaps a member. Answers whether it did join. */
  add(item: T): boolean {
    const position = this.#before(item.offset)
    if (this.#endAt(position) > item.offset || this.#startAt(this.#next(position)) < endOf(item)) return false
    const place = Math.max(0, Math.floor(position / CHUNK))
    if (this.#chunks === 0) this.#open(0)
    const first = this.#rows[place] as number
    const count = this.#counts[first / CHUNK] as number
    const row = position < 0 ? first : this.#rowOf(position) + 1
    if (first + count >= this.#items.length) this.#reserve(first + count + 1)
    for (let i = first + count; i > row; i--) this.#copy(i - 1, i)
    this.#items[row] = item
    this.#bounds[2 * row] = item.offset
    this.#bounds[2 * row + 1] = endOf(item)
    this.#counts[first / CHUNK] = count + 1
    if (row === first) this.#firsts[place] = item.offset
    if (count + 1 === CHUNK) this.#split(place)
    this.#size++
    this.#bytes += item.length
    return true
  }

  /** Leave. Answers whether it was a member. */
  remove(item: T): boolean {
    const position = this.#before(item.offset)
    if (position < 0) return false
    const row = this.#rowOf(position)
    if (this.#items[row] !== item) return false
    this.#size--
    if (this.#size === 0) {
      this.#clear()
      return true
    }
    const place = Math.floor(position / CHUNK)
    const first = this.#rows[place] as number
    const left = (this.#counts[first / CHUNK] as number) - 1
    this.#counts[first / CHUNK] = left
    for (let i = row; i < first + left; i++) this.#copy(i + 1, i)
    this.#items[first + left] = undefined
    if (left === 0) this.#close(place)
    else if (row === first) this.#firsts[place] = this.#bounds[2 * first] as number
    this.#bytes -= item.length
    this.#forget(item)
    return true
  }

  /** In the order of offsets. No member may join or leave meanwhile. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (let place = 0; place < this.#chunks; place++) {
      const first = this.#rows[place] as number
      const count = this.#counts[first / CHUNK] as number
      for (let row = first; row < first + count; row++) yield this.#items[row] as T
    }
  }

  /** The last member that begins at `offset` or before it. */
  #before(offset: number): Position {
    const place = lastUpTo(this.#firsts, 1, 0, this.#chunks, offset)
    if (place < 0) return -1
    const first = this.#rows[place] as number
    const count = this.#counts[first / CHUNK] as number
    return place * CHUNK + lastUpTo(this.#bounds, 2, first, first + count, offset) - first
  }

  #rowOf(position: Position): number {
    return (this.#rows[Math.floor(position / CHUNK)] as number) + (position % CHUNK)
  }

  /** Where the member ends that is there; 0 for none, which is before all. */
  #endAt(position: Position): number {
    return position < 0 ? 0 : (this.#bounds[2 * this.#rowOf(position) + 1] as number)
  }

  /** Where the member begins that is there; Infinity for none, which is after all. */
  #startAt(position: Position): number {
    return position < 0 ? Number.POSITIVE_INFINITY : (this.#bounds[2 * this.#rowOf(position)] as number)
  }

  #next(position: Position): Position {
    if (position < 0) return this.#size === 0 ? -1 : 0
    const place = Math.floor(position / CHUNK)
    const count = this.#counts[(this.#rows[place] as number) / CHUNK] as number
    if ((position % CHUNK) + 1 < count) return position + 1
    return place + 1 < this.#chunks ? (place + 1) * CHUNK : -1
  }

  #previous(position: Position): Position {
    if (position % CHUNK > 0) return position - 1
    const place = Math.floor(position / CHUNK) - 1
    return place < 0
      ? -1
      : place * CHUNK + (this.#counts[(this.#rows[place] as number) / CHUNK] as number) - 1
  }

  /** Move the upper half of a chunk to a new one after it. */
  #split(place: number): void {
    const first = this.#rows[place] as number
    const half = CHUNK / 2
    const upper = this.#open(place + 1)
    this.#reserve(upper + half)
    for (let i = 0; i < half; i++) {
      this.#copy(first + half + i, upper + i)
      this.#items[first + half + i] = undefined
    }
    this.#counts[first / CHUNK] = this.#counts[upper / CHUNK] = half
    this.#firsts[place + 1] = this.#bounds[2 * upper] as number
  }

  /** Make an empty chunk. @returns its first row */
  #open(place: number): number {
    const first = this.#free.pop() ?? this.#counts.length * CHUNK
    if (this.#chunks === this.#rows.length) {
      this.#firsts = enlarged(this.#firsts, this.#chunks + 1)
      this.#rows = enlarged(this.#rows, this.#chunks + 1)
    }
    this.#firsts.copyWithin(place + 1, place, this.#chunks)
    this.#rows.copyWithin(place + 1, place, this.#chunks)
    this.#rows[place] = first
    this.#counts[first / CHUNK] = 0
    this.#chunks++
    return first
  }

  /** Give the rows of an empty chunk to the next one that is made. */
  #close(place: number): void {
    this.#free.push(this.#rows[place] as number)
    this.#firsts.copyWithin(place, place + 1, this.#chunks)
    this.#rows.copyWithin(place, place + 1, this.#chunks)
    this.#chunks--
  }

  #copy(from: number, to: number): void {
    this.#items[to] = this.#items[from]
    this.#bounds[2 * to] = this.#bounds[2 * from] as number
    this.#bounds[2 * to + 1] = this.#bounds[2 * from + 1] as number
  }

  /** Have so many rows at least. */
  #reserve(rows: number): void {
    while (this.#items.length < rows) this.#items.push(undefined)
    this.#bounds = enlarged(this.#bounds, 2 * rows)
  }

  /** Nobody who left may be found, nor be kept from being collected. */
  #forget(item: T): void {
    const first = Math.floor(item.offset / GRAIN)
    const slots = Math.min(Math.floor((endOf(item) - 1) / GRAIN) - first + 1, this.#found.length)
    for (let i = 0; i < slots; i++) {
      const slot = (first + i) & (this.#found.length - 1)
      if (this.#found[slot] !== item) continue
      this.#found[slot] = undefined
      this.#foundEnds[slot] = 0
    }
  }

  /** Have slots for as many parts of the file as there are members in, or two a member. What was found is forgotten. */
  #widen(): void {
    const wanted = Math.min(MOST_SLOTS, Math.max(FEWEST_SLOTS, this.#bytes / GRAIN, 2 * this.#size))
    if (this.#found.length >= wanted) return
    const slots = 2 ** Math.ceil(Math.log2(wanted))
    this.#found = new Array(slots).fill(undefined)
    this.#foundStarts = new Float64Array(slots)
    this.#foundEnds = new Float64Array(slots)
  }

  /** Keep nothing: most files of many have nothing mapped. */
  #clear(): void {
    this.#firsts = this.#bounds = NO_PLACES
    this.#rows = NO_ROWS
    this.#counts = []
    this.#free = []
    this.#items = []
    this.#found = NOBODY
    this.#foundStarts = this.#foundEnds = NOWHERE
    this.#chunks = this.#bytes = 0
  }
}

/**
 * The last of ascending numbers that is not above `limit`.
 *
 * @param step one of so many numbers is looked at: indices are multiples of it
 * @returns its index / step, from `low` up to before `high`; `low - 1` for none
 */
function lastUpTo(numbers: Float64Array, step: number, low: number, high: number, limit: number): number {
  let from = low
  let to = high
  while (from < to) {
    const middle = (from + to) >>> 1
    if ((numbers[step * middle] as number) <= limit) from = middle + 1
    else to = middle
  }
  return from - 1
}

/** An array with what this one has, and room for so many numbers: this one, if it has that. */
function enlarged<A extends Float64Array | Int32Array>(array: A, room: number): A {
  if (array.length >= room) return array
  const larger = new (array.constructor as new (length: number) => A)(Math.max(8, room, 2 * array.length))
  larger.set(array)
  return larger
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
