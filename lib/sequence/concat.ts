/**
 * `concat()`: many files as one sequence.
 */
import { abortSignal, integer, integerOrInfinity, oneOf, optionsObject } from '../arguments.js'
import { invalidRange, SlidemapError } from '../errors.js'
import { Once } from '../manager/once.js'
import type { RegionManager } from '../manager/manager.js'
import { Ledger } from '../manager/region.js'
import { type ConcatPlan, type ConcatShare, ConcatWalk, LEFT } from './concat-walk.js'
import type { SourceWindow } from './concat-window.js'
import type { Place } from './place.js'
import { Sequence, type WindowIterator } from './sequence.js'
import { checkSources, iteratorOf, SourceList } from './source-list.js'
import type { WindowOptions } from './windows.js'

export interface ConcatOptions {
  /**
   * Sources pulled from the list ahead of the one being walked, at the most; default 64. 0 pulls each when its turn
   * comes, not earlier.
   *
   * Small files among them are read ahead, many in one job. Of larger files only the next is pulled and opened ahead.
   * Both only while nobody else waits for what that takes.
   */
  lookahead?: number | undefined
  /**
   * Bytes: a file up to this size, given by its path, is read whole into memory instead of mapped; default 128 KiB.
   * 0 maps all.
   */
  smallFileSize?: number | undefined
}

/** What a concatenation takes over from its manager. */
export interface ConcatDefaults<S> {
  readonly manager: RegionManager
  readonly windowSize: number
  readonly prefetch: number
  /** Say where the bytes of a source are, or throw what is wrong with it. */
  readonly locate: (source: S) => Place
}

const DEFAULT_LOOKAHEAD = 64
const DEFAULT_SMALL_FILE_SIZE = 128 * 1024

/**
 * Many files as one sequence of bytes, opened lazily. Made by `concat()`.
 *
 * A source is pulled from the list when its turn comes, `lookahead` excepted; its file is opened then, and closed when
 * it has passed. So at most two are open at a time, or one where `maxHandles` says so, however many there are. Windows
 * never cross files, and tell which they are of. Nothing is opened before the first window is asked for.
 *
 * An array, a set, and whatever else can be iterated anew may be walked as often as one likes, also at the same time;
 * a generator once.
 *
 * @typeParam S what its sources are given as
 * @example
 * ```ts
 * const logs = concat(globSync('logs/*.log').sort())
 * for await (const { source, sourceOffset, bytes } of logs.windows()) {
 *   if (bytes.includes('panic')) console.log(`${source}, from byte ${sourceOffset}`)
 * }
 * ```
 */
export class Concatenation<S = unknown> extends Sequence {
  /** @internal */
  protected readonly windowSize: number
  /** @internal */
  protected readonly onCopy: (bytes: number) => void
  readonly #sources: Iterable<S> | AsyncIterable<S>
  readonly #share: ConcatShare<S>
  readonly #closing = new Once()
  /** A list that can be walked once has been. */
  #spent = false

