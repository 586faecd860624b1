/**
 * Small files, read whole and many in one job: a hop to the thread pool and back costs more than such a file does.
 */
import type { RegionManager } from '../manager/manager.js'
import { type Ledger, Region } from '../manager/region.js'
import type { Mapping } from '../mapping/mapper.js'

/** What one job reads at the most, in bytes. */
const MAX_ROOM = 2 ** 30

/** A file that was read: its bytes, none where it is empty. Undefined: it has to be opened on its own. */
export type Whole = { readonly region: Region | undefined; readonly length: number } | undefined

/** What is granted to a job: bytes, and one handle, since each file is closed before the next one is opened. */
interface Grant {
  readonly room: number
}

export class SmallFiles {
  /** Bytes of a file at the most; 0 where nothing is read this way. */
  readonly limit: number
  readonly #manager: RegionManager
  readonly #regions: Ledger
  readonly #signal: AbortSignal
  /** Bytes of a file in the last job, on average. */
  #usual: number

  /**
   * @param regions takes the regions, whose files are closed again
   * @param limit bytes; files above it are not read
   * @param signal ends jobs and waits with its reason
   */
  constructor(manager: RegionManager, regions: Ledger, limit: number, signal: AbortSignal) {
    this.limit = manager.mapper.readSmall ? Math.min(limit, manager.bytes.limit, MAX_ROOM) : 0
    this.#manager = manager
    this.#regions = regions
    this.#signal = signal
    this.#usual = this.limit
  }

  /** Whether a file is small: it is then one region, and needs no handle. */
  includes(size: number): boolean {
    return this.limit > 0 && size <= this.limit
  }

  /**
   * Read files, waiting for the budget of one; of the others those that there is room for.
   *
   * @param paths at least one
   * @returns for each file looked at; at least for the first. Regions are the caller's to release
   * @throws {SlidemapError} ERR_MAP_CLOSED; the signal's reason
   */
  async read(paths: (string | Buffer)[]): Promise<Whole[]> {
    const { bytes, handles } = this.#manager
    await bytes.acquire(this.limit, this.#signal)
    try {
      await handles.budget.acquire(1, this.#signal)
    } catch (error) {
      bytes.release(this.limit)
      throw error
    }
    const more = this.#roomFor(paths.length) - this.limit
    return this.#run(paths, { room: bytes.tryAcquire(more) ? this.limit + more : this.limit })
  }

  /** The same if it can start at once and takes nothing from anybody; undefined if not. */
  tryRead(paths: (string | Buffer)[]): Promise<Whole[]> | undefined {
    const { bytes, handles, jobs } = this.#manager
    if (!jobs.idle || !handles.budget.tryAcquire(1)) return undefined
    const plenty = this.#roomFor(paths.length)
    for (const room of plenty > this.limit ? [plenty, this.limit] : [plenty]) {
      if (bytes.tryAcquire(room)) return this.#run(paths, { room })
    }
    handles.budget.release(1)
    return undefined
  }

  /**
   * What so many files may need, if they are up to twice as large as those before: though no more than a part of the
   * budget, since others have to live, too.
   */
  #roomFor(count: number): number {
    const share = Math.floor(this.#manager.bytes.limit / 4)
    return Math.max(this.limit, Math.min(2 * count * this.#usual, count * this.limit, share, MAX_ROOM))
  }

  /** Owns the grant. */
  async #run(paths: (string | Buffer)[], { room }: Grant): Promise<Whole[]> {
    const { bytes, handles } = this.#manager
    let used = 0
    try {
      const wholes = this.#wholes(await this.#job(paths, room))
      used = bytesIn(wholes)
      if (used > 0) this.#manager.ledgers.add(this.#regions)
      this.#usual = Math.ceil(used / wholes.length)
      return wholes
    } finally {
      handles.budget.release(1)
      bytes.release(room - used)
    }
  }

  #wholes(mappings: readonly (Mapping | undefined)[]): Whole[] {
    return mappings.map(mapping => {
      if (mapping === undefined) return undefined
      const { byteLength: length } = mapping.buffer
      if (length === 0) return { region: undefined, length }
      this.#manager.mapped()
      const region = new Region(this.#regions, mapping, { offset: 0, length }, length)
      return { region: this.#regions.hold(region), length }
    })
  }

  async #job(paths: (string | Buffer)[], room: number): Promise<readonly (Mapping | undefined)[]> {
    const { jobs, mapper } = this.#manager
    const task = { paths, limit: this.limit, room }
    let mappings: readonly (Mapping | undefined)[] | undefined
    try {
      mappings = await jobs.run(async () => mapper.readSmall?.(task, this.#signal), this.#signal)
    } catch (error) {
      if (this.#signal.aborted) throw error
      // Whatever it was: opening the first of them on its own will tell, or do.
    }
    if (this.#signal.aborted) {
      for (const mapping of mappings ?? []) mapping?.unmap()
      throw this.#signal.reason
    }
    return mappings?.length ? mappings : [undefined]
  }
}

function bytesIn(wholes: readonly Whole[]): number {
  let bytes = 0
  for (const whole of wholes) bytes += whole?.length ?? 0
  return bytes
}
