/**
 * Handles: how many files are open, and which of them are closed to make room.
 *
 * A handle is in use only while a job runs on it: a mapping outlives its descriptor. Idle handles are closed, the
 * one used longest ago first, when another file needs the room, and opened again when they are needed.
 */
import { Buffer } from 'node:buffer'
import { fstat, fstatSync, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { ERRNO, SlidemapError, systemError } from '../errors.js'
import type { FileInfo, MapOutcome, Mapper } from '../mapping/mapper.js'
import { Budget } from './budget.js'
import { type Linked, LinkedList } from './linked-list.js'
import { withPath } from './told.js'

/** One file's descriptor: ours to open and close, or lent by the caller and never closed. */
export class Handle implements Linked<Handle> {
  previous: Handle | undefined
  next: Handle | undefined
  list: LinkedList<Handle> | undefined

  /** -1 while closed. Owned by {@link Handles}. */
  fd = -1
  /** Jobs that run on it now. */
  users = 0
  /** Called when the last of them ends. */
  readonly drained: (() => void)[] = []
  /** What the OS said when it was opened first; what it says later must be the same file. */
  info: FileInfo | undefined
  /** Who follows the file: while somebody does, it may have grown when it is opened again. */
  followers = 0
  mapper: Mapper
  /** The mapper that opened the descriptor, and closes it. */
  opener: Mapper

  readonly source: HandleSource
  /** Extra flags for opening it. */
  readonly flags: number
  /** The path as text, for errors. */
  readonly path: string | undefined
  /** The same place, wherever the process goes meanwhile. */
  readonly #place: string | Buffer | undefined

  constructor(mapper: Mapper, source: HandleSource, flags = 0) {
    this.mapper = this.opener = mapper
    this.source = source
    this.flags = flags
    if (typeof source === 'function') return
    this.path = source.toString()
    this.#place = absolute(source)
  }

  /** What to open: first what the caller named, in errors too, and again what that was then. */
  get place(): string | Buffer {
    return (this.info && this.#place) ?? (this.source as string | Buffer)
  }

  /** Whether that is this place, as {@link placeOf} has it. */
  isAt(place: string): boolean {
    return this.#place !== undefined && placeOf(this.#place) === place
  }

  /**
   * What is at that place now, or under the descriptor that was lent, without opening it.
   *
   * @throws errors of the OS: EBADF where the owner of the descriptor has closed it
   */
  async inspect(): Promise<Found> {
    const { source } = this
    const { size, dev, ino } = await (typeof source === 'function'
      ? fstatLater(lent(source), BIGINT)
      : stat(this.place, BIGINT))
    return { size: Number(size), dev, ino }
  }

  /** The same on this thread. */
  inspectSync(): Found {
    const { source } = this
    const stats =
      typeof source === 'function' ? fstatSync(lent(source), BIGINT) : statSync(this.place, BIGINT)
    const { size, dev, ino } = stats
    return { size: Number(size), dev, ino }
  }
}

function absolute(path: string | Buffer): string | Buffer | undefined {
  try {
    // Windows' own paths are text, and text alone can be longer than 260 characters there.
    if (typeof path === 'string' || process.platform === 'win32') return resolve(path.toString())
    return path[0] === SLASH ? path : Buffer.concat([Buffer.from(`${process.cwd()}/`), path])
  } catch {
    // The folder the process is in is gone: then only what is absolute already can be opened.
    return undefined
  }
}

const SLASH = 0x2f

/**
 * A path as it is compared: absolute, and a character for each byte, since names need not be text. On Windows they are,
 * and those that differ in case alone are one.
 *
 * @throws ENOENT for a relative path where the folder the process is in is gone
 */
export function placeOf(path: string | Buffer): string {
  if (process.platform === 'win32') return resolve(path.toString()).toLowerCase()
  const bytes = charactersOf(path)
  return resolve(bytes.startsWith('/') ? bytes : `${charactersOf(process.cwd())}/${bytes}`)
}

function charactersOf(path: string | Buffer): string {
  return Buffer.from(path as string).toString('latin1')
}

const BIGINT = { bigint: true } as const

const fstatLater = promisify(fstat)

/** A path to open, or what answers a descriptor that is the caller's own and is never closed here, -1 if it is closed. */
export type HandleSource = string | Buffer | (() => number)

/** What a job came to, and by which mapper: absent, the handle's own; by now another may serve it. */
export interface JobOutcome extends Pick<MapOutcome, 'fd' | 'info'> {
  readonly mapping?: MapOutcome['mapping'] | undefined
  readonly mapper?: Mapper
}

/** What a job is run on: a descriptor, or a path that it opens first. */
export type Target = number | string | Buffer

export class Handles {
  readonly budget: Budget
  readonly #idle = new LinkedList<Handle>()

  /**
   * @param limit handles open at a time, >= 1
   * @param onWait called when somebody starts to wait for one
   */
  constructor(limit: number, onWait?: (amount: number) => void) {
    this.budget = new Budget({
      limit,
      name: 'maxHandles',
      unit: 'handles',
      reclaim: short => this.#closeIdle(short),
      ...(onWait && { onWait })
    })
  }

  /**
   * Run `job` on a handle, opening it if need be; it is not closed meanwhile.
   *
   * @param same what must hold between what was opened first and what is opened again; default: as far as the OS
   *   tells, the same file with the same content, or the same file where somebody follows it
   * @throws {SlidemapError} ERR_MAP_FILE_CHANGED if what is opened again is not what was opened first
   */
  use<T extends JobOutcome>(
    handle: Handle,
    job: (target: Target) => Promise<T>,
    signal?: AbortSignal,
    same?: typeof isSameFile
  ): Promise<T> {
    const { source } = handle
    if (typeof source === 'function') return this.#pinned(handle, () => job(lent(source)))
    // Where others wait for a handle, one in use is not joined: its users would never all have gone.
    const free = this.budget.waiters === 0 || handle.users === 0
    if (handle.fd !== -1 && free) return this.#pinned(handle, () => job(handle.fd))
    return this.#opening(handle, job, signal, same)
  }

  /**
   * The same on this thread, without waiting.
   *
   * @throws {SlidemapError} ERR_MAP_LIMIT where all handles are in use, ERR_MAP_FILE_CHANGED
   */
  useSync<T extends JobOutcome>(handle: Handle, job: (target: Target) => T): T {
    const { source } = handle
    if (typeof source === 'function') return job(lent(source))
    if (handle.fd !== -1) {
      const outcome = job(handle.fd)
      this.#touch(handle)
      return outcome
    }
    this.budget.demand(1, handle.path)
    try {
      const outcome = job(handle.place)
      this.#opened(handle, outcome)
      this.#touch(handle)
      return outcome
    } catch (error) {
      this.budget.release(1)
      throw error
    }
  }

  /** Close one handle now, if no job runs on it: it is opened again when it is needed. Answers whether it is closed. */
  closeIdle(handle: Handle): boolean {
    if (handle.list !== this.#idle) return handle.fd === -1
    this.#closeNow(handle)
    return true
  }

  /** Close all handles that no job runs on. */
  closeAllIdle(): void {
    this.#closeIdle(Number.POSITIVE_INFINITY)
  }

  /** Whether a job on it finds it open, or lent. */
  isOpen(handle: Handle): boolean {
    return typeof handle.source === 'function' || handle.fd !== -1
  }

  /** Whether a job on it needs no handle that others have, or wait for. */
  ready(handle: Handle): boolean {
    if (typeof handle.source === 'function') return true
    return this.budget.waiters === 0 && (handle.fd !== -1 || this.budget.held < this.budget.limit)
  }

  /** Close a handle once the jobs that run on it have ended. */
  async close(handle: Handle): Promise<void> {
    // Again and again: a job may begin between the end of the last one and this.
    while (handle.users > 0) {
      await new Promise<void>(resolve => handle.drained.push(resolve))
    }
    this.#idle.remove(handle)
    const { fd, opener } = handle
    if (fd === -1) return
    handle.fd = -1
    try {
      await opener.close(fd)
    } catch (error) {
      throw withPath(error, handle.path)
    } finally {
      this.budget.release(1)
    }
  }

  async #opening<T extends JobOutcome>(
    handle: Handle,
    job: (target: Target) => Promise<T>,
    signal?: AbortSignal,
    same?: typeof isSameFile
  ): Promise<T> {
    await this.budget.acquire(1, signal)
    // Another job may have opened it while this one waited.
    if (handle.fd !== -1) {
      this.budget.release(1)
      return this.#pinned(handle, () => job(handle.fd))
    }
    return this.#pinned(handle, async () => {
      try {
        const outcome = await job(handle.place)
        this.#opened(handle, outcome, same)
        return outcome
      } catch (error) {
        this.budget.release(1)
        throw error
      }
    })
  }

  /** Takes the outcome's descriptor over, or throws and leaves neither it nor a mapping behind. */
  #opened(handle: Handle, outcome: JobOutcome, same = handle.followers > 0 ? isSameFile : isUnchanged): void {
    const { mapper = handle.mapper } = outcome
    if (handle.info !== undefined && !same(handle.info, outcome.info)) {
      outcome.mapping?.unmap()
      closeQuietly(mapper, outcome.fd)
      throw changed(handle)
    }
    if (handle.fd === -1) {
      handle.fd = outcome.fd
      handle.opener = mapper
      return
    }
    // Two jobs opened it at the same time: one descriptor a file is enough.
    closeQuietly(mapper, outcome.fd)
    this.budget.release(1)
  }

  async #pinned<T>(handle: Handle, job: () => Promise<T>): Promise<T> {
    handle.users++
    this.#idle.remove(handle)
    try {
      return await job()
    } finally {
      if (--handle.users === 0) this.#rest(handle)
    }
  }

  #rest(handle: Handle): void {
    if (handle.drained.length > 0) {
      for (const drained of handle.drained.splice(0)) drained()
      return
    }
    if (handle.fd === -1) return
    this.#idle.push(handle)
    this.budget.serve()
  }

  /** It was used, and no longer is unless jobs run on it. */
  #touch(handle: Handle): void {
    if (handle.users === 0) this.#rest(handle)
  }

  #closeIdle(short: number): void {
    for (const handle of this.#idle) {
      if (short-- <= 0) return
      this.#closeNow(handle)
    }
  }

  #closeNow(handle: Handle): void {
    this.#idle.remove(handle)
    const { fd, opener } = handle
    handle.fd = -1
    // At once, not on the thread pool: whoever waits may have it now, and reading-only closes do not block.
    closeQuietly(opener, fd)
    this.budget.release(1)
  }
}

