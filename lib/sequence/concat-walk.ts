/**
 * One walk through a concatenation: everything it holds, and how that ends.
 *
 * It never knows the iterator that a consumer holds: so one that is dropped half way can be collected, and this is
 * what ends its affairs.
 */
import { Buffer } from 'node:buffer'
import { follow } from '../abort.js'
import { SlidemapError } from '../errors.js'
import { Once } from '../manager/once.js'
import type { RegionManager } from '../manager/manager.js'
import type { Consumer, OpenFile } from '../manager/open-file.js'
import type { Ledger } from '../manager/region.js'
import { ConcatWindow, type SourceWindow, WholeWindow } from './concat-window.js'
import { lengthAt, type Place } from './place.js'
import { SmallFiles, type Whole } from './small-files.js'
import type { SourceList } from './source-list.js'
import { type Item, Upcoming } from './upcoming.js'
import { CopiedWindow } from '../window.js'
import { LEFT } from './window-walk.js'
import { type Lifetime, planWindows, type WindowOptions, Windows } from './windows.js'

/** What a concatenation and its walks share. */
export interface ConcatShare<S> {
  readonly manager: RegionManager
  readonly locate: (source: S) => Place
  readonly windowSize: number
  readonly prefetch: number
  readonly lookahead: number
  /** Bytes; files up to this are read whole. */
  readonly smallFileSize: number
  /** Extra flags for opening. */
  readonly flags: number
  /** The files that were opened for it, until they are closed. */
  readonly files: Set<OpenFile>
  /** The regions of its small files, which are closed by the time they are read. */
  readonly regions: Ledger
  readonly walks: Set<Consumer>
}

/** Options checked and filled in. */
export interface ConcatPlan {
  /** The first byte of the whole. */
  readonly start: number
  /** The byte after the last; Infinity for all. */
  readonly end: number
  /** Bytes of a window. */
  readonly size: number
  readonly lifetime: Lifetime
  readonly signal: AbortSignal | undefined
  /** What the windows of a file are asked for. */
  readonly options: WindowOptions
  /** Whether small files may be read whole. */
  readonly whole: boolean
}

/** A file being walked. */
interface Part<S> {
  readonly item: Item<S>
  /** Opened for this walk, and to be closed by it; undefined where it was lent. */
  readonly file: OpenFile | undefined
  readonly windows: Windows
  /** Bytes. */
  readonly length: number
}

export class ConcatWalk<S> implements Consumer {
  readonly #share: ConcatShare<S>
  readonly #plan: ConcatPlan
  readonly #upcoming: Upcoming<S>
  readonly #stop = new AbortController()
  /** There before the link is: a signal that is aborted already ends this while it is being made. */
  #unfollow: () => void = () => {}
  readonly #ending = new Once()
  /** Where the source at hand begins, or the next one: bytes from the start of the whole. */
  #offset = 0
  /** The source at hand, for errors. */
  #item: Item<S> | undefined
  #part: Part<S> | undefined
  /** The window of a small file that the consumer has. */
  #current: WholeWindow<S> | undefined
  /** The advance under way; never rejects. */
  #running: Promise<unknown> | undefined

  constructor(share: ConcatShare<S>, plan: ConcatPlan, list: SourceList<S>) {
    const { manager, locate, lookahead, flags } = share
    this.#share = share
    this.#plan = plan
    const { signal } = this.#stop
    // What reads files whole opens them without flags.
    const limit = plan.whole && flags === 0 ? Math.min(share.smallFileSize, plan.size) : 0
    const small = new SmallFiles(manager, share.regions, limit, signal)
    this.#upcoming = new Upcoming({ manager, list, locate, small, lookahead, flags, signal })
    share.walks.add(this)
    manager.consumers.add(this)
    // What is held is given back when the signal says so, not when the consumer comes by next.
    signal.addEventListener('abort', () => void this.destroy(signal.reason).catch(() => {}), { once: true })
    this.#unfollow = follow(plan.signal, this.#stop)
  }

