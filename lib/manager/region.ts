/**
 * Regions: mappings with their place in a file, and the ledger that knows which of a file's regions are alive.
 */
import type { Buffer } from 'node:buffer'
import { bufferOver } from '../buffer-over.js'
import { tellFault, tellMap, tellUnmap } from '../diagnostics.js'
import { SlidemapError } from '../errors.js'
import type { Mapping } from '../mapping/mapper.js'
import type { Range } from '../range.js'
import type { Budget } from './budget.js'
import { type Doubt, Doubts } from './doubt.js'

/** Stands where nobody counts losses. */
const UNCOUNTED = new Uint32Array(1)

/**
 * A mapping and its place in the file.
 *
 * Owned by whoever leases it, and released by them; the ledger releases it where the file is closed first, and the
 * garbage collector where it was dropped.
 */
export class Region {
  // Fields of numbers begin as one here: what began as undefined, V8 boxes each number in and looks at before each use.

  /** Bytes from the start of the file. */
  readonly offset: number = 0
  /** Bytes that can be read. */
  readonly length: number = 0
  /** Bytes of budget that it holds. */
  readonly cost: number = 0
  /** The ledger's: which of those that it holds strongly this is; -1 for none. */
  index = -1
  /** The ledger's: what it has of this while it holds it weakly. */
  claim: Claim | undefined
  /** Absent once it has been released: memory may rest for as long as somebody has its ArrayBuffer. */
  #mapping: Mapping | undefined
  readonly #ledger: Ledger
  /** What must stay alive as long as these bytes do: the file that the consumer opened. */
  readonly keep: object | undefined
  #lost = -1
  /** See {@link Mapping.losses}; one that is never as it was where losses have to be asked for each time. */
  readonly #losses: Uint32Array
  /** What that counted when nothing of this was lost. */
  #seen = -1
  /** Made when somebody asks. */
  #doubts: Doubts | undefined

  constructor(ledger: Ledger, mapping: Mapping, range: Range, cost: number, keep?: object) {
    this.#ledger = ledger
    this.#mapping = mapping
    this.#losses = mapping.losses ?? UNCOUNTED
    this.offset = range.offset
    this.length = range.length
    this.cost = cost
    this.keep = keep
  }

  get released(): boolean {
    return this.#mapping === undefined
  }

  /** Whether its bytes are a copy: what happens to the file since does not show in them. */
  get copied(): boolean {
    return this.#mapping?.copied === true
  }

  /** The file, where it was opened by a path. */
  get path(): string | undefined {
    return this.#ledger.path
  }