function lent(source: () => number): number {
  const fd = source()
  if (fd < 0) throw systemError(ERRNO.EBADF, 'fstat')
  return fd
}

/** Close a descriptor that nobody asked to be closed: it is gone whatever the OS says, and only that matters. */
function closeQuietly(mapper: Mapper, fd: number): void {
  try {
    mapper.closeSync(fd)
  } catch {
    // Nothing was written, so nothing is lost; who waits for the room is not to blame.
  }
}

/** Whether it is the same file with, as far as the OS tells, the same content. */
function isUnchanged(before: FileInfo, now: FileInfo): boolean {
  return isSameFile(before, now) && before.size === now.size && before.mtimeNs === now.mtimeNs
}

/** What tells a file from all others, whatever its path. */
export type Identity = Pick<FileInfo, 'dev' | 'ino'>

/** What is found without opening it. */
export type Found = Identity & Pick<FileInfo, 'size'>

/** Whether two descriptors are open on one file, or one is and the other is what a path leads to. */
export function isSameFile(a: Identity, b: Identity): boolean {
  return a.ino === b.ino && isSameDrive(a.dev, b.dev)
}

/** On Windows, libuv 1.49 and 1.50 tell of a path no drive, or one of 64 bits, and of a descriptor one of 32. */
function isSameDrive(a: bigint, b: bigint): boolean {
  if (a === b || process.platform !== 'win32') return a === b
  return a === 0n || b === 0n || BigInt.asUintN(32, a) === BigInt.asUintN(32, b)
}

export function changed(handle: Handle): SlidemapError {
  const name = handle.path === undefined ? 'the descriptor' : `'${handle.path}'`
  return new SlidemapError('ERR_MAP_FILE_CHANGED', `${name} is no longer the file that was opened`, {
    path: handle.path
  })
}
