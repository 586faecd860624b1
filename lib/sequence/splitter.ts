/**
 * Splitters: windows in, records or lines out. They do no I/O, so that one splitter serves asynchronous and
 * synchronous walks, single files and concatenations.
 */
import type { WindowOptions } from './windows.js'

/** A stretch to walk, in the terms of `windows()`. */
export type Stretch = Pick<WindowOptions, 'start' | 'end' | 'size' | 'prefetch' | 'overlap'>

/**
 * Makes batches of the windows of one or more stretches. Whoever drives it:
 *
 * 1. takes batches until there is none;
 * 2. lets the window at hand go, by `slide()` and `keep()`;
 * 3. feeds the next window of the stretch, or tells that it has ended, and asks for the next stretch;
 *
 * and is through when there is neither a batch nor a stretch.
 */
export interface Splitter<B> {
  /** What to walk next; undefined when there is nothing more to come. Asked for where no stretch is being walked. */
  nextStretch(): Stretch | undefined
  /** The next window: it begins at the end of the one before it, or repeats bytes of it. Lent until `keep()`. */
  feed(offset: number, bytes: Buffer): void
  /** The next batch; undefined when another window is needed. */
  take(): B | undefined
  /** Whether no more of this stretch is needed. */
  readonly satisfied: boolean
  /** After the last byte of the window at hand that went into a batch, or into what is carried. Absent where unknown. */
  readonly reached?: number
  /** The bytes of this window that the next one ought to hold again, if it can. */
  readonly unfinished?: Unfinished | undefined
  /** The next window will hold what is unfinished: forget this one. */
  slide?(): void
  /** This window goes: copy what is still needed of it. */
  keep(): void
  /** The stretch has ended. */
  end(): void
}

/** A record that begins in a window and does not end there. */
export interface Unfinished {
  /** Where it begins. */
  readonly offset: number
  /** Bytes that the next window must hold of it to be of use. */
  readonly length: number
}
