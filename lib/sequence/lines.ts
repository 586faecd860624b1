/**
 * `lines()` and `lineBatches()`: a sequence as lines of text.
 */
import { Batches } from './batches.js'
import type { Scan } from './delimiter.js'
import type { LineBatch } from './line-decoder.js'
import { type LineOptions, planLines } from './line-plan.js'
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
  readonly scan: Scan
  readonly path: string | undefined
}

/** The splitter that these options ask for. @throws as planLines() does */
export function lineSplitter(
  options: LineOptions | undefined,
  size: number | undefined
): Splitter<LineBatch> {
  const plan = planLines(options, size)
  return plan.reverse ? new ReverseLineSplitter(plan, size as number) : new LineSplitter(plan)
}

/** @throws as planLines() and windows() do */
export function batchesOfLines(sequence: Windowed, options: LineOptions = {}): Batches<LineBatch> {
  const splitter = lineSplitter(options, sequence.knownSize)
  const { size, prefetch, signal } = options
  return new Batches(stretch => sequence.windows(walkOf(stretch, { size, prefetch, signal })), splitter)
}

/** What the caller asked of windows, and over it what the stretch needs. */
export function walkOf(
  stretch: Stretch,
  given: { [K in keyof WindowOptions]: WindowOptions[K] | undefined }
): WindowOptions {
  const options: Record<string, unknown> = {}
  for (const [name, value] of Object.entries({ ...given, ...stretch })) {
    if (value !== undefined) options[name] = value
  }
  return options
}
