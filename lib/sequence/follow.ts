/**
 * `windows({ follow })`: a file that grows, as windows that come as it does.
 */
import type { Buffer } from 'node:buffer'
import { follow as link, unlessAborted } from '../abort.js'
import { boolean, integer, integerOrInfinity } from '../arguments.js'
import { hasCode, invalidRange, invalidType } from '../errors.js'
import { changed, type Identity, isSameFile } from '../manager/handles.js'
import type { Consumer, OpenFile } from '../manager/open-file.js'
import { type Alarm, type FileWatch, isMissing, systemWatch } from './file-watch.js'
import type { Window } from '../window.js'
import { LEFT, WindowWalk } from './window-walk.js'
import { planWindows, type View, type WindowOptions, type WindowPlan, Windows } from './windows.js'

/** How to follow a file. */
export interface FollowOptions {
  /**
   * Begin again at byte 0 where the file has been truncated, or where another one is at its path, as logs are rotated;
   * and wait for one where there is none. Windows are copies then, whatever `lifetime` says, and the file is looked at
   * again before each is handed over: what a lent one lost could go unnoticed. Not with an `end`. Default false: these are errors.
   */
  restart?: boolean | undefined
  /** How long a change may go unnoticed where the OS does not tell of it, in milliseconds; default 1,000. */
  intervalMs?: number | undefined
}

/** Options checked and filled in. */
export interface FollowPlan extends WindowPlan {
  /** Byte of the file after the last; Infinity to follow without an end. */
  readonly end: number
  readonly restart: boolean
  readonly intervalMs: number
}

/**
 * Whether a file is to be followed.
 *
 * @throws {TypeError} ERR_INVALID_ARG_TYPE for what says neither whether nor how
 */
export function isFollowed(follow: unknown): follow is true | FollowOptions {
  if (follow === undefined || typeof follow === 'boolean') return follow ?? false
  if (typeof follow === 'object' && follow !== null && !Array.isArray(follow)) return true
  throw invalidType('options.follow', 'of type boolean or object', follow)
}

/** A day: timers wait for 24.8 days at the most. */
const MAX_INTERVAL_MS = 24 * 60 * 60 * 1000

/**
 * Check options against a file.
 *
 * @param limit byte after the last that the view can ever have; Infinity where it grows with the file
 * @throws as {@link planWindows} does
 */
export function planFollow(view: View, options: WindowOptions, limit: number): FollowPlan {
  const { follow, end, ...rest } = options
  const how = isFollowed(follow) && follow !== true ? follow : {}
  const restart = boolean('options.follow.restart', how.restart)
  const { intervalMs = 1000 } = how
  if (restart && end !== undefined) throw invalidRange('options.end', 'absent where follow.restart is', end)
  const plan = planWindows(view, rest)
  const start = plan.walk.start - view.base
  return {
    ...plan,
    end:
      view.base +
      Math.min(
        integerOrInfinity('options.end', end === undefined ? Number.POSITIVE_INFINITY : end, start),
        limit
      ),
    restart,
    intervalMs: integer('options.follow.intervalMs', intervalMs, 1, MAX_INTERVAL_MS)
  }
}

/** What has to be ended for a follower that nobody holds any more. Does not hold it. */
class Following implements Consumer {
  readonly stop = new AbortController()
  readonly unlink: () => void
  /** The file as the caller opened it. */
  readonly opened: OpenFile
  /** The file that is followed now: the same, or one that was opened here when another was found at its path. */
  file: OpenFile

  constructor(file: OpenFile, signal: AbortSignal | undefined) {
    this.opened = this.file = file
    file.handle.followers++
    this.unlink = link(signal, this.stop)
    file.consumers.add(this)
  }

  get signal(): AbortSignal {
    return this.stop.signal
  }

  /** Go over to another file. */
  async take(file: OpenFile): Promise<void> {
    const before = this.file
    before.handle.followers--
    file.handle.followers++
    this.file = file
    if (before !== this.opened) await before.close()
  }

  async destroy(error: unknown): Promise<void> {
    this.unlink()
    this.stop.abort(error)
    if (this.opened.consumers.delete(this)) this.file.handle.followers--
    if (this.file !== this.opened) await this.file.close()
  }
}

/**
 * Windows over a file, in order, and on as it grows.
 *
 * Windows are as long as `size` where so much is there, and shorter where less is. `next()` answers as soon as there
 * is a byte that was not handed over yet. While it waits nothing is mapped, and no descriptor is in use.
 *
 * A file that is cut short and grows past where it was before anybody looks again is taken for one that grew.
 *
 * It ends at `end`, if there is one; by `return()`; by its signal, with whose reason it rejects; and by closing the file.
 */
export class FollowedWindows extends WindowWalk {
  /** With what must stay alive while this is iterated: the public file. */
  readonly #view: View & { readonly keep: object | undefined }
  readonly #plan: FollowPlan
  readonly #watch: FileWatch
  readonly #following: Following
  /** Over what is known to be there. */
  #windows: Windows | undefined
  /** Where the bytes of the view begin. */
  #first: number
  /** Byte of the file after the last one handed over. */
  #reached: number
  #restarts = 0

