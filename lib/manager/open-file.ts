/**
 * One open file of a manager: its identity, its handle, its regions, and whoever is at work on it.
 */
import { hasCode, type SlidemapError } from '../errors.js'
import type { FileInfo, Mapper, Mapping } from '../mapping/mapper.js'
import { unreadable } from '../mapping/task.js'
import { alignUp, cover, endOf, type Range } from '../range.js'
import { CacheTrace } from './cache-trace.js'
import { changed, type Found, type Handle, isSameFile } from './handles.js'
import type { RegionManager } from './manager.js'
import { Once } from './once.js'
import { fileClosed, fileTruncated, fileUnmapped } from './refusals.js'
import { Ledger, type Region } from './region.js'
import { SharedRegion } from './shared-region.js'
import { SharedRegions } from './shared-regions.js'
import { runTold, runToldSync, taskOn, type ToldOutcome } from './told.js'

/** Whoever works on a file and has to be ended when it is closed. */
export interface Consumer {
  /** End with `error`; settles when nothing of it is under way any more. */
  destroy(error: unknown): Promise<void>
}

/** What becomes of a mapping that was granted its bytes. */
type Take<R extends Region> = (mapping: Mapping, area: Range, bytes: number, onLeave?: () => void) => R

export class OpenFile {
  readonly manager: RegionManager
  readonly handle: Handle
  readonly regions: Ledger
  /** Those of them that are shared: random access. */
  readonly shared: SharedRegions
  readonly consumers = new Set<Consumer>()
  /** What was read for those who drop it behind them. */
  readonly cache = new CacheTrace(this)
  /** The public object over this file, kept alive by all that is had of it but bytes of random access: see {@link retire}. */
  facade: WeakRef<object> | undefined
  /** Called once, when it is closed. */
  onClose: (() => void) | undefined
  #info: FileInfo
  readonly #closing = new Once()
  readonly #enter: Take<Region> = (mapping, area, bytes, onLeave) =>
    this.regions.enter(mapping, area, bytes, this.facade?.deref(), onLeave)
  readonly #hold: Take<SharedRegion> = (mapping, area, bytes) =>
    this.regions.hold(new SharedRegion(this.regions, mapping, area, bytes))

  constructor(manager: RegionManager, handle: Handle, info: FileInfo) {
    this.manager = manager
    this.handle = handle
    this.#info = handle.info = info
    this.regions = new Ledger(manager.bytes, manager, handle.path)
    this.shared = new SharedRegions(this)
  }

  /** The path it was opened by, if it was. */
  get path(): string | undefined {
    return this.handle.path
  }

  /** Bytes, as of opening or the last {@link refresh}. */
  get size(): number {
    return this.#info.size
  }

  get mapper(): Mapper {
    return this.handle.mapper
  }

  get closed(): boolean {
    return this.#closing.begun
  }

  /** Bytes of budget that mapping `range` takes: whole pages, from a multiple of the granularity. */
  cost(range: Range): number {
    return alignUp(cover(range, this.mapper.granularity).length, this.mapper.pageSize)
  }

  /**
   * Map a region that holds `range`, private to the caller, who releases it.
   *
   * Waits, first come first served, while the budget is spent.
   *
   * @param range lies inside the file as it was opened, at least 1 byte
   * @param dropBehind let the page cache forget what it did not hold before, once the region has gone
   * @throws {SlidemapError} ERR_MAP_LIMIT, ERR_MAP_CLOSED, ERR_MAP_FILE_TRUNCATED, ERR_MAP_FILE_CHANGED,
   *   ERR_MAP_UNSUPPORTED; errors of the OS; the signal's reason
   */
  async map(range: Range, signal: AbortSignal, dropBehind = false): Promise<Region> {
    this.throwIfClosed()
    const bytes = this.cost(range)
    await this.manager.bytes.acquire(bytes, signal, this.path)
    return this.#mapGranted(range, bytes, signal, this.#enter, dropBehind)
  }

