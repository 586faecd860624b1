/**
 * `windows()`: a file as a sequence of windows, one await each.
 */
import { abortSignal, boolean, integer, integerOrInfinity, oneOf, optionsObject } from '../arguments.js'
import { invalidRange, SlidemapError } from '../errors.js'
import type { OpenFile } from '../manager/open-file.js'
import type { Region } from '../manager/region.js'
import { alignDown, endOf, MAX_OFFSET, nextOffset, type Range, type Walk, windowAt } from '../range.js'
import type { FollowOptions } from './follow.js'
import { Lookahead } from './lookahead.js'
import { CopiedWindow, copyOut, LeasedWindow, type Window } from '../window.js'
import { LEFT, WindowWalk } from './window-walk.js'

/** Whose the bytes are: lent until the consumer advances, or copied for it to keep. */
export type Lifetime = 'leased' | 'copied'

/** Windows mapped ahead of one consumer at the most: no device is kept busier by more. */
export const MAX_PREFETCH = 1024

/** Which part of a file to walk, and how. */
export interface WindowOptions {
  /** First byte; default 0; at the most the size of the file, else ERR_MAP_OUT_OF_RANGE. */
  start?: number | undefined
  /** Byte after the last; default the size of the file as it was opened, and clamped to that. */
  end?: number | undefined
  /** Bytes of a window, the last one excepted; default the manager's `windowSize`; Infinity for all at once. */
  size?: number | undefined
  /** Bytes of the previous window repeated at the head of the next; 0 <= overlap < size; default 0. */
  overlap?: number | undefined
  /** `'leased'` (default): valid until the advance. `'copied'`: the consumer's own. */
  lifetime?: Lifetime | undefined
  /** Windows mapped ahead while budget is free, up to 1,024; default the manager's `prefetch`. */
  prefetch?: number | undefined
  /**
   * Leave the page cache as it was found: pages that it did not hold before are forgotten once their window has gone
   * (`posix_fadvise`). For scans that should not push out what others need. Costs a second job for each window.
   * Linux with the native mapper; elsewhere, and where the OS does not tell for files of others, nothing is
   * forgotten. Default false.
   */
  dropBehind?: boolean | undefined
  /** Ends the iteration: the pending `next()`, or the next one, rejects with the signal's reason. */
  signal?: AbortSignal | undefined
  /**
   * Go on as the file grows, until `end`, the signal, or `return()`; default false. A file that is truncated or
   * replaced meanwhile is an error, unless `{ restart: true }`. `end` may lie past the end of the file.
   */
  follow?: boolean | FollowOptions | undefined
}

/** What a sequence needs to know of the file it walks. */
export interface View {
  readonly file: OpenFile
  /** Where the view begins, in bytes from the start of the file. */
  readonly base: number
  /** Bytes of the view. */
  readonly size: number
  readonly windowSize: number
  readonly prefetch: number
}

/** Options checked and filled in. */
export interface WindowPlan {
  readonly walk: Walk
  readonly lifetime: Lifetime
  readonly prefetch: number
  readonly signal: AbortSignal | undefined
  readonly dropBehind?: boolean
}

/**
 * Check options against a file.
 *
 * @throws {TypeError} ERR_INVALID_ARG_TYPE
 * @throws {RangeError} ERR_OUT_OF_RANGE
 */
export function planWindows(view: View, given: WindowOptions | undefined): WindowPlan {
  const o = optionsObject('options', given)
  const { prefetch = view.prefetch, lifetime = 'leased' } = o
  const start = integer('options.start', o.start === undefined ? 0 : o.start, 0)
  if (start > view.size) throw outOfRange(view, start)
  const end = integerOrInfinity('options.end', o.end === undefined ? view.size : o.end, 0)
  if (end < start && o.end !== undefined)
    throw invalidRange('options.end', `>= options.start (${start})`, end)
  const size = integerOrInfinity('options.size', o.size === undefined ? view.windowSize : o.size, 1)
  const overlap = integer(
    'options.overlap',
    o.overlap === undefined ? 0 : o.overlap,
    0,
    Math.min(size - 1, MAX_OFFSET)
  )
  const walk = { start: view.base + start, end: view.base + Math.min(end, view.size), size, overlap }
  const fitting = o.size === undefined ? fittingSize(walk, view.file) : size
  return {
    walk: { ...walk, size: Math.min(fitting, view.file.mapper.maxLength) },
    lifetime: oneOf('options.lifetime', lifetime, ['leased', 'copied']),
    prefetch: integer('options.prefetch', prefetch, 0, MAX_PREFETCH),
    signal: abortSignal('options.signal', o.signal),
    dropBehind: boolean('options.dropBehind', o.dropBehind)
  }
}

