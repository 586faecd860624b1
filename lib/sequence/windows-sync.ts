/**
 * `windowsSync()`: a file as a sequence of windows, for scripts that do nothing else meanwhile.
 */
import type { Consumer, OpenFile } from '../manager/open-file.js'
import type { Region } from '../manager/region.js'
import { endOf, nextOffset, type Range, windowAt } from '../range.js'
import { CopiedWindow, copyOut, LeasedWindow, type Window } from '../window.js'
import { SyncWalk } from './sync-walk.js'
import type { View, WindowOptions, WindowPlan } from './windows.js'

/** Which part of a file to walk, and how: the options of `windows()` that need no waiting. */
export type WindowSyncOptions = Pick<WindowOptions, 'start' | 'end' | 'size' | 'overlap' | 'lifetime'>

/** The region of an iterator that nobody may hold any more. Does not hold the iterator. */
class Hold implements Consumer {
  region: Region | undefined

  /** Somebody may still have a view of it: it goes once nobody does. */
  async destroy(): Promise<void> {
    this.region?.loosen()
    this.region = undefined
  }
}

/** A window that keeps alive what it belongs to: the public file, which is closed once nobody has it. */
class KeptWindow extends LeasedWindow {
  readonly keep: object | undefined

  constructor(region: Region, range: Range, { base, keep }: KeptView) {
    super(region, range, base)
    this.keep = keep
  }
}

type KeptView = View & { readonly keep: object | undefined }

/**
 * Windows over a file, in order. Nothing is mapped but the window at hand, and those that were retained.
 */
export class SyncWindows extends SyncWalk<Window> {
  /** With what must stay alive while this is iterated: the public file. */
  readonly #view: KeptView
  readonly #file: OpenFile
  readonly #plan: WindowPlan
  readonly #hold = new Hold()
  #offset: number
  #current: LeasedWindow | undefined

  constructor(view: View, plan: WindowPlan) {
    super()
    this.#view = { ...view, keep: view.file.facade?.deref() }
    this.#file = view.file
    this.#plan = plan
    this.#offset = plan.walk.start
    view.file.manager.dropped.register(this, this.#hold, this.#hold)
  }

  /** Whether the file was closed meanwhile. */
  get closed(): boolean {
    return this.#file.closed
  }

  /**
   * The next window. The one before it goes at this call, unless it was retained.
   *
   * @throws {SlidemapError} ERR_MAP_LIMIT where the budget is spent, since this cannot wait; ERR_MAP_CLOSED,
   *   ERR_MAP_FILE_TRUNCATED, ERR_MAP_FILE_CHANGED, ERR_MAP_IO; errors of the OS
   */
  protected advance(): Window | undefined {
    this.#file.throwIfClosed()
    this.#pass()
    const range = windowAt(this.#plan.walk, this.#offset)
    if (range === undefined) {
      this.#file.verifySync(this.#plan.walk.end)
      return undefined
    }
    const window = this.#window(range)
    this.#offset = nextOffset(this.#plan.walk, range)
    return window
  }

  /** @internal See {@link WindowIterator.attest}. */
  attest(end: number): void {
    const place = this.#view.base + end
    if (this.#current?.doubts(place)) this.#file.reachSync(place)
  }

  protected finish(): void {
    this.#letGo()
    this.#file.manager.dropped.unregister(this.#hold)
  }

  #window(range: Range): Window {
    const region = this.#file.mapSync(range)
    if (this.#plan.lifetime === 'copied') return this.#copy(region, range)
    this.#hold.region = region
    this.#current = new KeptWindow(region, range, this.#view)
    return this.#current
  }

  #copy(region: Region, range: Range): Window {
    const { bytes, doubtful } = copyOut(region, range)
    this.#throwIfLost(region.lost, doubtful, endOf(range))
    this.#file.manager.copied(range.length)
    return new CopiedWindow(range.offset - this.#view.base, bytes)
  }

  /** Let the window that the consumer is done with go, and say so if it read zeros in place of lost bytes. */
  #pass(): void {
    const window = this.#current
    this.#letGo()
    if (window !== undefined) this.#throwIfLost(window.lostAt, window.doubtful, window.end)
  }

  #letGo(): void {
    this.#current?.pass()
    this.#current = undefined
    // A retained one is its holder's from now on.
    this.#hold.region?.loosen()
    this.#hold.region = undefined
  }

  /** @param end bytes from the start of the file, after the last byte that may be in doubt */
  #throwIfLost(offset: number, doubtful: boolean, end: number): void {
    if (offset >= 0) throw this.#file.explainLossSync(offset)
    if (doubtful) this.#file.reachSync(end)
  }
}
