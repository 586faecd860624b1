/**
 * Shared regions: those of random access, which many may look at, and which stay mapped after use while the budget
 * lasts.
 */
import type { Buffer } from 'node:buffer'
import { tellEvict } from '../diagnostics.js'
import { endOf, type Range } from '../range.js'
import { type Linked, LinkedList } from './linked-list.js'
import type { Mapping } from '../mapping/mapper.js'
import { type Ledger, Region } from './region.js'
import type { RegionList } from './region-list.js'

/**
 * A region, and how many look at it.
 *
 * Who looks, leases: a leased region is never unmapped to make room. When the last lease ends it rests in the cache,
 * and is the first to go there once all others have been used after it.
 *
 * Pinning is `lease()` and `unlease()`, recency `touch()`, as in git's `use_pack()`.
 */
export class SharedRegion extends Region implements Linked<SharedRegion> {
  previous: SharedRegion | undefined
  next: SharedRegion | undefined
  list: LinkedList<SharedRegion> | undefined

  /** The byte after the last, from the start of the file. */
  readonly end: number = 0
  /** Whether its pages were faulted in when it was mapped. */
  populated = false
  /** Whether somebody has had its bytes to look at, and so to write into: they may not be the file's any more. */
  lent = false
  /** The cache's: whether it is in there. */
  cached = false
  /** The cache's: which of the uses it has counted was the last of this; 0 for none. */
  used = 0
  #home: RegionList<SharedRegion> | undefined
  #cache: RegionCache | undefined
  #bytes: Buffer | undefined
  /** All of them; undefined until a number was read of it. */
  #data: DataView | undefined
  #leases = 0
  #current = false
  #abandoned = false

  /** Nobody's but its maker's until it is {@link share}d. */
  constructor(ledger: Ledger, mapping: Mapping, range: Range, cost: number) {
    super(ledger, mapping, range, cost)
    this.end = endOf(range)
  }

  /**
   * Let it be found.
   *
   * @param home the list of its file, which it joins; where its place is taken by now, it serves only those who lease
   *   it, and is unmapped when the last of them is done
   */
  share(populated: boolean, home: RegionList<SharedRegion>, cache: RegionCache): void {
    this.populated = populated
    this.#home = home
    this.#cache = cache
    // Whoever was told that it was mapped may have closed the file.
    this.#current = !this.released && home.add(this)
  }

  /** Whether it is what is found at its place: else whoever leases it may finish, and nobody else gets it. */
  get current(): boolean {
    return this.#current
  }

  /** All its bytes: one Buffer, made when it is first asked for. Not to be kept beyond a call without a lease. */
  get bytes(): Buffer {
    this.#bytes ??= this.view(this)
    return this.#bytes
  }

  /** The same as a DataView. */
  get data(): DataView {
    // So short that V8 compiles it into whatever reads numbers. Not ??=, which looks for null as well.
    const data = this.#data
    return data === undefined ? this.#view() : data
  }

  #view(): DataView {
    const { bytes } = this
    this.#data = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    return this.#data
  }

  /** How many look at it. */
  get leases(): number {
    return this.#leases
  }

  includes(offset: number): boolean {
    return offset >= this.offset && offset < this.end
  }

  /** Use it for the length of a call, while it is {@link current}: nothing is mapped meanwhile, so nothing is unmapped. */
  touch(): void {
    this.#cache?.touch(this)
  }

  /** Look at it. */
  lease(): void {
    if (this.#leases++ === 0) this.#cache?.exempt(this)
  }

  /** Look away. */
  unlease(): void {
    if (--this.#leases > 0) return
    // Not whether it is truthy, which V8 looks up in six steps: this and exempt() are called with each use of a cursor.
    if (this.#current === true) this.#cache?.add(this)
    else if (!this.#abandoned) this.release()
  }

  /** Who leased it has been collected, and may have left views behind: it stays mapped until these have been, too. */
  abandon(): void {
    this.#leave()
    this.#abandoned = true
    this.loosen()
    this.unlease()
  }

  /** Let nobody get it any more; unmap it, as soon as nobody looks at it. */
  retire(): void {
    this.#leave()
    if (this.#leases === 0) this.release()
  }

  #leave(): void {
    if (!this.#current) return
    this.#current = false
    this.#home?.remove(this)
    this.#cache?.remove(this)
  }
}

/** The regions of all files of a manager that nobody looks at, in the order of their last use. */
export class RegionCache {
  /**
   * From the longest ago to the latest, but for those that were touched since; and with some that have been leased,
   * which go when it is their turn.
   */
  readonly #order = new LinkedList<SharedRegion>()
  /** Those that were touched, each once. */
  readonly #touched: SharedRegion[] = []
  /** How often any was touched since. */
  #uses = 0
  readonly #onGain: () => void
  #size = 0
  #bytes = 0

  /** @param onGain called when a region has come in: who waits for room may take it */
  constructor(onGain: () => void) {
    this.#onGain = onGain
  }

  /** Regions in it. */
  get size(): number {
    return this.#size
  }

  /** Bytes of budget that they hold. */
  get bytes(): number {
    return this.#bytes
  }

  /** Nobody looks at it. */
  add(region: SharedRegion): void {
    region.cached = true
    this.#size++
    this.#bytes += region.cost
    this.touch(region)
    this.#onGain()
  }

  /** Somebody looks at it. */
  exempt(region: SharedRegion): void {
    if (region.cached === false) return
    region.cached = false
    this.#size--
    this.#bytes -= region.cost
  }

  /**
   * It was used: it is the last to go from here on. Nothing is gained by that, so nobody is served.
   *
   * Only noted, since that costs two stores: where it stands is decided when that is asked for, and many uses of one
   * region come to one move.
   */
  touch(region: SharedRegion): void {
    if (region.used === 0) this.#touched.push(region)
    region.used = ++this.#uses
  }

  /** Nobody may get it any more. */
  remove(region: SharedRegion): void {
    this.exempt(region)
    if (region.used > 0) this.#settle()
    this.#order.remove(region)
  }

  /** Put those that were touched where they belong. */
  #settle(): void {
    if (this.#uses === 0) return
    for (const region of this.#touched.sort((a, b) => a.used - b.used)) {
      if (region.cached) this.#order.push(region)
      region.used = 0
    }
    this.#touched.length = this.#uses = 0
  }

  /**
   * Unmap the region that was used longest ago.
   *
   * @returns bytes of budget given back; 0 where there is none
   */
  evict(): number {
    for (let region = this.#oldest(); region !== undefined; region = this.#oldest()) {
      // Held meanwhile: who is told may need room as well, and would be given this one's.
      region.lease()
      tellEvict(region.path, region, region.cost)
      // Who was told may have leased it, or let it go: then another has to go.
      const { released } = region
      region.retire()
      region.unlease()
      if (region.released && !released) return region.cost
    }
    return 0
  }

  #oldest(): SharedRegion | undefined {
    this.#settle()
    let region = this.#order.first
    while (region?.cached === false) {
      this.#order.remove(region)
      region = this.#order.first
    }
    return region
  }
}
