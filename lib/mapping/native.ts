/** The mapper on slidemap's own addon: real maps, faulted in on the thread pool, unmapped at once. */
import { Buffer, constants as limits } from 'node:buffer'
import { toNamespacedPath } from 'node:path'
import { UnderWay } from '../abort.js'
import { ERRNO, systemError } from '../errors.js'
import { type Addon, type AddonOutcome, KIND } from './addon.js'
import { HeapMapping, RestingMemory } from './heap.js'
import { loadAddon } from './load-addon.js'
import type { FileInfo, Mapper, MapOutcome, Mapping, MapTask, SmallTask } from './mapper.js'
import { checkMayRead, mayRead } from './permission.js'
import type { Range } from '../range.js'
import { checkSmallTask, checkTask, hintFor, holds, pathOf, refuseUnmappable, unreadable } from './task.js'

const kinds = Object.fromEntries(Object.entries(KIND).map(([name, number]) => [number, name]))

/** Bytes that are kept to read small files into. */
const MAX_SCRATCH = 2 ** 20

/** The last number given to a job; on the addon itself, since mappers that share it share its jobs. */
const lastJob = Symbol.for('slidemap.lastJob')
type Numbered = Addon & { [lastJob]?: number }

/**
 * A mapper on the addon.
 *
 * Mappings are private and copy-on-write, at any offset up to 2^53 - 1. `unmap()` detaches and unmaps at once; the
 * address range rests, covered by empty pages, until {@link Mapper.drain} or later releases give it back.
 *
 * Where the runtime forbids external buffers (Electron), mappings are copies on the heap that behave the same.
 *
 * @param addon default {@link loadAddon}
 * @throws {Error} where the addon cannot be loaded
 * @example
 * const mapper = nativeMapper()
 * const { fd, mapping } = await mapper.run({ target: 'huge.log', offset: 0, length: 1024 })
 * mapping?.unmap()
 * await mapper.close(fd)
 */
export function nativeMapper(addon: Addon = loadAddon()): Mapper {
  return new NativeMapper(addon)
}

class NativeMapper implements Mapper {
  readonly name = 'native'
  readonly granularity: number
  readonly pageSize: number
  readonly maxOffset = Number.MAX_SAFE_INTEGER
  // A longer one would be mapped and then refused by the runtime, its finalizer run or not.
  readonly maxLength = limits.MAX_LENGTH
  readonly detaches = true
  readonly servesAnyFile = false
  readonly scan: (bytes: Uint8Array, delimiter: Uint8Array, positions: Uint32Array) => number
  readonly #addon: Numbered
  readonly #resting = new RestingMemory()
  readonly #underWay = new UnderWay<number>(job => this.#addon.cancel(job))
  /** What the last job for small files was read into. */
  #scratch: Buffer | undefined

  constructor(addon: Addon) {
    this.#addon = addon
    this.scan = addon.scan
    this.granularity = addon.granularity
    this.pageSize = addon.pageSize
  }