  /** The same for a region that is kept beyond its use: see {@link Ledger.hold}. */
  async mapHeld(range: Range, signal: AbortSignal): Promise<SharedRegion> {
    this.throwIfClosed()
    const bytes = this.cost(range)
    await this.manager.bytes.acquire(bytes, signal, this.path)
    return this.#mapGranted(range, bytes, signal, this.#hold)
  }

  /**
   * The same on this thread, pages not faulted in, without waiting.
   *
   * @throws {SlidemapError} ERR_MAP_LIMIT also where it does not fit just now; else as {@link map}
   */
  mapSync(range: Range): SharedRegion {
    this.throwIfClosed()
    const bytes = this.cost(range)
    this.manager.demand(bytes, this.path)
    try {
      return this.#entered(range, this.#runOrReadSync(range), bytes, this.#hold)
    } catch (error) {
      this.manager.bytes.release(bytes)
      throw error
    }
  }

  /**
   * Have the pages of `range` read off this thread, so that touching them elsewhere does not wait for the disk. Does
   * nothing while the budget is spent.
   */
  async warm(range: Range, signal: AbortSignal): Promise<void> {
    const bytes = this.cost(range)
    if (!this.manager.bytes.take(bytes)) return
    const region = await this.#mapGranted(range, bytes, signal, this.#enter)
    region.release()
  }

  /**
   * Look at the file again. Where it has changed, what was mapped of it is not shown to anybody else any more.
   *
   * @returns its size now, in bytes
   * @throws {SlidemapError} ERR_MAP_CLOSED, ERR_MAP_FILE_CHANGED where another file is at its path
   */
  async refresh(signal: AbortSignal): Promise<number> {
    this.throwIfClosed()
    const { info } = await this.#run(undefined, signal, { same: isSameFile })
    this.throwIfClosed()
    const { size, mtimeNs } = this.#info
    this.#info = this.handle.info = info
    if (info.size !== size || info.mtimeNs !== mtimeNs) this.shared.retireAll()
    return info.size
  }

  /**
   * Release every region, whoever leases it, and close the handle unless a job runs on it. Whoever is at work on the
   * file ends with ERR_MAP_RELEASED: going on would be over bytes that are gone.
   *
   * @returns regions released
   */
  unmapAll(): number {
    const count = this.regions.size
    const error = fileUnmapped(this.path)
    for (const consumer of [...this.consumers]) void consumer.destroy(error)
    this.shared.retireAll()
    this.regions.releaseAll()
    this.manager.handles.closeIdle(this.handle)
    return count
  }

  /** The same if it can start at once and takes nothing from anybody; undefined if not. */
  tryMap(range: Range, signal: AbortSignal, dropBehind = false): Promise<Region> | undefined {
    const { jobs, handles } = this.manager
    if (this.closed || !jobs.idle || !handles.ready(this.handle)) return undefined
    const bytes = this.cost(range)
    if (!this.manager.bytes.tryAcquire(bytes)) return undefined
    return this.#mapGranted(range, bytes, signal, this.#enter, dropBehind)
  }

  /**
   * Look once more whether the file still reaches `end`: bytes cut off a page that was read already show nowhere
   * else.
   *
   * @throws {SlidemapError} ERR_MAP_FILE_TRUNCATED
   */
  async verify(end: number, signal: AbortSignal): Promise<void> {
    if (this.handle.info?.kind === 'pseudo') return
    const { info } = await this.#run(undefined, signal)
    if (info.size < end) throw fileTruncated(this.path, info.size, end)
  }

  /** The same on this thread. */
  verifySync(end: number): void {
    if (this.handle.info?.kind === 'pseudo') return
    const { info } = this.#runSync(undefined)
    if (info.size < end) throw fileTruncated(this.path, info.size, end)
  }

