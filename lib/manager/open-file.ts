/**
 * One open file of a manager: its identity, its handle, its regions, and whoever is at work on it.
 */
import { constants } from 'node:os'
import { hasCode, SlidemapError, systemError } from '../errors.js'
import type { FileInfo, MapOutcome, Mapper } from '../mapping/mapper.js'
import { alignUp, cover, endOf, type Range } from '../range.js'
import { changed, type Handle, isSameFile, type Target } from './handles.js'
import type { RegionManager } from './manager.js'
import { Once } from './once.js'
import { Ledger, type Region } from './region.js'

/** Whoever works on a file and has to be ended when it is closed. */
export interface Consumer {
  /** End with `error`; settles when nothing of it is under way any more. */
  destroy(error: unknown): Promise<void>
}

/** What a job came to, and what it mapped: which depends on the mapper that did it. */
interface Outcome extends MapOutcome {
  readonly area: Range | undefined
}

export class OpenFile {
  readonly manager: RegionManager
  readonly handle: Handle
  readonly regions: Ledger
  readonly consumers = new Set<Consumer>()
  /** The public object over this file, kept alive by every region: who holds bytes, holds the file. */
  facade: WeakRef<object> | undefined
  /** Called once, when it is closed. */
  onClose: (() => void) | undefined
  #info: FileInfo
  readonly #closing = new Once()

  constructor(manager: RegionManager, handle: Handle, info: FileInfo) {
    this.manager = manager
    this.handle = handle
    this.#info = handle.info = info
    this.regions = new Ledger(manager.bytes, manager)
  }

  /** The path it was opened by, if it was. */
  get path(): string | undefined {
    return this.handle.path
  }

  /** Bytes, as of opening. */
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
   * @throws {SlidemapError} ERR_MAP_LIMIT, ERR_MAP_CLOSED, ERR_MAP_FILE_TRUNCATED, ERR_MAP_FILE_CHANGED,
   *   ERR_MAP_UNSUPPORTED; errors of the OS; the signal's reason
   */
  async map(range: Range, signal: AbortSignal): Promise<Region> {
    this.throwIfClosed()
    const bytes = this.cost(range)
    await this.manager.bytes.acquire(bytes, signal)
    return this.#mapGranted(range, bytes, signal)
  }

  /** The same if it can start at once and takes nothing from anybody; undefined if not. */
  tryMap(range: Range, signal: AbortSignal): Promise<Region> | undefined {
    const { jobs, handles } = this.manager
    if (this.closed || !jobs.idle || !handles.ready(this.handle)) return undefined
    const bytes = this.cost(range)
    if (!this.manager.bytes.tryAcquire(bytes)) return undefined
    return this.#mapGranted(range, bytes, signal)
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
    if (info.size < end) throw this.#truncated(info.size, end)
  }

  /** Why the bytes from `offset` on were lost: the file ends before them now, or reading them failed. */
  async explainLoss(offset: number, signal: AbortSignal): Promise<SlidemapError> {
    const { info } = await this.#run(undefined, signal)
    if (info.size <= offset) return this.#truncated(info.size, offset + 1)
    return new SlidemapError('ERR_MAP_IO', `reading ${this.#name} failed at offset ${offset}`, {
      path: this.path,
      offset
    })
  }

  throwIfClosed(): void {
    if (this.closed) throw this.closedError()
  }

  closedError(): SlidemapError {
    return new SlidemapError('ERR_MAP_CLOSED', `${this.#name} is closed`, { path: this.path })
  }

  /** End every consumer, release every region, close the handle. Idempotent. */
  close(): Promise<void> {
    return this.#closing.do(() => this.#close())
  }

  /**
   * Close it, but for the regions that somebody holds: its descriptor now, and the rest when the last of them has
   * gone. Its consumers are ended. Idempotent.
   */
  async retire(): Promise<void> {
    await Promise.all([...this.consumers].map(consumer => consumer.destroy(this.closedError())))
    if (this.regions.size === 0) return this.close()
    // Nobody is there to be told of a descriptor that is closed by now.
    this.regions.onEmpty = () => void this.close().catch(() => {})
    await this.manager.handles.close(this.handle)
  }

  async #close(): Promise<void> {
    this.onClose?.()
    const error = this.closedError()
    const ended = [...this.consumers].map(consumer => consumer.destroy(error))
    this.regions.releaseAll()
    try {
      await Promise.all(ended)
      await this.manager.handles.close(this.handle)
    } finally {
      this.manager.left(this)
    }
  }

  /** Owns `bytes` of budget until a region does. */
  async #mapGranted(range: Range, bytes: number, signal: AbortSignal): Promise<Region> {
    try {
      const { info, mapping, area } = await this.#runOrRead(range, signal)
      if (mapping === undefined || area === undefined) throw this.#truncated(info.size, endOf(range))
      if (this.closed) {
        // Whoever closed it has released the regions that there were.
        mapping.unmap()
        throw this.closedError()
      }
      this.manager.mapped()
      return this.regions.enter(mapping, area, bytes, this.facade?.deref())
    } catch (error) {
      this.manager.bytes.release(bytes)
      throw error
    }
  }

  /** Files that the OS will not map (some FUSE and network mounts) are read from the first refusal on. */
  async #runOrRead(range: Range, signal: AbortSignal): Promise<Outcome> {
    try {
      return await this.#run(range, signal)
    } catch (error) {
      if (!hasCode(error, 'ENODEV') || this.mapper.servesAnyFile) throw error
      await this.manager.moveToReader(this.handle)
      return this.#run(range, signal)
    }
  }

  /** One job on this file: stat, and map what holds `range` if there is one. */
  async #run(range: Range | undefined, signal: AbortSignal): Promise<Outcome> {
    const { manager, handle } = this
    const outcome = await manager.handles.use(
      handle,
      target => manager.jobs.run(() => this.#job(target, range, signal), signal),
      signal
    )
    if (isSameFile(outcome.info, this.#info)) return outcome
    outcome.mapping?.unmap()
    throw changed(handle)
  }

  async #job(target: Target, range: Range | undefined, signal: AbortSignal): Promise<Outcome> {
    // It may have waited for its turn, or for a handle, since before the file was closed.
    this.throwIfClosed()
    const { mapper, flags } = this.handle
    const area = range && cover(range, mapper.granularity)
    return { ...(await mapper.run({ target, flags, ...area }, signal)), area }
  }

  #truncated(size: number, end: number): SlidemapError {
    return new SlidemapError('ERR_MAP_FILE_TRUNCATED', `${this.#name} ends at ${size} now, short of ${end}`, {
      path: this.path,
      offset: size,
      length: end - size
    })
  }

  get #name(): string {
    return this.path === undefined ? 'the file' : `'${this.path}'`
  }
}

/**
 * The error for what is no file of bytes at offsets, or undefined where it is one.
 */
export function unreadable(info: FileInfo, path: string | undefined): Error | undefined {
  if (info.kind === 'directory') return systemError(constants.errno.EISDIR, 'read', path)
  if (info.kind !== 'other') return undefined
  const name = path === undefined ? 'the descriptor' : `'${path}'`
  return new SlidemapError(
    'ERR_MAP_UNSUPPORTED',
    `${name} is a pipe, a socket or a device: it has no bytes at offsets`,
    { path }
  )
}
