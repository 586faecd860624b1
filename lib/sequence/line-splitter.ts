/**
 * Windows into lines, forwards.
 */
import { Buffer } from 'node:buffer'
import { SlidemapError } from '../errors.js'
import { alignDown, alignUp, MAX_OFFSET } from '../range.js'
import { Carry } from './carry.js'
import { decodeLines, type LineBatch } from './line-decoder.js'
import type { LinePlan } from './line-plan.js'
import type { Splitter, Stretch } from './splitter.js'

const NOTHING = Buffer.alloc(0)

export class LineSplitter implements Splitter<LineBatch> {
  readonly #plan: LinePlan
  /** Bytes of a piece; where lines must be short, pieces of more than one line hold none that is too long. */
  readonly #pieceSize: number
  /** Stretches still to come, the next one first. */
  readonly #stretches: Stretch[]
  #bytes: Buffer = NOTHING
  /** Where the window at hand begins. */
  #offset = 0
  /** Index in the window of what has not been taken. */
  #at = 0
  readonly #carry = new Carry()
  /** Where the next line begins; while skipping, where what is skipped goes on. */
  #lineStart: number
  /** On the way to the first line that begins at the start of the range or after. */
  #skipping: boolean
  /** The stretch goes past the end of the range, for the end of the line that it ends in. */
  #pastEnd: boolean
  #last: LineBatch | undefined
  #left: number

  /** @param from where the first window begins */
  constructor(plan: LinePlan, from = firstStep(plan.start, plan)) {
    this.#plan = plan
    this.#pieceSize = Math.min(plan.step, plan.maxLineBytes + plan.delimiter.length)
    this.#left = plan.limit
    this.#skipping = from < plan.start
    this.#lineStart = from
    this.#pastEnd = plan.oneStretch
    this.#stretches = [plan.oneStretch ? onlyStretch(from, plan) : { start: from, ...endAt(plan.end) }]
  }

  get satisfied(): boolean {
    return this.#left === 0 || (!this.#skipping && this.#lineStart >= this.#plan.end)
  }

  get reached(): number {
    return this.#offset + this.#at
  }

  nextStretch(): Stretch | undefined {
    return this.#left > 0 ? this.#stretches.shift() : undefined
  }

  feed(offset: number, bytes: Buffer): void {
    this.#at = this.#lineStart + this.#carry.length - offset
    this.#offset = offset
    this.#bytes = bytes
  }