  /**
   * Make sure that the bytes of a region that were looked at had not been cut off within a page: those that were cut
   * off as whole pages are told by {@link Region.lost}.
   *
   * @param end bytes from the start of the file, after the last byte that was looked at
   * @throws {SlidemapError} ERR_MAP_FILE_TRUNCATED; what asking the file fails with
   */
  attestSync(region: Region, end: number): void {
    const doubt = region.doubt(end)
    if (doubt === undefined) return
    region.dispel(doubt, this.reachSync(end))
  }

  /**
   * Make sure that the file still reaches `end`, without opening it: who lets go of something cannot be refused for
   * want of a descriptor.
   *
   * @returns its size; Infinity where the file that was opened has no descriptor, and is no longer at its path
   * @throws {SlidemapError} ERR_MAP_FILE_TRUNCATED
   */
  reachSync(end: number): number {
    const size = this.#asksHandle ? this.#runSync(undefined).info.size : this.#sizeAtPlace()
    if (size < end) throw fileTruncated(this.path, size, end)
    return size
  }

  /**
   * Why the bytes from `offset` on were lost.
   *
   * Also of a file that is closed. It is not opened for that: a cut alone would make it another than was opened.
   *
   * @returns ERR_MAP_FILE_TRUNCATED where the file ends before them now, ERR_MAP_FILE_CHANGED where that can no longer
   *   be told, since another file is in its place; else ERR_MAP_IO
   */
  async explainLoss(offset: number, signal: AbortSignal): Promise<SlidemapError> {
    try {
      const found = this.#asksHandle ? (await this.#run(undefined, signal)).info : await this.handle.inspect()
      return this.#loss(found, offset)
    } catch {
      // Who ends the wait ends the question.
      signal.throwIfAborted()
      // Its descriptor may have been closed before the job's turn came.
      return this.explainLossSync(offset)
    }
  }

  /** The same on this thread. */
  explainLossSync(offset: number): SlidemapError {
    try {
      const found = this.#asksHandle ? this.#runSync(undefined).info : this.handle.inspectSync()
      return this.#loss(found, offset)
    } catch (cause) {
      return unreadable(offset, this.path, cause)
    }
  }

