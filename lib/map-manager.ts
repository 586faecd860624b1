/**
 * `MapManager`: limits, and the files opened under them.
 */
import { abortSignal, integer, integerOrInfinity, openFlags, optionsObject } from './arguments.js'
import { SlidemapError } from './errors.js'
import { MappedFile } from './file.js'
import { handleLimit } from './manager/handle-limit.js'
import { placeOf } from './manager/handles.js'
import { LastingManager } from './manager/lasting-manager.js'
import { chooseMapper, type MapperChoice } from './mapping/choose.js'
import { readMapper } from './mapping/read.js'
import { alignDown, alignUp } from './range.js'
import { type ConcatOptions, Concatenation } from './sequence/concat.js'
import { MAX_PREFETCH } from './sequence/windows.js'
import { resolvePath, resolveSource, type Source } from './source.js'

const MIB = 2 ** 20

export interface ManagerOptions {
  /**
   * Bytes of a window where no other size is asked for, rounded up to the granularity; Infinity for whole files, as
   * far as one ArrayBuffer reaches. Default 16 MiB, or a quarter of `maxMappedBytes` where that is less.
   */
  windowSize?: number | undefined
  /** Bytes mapped at any instant at the most, no less than a page of the mapper; default 1 GiB. */
  maxMappedBytes?: number | undefined
  /**
   * Descriptors held open at any instant at the most; default 256, and never above the process's own limit less those that
   * are open by then and a reserve.
   */
  maxHandles?: number | undefined
  /** Windows mapped ahead of one consumer while budget is free, up to 1,024; default 2. */
  prefetch?: number | undefined
  /** Native jobs on the thread pool at a time, 1 to 1,024; default 2. */
  concurrency?: number | undefined
  /**
   * What gets the bytes: `'native'`; `'read'`, which copies into the heap; `'mmap-io'`; `'auto'` (default): native,
   * else read, with one process warning; or one of your own, see `slidemap/conformance`.
   */
  mapper?: MapperChoice | undefined
}

export interface OpenOptions {
  /** Extra flags for opening (`fs.constants.O_*`), or'ed to read-only and close-on-exec; none that write. Default 0. */
  flags?: number | undefined
  /** Gives up; rejects with the signal's reason. */
  signal?: AbortSignal | undefined
}

/** What a manager holds, and has held. */
export interface ManagerStats {
  /** Name of the mapper. */
  mapper: string
  /** Bytes mapped, or being mapped, now: whole pages. */
  mappedBytes: number
  /** Bytes mapped at the most so far. */
  peakMappedBytes: number
  /** The limit, in bytes. */
  maxMappedBytes: number
  /** Bytes of a window where no other size is asked for. */
  windowSize: number
  /** Regions mapped now. */
  regions: number
  /** Regions of them that no cursor or buffer leases: kept for the next one, and unmapped when room is needed. */
  cachedRegions: number
  /** Bytes that these hold: whole pages. */
  cachedBytes: number
  /** Regions mapped so far. */
  maps: number
  /** Descriptors held open now; the caller's own are not counted. */
  handles: number
  /** Descriptors held open at the most so far. */
  peakHandles: number
  /** The limit, a count. */
  maxHandles: number
  /** Files open now: their descriptors may have been closed meanwhile. */
  files: number
  /** Requests waiting for bytes or handles now. */
  waiters: number
  /** Requests that have had to wait so far. */
  waits: number
  /** Regions unmapped so far to make room for others. */
  evictions: number
  /** Bytes copied so far into chunks and windows that are the consumer's own. */
  bytesCopied: number
  /** Regions so far under which bytes were lost: the file shrank, or the disk failed. */
  faults: number
}

/** What has been said already, on the process itself: managers come and go, and modules keep no state. */
const said = Symbol.for('slidemap.said')