  /** Aborted once this has ended, by the consumer, its signal, or something's being closed. */
  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /** The next window, undefined at the end. One call at a time. */
  advance(): Promise<SourceWindow<S> | undefined> {
    const advance = this.#advance()
    this.#running = advance.catch(() => {})
    return advance
  }

  /** The next window if it is a small file's that was read ahead, and lent: that takes no time and cannot fail. */
  tryAdvance(): SourceWindow<S> | undefined {
    if (this.#plan.lifetime === 'copied') return undefined
    if (this.#part || this.signal.aborted || this.#offset >= this.#plan.end) return undefined
    const item = this.#upcoming.takeRead()
    if (item === undefined) return undefined
    this.#pass()
    return this.#wholeWindow(item, item.whole)
  }

  /** See {@link Windows.slide}. */
  slide(offset: number, length: number): boolean {
    return this.#part?.windows.slide(offset, length) ?? false
  }

  /** See {@link Windows.attest}. Small files are copies. */
  attest(end: number): Promise<void> | undefined {
    return this.#part?.windows.attest(end)?.catch(error => {
      throw this.explain(error)
    })
  }

  /** The consumer is done with its window, and with this. */
  async leave(): Promise<void> {
    this.#pass()
    const part = this.#part
    const left = this.destroy(LEFT)
    await part?.windows.return()
    await left
    // Its last window has gone by now.
    await part?.file?.retire()
  }

  /**
   * End: cancel every wait, close what was opened, tell the list. What the consumer has in hand stays with it. Settles
   * when nothing is under way. Idempotent.
   *
   * @throws what the list's `return()` throws
   */
  destroy(error: unknown): Promise<void> {
    return this.#ending.do(() => this.#destroy(error))
  }

  /** The error that a failed advance is told by: with the place of its source, unless it is not the source's. */
  explain(error: unknown): unknown {
    if (this.signal.aborted && this.signal.reason !== LEFT) return this.signal.reason
    return this.#item === undefined ? error : withIndex(error, this.#item.index)
  }

