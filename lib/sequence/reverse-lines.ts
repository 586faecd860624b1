/**
 * Windows into lines, backwards: the last line first.
 */
import { Buffer } from 'node:buffer'
import { alignUp } from '../range.js'
import { Carry } from './carry.js'
import type { LineBatch } from './line-decoder.js'
import type { LinePlan } from './line-plan.js'
import { checkLine, firstByte, firstStep, LineSplitter, tailStretch } from './line-splitter.js'
import type { Splitter, Stretch } from './splitter.js'

/** Steps of the first block, which is all that it takes where a few lines are wanted; each next one has twice as many. */
const FIRST_BLOCK = 2
const LARGEST_BLOCK = 16

/**
 * Its stretches are blocks, each before the one before it, and each read forwards and copied. Where the range ends
 * before the sequence does, the first stretch looks for the end of the line that the range ends in.
 */
export class ReverseLineSplitter implements Splitter<LineBatch> {
  reached = 0
  readonly #plan: LinePlan
  /** Nothing before it is of interest. */
  readonly #floor: number
  /** Everything from here on has been read, or comes after the last line; while snapping, what comes before it. */
  #from: number
  /** Bytes of the block under way. */
  #blockLength = 0
  #snapping: boolean
  #snapped = false
  #steps = FIRST_BLOCK
  /** The block at hand; while snapping, what a delimiter may begin in. */
  readonly #block = new Carry()
  /** What has been read of the line that begins before the blocks that were read; in order. */
  #rest: Buffer[] = []
  #restLength = 0
  /** Not taken yet, the last one first. */
  #batches: LineBatch[] = []
  #left: number

  /** @param size bytes of the sequence */
  constructor(plan: LinePlan, size: number) {
    this.#plan = plan
    this.#floor = firstStep(plan.start, plan)
    this.#snapping = plan.end < size
    this.#from = this.#snapping ? firstByte(plan.end, plan) : size
    this.#left = plan.end > plan.start ? plan.limit : 0
  }

  get satisfied(): boolean {
    return this.#left === 0 || this.#snapped
  }

  nextStretch(): Stretch | undefined {
    if (this.#left === 0) return undefined
    if (this.#snapping) return tailStretch(this.#from, this.#plan)
    if (this.#from <= this.#floor) return undefined
    const { step } = this.#plan
    const end = this.#from
    this.#from = Math.max(this.#floor, alignUp(Math.max(0, end - this.#steps * step), step))
    this.#blockLength = end - this.#from
    this.#steps = Math.min(2 * this.#steps, LARGEST_BLOCK)
    return { start: this.#from, end, prefetch: 0 }
  }

  feed(offset: number, bytes: Buffer): void {
    this.reached = offset + bytes.length
    if (this.#snapping) {
      this.#snap(offset, bytes)
      return
    }
    this.#block.push(bytes)
    // Now, not when the stretch has ended: as long as there are lines to take, so long it can be interrupted.
    if (this.#block.length === this.#blockLength) this.#split(this.#block.join(Buffer.alloc(0)))
  }

  take(): LineBatch | undefined {
    const batch = this.#left > 0 ? this.#batches.pop() : undefined
    if (batch === undefined) return undefined
    const lines = batch.slice(-this.#left).reverse() as LineBatch
    this.#left -= lines.length
    return lines
  }

  keep(): void {
    // Everything was copied as it came.
  }

  end(): void {
    if (this.#snapping) this.#block.clear()
    this.#snapping = this.#snapped = false
  }

  /** Go on to where the first line begins that is not of the range. */
  #snap(offset: number, bytes: Buffer): void {
    const { delimiter } = this.#plan
    const from = this.#from - offset
    if (from >= bytes.length) return
    const end = delimiter.endAfter(this.#block, bytes, from, offset)
    this.#snapped = end !== -1
    this.#from = offset + (this.#snapped ? end : bytes.length)
    this.#block.push(bytes.subarray(from))
    this.#block.trim(delimiter.length - 1)
  }

  /** What follows the first delimiter of a block are whole lines. */
  #split(block: Buffer): void {
    const { delimiter } = this.#plan
    const seam = Buffer.concat([block, this.#headOfRest(delimiter.length - 1)])
    const at = delimiter.find(seam, 0, this.#from)
    const first = this.#from === 0
    if (at === -1 && !first) {
      this.#prepend(block)
      return
    }
    const all = Buffer.concat([block, ...this.#rest])
    const from = first ? 0 : at + delimiter.length
    this.#rest = []
    this.#restLength = 0
    this.#prepend(all.subarray(0, from))
    this.#decode(all.subarray(from), this.#from + from)
  }

  #decode(bytes: Buffer, offset: number): void {
    // Of the same making as forwards; what is at the end without a delimiter is the last line of the sequence.
    const all = { end: Number.POSITIVE_INFINITY, limit: Number.POSITIVE_INFINITY }
    const lines = new LineSplitter({ ...this.#plan, ...all }, offset)
    lines.feed(offset, bytes)
    const more = () => {
      for (let batch = lines.take(); batch; batch = lines.take()) this.#batches.push(batch)
    }
    more()
    lines.keep()
    lines.end()
    more()
  }

  #prepend(bytes: Buffer): void {
    if (bytes.length > 0) this.#rest.unshift(bytes)
    this.#restLength += bytes.length
    checkLine(this.#plan, this.#restLength - this.#plan.delimiter.length, this.#from)
  }

  #headOfRest(count: number): Buffer {
    // No chunk is empty.
    return Buffer.concat(this.#rest.slice(0, count)).subarray(0, count)
  }
}
