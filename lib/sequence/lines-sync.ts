/**
 * `linesSync()` and `lineBatchesSync()`: a file as lines of text, for scripts that do nothing else meanwhile.
 */
import { optionsObject, withoutOptions } from '../arguments.js'
import { SyncBatches } from './batches-sync.js'
import type { Scan } from './delimiter.js'
import type { LineBatch } from './line-decoder.js'
import type { LineOptions } from './line-plan.js'
import { lineSplitter, walkOf } from './lines.js'
import type { SyncWindows, WindowSyncOptions } from './windows-sync.js'

/** Which lines, and how: the options of `lines()` that need no waiting. */
export type LineSyncOptions = Omit<LineOptions, 'prefetch' | 'signal' | 'follow'>

/** What lines are made of. */
export interface WindowedSync {
  readonly windows: (options: WindowSyncOptions) => SyncWindows
  /** Bytes of a window where no other size is asked for. */
  readonly windowSize: number
  /** Bytes. */
  readonly size: number
  readonly scan: Scan
  readonly path: string | undefined
}

/** @throws as planLines() and windowsSync() do */
export function batchesOfLinesSync(
  file: WindowedSync,
  options: LineSyncOptions = {}
): SyncBatches<LineBatch> {
  withoutOptions('lines without awaits', optionsObject('options', options), ['follow'])
  const splitter = lineSplitter(options, file.size, file)
  const { size } = options
  const asked = size === undefined ? {} : { size }
  return new SyncBatches(stretch => file.windows(walkOf(stretch, asked, file.windowSize)), splitter)
}
