/**
 * The region manager: the two budgets, the mapper, the jobs, and the files that are open. It knows regions and
 * handles; what consumers make of them is not its affair.
 */
import { follow } from '../abort.js'
import { tellWait } from '../diagnostics.js'
import { hasCode, SlidemapError } from '../errors.js'
import type { FileInfo, Mapper } from '../mapping/mapper.js'
import { refusalOf } from '../mapping/task.js'
import { Budget } from './budget.js'
import { Handle, type HandleSource, Handles, type Target } from './handles.js'
import { Jobs } from './jobs.js'
import { type Linked, LinkedList } from './linked-list.js'
import { Once } from './once.js'
import { type Consumer, OpenFile } from './open-file.js'
import type { Ledger, LedgerEvents } from './region.js'
import { RegionCache } from './shared-region.js'
import { runTold } from './told.js'

/** Holds regions that were mapped ahead and that nobody has asked for yet. */
export interface Spares extends Linked<Spares> {
  /** Give back at least `bytes` of budget if there is as much. @returns bytes given, or being given, back */
  giveUp(bytes: number): number
}

export interface RegionManagerOptions {
  readonly mapper: Mapper
  /** Serves the files that `mapper` cannot map; absent where the caller insists on `mapper`. */
  readonly reader?: (() => Mapper) | undefined
  readonly maxMappedBytes: number
  readonly maxHandles: number
  readonly concurrency: number
  readonly warn: (message: string) => void
}

/** Counted since the manager was made. */
export interface Counts {
  maps: number
  evictions: number
  bytesCopied: number
  faults: number
}

/** A file that is being opened. */
interface Opening {
  readonly stop: AbortController
  readonly file: Promise<OpenFile>
}