/** Windows of the usual size that begin inside a page take one more: where the limit has none, they are shorter. */
function fittingSize({ start, size, overlap }: Walk, { mapper, manager }: OpenFile): number {
  const { granularity } = mapper
  const room = manager.bytes.limit - granularity
  const aligned = start % granularity === 0 && overlap % granularity === 0
  return aligned || size <= room || room <= overlap ? size : room
}

function outOfRange(view: View, start: number): SlidemapError {
  return new SlidemapError(
    'ERR_MAP_OUT_OF_RANGE',
    `start ${start} is past the end of the file, ${view.size}`,
    {
      path: view.file.path,
      offset: start
    }
  )
}

/** Windows over a file, in order. */
export class Windows extends WindowWalk {
  readonly #view: View
  readonly #plan: WindowPlan
  readonly #lookahead: Lookahead
  /** What must stay alive while this is iterated: the public file. */
  // biome-ignore lint/correctness/noUnusedPrivateClassMembers: to be held is its use
  readonly #keep: object | undefined
  #offset: number
  #current: LeasedWindow | undefined

  constructor(view: View, plan: WindowPlan) {
    super()
    this.#view = view
    this.#plan = plan
    this.#keep = view.file.facade?.deref()
    this.#offset = plan.walk.start
    this.#lookahead = new Lookahead(view.file, plan.walk, plan.prefetch, plan.signal, plan.dropBehind)
    view.file.manager.dropped.register(this, this.#lookahead, this.#lookahead)
  }

  protected get signal(): AbortSignal {
    return this.#lookahead.signal
  }

  /**
   * Let the next window begin early enough to hold `[offset, offset + length)`, which begins in the window at hand.
   * Where the next one would not, it begins at the page of `offset` instead, and what was mapped ahead is given up.
   *
   * @returns whether it will hold it; false where that is longer than a window, or past the end
   */
  slide(offset: number, length: number): boolean {
    const { start, end, size } = this.#plan.walk
    const first = this.#view.base + offset
    if (first + length > end) return false
    if (this.#offset <= first && this.#offset + size >= first + length) return true
    const from = Math.max(start, alignDown(first, this.#view.file.mapper.granularity))
    if (from + size < first + length) return false
    this.#offset = from
    this.#lookahead.giveUp(Number.POSITIVE_INFINITY)
    return true
  }

  /** @internal */
  attest(end: number): Promise<void> | undefined {
    const place = this.#view.base + end
    if (!this.#current?.doubts(place)) return undefined
    return this.#lookahead.file.verify(place, this.signal)
  }

  protected async advance(): Promise<Window | undefined> {
    const doubt = this.#pass()
    if (doubt !== undefined) await doubt
    const range = windowAt(this.#plan.walk, this.#offset)
    if (range === undefined) {
      await this.#lookahead.file.verify(this.#plan.walk.end, this.signal)
      return undefined
    }
    const region = await this.#lookahead.take(range)
    if (this.signal.aborted) {
      region.release()
      throw this.signal.reason
    }
    this.#lookahead.fill(range)
    const window =
      this.#plan.lifetime === 'copied' ? await this.#copy(region, range) : this.#lend(region, range)
    this.#offset = nextOffset(this.#plan.walk, range)
    return window
  }

  protected cancel(): void {
    void this.#lookahead.destroy(LEFT)
  }

  protected async finish(): Promise<void> {
    this.#current?.pass()
    this.#current = undefined
    this.#view.file.manager.dropped.unregister(this.#lookahead)
    await this.#lookahead.destroy(LEFT)
  }

  /**
   * Let the window that the consumer is done with go.
   *
   * @returns undefined where its bytes were the file's; else rejects if it read zeros in place of lost bytes
   */
  #pass(): Promise<void> | undefined {
    const window = this.#current
    this.#current = undefined
    if (window === undefined) return undefined
    window.pass()
    const { lostAt, doubtful, end } = window
    return lostAt >= 0 || doubtful ? this.#throwIfLost(lostAt, doubtful, end) : undefined
  }

  #lend(region: Region, range: Range): Window {
    this.#current = new LeasedWindow(region, range, this.#view.base)
    return this.#current
  }

  async #copy(region: Region, range: Range): Promise<Window> {
    const { bytes, doubtful } = copyOut(region, range)
    await this.#throwIfLost(region.lost, doubtful, endOf(range))
    this.#view.file.manager.copied(range.length)
    return new CopiedWindow(range.offset - this.#view.base, bytes)
  }

  /** @param end bytes from the start of the file, after the last byte that may be in doubt */
  async #throwIfLost(offset: number, doubtful: boolean, end: number): Promise<void> {
    const { file } = this.#lookahead
    if (offset >= 0) throw await file.explainLoss(offset, this.signal)
    if (doubtful) await file.verify(end, this.signal)
  }
}
