/**
 * `lines()` and `lineBatches()`: a sequence as lines of text.
 */
import { integerOrInfinity, optionsObject } from '../arguments.js'
import { Batches } from './batches.js'
import type { Scan } from './delimiter.js'
import { type FollowOptions, isFollowed } from './follow.js'
import { FollowedLineSplitter, planFollowedLines } from './follow-lines.js'
import type { LineBatch } from './line-decoder.js'
import { type LineMeans, type LineOptions, planLines } from './line-plan.js'
import { LineSplitter } from './line-splitter.js'
import { ReverseLineSplitter } from './reverse-lines.js'
import type { WindowIterator } from './sequence.js'
import type { Splitter, Stretch } from './splitter.js'
import type { WindowOptions } from './windows.js'

/** What lines and records are made of. */
export interface Windowed {
  readonly windows: (options: WindowOptions) => WindowIterator
  /** Bytes of a window where no other size is asked for. */
  readonly windowSize: number
  readonly onCopy: (bytes: number) => void
  /** Bytes, where that is known before they have been walked. */
  readonly knownSize: number | undefined
  /** Whether a window can repeat bytes of the one before it. */
  readonly overlaps: boolean
  readonly scan: Scan
  readonly path: string | undefined
}

/**
 * The splitter that these options ask for.
 *
 * @param size bytes of the sequence, where that is known
 * @throws as planLines() does
 */
export function lineSplitter(
  options: LineOptions | undefined,
  size: number | undefined,
  means?: LineMeans
): Splitter<LineBatch> {
  const plan = planLines(options, size, means)
  return plan.reverse ? new ReverseLineSplitter(plan, size as number) : new LineSplitter(plan)
}

/** @throws as planLines() and windows() do */
export function batchesOfLines(sequence: Windowed, options: LineOptions = {}): Batches<LineBatch> {
  const { follow, size = sequence.windowSize } = optionsObject('options', options)
  // Where a stretch has smaller windows, nobody else looks at it.
  integerOrInfinity('options.size', size, 1)
  if (isFollowed(follow)) return batchesOfFollowed(sequence, options, follow)
  const splitter = lineSplitter(options, sequence.knownSize, sequence)
  const open = (stretch: Stretch) => sequence.windows(walkOf(stretch, options, sequence.windowSize))
  return new Batches(open, splitter)
}

function batchesOfFollowed(
  sequence: Windowed,
  options: LineOptions,
  follow: true | FollowOptions
): Batches<LineBatch> {
  let windows: WindowIterator | undefined
  const plan = planFollowedLines(options, sequence.knownSize, sequence)
  const splitter = new FollowedLineSplitter(plan, () => windows?.restarts ?? 0)
  const open = (stretch: Stretch) => {
    windows = sequence.windows({ ...walkOf(stretch, options, sequence.windowSize), follow })
    return windows
  }
  return new Batches(open, splitter)
}

/**
 * What the caller asked of windows, and over it what the stretch needs.
 *
 * @param windowSize bytes of a window where the caller asked for no size; absent, as `windows()` has it
 */
export function walkOf(
  stretch: Stretch,
  { size, prefetch, signal }: WindowOptions,
  windowSize?: number
): WindowOptions {
  // Those of a stretch are never larger than the caller's: they may be all that the limit holds.
  const most = size ?? windowSize ?? Number.POSITIVE_INFINITY
  return {
    ...(prefetch === undefined ? {} : { prefetch }),
    ...(signal === undefined ? {} : { signal }),
    ...(size === undefined ? {} : { size }),
    ...stretch,
    ...(stretch.size === undefined || stretch.size < most ? {} : { size: most })
  }
}