/** Warn of what is true of the whole process, however many managers it has: once. */
function warnOnce(warn: (message: string) => void, message: string): void {
  const talkative: typeof process & { [said]?: Set<string> } = process
  talkative[said] ??= new Set()
  if (talkative[said].has(message)) return
  talkative[said].add(message)
  warn(message)
}

/**
 * Opens files and maps windows of them, under two hard limits: bytes mapped, and files open. Where a limit is
 * reached, producers wait, first come first served; a request that can never fit rejects with ERR_MAP_LIMIT.
 *
 * @example
 * ```ts
 * await using manager = new MapManager({ maxMappedBytes: 64 * 2 ** 20 })
 * const file = await manager.open('huge.bin')
 * for await (const { bytes } of file.windows()) hash.update(bytes)
 * console.log(manager.stats().peakMappedBytes)
 * ```
 */
export class MapManager implements AsyncDisposable {
  readonly #regions: LastingManager
  readonly #windowSize: number
  readonly #prefetch: number

  /**
   * @throws {SlidemapError} ERR_MAP_MAPPER if the mapper asked for cannot be loaded
   * @throws {TypeError} ERR_INVALID_ARG_TYPE
   * @throws {RangeError} ERR_OUT_OF_RANGE
   */
  constructor(options?: ManagerOptions) {
    const o = optionsObject('options', options)
    const warn = (message: string) => process.emitWarning(message, 'SlidemapWarning')
    // Other than ??, defaults are for undefined alone: null is a mistake.
    const { maxMappedBytes = 1024 * MIB, maxHandles = 256, concurrency = 2, prefetch = 2 } = o
    integer('options.maxMappedBytes', maxMappedBytes, 1)
    integer('options.maxHandles', maxHandles, 1)
    integer('options.concurrency', concurrency, 1, 1024)
    this.#prefetch = integer('options.prefetch', prefetch, 0, MAX_PREFETCH)
    const windowSize =
      o.windowSize === undefined ? undefined : integerOrInfinity('options.windowSize', o.windowSize, 1)
    const { mapper: choice = 'auto' } = o
    const mapper = chooseMapper(choice, message => warnOnce(warn, message))
    // Less holds no mapping at all.
    integer('options.maxMappedBytes', maxMappedBytes, mapper.pageSize)
    this.#windowSize = Math.min(
      windowSize === undefined
        ? Math.max(
            mapper.granularity,
            alignDown(Math.min(16 * MIB, Math.floor(maxMappedBytes / 4)), mapper.granularity)
          )
        : windowSize === Number.POSITIVE_INFINITY
          ? windowSize
          : alignUp(windowSize, mapper.granularity),
      mapper.maxLength
    )
    this.#regions = new LastingManager({
      mapper,
      reader: choice === 'auto' ? readMapper : undefined,
      maxMappedBytes,
      maxHandles: Math.min(maxHandles, handleLimit()),
      concurrency,
      warn
    })
  }

  /**
   * Open a file. Waits while `maxHandles` are in use.
   *
   * @param source a path, a file URL, a descriptor or FileHandle of the caller's own (never closed here), an open
   *   file (opened once more), or `{ source, start, end }` for a part of one, whose offsets then count from `start`
   * @throws {SlidemapError} ERR_MAP_CLOSED; ERR_MAP_UNSUPPORTED for pipes, sockets and devices; ERR_MAP_OUT_OF_RANGE
   *   for a start past the end
   * @throws errors of the OS as Node says them: ENOENT, EACCES, EISDIR, EMFILE
   */
  async open(source: Source, options?: OpenOptions): Promise<MappedFile> {
    const o = optionsObject('options', options)
    const signal = abortSignal('options.signal', o.signal)
    const flags = openFlags('options.flags', o.flags)
    const { handle, start, end } = resolveSource(source)
    const opened = await this.#regions.open(handle, flags, signal)
    const last = Math.min(end, opened.size)
    if (start > last) {
      await opened.close()
      throw new SlidemapError('ERR_MAP_OUT_OF_RANGE', `start ${start} is past the end, ${last}`, {
        path: opened.path,
        offset: start
      })
    }
    const defaults = { windowSize: this.#windowSize, prefetch: this.#prefetch }
    const file = new MappedFile(opened, defaults, start, end)
    this.#regions.closeWith(file, opened)
    return file
  }

  /**
   * Many files as one sequence of bytes, each opened when its turn comes.
   *
   * @param sources what can be opened, in an array or another iterable or async iterable, which is pulled lazily and
   *   told when it is left early. A MappedFile among them is used as it is, under the limits of its own manager
   * @throws {TypeError} ERR_INVALID_ARG_TYPE
   * @throws {RangeError} ERR_OUT_OF_RANGE
   *
   * @example
   * ```ts
   * await pipeline(manager.concat(parts).stream(), createWriteStream('whole'))
   * ```
   */
  concat<S extends Source>(
    sources: Iterable<S> | AsyncIterable<S>,
    options?: ConcatOptions
  ): Concatenation<S> {
    const defaults = {
      manager: this.#regions,
      windowSize: this.#windowSize,
      prefetch: this.#prefetch,
      locate: resolveSource
    }
    return new Concatenation(sources, defaults, options)
  }

  /** What this manager holds and has held: a plain object, made anew at each call. */
  stats(): ManagerStats {
    const { bytes, cached, handles, files, ledgers, counts, mapper } = this.#regions
    let regions = 0
    for (const file of files) regions += file.regions.size
    for (const ledger of ledgers) regions += ledger.size
    return {
      mapper: mapper.name,
      mappedBytes: bytes.held,
      peakMappedBytes: bytes.peak,
      maxMappedBytes: bytes.limit,
      windowSize: this.#windowSize,
      regions,
      cachedRegions: cached.size,
      cachedBytes: cached.bytes,
      maps: counts.maps,
      handles: handles.budget.held,
      peakHandles: handles.budget.peak,
      maxHandles: handles.budget.limit,
      files: files.size,
      waiters: bytes.waiters + handles.budget.waiters,
      waits: bytes.waits + handles.budget.waits,
      evictions: counts.evictions,
      bytesCopied: counts.bytesCopied,
      faults: counts.faults
    }
  }

  /**
   * Unmap every region that nobody leases: what cursors and buffers have left behind. Those in use stay.
   *
   * @returns regions unmapped
   */
  collect(): number {
    return this.#regions.collect()
  }

  /**
   * Unmap everything of the files that were opened by this path, whoever uses it, and close their descriptors, so that
   * the file can be deleted or replaced where the OS forbids that for mapped files (Windows).
   *
   * Cursors and windows on it are not valid from then on, and their bytes are gone, as if they had been released. What
   * walks, streams or loads at that moment ends with ERR_MAP_RELEASED. The files stay open, and map again when they are
   * used: ERR_MAP_FILE_CHANGED if another one is at the path by then. Jobs that are under way on the thread pool are not
   * waited for: where there may be some, close the files instead.
   *
   * @param path as text, Buffer or URL, absolute or from the current folder; those of the files count from the folder that
   *   the process was in when they were opened
   * @returns regions unmapped
   * @throws {TypeError} ERR_INVALID_ARG_TYPE, ERR_INVALID_URL_SCHEME
   * @throws {RangeError} ERR_OUT_OF_RANGE for a path with a null byte
   * @see smmap's force_map_handle_removal_win()
   */
  unmapFile(path: string | Buffer | URL): number {
    const meant = placeOf(resolvePath(path, 'path'))
    return this.#regions.unmap(file => file.handle.isAt(meant))
  }

  /**
   * Close every file, release every window, and turn away whoever waits with ERR_MAP_CLOSED. Idempotent; the
   * manager cannot be used again.
   */
  close(): Promise<void> {
    return this.#regions.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
