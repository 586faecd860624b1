/**
 * The mapper that does not map: it reads ranges into heap memory with `node:fs` alone. It needs no addon and serves
 * every file that can be read at offsets, procfs and sysfs included.
 */
import { Buffer, constants as limits } from 'node:buffer'
import { ERRNO, hasCode, SlidemapError, systemError } from '../errors.js'
import {
  type FileCalls,
  hasNoContent,
  infoOf,
  inspect,
  nodeCalls,
  readAt,
  withDescriptor
} from './descriptor.js'
import { HeapMapping, RestingMemory } from './heap.js'
import type { FileInfo, Mapper, MapOutcome, Mapping, MapTask, SmallTask } from './mapper.js'
import { readSmallFile } from './read-small.js'
import { runAsync, runSync, type Steps, take } from './steps.js'
import type { Range } from '../range.js'
import {
  checkSmallTask,
  checkTask,
  holds,
  pathOf,
  refuseWithoutBytes,
  unreadable,
  unsupported
} from './task.js'

/**
 * Bytes of one call: far below the 2^31 at which `fs.read` aborts the process, and small enough that an abort is
 * heard soon.
 */
const MAX_READ = 16 * 1024 * 1024

/** Bytes of a file whose size is not its content's: such a file has to be held as a whole. */
const MAX_PSEUDO = 64 * 1024 * 1024

/** How often a file that ends where it should not, and has its size all the same, is looked at again. */
const MAX_EARLY_ENDS = 4

/**
 * A mapper that reads.
 *
 * Each mapping is an ArrayBuffer of its own on the heap, filled by `pread`; nothing that happens to the file later
 * shows in it, and `fault()` is always -1. `unmap()` detaches it. The memory of up to 64 released buffers, of together
 * 32 MiB, rests; then, or at `drain()`, the collector has it, once it has the buffer too.
 *
 * A file whose size is not its content's (procfs, sysfs) is read as a whole when it is opened by path, up to 64 MiB,
 * kept until {@link Mapper.close}, and all ranges are copied out of it: `info.size` is the length of that content.
 * On a descriptor opened by others it is read anew for each job, since nobody says when that is closed.
 *
 * @param calls the system calls; for tests
 * @example
 * const mapper = readMapper()
 * const { fd, info } = await mapper.run({ target: '/proc/cpuinfo' })
 * const { mapping } = await mapper.run({ target: fd, length: info.size })
 */
export function readMapper(calls: FileCalls = nodeCalls): Mapper {
  return new ReadMapper(calls)
}

class ReadMapper implements Mapper {
  readonly name = 'read'
  readonly granularity = 1
  readonly pageSize = 1
  readonly maxOffset = Number.MAX_SAFE_INTEGER
  readonly maxLength = limits.MAX_LENGTH
  readonly detaches = true
  readonly servesAnyFile = true
  readonly #calls: FileCalls
  readonly #resting = new RestingMemory()
  /** What files without a size held when they were opened here, by descriptor. */
  readonly #snapshots = new Map<number, Uint8Array>()

  constructor(calls: FileCalls) {
    this.#calls = calls
  }

