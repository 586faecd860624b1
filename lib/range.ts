/**
 * Arithmetic on byte ranges. Everything is a safe integer, exact up to 2^53 - 1: no bit operators, which would
 * wrap at 2^32.
 */

/** The bytes `[offset, offset + length)` of a file. */
export interface Range {
  /** Bytes from the start of the file. */
  readonly offset: number
  /** Bytes. */
  readonly length: number
}

/** The last byte offset that a double counts exactly. */
export const MAX_OFFSET = Number.MAX_SAFE_INTEGER

/** The largest multiple of `unit` that is not above `value`. */
export function alignDown(value: number, unit: number): number {
  return value - (value % unit)
}

/** The smallest multiple of `unit` that is not below `value`. */
export function alignUp(value: number, unit: number): number {
  const over = value % unit
  return over === 0 ? value : value - over + unit
}

/** The byte after the last of a range. */
export function endOf(range: Range): number {
  return range.offset + range.length
}

/**
 * The range that has to be mapped for `range` to be readable: it begins at a multiple of `granularity` and ends
 * where `range` does.
 */
export function cover(range: Range, granularity: number): Range {
  const offset = alignDown(range.offset, granularity)
  return { offset, length: endOf(range) - offset }
}

/** How windows of one size follow each other over a stretch of a file. */
export interface Walk {
  /** The first byte. */
  readonly start: number
  /** The byte after the last. */
  readonly end: number
  /** Bytes of a window; the last may be shorter. */
  readonly size: number
  /** Bytes of a window that the next one repeats at its head; below `size`. */
  readonly overlap: number
}

/** The window of a walk that begins at `offset`, or undefined at the end of it. */
export function windowAt(walk: Walk, offset: number): Range | undefined {
  if (offset >= walk.end) return undefined
  return { offset, length: Math.min(walk.size, walk.end - offset) }
}

/**
 * Where the window after `window` begins: the end of the walk if `window` reaches it, so that no window holds
 * nothing but the overlap, or bytes from before it.
 */
export function nextOffset(walk: Walk, window: Range): number {
  const end = endOf(window)
  return end < walk.end ? end - walk.overlap : walk.end
}