export class RegionManager implements LedgerEvents {
  readonly mapper: Mapper
  readonly bytes: Budget
  readonly handles: Handles
  readonly jobs: Jobs
  readonly files = new Set<OpenFile>()
  /** Whoever works on more than one file, and in between on none. */
  readonly consumers = new Set<Consumer>()
  /** Regions alive of files that are closed already. */
  readonly ledgers = new Set<Ledger>()
  readonly spares = new LinkedList<Spares>()
  /** Shared regions of all files that nobody leases. */
  readonly cached = new RegionCache(() => this.bytes.serve())
  readonly counts: Counts = { maps: 0, evictions: 0, bytesCopied: 0, faults: 0 }
  /** Consumers that nobody holds any more, by what has to be ended for them. */
  readonly dropped = new FinalizationRegistry<Consumer>(consumer => {
    void consumer.destroy(this.#closedError())
  })
  readonly #options: RegionManagerOptions
  readonly #opening = new Set<Opening>()
  #reader: Mapper | undefined
  #warned = false
  readonly #closing = new Once()

  constructor(options: RegionManagerOptions) {
    this.#options = options
    this.mapper = options.mapper
    this.jobs = new Jobs(options.concurrency)
    this.handles = new Handles(options.maxHandles, amount =>
      tellWait('maxHandles', amount, this.handles.budget)
    )
    this.bytes = new Budget({
      limit: options.maxMappedBytes,
      name: 'maxMappedBytes',
      unit: 'bytes',
      reclaim: short => this.#reclaim(short),
      onWait: amount => tellWait('maxMappedBytes', amount, this.bytes)
    })
  }

  get closed(): boolean {
    return this.#closing.begun
  }

  /**
   * Open a file, or take the caller's descriptor.
   *
   * @param source a path; or what answers a descriptor, which stays the caller's own
   * @param flags extra flags for opening
   */
  async open(source: HandleSource, flags: number, signal?: AbortSignal): Promise<OpenFile> {
    if (this.closed) throw this.#closedError()
    const stop = new AbortController()
    const unfollow = follow(signal, stop)
    // Not before it is listed: who is told that this waits may close the manager.
    const file = Promise.resolve().then(() => this.#open(new Handle(this.mapper, source, flags), stop.signal))
    const opening: Opening = { stop, file }
    this.#opening.add(opening)
    try {
      return await file
    } finally {
      unfollow()
      this.#opening.delete(opening)
    }
  }

  close(): Promise<void> {
    return this.#closing.do(() => this.#close())
  }

  async #open(handle: Handle, signal: AbortSignal): Promise<OpenFile> {
    try {
      const info = await this.#stat(handle, signal)
      // It may have been aborted when the job had come out already.
      signal.throwIfAborted()
      const file = new OpenFile(this, handle, info)
      this.files.add(file)
      return file
    } catch (error) {
      // Why it cannot be opened is what to tell, whatever closing says.
      await this.handles.close(handle).catch(() => {})
      throw error
    }
  }

  async #close(): Promise<void> {
    const error = this.#closedError()
    const opening = [...this.#opening]
    for (const { stop } of opening) stop.abort(error)
    this.bytes.close(error)
    this.handles.budget.close(error)
    const ended = [...this.consumers].map(consumer => consumer.destroy(error))
    for (const ledger of this.ledgers) ledger.releaseAll()
    const closing = Promise.allSettled([...this.files].map(file => file.close()))
    await Promise.allSettled(opening.map(({ file }) => file))
    await Promise.allSettled(ended)
    // What rests goes on resting: who reads it late knows nothing of managers.
    for (const result of await closing) {
      if (result.status === 'rejected') throw result.reason
    }
  }

  /** A file has been closed. */
  left(file: OpenFile): void {
    this.files.delete(file)
  }

  /** Bytes were copied for a consumer. */
  readonly copied = (bytes: number): void => {
    if (this.counts.bytesCopied === 0) this.mapper.expectCopies?.()
    this.counts.bytesCopied += bytes
  }

  mapped(): void {
    this.counts.maps++
  }

  fault(): void {
    this.counts.faults++
  }

  collected(): void {
    if (this.#warned) return
    this.#warned = true
    this.#options.warn(
      'a window was dropped without release() and has been unmapped by the garbage collector; ' +
        'until then it counted against maxMappedBytes'
    )
  }

  /**
   * Take bytes of budget for a mapping on this thread, evicting what may be.
   *
   * @param path of the file they are for, for errors
   * @throws {SlidemapError} ERR_MAP_LIMIT
   */
  demand(bytes: number, path?: string): void {
    if (this.bytes.take(bytes)) return
    // What was mapped ahead may still be under way: that comes back too late for who cannot wait.
    for (let left = this.cached.size; left > 0; left--) {
      if (bytes > this.bytes.limit || this.bytes.waiters > 0 || this.#evict() === 0) break
      if (this.bytes.tryAcquire(bytes)) return
    }
    this.bytes.demand(bytes, path)
  }

  /**
   * Run a job again that failed with `error`, after everything that nobody uses was given back.
   *
   * @throws `error` itself where the OS was not out of mappings, memory or descriptors
   */
  async relieved<T>(error: unknown, job: () => Promise<T>): Promise<T> {
    if (!isShortage(error)) throw error
    this.#relieve()
    return job()
  }

  /** Run a job on this thread, and once more in the same case. */
  retriedSync<T>(job: () => T): T {
    try {
      return job()
    } catch (error) {
      if (!isShortage(error)) throw error
      this.#relieve()
      return job()
    }
  }

  /** Unmap every shared region that nobody leases. @returns how many went */
  collect(): number {
    const count = this.cached.size
    // No more: whoever is told of it may map others.
    for (let left = count; left > 0 && this.cached.evict() > 0; left--);
    return count
  }

  /** Release every region of the files that are meant, whoever uses them. @returns how many went */
  unmap(isMeant: (file: OpenFile) => boolean): number {
    let count = 0
    for (const file of this.files) if (isMeant(file)) count += file.unmapAll()
    return count
  }

  #relieve(): void {
    for (const spares of this.spares) spares.giveUp(Number.POSITIVE_INFINITY)
    for (let left = this.cached.size; left > 0 && this.#evict() > 0; left--);
    this.handles.closeAllIdle()
    this.mapper.drain()
    this.#reader?.drain()
  }

  /** Stat, and move the handle to the mapper that can serve it. */
  async #stat(handle: Handle, signal: AbortSignal): Promise<FileInfo> {
    const run = () => this.handles.use(handle, target => this.#look(handle, target, signal), signal)
    const look = async () => (await run().catch(error => this.relieved(error, run))).info
    let info = await look()
    const refusal = refusalOf(info, handle.path)
    if (refusal) throw refusal
    if (info.kind === 'pseudo' && !handle.mapper.servesAnyFile) {
      await this.moveToReader(handle)
      info = await look()
    }
    return info
  }

  #look(handle: Handle, target: Target, signal: AbortSignal) {
    const { mapper, flags, path } = handle
    return this.jobs.run(() => runTold(mapper, { target, flags }, path, signal), signal)
  }

  /**
   * Let the `read` mapper serve a file from now on.
   *
   * @throws {SlidemapError} ERR_MAP_UNSUPPORTED where the caller insisted on another mapper
   */
  async moveToReader(handle: Handle): Promise<void> {
    if (handle.mapper.servesAnyFile) return
    const reader = this.#readerFor(handle)
    await this.handles.close(handle)
    handle.mapper = reader
  }

  /** The same on this thread; not while jobs run on the handle. Answers whether it is done. */
  moveToReaderSync(handle: Handle): boolean {
    if (handle.mapper.servesAnyFile) return true
    const reader = this.#readerFor(handle)
    if (handle.users > 0) return false
    this.handles.closeIdle(handle)
    handle.mapper = reader
    return true
  }

  #readerFor(handle: Handle): Mapper {
    const { reader } = this.#options
    if (reader === undefined) {
      throw new SlidemapError(
        'ERR_MAP_UNSUPPORTED',
        `${handle.path ?? 'the descriptor'} cannot be mapped; the 'read' mapper can read it`,
        { path: handle.path }
      )
    }
    this.#reader ??= reader()
    return this.#reader
  }

  #reclaim(short: number): void {
    let missing = short
    // Mostly there are none, and an iterator would be made for that at each eviction.
    if (this.spares.size > 0) {
      for (const spares of this.spares) {
        if (missing <= 0) return
        missing -= spares.giveUp(missing)
      }
    }
    while (missing > 0) {
      const gained = this.#evict()
      if (gained === 0) return
      missing -= gained
    }
  }

  #evict(): number {
    const bytes = this.cached.evict()
    if (bytes > 0) this.counts.evictions++
    return bytes
  }

  #closedError(): SlidemapError {
    return new SlidemapError('ERR_MAP_CLOSED', 'the manager is closed')
  }
}

/** Whether the OS was out of something that giving back can mend. */
function isShortage(error: unknown): boolean {
  return ['ENOMEM', 'EMFILE', 'ENFILE'].some(code => hasCode(error, code))
}
