/**
 * The shared regions of one file: found, mapped, waited for, and let go.
 */
import type { Buffer } from 'node:buffer'
import { alignDown, endOf, type Range } from '../range.js'
import type { Consumer, OpenFile } from './open-file.js'
import { place, RegionList } from './region-list.js'
import type { SharedRegion } from './shared-region.js'

/** What to look at: `length` bytes that a new region is to hold. */
export interface Wanted extends Range {
  /** Bytes that will be looked at, if the region has them. */
  readonly size: number
  /** Bytes that a region grows to; `mapper.maxLength` or more for whole files. */
  readonly windowSize: number
}

export class SharedRegions {
  readonly #file: OpenFile
  /** Those that can be found. Who does not ask what was {@link SharedRegion.lost lost} of them, {@link find}s them. */
  readonly list = new RegionList<SharedRegion>()
  readonly #loading = new RegionList<Loading>()

  constructor(file: OpenFile) {
    this.#file = file
  }

  /** Regions that can be found. */
  get size(): number {
    return this.list.size
  }

  /** The region that holds the byte at `offset`, if it is mapped. */
  find(offset: number): SharedRegion | undefined {
    const region = this.list.find(offset)
    if (region === undefined || !region.suspect || region.lost < 0) return region
    // It reads as zeros from somewhere on: what is there now can be had by mapping it anew.
    region.retire()
    return undefined
  }

  /**
   * Map a region that holds the first byte of `wanted`, on this thread and without faulting its pages in, and lease it.
   * For who has {@link find found} none.
   *
   * @throws {SlidemapError} ERR_MAP_LIMIT also where it does not fit just now; else as {@link OpenFile.map}
   */
  map(wanted: Wanted): SharedRegion {
    const file = this.#file
    file.throwIfClosed()
    const region = file.mapSync(this.#place(wanted))
    this.#share(region, false)
    region.lease()
    this.#dropHandle(region, wanted)
    return region
  }

  /**
   * The region that holds the first byte of `wanted`, leased: the one there is, else one that is mapped off this thread,
   * its pages faulted in, waiting for budget. Whoever wants the same place at the same time shares one mapping.
   *
   * @throws what {@link OpenFile.map} does
   */
  async load(wanted: Wanted, signal: AbortSignal): Promise<SharedRegion> {
    for (;;) {
      this.#file.throwIfClosed()
      signal.throwIfAborted()
      const found = this.find(wanted.offset)
      if (found !== undefined) return this.#warmed(found, wanted, signal)
      const loading = this.#loading.find(wanted.offset) ?? this.#load(this.#place(wanted))
      const region = await loading.join(signal)
      if (region.includes(wanted.offset)) {
        this.#dropHandle(region, wanted)
        return region
      }
      // The mapper that took over aligns otherwise.
      region.unlease()
    }
  }

  /**
   * Copy a range out of a region that was loaded and holds all of it, and see whether it still is the file's.
   *
   * @returns false where there is none
   * @throws {SlidemapError} ERR_MAP_FILE_TRUNCATED, ERR_MAP_IO
   */
  async copyLoaded(range: Range, target: Buffer, signal: AbortSignal): Promise<boolean> {
    const region = this.find(range.offset)
    if (!region?.populated || region.lent || region.copied || endOf(range) > endOf(region)) return false
    region.view(range).copy(target)
    // As every use does: the one used longest ago goes first.
    region.lease()
    region.unlease()
    const { lost } = region
    if (lost >= 0 && lost < endOf(range)) throw await this.#file.explainLoss(lost, signal)
    await this.#file.verify(endOf(range), signal)
    return true
  }

  /** Let go of every region: at once of those nobody leases, of the others when their leases end. */
  retireAll(): void {
    for (const region of [...this.list]) region.retire()
    for (const loading of [...this.#loading]) {
      loading.stale = true
      this.#loading.remove(loading)
    }
  }

  #place(wanted: Wanted): Range {
    const { mapper, size, manager } = this.#file
    const { offset, windowSize } = wanted
    const gap = this.list.gapAt(offset, size)
    // What is being mapped is as good as there, but for the one that holds this byte, if it cannot be waited for.
    const free = this.#loading.gapAt(offset, size)
    const start = Math.max(gap.offset, free.offset)
    const whole = windowSize >= mapper.maxLength
    return place(
      wanted,
      { offset: start, length: Math.min(endOf(gap), endOf(free)) - start },
      {
        windowSize,
        granularity: mapper.granularity,
        // Growing is optional, so it keeps to the limit; a whole file does not shrink.
        maxLength: whole
          ? mapper.maxLength
          : Math.min(mapper.maxLength, alignDown(manager.bytes.limit, mapper.pageSize))
      }
    )
  }

  #load(range: Range): Loading {
    const loading = new Loading(range, region => {
      this.#loading.remove(loading)
      if (region !== undefined) this.#share(region, true)
    })
    this.#loading.add(loading)
    loading.start(this.#file)
    return loading
  }

  #share(region: SharedRegion, populated: boolean): void {
    region.share(populated, this.list, this.#file.manager.cached)
  }

  /** Lease a region that may have been mapped without its pages: then fault in those that are wanted. */
  async #warmed(region: SharedRegion, wanted: Wanted, signal: AbortSignal): Promise<SharedRegion> {
    region.lease()
    if (region.populated) return region
    try {
      const length = Math.min(wanted.size, endOf(region) - wanted.offset)
      await this.#file.warm({ offset: wanted.offset, length }, signal)
      if (!region.released) return region
      throw this.#file.goneError()
    } catch (error) {
      region.unlease()
      throw error
    }
  }