  take(): LineBatch | undefined {
    if (this.#last !== undefined) return this.#takeLast()
    for (;;) {
      if (this.satisfied || (this.#skipping && !this.#skip())) return undefined
      const end = this.#carry.length > 0 ? this.#endOfCarried() : this.#endOfPiece()
      if (end === -1) return undefined
      const batch = this.#count(this.#decode(end))
      // None, where the file was cut and has grown again between being searched and being decoded.
      if (batch.length > 0) return batch
    }
  }

  keep(): void {
    const rest = this.#bytes.subarray(this.#at)
    this.#bytes = NOTHING
    this.#at = 0
    // What follows the last line is nobody's, however long its lines are.
    if (this.satisfied) return
    this.#carry.push(rest)
    const { length } = this.#carry
    const cut = this.#plan.delimiter.length - 1
    if (this.#skipping) {
      // Of what is skipped only a delimiter that the window cut is of interest.
      this.#carry.trim(cut)
      this.#lineStart += length - this.#carry.length
    } else {
      this.#check(length - cut)
    }
  }

  end(): void {
    const { end } = this.#plan
    const { length } = this.#carry
    if (this.satisfied || this.#skipping || length === 0) return
    // The line that the range ends in is its own, to its end.
    if (!this.#pastEnd && this.#lineStart < end && this.#lineStart + length === end) {
      this.#pastEnd = true
      this.#stretches.push(tailStretch(end, this.#plan))
      return
    }
    this.#check(length)
    const bytes = this.#carry.join(NOTHING)
    // Half a 16-bit unit is no text.
    if (this.#plan.encoding === 'utf16le' && length < 2) return
    this.#last = decodeLines(this.#plan, { bytes, offset: this.#lineStart, delimited: false })
  }

  #takeLast(): LineBatch | undefined {
    const last = this.#last
    this.#last = undefined
    return last && this.#count(last)
  }

  /** Pass the rest of a line that begins before the range. @returns whether a line has been reached */
  #skip(): boolean {
    const { delimiter, start } = this.#plan
    while (this.#skipping) {
      const end = delimiter.endAfter(this.#carry, this.#bytes, this.#at, this.#offset)
      if (end === -1) {
        this.#skipPastEnd()
        return false
      }
      this.#carry.clear()
      this.#at = end
      this.#lineStart = this.#offset + end
      this.#skipping = this.#lineStart < start
    }
    return !this.satisfied
  }

  /** Where the window at hand goes to the end of the range, none begins in that: the stretch may go on for ever. */
  #skipPastEnd(): void {
    const { end } = this.#plan
    if (this.#offset + this.#bytes.length < end) return
    this.#skipping = false
    this.#lineStart = end
  }

  /** Where the line that began in another window ends, as an index; -1 for not in this one. */
  #endOfCarried(): number {
    const { delimiter } = this.#plan
    const end = delimiter.endAfter(this.#carry, this.#bytes, this.#at, this.#offset)
    if (end !== -1) this.#check(this.#carry.length + end - this.#at - delimiter.length)
    return end
  }

  /** Where a piece of whole lines ends, as an index; -1 where this window holds the end of none. */
  #endOfPiece(): number {
    const { delimiter } = this.#plan
    if (delimiter.overlapsItself) return this.#endOfLine(this.#at)
    // Lines that begin after the range are none of its; the one that it ends in is looked for by itself.
    const before = Math.min(this.#at + this.#pieceSize, this.#bytes.length, this.#plan.end - this.#offset)
    const last = delimiter.findLast(this.#bytes, before, this.#offset)
    if (last >= this.#at) return last + delimiter.length
    if (before === this.#bytes.length) return -1
    return this.#endOfLine(Math.max(this.#at, before - delimiter.length + 1))
  }

  /** Where the line that has not ended before `from` ends. */
  #endOfLine(from: number): number {
    const { delimiter } = this.#plan
    const at = delimiter.find(this.#bytes, from, this.#offset)
    if (at === -1) return -1
    this.#check(at - this.#at)
    return at + delimiter.length
  }

  /** The lines up to `end`, what was carried included. */
  #decode(end: number): LineBatch {
    const from = this.#at
    const offset = this.#lineStart
    this.#at = end
    this.#lineStart = this.#offset + end
    const found = this.#bytes.subarray(from, end)
    const bytes = this.#carry.length > 0 ? this.#carry.join(found) : found
    return decodeLines(this.#plan, { bytes, offset, delimited: true })
  }

  /** Not more lines than there may be. */
  #count(batch: LineBatch): LineBatch {
    const lines = batch.length > this.#left ? batch.slice(0, this.#left) : batch
    this.#left -= lines.length
    return lines as LineBatch
  }

  #check(length: number): void {
    checkLine(this.#plan, length, this.#lineStart)
  }
}

/**
 * Where one has to begin to look for the first line that begins at `start` or after it. What precedes it tells whether
 * one begins there; where a delimiter that overlaps itself is, only the whole sequence tells.
 */
export function firstByte(start: number, { delimiter }: LinePlan): number {
  return delimiter.overlapsItself ? 0 : Math.max(0, start - delimiter.length)
}

/** The same, where a stretch may begin. */
export function firstStep(start: number, plan: LinePlan): number {
  return alignDown(firstByte(start, plan), plan.step)
}

/** What follows `offset`, a little at a time: for the end of one line. */
export function tailStretch(offset: number, { step }: LinePlan): Stretch {
  return { start: alignDown(offset, step), size: 4 * step, prefetch: 0 }
}

/**
 * From `from` on, as far as it takes. Its windows are no longer than the range and the end of a line are likely to be,
 * or a few lines of a large file would take a whole window of it.
 */
function onlyStretch(from: number, { end, step }: LinePlan): Stretch {
  if (end === Number.POSITIVE_INFINITY) return { start: from }
  return { start: from, size: Math.min(MAX_OFFSET, alignUp(end - from, step) + 4 * step) }
}

/** @throws {SlidemapError} ERR_MAP_RECORD_TOO_LONG */
export function checkLine({ maxLineBytes, path }: LinePlan, length: number, offset: number): void {
  if (length <= maxLineBytes) return
  const words = `the line at offset ${offset} is longer than ${maxLineBytes} bytes`
  throw new SlidemapError('ERR_MAP_RECORD_TOO_LONG', words, { path, offset, length: maxLineBytes })
}

/** Without an end, `windows()` goes to the end of the sequence. */
function endAt(end: number): Stretch {
  return end === Number.POSITIVE_INFINITY ? {} : { end }
}