  /** @param watch the system's; for specs */
  constructor(view: View, plan: FollowPlan, watch: FileWatch = systemWatch) {
    super()
    this.#view = { ...view, keep: view.file.facade?.deref() }
    this.#plan = plan
    this.#watch = watch
    this.#first = this.#reached = plan.walk.start
    this.#following = new Following(view.file, plan.signal)
    view.file.manager.dropped.register(this, this.#following, this.#following)
  }

  protected get signal(): AbortSignal {
    return this.#following.signal
  }

  get restarts(): number {
    return this.#restarts
  }

  slide(offset: number, length: number): boolean {
    return this.#windows?.slide(offset, length) ?? false
  }

  /** @internal */
  attest(end: number): Promise<void> | undefined {
    return this.#windows?.attest(end)
  }

  protected async advance(): Promise<Window | undefined> {
    for (;;) {
      this.signal.throwIfAborted()
      const window = await this.#next()
      if (window !== undefined || this.#reached >= this.#plan.end) return window
      await this.#grown()
    }
  }

  protected cancel(): void {
    this.#following.stop.abort(LEFT)
    void this.#windows?.return()
  }

  protected async finish(): Promise<void> {
    await this.#windows?.return()
    this.#windows = undefined
    this.#view.file.manager.dropped.unregister(this.#following)
    await this.#following.destroy(LEFT)
  }

  /** The next window over what is known to be there; undefined at its end. */
  async #next(): Promise<Window | undefined> {
    const { signal } = this.#following
    try {
      const answer = await this.#windows?.next()
      // Its end, or because this was left.
      signal.throwIfAborted()
      if (answer !== undefined && !answer.done) {
        const { offset, length } = answer.value
        const end = this.#view.base + offset + length
        if (!this.#plan.restart || (await this.#reaches(end))) {
          this.#reached = Math.max(this.#reached, end)
          return answer.value
        }
      }
    } catch (error) {
      if (!this.#plan.restart || !isGone(error)) throw error
    }
    await this.#windows?.return()
    this.#windows = undefined
    return undefined
  }

  /** Whether a copy that ends here was made of the file's bytes: it was not cut short meanwhile. */
  async #reaches(end: number): Promise<boolean> {
    const size = await this.#size()
    return size !== undefined && size >= end
  }

  /** Wait until there is more, and have windows over it. */
  async #grown(): Promise<void> {
    const { signal } = this.#following
    while (this.#windows === undefined) {
      signal.throwIfAborted()
      const { file } = this.#following
      const path = pathOf(file)
      // Set before looking, so that nothing happens in between unnoticed.
      const alarm = this.#watch.set(path, this.#plan.intervalMs)
      try {
        // Before the size: what was written before the file was replaced is still to be had.
        const found = path === undefined ? file.handle.info : await this.#watch.identify(path)
        const size = await this.#size()
        if (size === undefined) await this.#replaced(alarm)
        else if (size > this.#reached) this.#walkTo(Math.min(size, this.#plan.end))
        else if (size < this.#reached) await this.#truncated()
        else if (found !== undefined && isFile(file, found)) await unlessAborted(alarm.rung, signal)
        else await this.#replaced(alarm)
      } finally {
        alarm.cancel()
      }
    }
  }

  /** Of the file that is followed; undefined where it had to be opened again and its path leads elsewhere by now. */
  async #size(): Promise<number | undefined> {
    const { file, signal } = this.#following
    try {
      return await file.refresh(signal)
    } catch (error) {
      if (isGone(error)) return undefined
      throw error
    }
  }

  #walkTo(end: number): void {
    const { walk, restart } = this.#plan
    const lifetime = restart ? 'copied' : this.#plan.lifetime
    const { file, signal } = this.#following
    const start = Math.max(this.#first, this.#reached - walk.overlap)
    const plan = { ...this.#plan, walk: { ...walk, start, end }, lifetime, signal }
    this.#windows = new Windows({ ...this.#view, file }, plan)
  }

  async #truncated(): Promise<void> {
    const { file, signal } = this.#following
    if (this.#plan.restart) this.#restart()
    // Throws, unless it has grown again.
    else await file.verify(this.#reached, signal)
  }

  /** Another file is at the path, or none. */
  async #replaced(alarm: Alarm): Promise<void> {
    const { file, signal } = this.#following
    if (!this.#plan.restart) throw changed(file.handle)
    const next = await this.#openAgain(file, signal)
    // Ended while it was opened: by now nobody would close it.
    if (signal.aborted) {
      await next?.close()
      throw signal.reason
    }
    // None, or the same one: it was away for a moment.
    if (next === undefined || isFile(file, next.handle.info)) {
      await next?.close()
      return unlessAborted(alarm.rung, signal)
    }
    await this.#following.take(next)
    next.facade = new WeakRef(this)
    this.#restart()
  }

  async #openAgain(file: OpenFile, signal: AbortSignal): Promise<OpenFile | undefined> {
    const { handle, manager } = file
    try {
      return await manager.open(pathOf(file) ?? handle.source, handle.flags, signal)
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  /** From the first byte on. */
  #restart(): void {
    this.#restarts++
    this.#first = this.#reached = this.#view.base
  }
}

function pathOf({ handle }: OpenFile): string | Buffer | undefined {
  return typeof handle.source === 'function' ? undefined : handle.place
}

/** Whether an error says that the file is not there any more as it was. */
function isGone(error: unknown): boolean {
  const codes = ['ERR_MAP_FILE_TRUNCATED', 'ERR_MAP_FILE_CHANGED']
  return isMissing(error) || codes.some(code => hasCode(error, code))
}

function isFile({ handle }: OpenFile, found: Identity | undefined): boolean {
  return handle.info !== undefined && found !== undefined && isSameFile(handle.info, found)
}
