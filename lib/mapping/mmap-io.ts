/**
 * The mapper on the npm package `mmap-io`, for those who ship it already: an optional peer dependency, loaded only
 * when it is asked for. What it would get wrong is refused.
 */
import { Buffer, constants as limits } from 'node:buffer'
import { createRequire } from 'node:module'
import { callback, integer } from '../arguments.js'
import { invalidType, systemError } from '../errors.js'
import { infoOf, inspect, nodeCalls, withDescriptor } from './descriptor.js'
import type { Mapper, MapOutcome, Mapping, MapTask } from './mapper.js'
import { runAsync, runSync, type Steps, take } from './steps.js'
import type { Range } from '../range.js'
import { checkTask, hintFor, holds, pathOf, refuseUnmappable } from './task.js'

/** What is used of mmap-io 1.1. */
export interface MmapIo {
  map(
    size: number,
    protection: number,
    flags: number,
    fd: number,
    offset?: number,
    advise?: number
  ): Uint8Array
  advise(buffer: Uint8Array, advice: number): void
  readonly PROT_READ: number
  readonly PROT_WRITE: number
  readonly MAP_PRIVATE: number
  readonly MADV_DONTNEED: number
  /** Bytes. */
  readonly PAGESIZE: number
}

/**
 * Load `mmap-io` from where slidemap is installed.
 *
 * @throws {Error} as `require` says it, where it is not installed or was not built for this Node
 */
export function loadMmapIo(): MmapIo {
  return createRequire(import.meta.url)('mmap-io') as MmapIo
}

/**
 * A mapper on mmap-io. It differs from `native`:
 *
 * - Nothing past byte 2^31 - 1: its arguments are 32-bit numbers, and beyond that it maps other bytes than asked for.
 *   Such ranges are refused with ERR_MAP_UNSUPPORTED.
 * - `unmap()` lets the pages go (`MADV_DONTNEED`), and the garbage collector unmaps. The buffer is not detached.
 *   A late reader sees the file's bytes again.
 * - `run()` opens and stats off the event loop, but maps on it, and faults no pages in: whoever touches them waits.
 * - A file that is truncated under a mapping kills the process when its pages are touched.
 *
 * @param module default {@link loadMmapIo}; give the module yourself where slidemap cannot see it
 * @throws {Error} where the module cannot be loaded
 * @throws {TypeError} ERR_INVALID_ARG_TYPE for what is not that module
 * @example
 * import mmapIo from 'mmap-io'
 * const manager = new MapManager({ mapper: mmapIoMapper(mmapIo) })
 */
export function mmapIoMapper(module: MmapIo = loadMmapIo()): Mapper {
  // Its functions may hang on an object or on a function, whatever it was compiled to.
  if ((typeof module !== 'object' && typeof module !== 'function') || module === null)
    throw invalidType('module', 'the module mmap-io', module)
  callback('module.map', module.map)
  callback('module.advise', module.advise)
  integer('module.PAGESIZE', module.PAGESIZE, 1)
  return new MmapIoMapper(module)
}

class MmapIoMapper implements Mapper {
  readonly name = 'mmap-io'
  readonly granularity: number
  readonly pageSize: number
  readonly maxOffset = 2 ** 31 - 1
  readonly maxLength = Math.min(2 ** 31 - 1, limits.MAX_LENGTH)
  readonly detaches = false
  readonly servesAnyFile = false
  readonly #module: MmapIo

  constructor(module: MmapIo) {
    this.#module = module
    this.granularity = module.PAGESIZE
    this.pageSize = module.PAGESIZE
  }

  async run(task: MapTask, signal?: AbortSignal): Promise<MapOutcome> {
    return await runAsync(this.#job(task, signal))
  }

  runSync(task: MapTask): MapOutcome {
    return runSync(this.#job(task))
  }

  async close(fd: number): Promise<void> {
    await nodeCalls.close(fd).async()
  }

  closeSync(fd: number): void {
    nodeCalls.close(fd).sync()
  }

  /** Nothing rests: the collector frees. */
  drain(): void {}

  *#job(task: MapTask, signal?: AbortSignal): Steps<MapOutcome> {
    const range = checkTask(task, this)
    return yield* withDescriptor(nodeCalls, task, signal, fd => this.#map(fd, task, range, signal))
  }

  *#map(fd: number, task: MapTask, range: Range, signal?: AbortSignal): Steps<MapOutcome> {
    const info = yield* inspect(nodeCalls, fd)
    signal?.throwIfAborted()
    if (range.length === 0) return { fd, info }
    refuseUnmappable(info, task, this.name)
    if (!holds(info, range)) return { fd, info }

    const mapping = new MmapIoMapping(this.#module, this.#mmap(fd, task, range))
    let kept = false
    try {
      const stats = yield* take(nodeCalls.fstat(fd))
      signal?.throwIfAborted()
      // A device keeps its size, and its stat does not say it.
      const after = info.kind === 'block' ? info : infoOf(stats, info.kind)
      kept = holds(after, range)
      return kept ? { fd, info: after, mapping } : { fd, info: after }
    } finally {
      if (!kept) mapping.unmap()
    }
  }

  #mmap(fd: number, task: MapTask, { offset, length }: Range): Uint8Array {
    const { map, PROT_READ, PROT_WRITE, MAP_PRIVATE } = this.#module
    try {
      // Writable, so that writing into a window does not crash; private, so that it does not reach the file.
      return map(length, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, offset)
    } catch (cause) {
      const errno = errnoIn(cause)
      if (errno === undefined) throw cause
      throw Object.assign(systemError(errno, 'mmap', pathOf(task.target), hintFor(errno, 'mmap')), { cause })
    }
  }
}

class MmapIoMapping implements Mapping {
  readonly buffer: ArrayBuffer
  readonly #module: MmapIo
  #released = false

  constructor(module: MmapIo, bytes: Uint8Array) {
    this.#module = module
    this.buffer = bytes.buffer as ArrayBuffer
  }

  unmap(): number {
    if (this.#released) return -1
    this.#released = true
    try {
      this.#module.advise(Buffer.from(this.buffer), this.#module.MADV_DONTNEED)
    } catch {
      // Locked pages (mlockall) cannot be let go: they go when the buffer is collected.
    }
    return -1
  }

  /** It does not notice: see {@link mmapIoMapper}. */
  fault(): number {
    return -1
  }

  readonly forget = unmappedByCollector
}

/** A buffer of mmap-io's that has been collected is unmapped already. */
function unmappedByCollector(): void {}

/** The number in mmap-io's `mmap failed, 12`; undefined for other errors. */
function errnoIn(error: unknown): number | undefined {
  const number = error instanceof Error ? /^mmap failed, (\d+)$/.exec(error.message)?.[1] : undefined
  return number === undefined ? undefined : Number(number)
}