  /**
   * The bytes of `range`, which lies inside this region; a view, not a copy.
   *
   * @throws {SlidemapError} ERR_MAP_RELEASED
   */
  view(range: Range): Buffer {
    if (!this.#mapping) throw new SlidemapError('ERR_MAP_RELEASED', 'the region was released', range)
    return bufferOver(this.#mapping.buffer, range.offset - this.offset, range.length)
  }

  /**
   * Offset in the file of the first byte that was lost under this region (the file shrank, or the disk failed), so
   * that zeros were read in its place; -1 for none. To be asked after the bytes were used.
   */
  get lost(): number {
    // Read before asking: what is lost in between shows the next time.
    const losses = this.#losses[0] as number
    if (this.#mapping) this.#note(this.#mapping.fault())
    this.#seen = this.#lost === -1 && this.#losses !== UNCOUNTED ? losses : -1
    return this.#lost
  }

  /**
   * Whether bytes may have been lost since it was asked whether any were: if not, there is no need to ask. Asked after
   * each number that is read.
   */
  get suspect(): boolean {
    return this.#losses[0] !== this.#seen
  }

  /**
   * Whether bytes before `end` may have been cut off within a page, so that zeros were read in their place with
   * {@link lost} saying nothing: then the file has to be asked. To be asked after the bytes were used, while they are
   * mapped.
   *
   * @param end bytes from the start of the file, after the last byte that was looked at
   */
  doubt(end: number): Doubt | undefined {
    const mapping = this.#mapping
    // There can be none once it has been released, nor where the bytes are a copy.
    if (mapping === undefined || mapping.copied) return undefined
    this.#doubts ??= new Doubts(mapping.buffer)
    return this.#doubts.at(end - this.offset)
  }

  /** The file reaches `size`, asked after this doubt arose. */
  dispel(doubt: Doubt, size: number): void {
    if (size - this.offset >= doubt.pageEnd) this.#doubts?.dispel(doubt)
  }

  /** Unmap at once; every view has length 0 from here on. Idempotent. */
  release(): void {
    const mapping = this.#mapping
    if (!mapping) return
    this.#mapping = undefined
    this.#doubts = undefined
    this.#note(mapping.unmap())
    this.#ledger.leave(this)
  }

  /**
   * Leave it to the garbage collector from now on, which releases it once it and all views of it are out of reach.
   * For a region that the ledger {@link Ledger.hold holds}.
   */
  loosen(): void {
    if (this.#mapping) this.#ledger.loosen(this, this.#mapping)
  }

  #note(fault: number): void {
    if (fault < 0) return
    const lost = this.offset + fault
    const known = this.#lost
    // An earlier page may be touched, and found lost, after a later one.
    if (known < 0 || lost < known) this.#lost = lost
    if (known >= 0) return
    this.#ledger.events.fault()
    tellFault(this.#ledger.path, lost)
  }
}

/** What a region holds, told without holding the region: all that is needed when it has been collected. */
export interface Claim {
  readonly range: Range
  /** Units of the budget. */
  readonly bytes: number
  readonly forget: () => void
  /** Called once the mapping has gone. */
  readonly onLeave: (() => void) | undefined
}

/** What the ledger tells the manager. */
export interface LedgerEvents {
  /** Bytes were lost under a region; once a region. */
  fault(): void
  /** A region was dropped without being released. */
  collected(): void
}

/** The regions of one file that are alive: those of consumers held weakly, those that are kept for others strongly. */
export class Ledger {
  readonly events: LedgerEvents
  /** The file, where it was opened by a path; for diagnostics. */
  readonly path: string | undefined
  /** Called whenever the last region alive has gone. */
  onEmpty: (() => void) | undefined
  readonly #budget: Budget
  /** In no order, each knowing its index: of 100,000 regions, nothing else has to be kept or looked up. */
  readonly #held: Region[] = []
  readonly #weak = new Map<Claim, WeakRef<Region>>()
  /** As long as somebody holds a view, its region lives: a Buffer kept without its window stays right. */
  readonly #owners = new WeakMap<ArrayBuffer, Region>()
  readonly #collected = new FinalizationRegistry<Claim>(claim => {
    claim.forget()
    this.events.collected()
    this.#end(claim)
  })

  constructor(budget: Budget, events: LedgerEvents, path?: string) {
    this.#budget = budget
    this.events = events
    this.path = path
  }

  /** Regions alive. */
  get size(): number {
    return this.#held.length + this.#weak.size
  }

  /**
   * Take a mapping over, with the `bytes` of budget that were acquired for it.
   *
   * @param keep see {@link Region.keep}
   * @param onLeave called once it has gone, whoever let it go
   */
  enter(
    mapping: Mapping,
    range: Range,
    bytes: number,
    keep: object | undefined,
    onLeave?: () => void
  ): Region {
    const region = new Region(this, mapping, range, bytes, keep)
    this.#claim(region, mapping, onLeave)
    // Last: who is told may release every region of the file.
    tellMap(this.path, range, bytes)
    return region
  }

  /**
   * Take over a region that is kept beyond its use: it stays until it is released.
   *
   * No weak references, which the runtime keeps alive to the end of the current job: a loop that maps and unmaps a
   * million regions without a pause would hold them all.
   */
  hold<R extends Region>(region: R): R {
    region.index = this.#held.push(region) - 1
    tellMap(this.path, region, region.cost)
    return region
  }

  /** Hold a region weakly from now on: who has a view of its mapping, has it. Idempotent. */
  loosen(region: Region, mapping: Mapping): void {
    if (region.claim !== undefined) return
    this.#unhold(region)
    this.#claim(region, mapping)
  }

  /** A region is gone: its budget is free again. */
  leave(region: Region): void {
    if (region.claim !== undefined) {
      this.#end(region.claim)
      return
    }
    this.#unhold(region)
    this.#left(region, region.cost)
  }

  /** Release every region, whoever leases it. */
  releaseAll(): void {
    for (const region of [...this.#held]) region.release()
    for (const [claim, reference] of [...this.#weak]) {
      const region = reference.deref()
      if (region) region.release()
      else {
        claim.forget()
        this.#end(claim)
      }
    }
  }

  #claim(region: Region, mapping: Mapping, onLeave?: () => void): void {
    const { offset, length, cost } = region
    const claim: Claim = { range: { offset, length }, bytes: cost, forget: mapping.forget, onLeave }
    region.claim = claim
    this.#weak.set(claim, new WeakRef(region))
    this.#owners.set(mapping.buffer, region)
    this.#collected.register(region, claim, claim)
  }

  /** The last one takes its index. */
  #unhold(region: Region): void {
    const last = this.#held.pop() as Region
    if (last === region) return
    this.#held[region.index] = last
    last.index = region.index
  }

  #end(claim: Claim): void {
    if (!this.#weak.delete(claim)) return
    this.#collected.unregister(claim)
    this.#left(claim.range, claim.bytes, claim.onLeave)
  }

  #left(range: Range, bytes: number, onLeave?: () => void): void {
    tellUnmap(this.path, range, bytes)
    onLeave?.()
    this.#budget.release(bytes)
    if (this.size === 0) this.onEmpty?.()
  }
}