  /** A file that is mapped as a whole needs no descriptor. */
  #dropHandle(region: SharedRegion, { windowSize }: Wanted): void {
    const { mapper, size, manager, handle } = this.#file
    if (windowSize >= mapper.maxLength && region.length >= size) manager.handles.closeIdle(handle)
  }
}

/** Who waits for a region that is being mapped. */
interface Waiter {
  resolve(region: SharedRegion): void
  reject(error: unknown): void
}

/** A shared region that is being mapped off this thread, for as many as want it. */
class Loading implements Range, Consumer {
  readonly offset: number
  readonly length: number
  /** Whether the file is another by now: for those who wait already, and nobody else. */
  stale = false
  readonly #stop = new AbortController()
  readonly #waiters = new Set<Waiter>()
  readonly #arrive: (region?: SharedRegion) => void
  #over: Promise<void> | undefined

  /** @param arrive called with the region; without one if it cannot be had, or as soon as nobody wants it any more */
  constructor(range: Range, arrive: (region?: SharedRegion) => void) {
    this.offset = range.offset
    this.length = range.length
    this.#arrive = arrive
  }

  /** Begin. Apart, since those who are told of what is done for it may end it: they have to find it. */
  start(file: OpenFile): void {
    file.consumers.add(this)
    const done = () => file.consumers.delete(this)
    this.#over = file.mapHeld(this, this.#stop.signal).then(
      region => {
        done()
        this.#arrive(region)
        this.#arrived(region)
      },
      error => {
        done()
        this.#arrive()
        for (const waiter of this.#waiters) waiter.reject(error)
      }
    )
  }

  /** Wait for it, and lease it. An abort leaves; when the last one leaves, nothing is mapped. */
  join(signal: AbortSignal): Promise<SharedRegion> {
    if (signal.aborted) {
      if (this.#waiters.size === 0) this.#abandon(signal.reason)
      return Promise.reject(signal.reason)
    }
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiters.delete(waiter)
        reject(signal.reason)
        if (this.#waiters.size === 0) this.#abandon(signal.reason)
      }
      const settle = () => signal.removeEventListener('abort', leave)
      const waiter: Waiter = {
        resolve: region => {
          settle()
          resolve(region)
        },
        reject: error => {
          settle()
          reject(error)
        }
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#waiters.add(waiter)
    })
  }

  async destroy(error: unknown): Promise<void> {
    this.#abandon(error)
    await this.#over
  }

  /** Whoever wants the same place from here on must not be told of this end: that one has not left. */
  #abandon(reason: unknown): void {
    this.#arrive()
    this.#stop.abort(reason)
  }

  #arrived(region: SharedRegion): void {
    const { signal } = this.#stop
    if (signal.aborted) {
      // Since the job was done, all have left, or the file was closed or unmapped: it has gone by then.
      region.retire()
      for (const waiter of this.#waiters) waiter.reject(signal.reason)
      return
    }
    // All lease it before one of them can let it go again.
    for (const waiter of this.#waiters) {
      region.lease()
      waiter.resolve(region)
    }
    // It may be that those who wanted it have left since the job was done.
    if (this.stale || this.#waiters.size === 0) region.retire()
  }
}