  async run(task: MapTask, signal?: AbortSignal): Promise<MapOutcome> {
    const range = checkTask(task, this)
    signal?.throwIfAborted()
    const { fd, path, flags } = fileOf(task)
    const job = this.#newJob(signal)
    let outcome: AddonOutcome
    try {
      outcome = await this.#addon.run(job, fd, path, flags, range.offset, range.length, true, task.exact)
      if (fallsShort(outcome, task, range)) {
        // Of this look only the kind: the file may have grown since, and there is no mapping.
        outcome.kind = (await this.#addon.run(job, fd, path, flags, 0, 0, false)).kind
      }
    } finally {
      this.#endJob(job, signal)
    }
    try {
      signal?.throwIfAborted()
      return this.#accept(outcome, task, range)
    } catch (error) {
      this.#unmap(outcome)
      if (opened(outcome, task)) await this.#addon.close(outcome.fd)
      throw error
    }
  }

  runSync(task: MapTask): MapOutcome {
    const range = checkTask(task, this)
    const { fd, path, flags } = fileOf(task)
    const outcome = this.#addon.runSync(fd, path, flags, range.offset, range.length, false, task.exact)
    if (fallsShort(outcome, task, range))
      outcome.kind = this.#addon.runSync(fd, path, flags, 0, 0, false).kind
    try {
      return this.#accept(outcome, task, range)
    } catch (error) {
      this.#unmap(outcome)
      if (opened(outcome, task)) this.#addon.closeSync(outcome.fd)
      throw error
    }
  }

  async readSmall(task: SmallTask, signal?: AbortSignal): Promise<(Mapping | undefined)[]> {
    const { limit, room } = checkSmallTask(task)
    signal?.throwIfAborted()
    // Each is then opened on its own, and one of them refused.
    if (!task.paths.every(mayRead)) return task.paths.map(() => undefined)
    const target = this.#takeScratch(room)
    const job = this.#newJob(signal)
    try {
      const lengths = await this.#addon.readSmall(job, listOf(task.paths), limit, target)
      signal?.throwIfAborted()
      return this.#cut(target, lengths)
    } finally {
      this.#endJob(job, signal)
      if (target.buffer.byteLength <= MAX_SCRATCH) this.#scratch = Buffer.from(target.buffer)
    }
  }

  async visitCache(
    fd: number,
    { offset, length }: Range,
    forget: readonly Range[],
    signal?: AbortSignal
  ): Promise<Range[]> {
    const job = this.#newJob(signal)
    try {
      const due = Float64Array.from(forget.flatMap(range => [range.offset, range.length]))
      const absent = await this.#addon.visitCache(job, fd, offset, length, due)
      if (absent === null) throw signal?.reason
      return Array.from({ length: absent.length / 2 }, (_, i) => ({
        offset: absent[2 * i] ?? 0,
        length: absent[2 * i + 1] ?? 0
      }))
    } finally {
      this.#endJob(job, signal)
    }
  }

  async close(fd: number): Promise<void> {
    succeed(await this.#addon.close(fd), 'close')
  }

  closeSync(fd: number): void {
    succeed(this.#addon.closeSync(fd), 'close')
  }

  expectCopies(): void {
    this.#addon.keepFreedMemory()
  }

  drain(): void {
    this.#scratch = undefined
    this.#resting.drain()
    this.#addon.drain()
  }

  /** Memory for a job to read into: it stays warm from job to job. */
  #takeScratch(room: number): Buffer {
    const scratch = this.#scratch
    this.#scratch = undefined
    return scratch && scratch.length >= room ? scratch.subarray(0, room) : Buffer.allocUnsafeSlow(room)
  }

  /** Give each file memory of its own, that can be detached by itself. */
  #cut(from: Buffer, lengths: Int32Array): (Mapping | undefined)[] {
    const answer: (Mapping | undefined)[] = []
    for (let i = 0, at = from.byteOffset; i < lengths.length; i++) {
      const length = lengths[i] as number
      // Of an array, so that nothing is zeroed before it is written.
      const bytes = length < 0 ? undefined : new Uint8Array(new Uint8Array(from.buffer, at, length)).buffer
      answer.push(bytes && new HeapMapping(bytes, this.#resting))
      at += Math.max(0, length)
    }
    return answer
  }

  /** A number for a job, which is cancelled when `signal` is aborted before {@link #endJob}. */
  #newJob(signal: AbortSignal | undefined): number {
    const job = (this.#addon[lastJob] ?? 0) + 1
    this.#addon[lastJob] = job
    if (signal) this.#underWay.add(signal, job)
    return job
  }

  #endJob(job: number, signal: AbortSignal | undefined): void {
    if (signal) this.#underWay.delete(signal, job)
  }

  #accept(outcome: AddonOutcome, task: MapTask, range: Range): MapOutcome {
    throwIfUnreadable(outcome, task, range)
    succeed(outcome.errno, outcome.syscall, pathOf(task.target))
    const { fd, kind, size, dev, ino, mtimeNs, buffer } = outcome
    const info: FileInfo = { kind: kinds[kind] as FileInfo['kind'], size, dev, ino, mtimeNs }
    if (range.length > 0) refuseUnmappable(info, task, this.name)
    if (buffer === undefined) return { fd, info }
    if (!holds(info, range)) {
      this.#unmap(outcome)
      return { fd, info }
    }
    return { fd, info, mapping: this.#mapping(outcome, buffer) }
  }

  #mapping({ slot, serial, copied }: AddonOutcome, buffer: ArrayBuffer): Mapping {
    return copied
      ? new HeapMapping(buffer, this.#resting)
      : new NativeMapping(this.#addon, slot, serial, buffer)
  }

  #unmap({ slot, serial, copied, buffer }: AddonOutcome): void {
    if (buffer !== undefined && !copied) this.#addon.unmap(slot, serial, buffer)
  }
}

class NativeMapping implements Mapping {
  readonly buffer: ArrayBuffer
  readonly #addon: Addon
  readonly #slot: number
  readonly #serial: number
  readonly losses: Uint32Array
  /** What the addon said last. */
  #lost = -1
  /** The count of losses when it was asked; undefined before. */
  #seen: number | undefined
  #unmapped = false

  constructor(addon: Addon, slot: number, serial: number, buffer: ArrayBuffer) {
    this.#addon = addon
    this.#slot = slot
    this.#serial = serial
    this.buffer = buffer
    this.losses = addon.losses
  }

  /** Made when it is asked for: of regions that stay mapped, 100,000 at a time, few are ever left to the collector. */
  get forget(): () => void {
    return forgetter(this.#addon, this.#slot, this.#serial)
  }

  unmap(): number {
    if (this.#unmapped) return this.#lost
    this.#unmapped = true
    this.#lost = this.#addon.unmap(this.#slot, this.#serial, this.buffer)
    return this.#lost
  }

  fault(): number {
    const losses = this.losses[0]
    if (losses === this.#seen || this.#unmapped) return this.#lost
    // Read before asking: what is lost in between shows the next time.
    this.#seen = losses
    this.#lost = this.#addon.fault(this.#slot, this.#serial)
    return this.#lost
  }
}

/** A function of its own: a closure made where the mapping is in scope might keep its buffer alive. */
function forgetter(addon: Addon, slot: number, serial: number): () => void {
  return () => {
    addon.unmap(slot, serial, null)
  }
}

/** Bytes of a path at the most; longer than that of any OS. */
const MAX_PATH = 128 * 1024

/** A task's file as the addon takes it. */
function fileOf({ target, flags = 0 }: MapTask): { fd: number; path: Uint8Array | null; flags: number } {
  if (typeof target === 'number') return { fd: target, path: null, flags }
  checkMayRead(target)
  const path = bytesOf(target)
  // The addon does not copy what no OS would open.
  if (path.length > MAX_PATH) throw systemError(ERRNO.ENAMETOOLONG, 'open', pathOf(target))
  return { fd: -1, path, flags }
}

function bytesOf(path: string | Buffer): Buffer {
  return typeof path === 'string' ? Buffer.from(toNamespacedPath(path)) : path
}

/** Paths as the addon takes many: each with a null byte after it. */
function listOf(paths: SmallTask['paths']): Buffer {
  // One string is encoded many times faster than its parts are.
  if (paths.every(path => typeof path === 'string')) {
    return Buffer.from(`${paths.map(path => toNamespacedPath(path)).join('\0')}\0`)
  }
  const end = Buffer.alloc(1)
  return Buffer.concat(paths.flatMap(path => [bytesOf(path), end]))
}

/**
 * The addon trusts the size of a descriptor that it is given with a range. Where the range ends past that size, the
 * file is looked at on its own: one whose size is not its content's must not pass for a short one.
 */
function fallsShort({ errno, kind, buffer }: AddonOutcome, { target }: MapTask, { length }: Range): boolean {
  return typeof target === 'number' && length > 0 && errno === 0 && kind === KIND.file && buffer === undefined
}

function opened({ fd }: AddonOutcome, { target }: MapTask): boolean {
  return typeof target !== 'number' && fd >= 0
}

/** What the OS answers EIO to where a page of the range cannot be read. */
function throwIfUnreadable(
  { errno, syscall, lost = 0 }: AddonOutcome,
  { target }: MapTask,
  range: Range
): void {
  if (errno !== ERRNO.EIO || syscall !== 'madvise') return
  throw unreadable(range.offset + lost, pathOf(target), systemError(errno, syscall))
}

function succeed(errno: number, syscall: string, path?: string): void {
  if (errno !== 0) throw systemError(errno, syscall, path, hintFor(errno, syscall))
}