  /** Whether its size is what its own descriptor says. Of what is no plain file, nothing else knows it. */
  get #asksHandle(): boolean {
    return this.#info.kind !== 'file' || (this.handle.fd !== -1 && !this.closed)
  }

  #sizeAtPlace(): number {
    try {
      const found = this.handle.inspectSync()
      if (isSameFile(found, this.#info)) return found.size
    } catch {
      // Nobody knows.
    }
    return Number.POSITIVE_INFINITY
  }

  #loss(found: Found, offset: number): SlidemapError {
    if (!isSameFile(found, this.#info)) return changed(this.handle)
    return found.size <= offset
      ? fileTruncated(this.path, found.size, offset + 1)
      : unreadable(offset, this.path)
  }

  throwIfClosed(): void {
    if (this.closed) throw this.closedError()
  }

  closedError(): SlidemapError {
    return fileClosed(this.path)
  }

  /** Why a region was released under whoever wanted it. */
  goneError(): SlidemapError {
    return this.closed ? this.closedError() : fileUnmapped(this.path)
  }

  /** End every consumer, release every region, close the handle. Idempotent. */
  close(): Promise<void> {
    return this.#closing.do(() => this.#close())
  }

  /**
   * Close it, but for the regions that somebody holds: its descriptor now, and the rest when the last of them has
   * gone. Its consumers are ended. Idempotent. Also for who was collected with the public object: views may be left.
   */
  async retire(): Promise<void> {
    await Promise.all([...this.consumers].map(consumer => consumer.destroy(this.closedError())))
    this.shared.retireAll()
    if (this.regions.size === 0) return this.close()
    // Nobody is there to be told of a descriptor that is closed by now.
    this.regions.onEmpty = () => void this.close().catch(() => {})
    await this.manager.handles.close(this.handle)
  }

  async #close(): Promise<void> {
    this.onClose?.()
    const error = this.closedError()
    const ended = [...this.consumers].map(consumer => consumer.destroy(error))
    this.shared.retireAll()
    this.regions.releaseAll()
    try {
      await Promise.all(ended)
      // Not where that would open it once more.
      if (this.manager.handles.isOpen(this.handle)) await this.cache.forget()
      await this.manager.handles.close(this.handle)
    } finally {
      this.manager.left(this)
    }
  }

  /** Owns `bytes` of budget until a region does. */
  async #mapGranted<R extends Region>(
    range: Range,
    bytes: number,
    signal: AbortSignal,
    take: Take<R>,
    dropBehind = false
  ): Promise<R> {
    const onLeave = dropBehind
      ? await this.cache.visit(cover(range, this.mapper.granularity), signal)
      : undefined
    try {
      const run = () => this.#run(range, signal, { exact: dropBehind })
      const outcome = await run().catch(error => this.#runAgain(error, run))
      return this.#entered(range, outcome, bytes, take, onLeave)
    } catch (error) {
      onLeave?.()
      this.manager.bytes.release(bytes)
      throw error
    }
  }

  #entered<R extends Region>(
    range: Range,
    { info, mapping, mapper }: ToldOutcome,
    bytes: number,
    take: Take<R>,
    onLeave?: () => void
  ): R {
    if (mapping === undefined) throw fileTruncated(this.path, info.size, endOf(range))
    if (this.closed) {
      // Whoever closed it has released the regions that there were.
      mapping.unmap()
      throw this.closedError()
    }
    this.manager.mapped()
    return take(mapping, cover(range, mapper.granularity), bytes, onLeave)
  }

  /** After a job failed, once more where that can be mended. */
  async #runAgain(error: unknown, run: () => Promise<ToldOutcome>): Promise<ToldOutcome> {
    try {
      return await this.manager.relieved(error, run)
    } catch (again) {
      if (!this.#isForReader(again)) throw again
      await this.manager.moveToReader(this.handle)
      return run().catch(last => this.manager.relieved(last, run))
    }
  }

  #runOrReadSync(range: Range): ToldOutcome {
    const run = () => this.manager.retriedSync(() => this.#runSync(range))
    try {
      return run()
    } catch (error) {
      if (!this.#isForReader(error) || !this.manager.moveToReaderSync(this.handle)) throw error
      return run()
    }
  }

  /** Files that the OS will not map (some FUSE and network mounts) are read from the first refusal on. */
  #isForReader(error: unknown): boolean {
    return hasCode(error, 'ENODEV') && !this.mapper.servesAnyFile
  }

  /** One job on this file: stat, and map what holds `range` if there is one. */
  async #run(
    range: Range | undefined,
    signal: AbortSignal,
    { same, exact = false }: { same?: typeof isSameFile; exact?: boolean } = {}
  ): Promise<ToldOutcome> {
    const { manager, handle } = this
    const outcome = await manager.handles.use(
      handle,
      target =>
        manager.jobs.run(() => {
          // It may have waited for its turn, or for a handle, since before the file was closed.
          this.throwIfClosed()
          const { mapper, flags } = handle
          return runTold(mapper, taskOn(target, flags, range, mapper, exact), handle.path, signal)
        }, signal),
      signal,
      same
    )
    return this.#checked(outcome)
  }

  #runSync(range: Range | undefined): ToldOutcome {
    this.throwIfClosed()
    const { manager, handle } = this
    const { mapper, flags } = handle
    const outcome = manager.handles.useSync(handle, target =>
      runToldSync(mapper, taskOn(target, flags, range, mapper), handle.path)
    )
    return this.#checked(outcome)
  }

  #checked(outcome: ToldOutcome): ToldOutcome {
    if (isSameFile(outcome.info, this.#info)) return outcome
    outcome.mapping?.unmap()
    throw changed(this.handle)
  }
}
