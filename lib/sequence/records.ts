/**
 * `records()` and `recordBatches()`: a sequence as records, without copying those that are in one window.
 */
import { integerOrInfinity } from '../arguments.js'
import { Batches } from './batches.js'
import { type Windowed, walkOf } from './lines.js'
import { planRecords, type RecordOptions } from './record-plan.js'
import { type RecordBatch, RecordSplitter } from './record-splitter.js'

/**
 * Bytes of a window that the next one repeats: nearly every record that straddles the end of the one is whole in the
 * other, without giving up what was mapped ahead. A multiple of every granularity there is.
 */
const OVERLAP = 64 * 1024

/** @throws as planRecords() and windows() do */
export function batchesOfRecords(sequence: Windowed, options: RecordOptions): Batches<RecordBatch> {
  const plan = planRecords(options, sequence.scan, sequence.path)
  const { start, end, size = sequence.windowSize } = options
  integerOrInfinity('options.size', size, 1)
  // Of small windows it would be too large a part.
  const overlap = sequence.overlaps && size >= 4 * OVERLAP ? OVERLAP : 0
  const stretch = {
    overlap,
    ...(start === undefined ? {} : { start }),
    ...(end === undefined ? {} : { end })
  }
  const splitter = new RecordSplitter(plan, start ?? 0, stretch, sequence.onCopy)
  return new Batches(next => sequence.windows(walkOf(next, options, sequence.windowSize)), splitter)
}
