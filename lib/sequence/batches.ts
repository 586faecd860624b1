/**
 * The asynchronous way through a splitter: batches, and the items in them one by one.
 */
import type { Buffer } from 'node:buffer'
import { SlidemapError } from '../errors.js'
import { Fairness } from './fairness.js'
import type { WindowIterator } from './sequence.js'
import type { Splitter, Stretch } from './splitter.js'
import type { Window } from '../window.js'

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined }

/** Lets calls that overlap be answered in order. */
class Turns {
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0

  /** Whether every call has been answered. */
  get idle(): boolean {
    return this.#waiting === 0
  }

  run<T>(call: () => Promise<T>): Promise<T> {
    this.#waiting++
    const answer = this.#last.then(call)
    const answered = () => {
      this.#waiting--
    }
    this.#last = answer.then(answered, answered)
    return answer
  }
}

/**
 * The batches of a splitter, one await each.
 *
 * Calls of `next()` may overlap: they are answered in order. However it is left, its windows are given back.
 */
export class Batches<B> implements AsyncIterableIterator<B>, AsyncDisposable {
  readonly #open: (stretch: Stretch) => WindowIterator
  readonly #splitter: Splitter<B>
  readonly #turns = new Turns()
  readonly #fairness: Fairness
  #windows: WindowIterator | undefined
  /** Stretches begun. */
  #opened = 0
  #window: Window | undefined
  /** Ended from outside, with this as the reason. */
  #interruption: { readonly reason: unknown } | undefined
  #ended = false

  /**
   * @param open starts to walk a stretch; every walk is ended by this
   * @param fairness when the event loop is to turn
   * @throws what `open` does
   */
  constructor(open: (stretch: Stretch) => WindowIterator, splitter: Splitter<B>, fairness = new Fairness()) {
    this.#open = open
    this.#splitter = splitter
    this.#fairness = fairness
    // At once: wrong arguments and closed files are told to the caller, not to whoever iterates.
    this.#openNext()
  }

  /** Whether this was left, or ended from outside, so that batches at hand must not be used any more. */
  get interrupted(): boolean {
    return this.#ended || this.#interruption !== undefined
  }

