/**
 * Shared regions: those of random access, which many may look at, and which stay mapped after use while the budget
 * lasts.
 */
import type { Buffer } from 'node:buffer'
import { tellEvict } from '../diagnostics.js'
import { endOf, type Range } from '../range.js'
import { type Linked, LinkedList } from './linked-list.js'
import type { Region } from './region.js'
import type { RegionList } from './region-list.js'

/**
 * A region, and how many look at it.
 *
 * Who looks, leases: a leased region is never unmapped to make room. When the last lease ends it rests in the cache,
 * and is the first to go there once all others have been used after it.
 *
 * Pinning and recency are these two methods and nothing else, as in git's `use_pack()`.
 */
export class SharedRegion implements Linked<SharedRegion>, Range {
  previous: SharedRegion | undefined
  next: SharedRegion | undefined
  list: LinkedList<SharedRegion> | undefined

  /** Bytes from the start of the file. */
  readonly offset: number
  /** Bytes. */
  readonly length: number
  readonly region: Region
  /** Bytes of budget that it holds. */
  readonly cost: number
  /** Whether its pages were faulted in when it was mapped. */
  readonly populated: boolean
  /** Whether somebody has had its bytes to look at, and so to write into: they may not be the file's any more. */
  lent = false
  readonly #home: RegionList<SharedRegion>
  readonly #cache: RegionCache
  #bytes: Buffer | undefined
  #data: DataView | undefined
  #leases = 0
  #current: boolean
  #abandoned = false

  /**
   * @param home the list of its file, which it joins; where its place is taken by now, it serves only those who lease
   *   it, and is unmapped when the last of them is done
   */
  constructor(region: Region, populated: boolean, home: RegionList<SharedRegion>, cache: RegionCache) {
    this.offset = region.offset
    this.length = region.length
    this.region = region
    this.cost = region.cost
    this.populated = populated
    this.#home = home
    this.#cache = cache
    this.#current = home.add(this)
  }

  /** Whether it is what is found at its place: else whoever leases it may finish, and nobody else gets it. */
  get current(): boolean {
    return this.#current
  }

  /** All its bytes: one Buffer, made when it is first asked for. Not to be kept beyond a call without a lease. */
  get bytes(): Buffer {
    this.#bytes ??= this.region.view(this)
    return this.#bytes
  }

  /** The same as a DataView. */
  get data(): DataView {
    const { bytes } = this
    this.#data ??= new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    return this.#data
  }

  /** How many look at it. */
  get leases(): number {
    return this.#leases
  }

  includes(offset: number): boolean {
    return offset >= this.offset && offset < endOf(this)
  }

  /** Use it for the length of a call: nothing is mapped meanwhile, so nothing is unmapped. */
  touch(): void {
    if (this.#current && this.#leases === 0) this.#cache.touch(this)
  }

  /** Look at it. */
  lease(): void {
    if (this.#leases++ === 0) this.#cache.remove(this)
  }

  /** Look away. */
  unlease(): void {
    if (--this.#leases > 0) return
    if (this.#current) this.#cache.add(this)
    else if (!this.#abandoned) this.region.release()
  }

  /** Who leased it has been collected, and may have left views behind: it stays mapped until these have been, too. */
  abandon(): void {
    this.#leave()
    this.#abandoned = true
    this.region.loosen()
    this.unlease()
  }

  /** Let nobody get it any more; unmap it, as soon as nobody looks at it. */
  retire(): void {
    this.#leave()
    if (this.#leases === 0) this.region.release()
  }

  #leave(): void {
    if (!this.#current) return
    this.#current = false
    this.#home.remove(this)
    this.#cache.remove(this)
  }
}

/** The regions of all files of a manager that nobody looks at, in the order of their last use. */
export class RegionCache {
  readonly #order = new LinkedList<SharedRegion>()
  readonly #onGain: () => void
  #bytes = 0

  /** @param onGain called when a region has come in: who waits for room may take it */
  constructor(onGain: () => void) {
    this.#onGain = onGain
  }

  /** Regions in it. */
  get size(): number {
    return this.#order.size
  }

  /** Bytes of budget that they hold. */
  get bytes(): number {
    return this.#bytes
  }

  add(region: SharedRegion): void {
    this.#order.push(region)
    this.#bytes += region.cost
    this.#onGain()
  }

  /** It was used: it is the last to go from here on. Nothing is gained by that, so nobody is served. */
  touch(region: SharedRegion): void {
    this.#order.push(region)
  }

  remove(region: SharedRegion): void {
    if (this.#order.remove(region)) this.#bytes -= region.cost
  }

  /**
   * Unmap the region that was used longest ago.
   *
   * @returns bytes of budget given back; 0 where there is none
   */
  evict(): number {
    const region = this.#order.first
    if (region === undefined) return 0
    tellEvict(region.region.path, region, region.cost)
    region.retire()
    return region.cost
  }
}