  async #destroy(error: unknown): Promise<void> {
    this.#unfollow()
    this.#stop.abort(error)
    await this.#running
    this.#current?.loosen()
    try {
      await this.#part?.file?.retire()
    } finally {
      await this.#endAhead()
    }
  }

  /** Whoever closes what this belongs to waits for it as long as a job is under way. */
  async #endAhead(): Promise<void> {
    try {
      await this.#upcoming.end()
    } finally {
      this.#share.walks.delete(this)
      this.#share.manager.consumers.delete(this)
    }
  }

  async #advance(): Promise<SourceWindow<S> | undefined> {
    this.#pass()
    for (;;) {
      this.signal.throwIfAborted()
      if (this.#part) {
        const window = await this.#next(this.#part)
        if (window) return window
      } else if (this.#offset >= this.#plan.end) {
        return undefined
      } else {
        this.#item = undefined
        const item = await this.#upcoming.take()
        if (item === undefined) return this.#atEnd()
        this.#item = item
        const window = item.state === 'read' ? this.#wholeWindow(item, item.whole) : await this.#open(item)
        if (window) return window
      }
    }
  }

  /** Let the window that the consumer is done with go. */
  #pass(): void {
    this.#current?.pass()
    this.#current = undefined
  }

  /** All sources have passed. */
  #atEnd(): undefined {
    const { start } = this.#plan
    if (start <= this.#offset) return
    throw new SlidemapError('ERR_MAP_OUT_OF_RANGE', `start ${start} is past the end, ${this.#offset}`, {
      offset: start
    })
  }

  /** The part of a source that is asked for, in bytes from the start of the source. */
  #wanted(length: number): { from: number; to: number } {
    const { start, end } = this.#plan
    return { from: Math.max(0, start - this.#offset), to: Math.min(length, end - this.#offset) }
  }

  /** A small file's only window; undefined where nothing of it is asked for, and where this has ended meanwhile. */
  #wholeWindow(item: Item<S>, whole: Whole): SourceWindow<S> | undefined {
    const { region, length } = whole ?? { region: undefined, length: 0 }
    const start = this.#offset
    const { from, to } = this.#wanted(length)
    this.#offset += length
    if (region === undefined || from >= to) {
      region?.release()
      return undefined
    }
    const window = new WholeWindow(region, { offset: from, length: to - from }, item, start)
    // Before the list is asked for more: it may end this, and then that is what lets the window go.
    this.#current = window
    this.#upcoming.fill()
    if (this.signal.aborted) {
      this.#pass()
      return undefined
    }
    return this.#plan.lifetime === 'copied' ? this.#copy(window, item, start) : window
  }

  /** A window of the consumer's own, in place of the one at hand, which goes, also where there is no memory for it. */
  #copy({ offset, length, bytes: lent }: WholeWindow<S>, item: Item<S>, start: number): SourceWindow<S> {
    let bytes: Buffer
    try {
      bytes = Buffer.allocUnsafeSlow(length)
      lent.copy(bytes)
    } finally {
      this.#pass()
    }
    this.#share.manager.copied(length)
    return new ConcatWindow(new CopiedWindow(offset, bytes), item, start)
  }

  /** Go into a file that is opened on its own. Answers no window. */
  async #open(item: Item<S>): Promise<undefined> {
    const { place } = item
    if (place === undefined) throw item.failure
    const file = place.lent ? undefined : await this.#opened(item, place)
    try {
      this.#enter(item, place, file)
    } catch (error) {
      await file?.close()
      throw error
    }
    // Nothing of it is asked for: its size was all there was to know.
    if (this.#part === undefined) await file?.close()
  }

  async #opened(item: Item<S>, place: Place): Promise<OpenFile> {
    const { manager, files, flags } = this.#share
    const file = (await item.opening) ?? (await manager.open(place.handle, flags, this.signal))
    files.add(file)
    file.onClose = () => files.delete(file)
    if (!this.signal.aborted) return file
    await file.close()
    throw this.signal.reason
  }

  /** The file that was opened, or was lent. */
  #enter(item: Item<S>, place: Place, opened: OpenFile | undefined): void {
    const { windowSize, prefetch } = this.#share
    const view = place.lent ?? (opened && { file: opened, windowSize, prefetch })
    if (view === undefined) return
    view.file.throwIfClosed()
    const length = lengthAt(place, view.file)
    if (place.lent === undefined) this.#upcoming.saw(view.file.size)
    const { from, to } = this.#wanted(length)
    if (from >= to) {
      this.#offset += length
      return
    }
    const asked = { ...this.#plan.options, start: from, end: to, signal: this.signal }
    const plan = planWindows({ ...view, base: place.start, size: length }, asked)
    // Where the whole begins, as seen from this file: so that its windows have their offsets in the whole.
    const base = place.start - this.#offset
    const windows = new Windows({ ...view, base, size: length }, plan)
    this.#part = { item, file: opened, windows, length }
  }

  /** The next window of the file at hand; undefined at its end, when it is closed. */
  async #next(part: Part<S>): Promise<SourceWindow<S> | undefined> {
    const { done, value } = await part.windows.next()
    if (done) {
      // Left in between: there may be more of it.
      this.signal.throwIfAborted()
      await part.file?.retire()
      this.#part = undefined
      this.#offset += part.length
      return undefined
    }
    this.#upcoming.fill()
    // The list may have ended this.
    this.signal.throwIfAborted()
    return new ConcatWindow(value, part.item, this.#offset)
  }
}

/** An error with the place of its source in the list, by `index` and in words. */
function withIndex(error: unknown, index: number): unknown {
  if (!(error instanceof Error) || !Object.isExtensible(error)) return error
  const message = `${error.message} (source ${index} of the concatenation)`
  if (!(error instanceof SlidemapError)) return Object.assign(error, { message, index })
  // One of our own may be told to others, too.
  const { code, path, offset, length } = error
  return new SlidemapError(code, message, { path, offset, length, index, cause: error })
}
