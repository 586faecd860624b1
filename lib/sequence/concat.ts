/**
 * `concat()`: many files as one sequence.
 */
import {
  abortSignal,
  boolean,
  integer,
  integerOrInfinity,
  oneOf,
  openFlags,
  optionsObject
} from '../arguments.js'
import { invalidRange, SlidemapError } from '../errors.js'
import type { Consumer } from '../manager/open-file.js'
import { Once } from '../manager/once.js'
import type { RegionManager } from '../manager/manager.js'
import { Ledger } from '../manager/region.js'
import { type ConcatPlan, type ConcatShare, ConcatWalk } from './concat-walk.js'
import type { SourceWindow } from './concat-window.js'
import type { Place } from './place.js'
import { Sequence } from './sequence.js'
import { checkSources, iteratorOf, SourceList } from './source-list.js'
import { LEFT, WindowWalk } from './window-walk.js'
import { isFollowed } from './follow.js'
import { MAX_PREFETCH, type WindowOptions } from './windows.js'

export interface ConcatOptions {
  /**
   * Sources pulled from the list ahead of the one being walked, at the most; default 128. 0 pulls each when its turn
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
  /**
   * Extra flags for opening files by their paths, as `open()` takes them: `fs.constants.O_NOFOLLOW`, say. Files are
   * not read ahead whole then, but opened one by one. Default 0.
   */
  flags?: number | undefined
}

/** What a concatenation takes over from its manager. */
export interface ConcatDefaults<S> {
  readonly manager: RegionManager
  readonly windowSize: number
  readonly prefetch: number
  /** Say where the bytes of a source are, or throw what is wrong with it. */
  readonly locate: (source: S) => Place
}

const DEFAULT_LOOKAHEAD = 128
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

  /** Made by `concat()`: what it takes is slidemap's own. */
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
      flags: openFlags('options.flags', o.flags),
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
    if (isFollowed(o.follow))
      throw new SlidemapError('ERR_MAP_UNSUPPORTED', 'a concatenation cannot be followed')
    const lifetime = oneOf('options.lifetime', o.lifetime === undefined ? 'leased' : o.lifetime, [
      'leased',
      'copied'
    ])
    integer('options.prefetch', o.prefetch === undefined ? this.#share.prefetch : o.prefetch, 0, MAX_PREFETCH)
    const signal = abortSignal('options.signal', o.signal)
    // What is read into memory leaves its pages in the cache.
    return {
      start,
      end,
      size,
      lifetime,
      signal,
      options: o,
      whole: !boolean('options.dropBehind', o.dropBehind)
    }
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

/**
 * Walks whose windows nobody holds any more. Not the manager's: between two files, nobody else may hold that, and the
 * list is to be told all the same.
 */
const dropped = new FinalizationRegistry<Consumer>(walk => {
  void walk.destroy(closedError()).catch(() => {})
})

/** Windows over a concatenation, in order. Calls may overlap, and end, as those of the windows of a file do. */
export class ConcatWindows<S> extends WindowWalk<SourceWindow<S>> {
  readonly #walk: ConcatWalk<S>

  /** @internal */
  constructor(share: ConcatShare<S>, plan: ConcatPlan, list: SourceList<S>) {
    super()
    this.#walk = new ConcatWalk(share, plan, list)
    dropped.register(this, this.#walk, this.#walk)
  }

  protected get signal(): AbortSignal {
    return this.#walk.signal
  }

  /** @internal */
  slide(offset: number, length: number): boolean {
    return this.#walk.slide(offset, length)
  }

  /** @internal */
  attest(end: number): Promise<void> | undefined {
    return this.#walk.attest(end)
  }

  protected override tryAdvance(): SourceWindow<S> | undefined {
    return this.#walk.tryAdvance()
  }

  protected advance(): Promise<SourceWindow<S> | undefined> {
    return this.#walk.advance()
  }

  protected override explain(error: unknown): unknown {
    return this.#walk.explain(error)
  }

  protected cancel(): void {
    // What that answers does not concern who leaves.
    void this.#walk.destroy(LEFT).catch(() => {})
  }

  protected async finish(): Promise<void> {
    dropped.unregister(this.#walk)
    await this.#walk.leave()
  }
}
