/**
 * `lines({ follow })`: the lines of a file that grows, as they are ended.
 */
import { integerOrInfinity } from '../arguments.js'
import { invalidRange } from '../errors.js'
import type { LineBatch } from './line-decoder.js'
import { type LineMeans, type LineOptions, type LinePlan, planLines } from './line-plan.js'
import { LineSplitter } from './line-splitter.js'
import type { Splitter, Stretch } from './splitter.js'

/**
 * Check the options of lines that are followed.
 *
 * @param size bytes of the sequence now, where that is known
 * @throws as planLines() does
 */
export function planFollowedLines(
  options: LineOptions,
  size: number | undefined,
  means: LineMeans
): LinePlan {
  const plan = planLines(options, size, means)
  if (plan.reverse) throw invalidRange('options.reverse', 'false where a file is followed', true)
  // Also where it is past the end: that is where the file may get to.
  return {
    ...plan,
    end: integerOrInfinity(
      'options.end',
      options.end === undefined ? Number.POSITIVE_INFINITY : options.end,
      0
    )
  }
}

/**
 * Windows that may begin again into lines. What is left of a file without a delimiter, when another takes its place, is
 * its last line.
 */
export class FollowedLineSplitter implements Splitter<LineBatch> {
  readonly #plan: LinePlan
  readonly #restarts: () => number
  #splitter: LineSplitter
  #seen = 0
  #left: number
  /** The first window of the file that has begun again, until the lines of the one before are out. */
  #next: { readonly offset: number; readonly bytes: Buffer } | undefined

  /** @param restarts how often the windows have begun again */
  constructor(plan: LinePlan, restarts: () => number) {
    this.#plan = plan
    this.#restarts = restarts
    this.#left = plan.limit
    this.#splitter = new LineSplitter(plan)
  }

  get satisfied(): boolean {
    return this.#next === undefined && this.#splitter.satisfied
  }

  get reached(): number {
    return this.#splitter.reached
  }

  nextStretch(): Stretch | undefined {
    return this.#splitter.nextStretch()
  }

  feed(offset: number, bytes: Buffer): void {
    const restarts = this.#restarts()
    if (restarts === this.#seen) {
      this.#splitter.feed(offset, bytes)
      return
    }
    this.#seen = restarts
    this.#next = { offset, bytes }
    this.#splitter.end()
  }

  take(): LineBatch | undefined {
    let batch = this.#splitter.take()
    if (batch === undefined && this.#next !== undefined) {
      this.#begin(this.#next)
      batch = this.#splitter.take()
    }
    if (batch !== undefined) this.#left -= batch.length
    return batch
  }

  keep(): void {
    this.#splitter.keep()
  }

  end(): void {
    this.#splitter.end()
  }

  #begin({ offset, bytes }: { offset: number; bytes: Buffer }): void {
    this.#next = undefined
    this.#splitter = new LineSplitter({ ...this.#plan, start: 0, limit: this.#left })
    // It is being walked already.
    this.#splitter.nextStretch()
    this.#splitter.feed(offset, bytes)
  }
}
