/**
 * The synchronous way through a splitter: batches, and the items in them one by one.
 */
import type { Batch } from './batches.js'
import type { Splitter, Stretch } from './splitter.js'
import { type SyncIteration, SyncWalk } from './sync-walk.js'
import type { SyncWindows } from './windows-sync.js'
import type { Window } from '../window.js'

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined }

/** The batches of a splitter. However it is left, its windows are given back. */
export class SyncBatches<B> extends SyncWalk<B> {
  readonly #open: (stretch: Stretch) => SyncWindows
  readonly #splitter: Splitter<B>
  #windows: SyncWindows | undefined
  #window: Window | undefined

  /**
   * @param open starts to walk a stretch; every walk is ended by this
   * @throws what `open` does
   */
  constructor(open: (stretch: Stretch) => SyncWindows, splitter: Splitter<B>) {
    super()
    this.#open = open
    this.#splitter = splitter
    // At once: wrong arguments and closed files are told to the caller, not to whoever iterates.
    this.#openNext()
  }

  /** Whether the file was closed, so that batches at hand must not be used any more. */
  get interrupted(): boolean {
    return this.#windows?.closed === true
  }

  protected finish(): void {
    this.#window = undefined
    this.#windows?.return()
  }

  protected advance(): B | undefined {
    for (;;) {
      // The bytes of the window at hand are gone; the windows say why.
      if (this.interrupted) this.#windows?.next()
      const batch = this.#take()
      if (batch !== undefined) return batch
      if (this.#windows === undefined && !this.#openNext()) return undefined
      this.#feed()
    }
  }

  /** The next batch of what is at hand, once it is sure that it was made of the file's bytes. */
  #take(): B | undefined {
    let batch: B | undefined
    try {
      batch = this.#splitter.take()
    } catch (error) {
      // Zeros in place of lost bytes make no sense as records; that they are lost is what to tell.
      this.#attest()
      throw error
    }
    if (batch !== undefined) this.#attest()
    return batch
  }

  /** The next window of this stretch, or its end. */
  #feed(): void {
    this.#throwIfLost()
    if (this.#window !== undefined) this.#splitter.keep()
    this.#window = undefined
    const { done, value } = this.#splitter.satisfied ? DONE : (this.#windows as SyncWindows).next()
    if (done) {
      this.#windows?.return()
      this.#windows = undefined
      this.#splitter.end()
    } else {
      this.#window = value
      this.#splitter.feed(value.offset, value.bytes)
    }
  }

  #openNext(): boolean {
    const stretch = this.#splitter.nextStretch()
    if (stretch === undefined) return false
    this.#windows = this.#open(stretch)
    return true
  }

  #attest(): void {
    this.#throwIfLost()
    const { reached } = this.#splitter
    if (this.#window !== undefined && reached !== undefined) this.#windows?.attest(reached)
  }

  #throwIfLost(): void {
    if (this.#window !== undefined && this.#window.lost >= 0) this.#windows?.next()
  }
}

/** The items of batches, one by one. */
export class SyncItems<T> implements SyncIteration<T> {
  readonly #batches: SyncBatches<Batch<T>>
  #batch: Batch<T> | undefined
  #index = 0

  /** @param batches none of them empty; owned by this from now on */
  constructor(batches: SyncBatches<Batch<T>>) {
    this.#batches = batches
  }

  next(): IteratorResult<T, undefined> {
    const batch = this.#batch
    if (batch !== undefined && this.#index < batch.length && !this.#batches.interrupted) {
      return { done: false, value: batch.at(this.#index++) as T }
    }
    return this.#refill()
  }

  /** Apart, so that what is called for each line is small enough to become part of the loop that calls it. */
  #refill(): IteratorResult<T, undefined> {
    this.#batch = undefined
    const { done, value } = this.#batches.next()
    if (done) return DONE
    this.#batch = value
    this.#index = 1
    return { done: false, value: value.at(0) as T }
  }

  return(): IteratorResult<T, undefined> {
    this.#batch = undefined
    this.#batches.return()
    return DONE
  }

  throw(error: unknown): IteratorResult<T, undefined> {
    this.return()
    throw error
  }

  [Symbol.dispose](): void {
    this.return()
  }

  [Symbol.iterator](): this {
    return this
  }
}