  async run(task: MapTask, signal?: AbortSignal): Promise<MapOutcome> {
    return await runAsync(this.#job(task, signal))
  }

  runSync(task: MapTask): MapOutcome {
    return runSync(this.#job(task))
  }

  async readSmall(task: SmallTask, signal?: AbortSignal): Promise<(Mapping | undefined)[]> {
    const { limit, room } = checkSmallTask(task)
    const answer: (Mapping | undefined)[] = []
    let left = room
    for (const path of task.paths) {
      const bytes = await runAsync(readSmallFile(this.#calls, path, limit, left))
      signal?.throwIfAborted()
      if (bytes === 'no room') break
      left -= bytes?.byteLength ?? 0
      answer.push(bytes && new HeapMapping(bytes, this.#resting))
    }
    return answer
  }

  async close(fd: number): Promise<void> {
    // Before the call: once it is made, the number may be given to the next file.
    this.#snapshots.delete(fd)
    await this.#calls.close(fd).async()
  }

  closeSync(fd: number): void {
    this.#snapshots.delete(fd)
    this.#calls.close(fd).sync()
  }

  drain(): void {
    this.#resting.drain()
  }

  *#job(task: MapTask, signal?: AbortSignal): Steps<MapOutcome> {
    const range = checkTask(task, this)
    return yield* withDescriptor(this.#calls, task, signal, fd => this.#serve(fd, task, range, signal))
  }

  *#serve(fd: number, task: MapTask, range: Range, signal?: AbortSignal): Steps<MapOutcome> {
    const info = yield* inspect(this.#calls, fd)
    signal?.throwIfAborted()
    if (info.kind === 'pseudo') return yield* this.#servePseudo(fd, info, task, range, signal)
    if (range.length === 0) return { fd, info }
    refuseWithoutBytes(info, task)
    if (!holds(info, range)) return { fd, info }

    const bytes = allocate(range.length, task)
    const after = yield* this.#fill(fd, info, bytes, task, range, signal)
    return holds(after, range) ? { fd, info: after, mapping: this.#mapping(bytes) } : { fd, info: after }
  }

  /** Read until `bytes` is full or the file turns out to be shorter, and stat it after that. */
  *#fill(
    fd: number,
    info: FileInfo,
    bytes: Buffer,
    task: MapTask,
    range: Range,
    signal?: AbortSignal
  ): Steps<FileInfo> {
    let filled = 0
    for (let earlyEnds = 0; ; earlyEnds++) {
      while (filled < range.length) {
        const piece = bytes.subarray(filled, filled + MAX_READ)
        const count = yield* this.#read(fd, piece, range.offset + filled, task.target)
        signal?.throwIfAborted()
        if (count === 0) break
        filled += count
      }
      const stats = yield* take(this.#calls.fstat(fd))
      signal?.throwIfAborted()
      // A device keeps its size, and its stat does not say it.
      const after = info.kind === 'block' ? info : infoOf(stats, info.kind)
      if (filled === range.length || !holds(after, range)) return after
      // It ended early and is long enough: it was truncated and has grown again since, or it has not the bytes it claims.
      if (earlyEnds === MAX_EARLY_ENDS) {
        const end = range.offset + filled
        throw new SlidemapError('ERR_MAP_IO', `the file ends at byte ${end} and says it has ${after.size}`, {
          path: pathOf(task.target),
          offset: end,
          length: range.length - filled
        })
      }
    }
  }

  /** Read once. What the disk or the network says is told with the place; a shortage of memory is none of theirs. */
  *#read(fd: number, piece: Buffer, offset: number, target: MapTask['target']): Steps<number> {
    try {
      return yield* readAt(this.#calls, fd, piece, offset)
    } catch (error) {
      throw hasCode(error, 'ENOMEM') || hasNoContent(error)
        ? error
        : unreadable(offset, pathOf(target), error)
    }
  }

  *#servePseudo(
    fd: number,
    info: FileInfo,
    task: MapTask,
    range: Range,
    signal?: AbortSignal
  ): Steps<MapOutcome> {
    const content = this.#snapshots.get(fd) ?? (yield* this.#readToEnd(fd, task, signal))
    const sized = { ...info, size: content.length }
    let outcome: MapOutcome = { fd, info: sized }
    if (range.length > 0 && holds(sized, range)) {
      const bytes = allocate(range.length, task)
      bytes.set(content.subarray(range.offset, range.offset + range.length))
      outcome = { ...outcome, mapping: this.#mapping(bytes) }
    }
    if (typeof task.target !== 'number') this.#snapshots.set(fd, content)
    return outcome
  }

  *#readToEnd(fd: number, task: MapTask, signal?: AbortSignal): Steps<Uint8Array> {
    const pieces: Buffer[] = []
    let size = 0
    for (;;) {
      const piece = Buffer.allocUnsafe(64 * 1024)
      let count: number
      try {
        count = yield* this.#read(fd, piece, size, task.target)
      } catch (error) {
        if (!hasNoContent(error)) throw error
        throw unsupported(task, 'the file has no end to read to: it waits for more to come', error)
      }
      signal?.throwIfAborted()
      if (count === 0) return Buffer.concat(pieces, size)
      size += count
      if (size > MAX_PSEUDO) {
        throw unsupported(
          task,
          `a file without a size of its own is read up to ${MAX_PSEUDO} bytes, and it is longer`
        )
      }
      pieces.push(piece.subarray(0, count))
    }
  }

  #mapping(bytes: Buffer): Mapping {
    return new HeapMapping(bytes.buffer as ArrayBuffer, this.#resting)
  }
}

/** Memory out of no pool, since it will be detached. */
function allocate(length: number, task: MapTask): Buffer {
  try {
    return Buffer.allocUnsafeSlow(length)
  } catch (cause) {
    const error = systemError(ERRNO.ENOMEM, 'malloc', pathOf(task.target), `${length} bytes`)
    throw Object.assign(error, { cause })
  }
}