  /** @internal The walk number `opened` was ended from outside. */
  interrupt(opened: number, reason: unknown): void {
    if (opened === this.#opened && this.#windows !== undefined) this.#interruption = { reason }
  }

  next(): Promise<IteratorResult<B, undefined>> {
    return this.#turns.run(() => this.#advance())
  }

  async return(): Promise<IteratorResult<B, undefined>> {
    this.#ended = true
    this.#fairness.end()
    // Now, not in turn: a pending next() may be waiting for budget.
    await this.#windows?.return?.()
    return this.#turns.run(async () => DONE)
  }

  async throw(error: unknown): Promise<IteratorResult<B, undefined>> {
    await this.return()
    throw error
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async #advance(): Promise<IteratorResult<B, undefined>> {
    if (this.#ended) return DONE
    let batch: B | undefined
    try {
      batch = await this.#nextBatch()
    } catch (failed) {
      // What ended it from outside took the bytes away: anything that fails after that only comes of it.
      const error = this.#interruption ? this.#interruption.reason : failed
      // Who leaves is not told why what they left could not go on.
      const left = this.#ended
      this.#ended = true
      // What failed first is what to tell, whatever ending says; who leaves is told that by return().
      await this.#windows?.return?.().catch(() => {})
      if (!left) throw error
    }
    // Left meanwhile: what the batch was made of may be gone.
    if (this.#ended) return DONE
    if (batch !== undefined) return { done: false, value: batch }
    this.#ended = true
    return DONE
  }

  async #nextBatch(): Promise<B | undefined> {
    if (this.#fairness.isDue()) await this.#fairness.turn()
    while (!this.#ended) {
      this.#throwIfInterrupted()
      // Until the batch is made nobody else runs.
      if (this.#window !== undefined) expectHeld(this.#window)
      const batch = this.#take()
      if (this.#isLost()) await this.#explainLoss()
      if (batch !== undefined) await this.#attest()
      // From within what was called for a record, say: then the bytes of the batch are gone.
      this.#throwIfInterrupted()
      if (batch instanceof Failure) throw batch.error
      if (batch !== undefined) return batch
      if (this.#windows === undefined && !this.#openNext()) return undefined
      await this.#feed(this.#windows as unknown as WindowIterator)
    }
    return undefined
  }

  #throwIfInterrupted(): void {
    if (this.#interruption) throw this.#interruption.reason
  }

  /** The next batch of what is at hand; not to be used before it is sure that it was made of the file's bytes. */
  #take(): B | Failure | undefined {
    try {
      return this.#splitter.take()
    } catch (error) {
      return new Failure(error)
    }
  }

  /** The next window of this stretch, or its end. */
  async #feed(windows: WindowIterator): Promise<void> {
    if (this.#splitter.satisfied) {
      this.#window = undefined
      await windows.return?.()
      return this.#endStretch()
    }
    this.#letGo(windows)
    const { done, value } = await windows.next()
    // Left or ended meanwhile: that there is no window does not mean that there are no more bytes.
    if (this.interrupted) return
    if (done) return this.#endStretch()
    this.#window = value
    this.#splitter.feed(value.offset, value.bytes)
  }

  /** The window at hand goes: its rest is met again, or copied. */
  #letGo(windows: WindowIterator): void {
    if (this.#window === undefined) return
    this.#window = undefined
    const { unfinished } = this.#splitter
    if (unfinished && windows.slide?.(unfinished.offset, unfinished.length)) this.#splitter.slide?.()
    else this.#splitter.keep()
  }

  #endStretch(): void {
    this.#windows = undefined
    this.#splitter.end()
  }

  #openNext(): boolean {
    const stretch = this.#splitter.nextStretch()
    if (stretch === undefined) return false
    this.#windows = this.#open(stretch)
    listen(this.#windows, new WeakRef(this), ++this.#opened)
    return true
  }

  /** Whether zeros were read in place of bytes of the window at hand. */
  #isLost(): boolean {
    return this.#window !== undefined && this.#window.lost >= 0
  }

  /** Bytes that were cut off within a page show as zeros only. */
  #attest(): Promise<void> | undefined {
    const { reached } = this.#splitter
    if (this.#window === undefined || reached === undefined) return undefined
    return this.#windows?.attest?.(reached)
  }

  /** The windows say why; they reject with it. */
  async #explainLoss(): Promise<never> {
    const offset = this.#window?.lost
    this.#window = undefined
    await this.#windows?.next()
    throw new SlidemapError('ERR_MAP_IO', `bytes were lost at offset ${offset}`, { offset })
  }
}

/** Why there is no batch. Zeros in place of lost bytes make no sense as records: then that is what to tell. */
class Failure {
  readonly error: unknown

  constructor(error: unknown) {
    this.error = error
  }
}

/** @throws {SlidemapError} ERR_MAP_RELEASED where somebody had all windows of the file unmapped */
function expectHeld(window: Window): Buffer {
  return window.bytes
}

/**
 * Weakly, and without its windows: the open file, which has the listener, must not keep an iterator that was dropped
 * half way from being collected.
 */
function listen(windows: WindowIterator, batches: WeakRef<Batches<unknown>>, opened: number): void {
  windows.onEnded(reason => batches.deref()?.interrupt(opened, reason))
}

/** Several items, by index. */
export interface Batch<T> {
  readonly length: number
  at(index: number): T | undefined
}

/**
 * The items of batches, one by one: an await each, but work and waiting only once a batch.
 */
export class Items<T> implements AsyncIterableIterator<T>, AsyncDisposable {
  readonly #batches: Batches<Batch<T>>
  readonly #turns = new Turns()
  #batch: Batch<T> | undefined
  #index = 0

  /** @param batches none of them empty; owned by this from now on */
  constructor(batches: Batches<Batch<T>>) {
    this.#batches = batches
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return this.#turns.idle ? (this.#atHand() ?? this.#refill()) : this.#refill()
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    await this.#batches.return()
    return DONE
  }

  async throw(error: unknown): Promise<IteratorResult<T, undefined>> {
    await this.return()
    throw error
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #atHand(): Promise<IteratorResult<T, undefined>> | undefined {
    const batch = this.#batch
    if (batch === undefined || this.#index >= batch.length || this.#batches.interrupted) return undefined
    return Promise.resolve({ done: false, value: batch.at(this.#index++) as T })
  }

  #refill(): Promise<IteratorResult<T, undefined>> {
    return this.#turns.run(async () => {
      const atHand = this.#atHand()
      if (atHand) return atHand
      this.#batch = undefined
      const { done, value } = await this.#batches.next()
      if (done) return DONE
      this.#batch = value
      this.#index = 1
      return { done: false, value: value.at(0) as T }
    })
  }
}