  /** @internal */
  constructor(
    sources: Iterable<S> | AsyncIterable<S>,
    defaults: ConcatDefaults<S>,
    given: ConcatOptions | undefined
  ) {
    super()
    const o = optionsObject('options', given)
    const { manager } = defaults
    const regions = new Ledger(manager.bytes, manager)
    regions.onEmpty = () => manager.ledgers.delete(regions)
    this.windowSize = defaults.windowSize
    this.onCopy = manager.copied
    this.#sources = checkSources(sources)
    this.#share = {
      ...defaults,
      lookahead: integer(
        'options.lookahead',
        o.lookahead === undefined ? DEFAULT_LOOKAHEAD : o.lookahead,
        0,
        65_536
      ),
      smallFileSize: integer(
        'options.smallFileSize',
        o.smallFileSize === undefined ? DEFAULT_SMALL_FILE_SIZE : o.smallFileSize,
        0
      ),
      files: new Set(),
      regions,
      walks: new Set()
    }
  }

  /**
   * The bytes as windows, which never cross files. See {@link Sequence.windows}.
   *
   * `start` and `end` count over the whole: files before `start` are looked at for their sizes, those after `end` not
   * at all. A start past the end shows when the end has come.
   *
   * What `next()` rejects with for a source has its place in the list as `index`.
   *
   * @throws {SlidemapError} ERR_MAP_CLOSED; ERR_MAP_UNSUPPORTED for a second walk of a list that can be walked once,
   *   for an overlap (windows of two files do not overlap), and for `follow`
   */
  override windows(options?: WindowOptions): ConcatWindows<S> {
    this.#throwIfClosed()
    const plan = this.#plan(options)
    const iterator = iteratorOf(this.#sources)
    // A list that is its own iterator has no other.
    if ((iterator as unknown) === this.#sources) this.#spend()
    return new ConcatWindows(this.#share, plan, new SourceList(this.#sources, iterator))
  }

  /**
   * End whatever walks it, release every window, retained ones included, and close what was opened for it; files that
   * were open already stay so. Idempotent. Pending and later calls reject with ERR_MAP_CLOSED.
   */
  override close(): Promise<void> {
    return this.#closing.do(() => this.#close())
  }

  async #close(): Promise<void> {
    const { walks, regions, files } = this.#share
    const error = closedError()
    const ended = [...walks].map(walk => walk.destroy(error))
    regions.releaseAll()
    const closed = await Promise.allSettled([...ended, ...[...files].map(file => file.close())])
    for (const result of closed) {
      if (result.status === 'rejected') throw result.reason
    }
  }

  #plan(given: WindowOptions | undefined): ConcatPlan {
    const o = optionsObject('options', given)
    const start = integer('options.start', o.start === undefined ? 0 : o.start, 0)
    const end = integerOrInfinity('options.end', o.end === undefined ? Number.POSITIVE_INFINITY : o.end, 0)
    if (end < start) throw invalidRange('options.end', `>= options.start (${start})`, end)
    const size = integerOrInfinity('options.size', o.size === undefined ? this.windowSize : o.size, 1)
    if (integer('options.overlap', o.overlap === undefined ? 0 : o.overlap, 0) > 0) {
      throw new SlidemapError('ERR_MAP_UNSUPPORTED', 'windows of a concatenation do not overlap')
    }
    if (o.follow) throw new SlidemapError('ERR_MAP_UNSUPPORTED', 'a concatenation cannot be followed')
    const lifetime = oneOf('options.lifetime', o.lifetime === undefined ? 'leased' : o.lifetime, [
      'leased',
      'copied'
    ])
    integer('options.prefetch', o.prefetch === undefined ? this.#share.prefetch : o.prefetch, 0)
    const signal = abortSignal('options.signal', o.signal)
    // What is read into memory leaves its pages in the cache.
    return { start, end, size, lifetime, signal, options: o, whole: o.dropBehind !== true }
  }

  #spend(): void {
    if (this.#spent) {
      throw new SlidemapError(
        'ERR_MAP_UNSUPPORTED',
        'the list of sources can be walked once only, and has been: concatenate an array to walk it again'
      )
    }
    this.#spent = true
  }

  #throwIfClosed(): void {
    if (this.#closing.begun) throw closedError()
    if (this.#share.manager.closed) throw new SlidemapError('ERR_MAP_CLOSED', 'the manager is closed')
  }
}

function closedError(): SlidemapError {
  return new SlidemapError('ERR_MAP_CLOSED', 'the concatenation is closed')
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined }

type Answer<S> = IteratorResult<SourceWindow<S>, undefined>

/** Windows over a concatenation, in order. Calls may overlap, and end, as those of the windows of a file do. */
export class ConcatWindows<S>
  implements WindowIterator, AsyncIterableIterator<SourceWindow<S>>, AsyncDisposable
{
  readonly #walk: ConcatWalk<S>
  readonly #manager: RegionManager
  #ended = false
  /** Calls that have not been answered. */
  #pending = 0
  /** The last of them; the next one starts when it has settled. */
  #tail: Promise<unknown> = Promise.resolve()

  /** @internal */
  constructor(share: ConcatShare<S>, plan: ConcatPlan, list: SourceList<S>) {
    this.#walk = new ConcatWalk(share, plan, list)
    this.#manager = share.manager
    this.#manager.dropped.register(this, this.#walk, this.#walk)
  }

  /**
   * The next window. The one before it goes at this call, unless it was retained.
   *
   * @throws {SlidemapError} as the windows of a file do, with `index`; what the list of sources throws
   */
  next(): Promise<Answer<S>> {
    if (this.#pending === 0 && !this.#ended) {
      const value = this.#walk.tryAdvance()
      if (value) return Promise.resolve({ done: false, value })
    }
    return this.#enqueue(() => this.#advance())
  }

  /** @internal */
  slide(offset: number, length: number): boolean {
    return this.#walk.slide(offset, length)
  }

  /** @internal */
  onEnded(tell: (error: unknown) => void): void {
    const { signal } = this.#walk
    const ended = () => {
      if (signal.reason !== LEFT) tell(signal.reason)
    }
    if (signal.aborted) ended()
    else signal.addEventListener('abort', ended, { once: true })
  }

  /** End, and give everything back. */
  return(): Promise<Answer<S>> {
    // Cancels a call that waits; what that then answers does not concern who called this.
    void this.#walk.destroy(LEFT).catch(() => {})
    return this.#enqueue(async () => {
      await this.#finish()
      return DONE
    })
  }

  /** End, give everything back, and reject with `error`. */
  async throw(error: unknown): Promise<Answer<S>> {
    await this.return()
    throw error
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  #enqueue(call: () => Promise<Answer<S>>): Promise<Answer<S>> {
    this.#pending++
    const answer = this.#tail.then(call)
    const settled = () => {
      this.#pending--
    }
    this.#tail = answer.then(settled, settled)
    return answer
  }

  async #advance(): Promise<Answer<S>> {
    if (this.#ended) return DONE
    try {
      const value = await this.#walk.advance()
      if (value) return { done: false, value }
    } catch (error) {
      const told = this.#walk.explain(error)
      // What ended it is what to tell, whatever ending says.
      await this.#finish().catch(() => {})
      if (error === LEFT) return DONE
      throw told
    }
    await this.#finish()
    return DONE
  }

  async #finish(): Promise<void> {
    this.#ended = true
    this.#manager.dropped.unregister(this.#walk)
    await this.#walk.leave()
  }
}
