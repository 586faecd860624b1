/** Opening, looking at and closing files with Node's own calls, for the mappers that have no C of their own. */
import type { Buffer } from 'node:buffer'
import * as fs from 'node:fs'
import { promisify } from 'node:util'
import { hasCode } from '../errors.js'
import type { FileInfo, MapTask } from './mapper.js'
import { type Step, type Steps, take } from './steps.js'

/** The system calls that the mappers make by way of Node: each one a step, made on this thread or off it. */
export interface FileCalls {
  /** Open read-only, close-on-exec, never waiting for the other end of a FIFO. */
  open(path: string | Buffer, flags: number): Step<number>
  fstat(fd: number): Step<fs.BigIntStats>
  /** Read up to `bytes.length` bytes at `position` without moving the descriptor's own place; 0 is the end. */
  read(fd: number, bytes: Uint8Array, position: number): Step<number>
  close(fd: number): Step<void>
}

const openAsync = promisify(fs.open)
const closeAsync = promisify(fs.close)
// Windows has none.
const nonBlocking = fs.constants.O_NONBLOCK ?? 0

/** {@link FileCalls} on `node:fs`. */
export const nodeCalls: FileCalls = {
  open(path, extra) {
    const flags = fs.constants.O_RDONLY | nonBlocking | extra
    return { sync: () => fs.openSync(path, flags), async: () => openAsync(path, flags) }
  },
  fstat(fd) {
    return {
      sync: () => fs.fstatSync(fd, { bigint: true }),
      async: () =>
        new Promise((resolve, reject) => {
          fs.fstat(fd, { bigint: true }, (error, stats) => (error ? reject(error) : resolve(stats)))
        })
    }
  },
  read(fd, bytes, position) {
    return {
      sync: () => fs.readSync(fd, bytes, 0, bytes.length, position),
      async: () =>
        new Promise((resolve, reject) => {
          fs.read(fd, bytes, 0, bytes.length, position, (error, n) => (error ? reject(error) : resolve(n)))
        })
    }
  },
  close(fd) {
    return { sync: () => fs.closeSync(fd), async: () => closeAsync(fd) }
  }
}

/**
 * Do something with a task's descriptor, opening it first where the task names a path. What was opened here is
 * closed again where it fails.
 */
export function* withDescriptor<T>(
  calls: FileCalls,
  { target, flags = 0 }: MapTask,
  signal: AbortSignal | undefined,
  use: (fd: number) => Steps<T>
): Steps<T> {
  signal?.throwIfAborted()
  if (typeof target === 'number') return yield* use(target)
  const fd = yield* take(calls.open(target, flags))
  try {
    signal?.throwIfAborted()
    return yield* use(fd)
  } catch (error) {
    try {
      yield* take(calls.close(fd))
    } catch {
      // What went wrong first is what to tell.
    }
    throw error
  }
}

/** Stat, and find out whether the size is to be trusted. */
export function* inspect(calls: FileCalls, fd: number): Steps<FileInfo> {
  const stats = yield* take(calls.fstat(fd))
  if (stats.isBlockDevice()) return infoOf(stats, 'block', yield* capacity(calls, fd))
  if (stats.isFile() && stats.blocks === 0n) return yield* inspectUnallocated(calls, fd, stats)
  return infoOf(stats, stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other')
}

/**
 * A file with no blocks is empty, all holes, kept in its inode, or made up as it is read (procfs, sysfs): it is
 * what it says it is if its last byte is there, and none after an empty end.
 */
function* inspectUnallocated(calls: FileCalls, fd: number, stats: fs.BigIntStats): Steps<FileInfo> {
  const claimed = Number(stats.size)
  let found: boolean
  try {
    found = (yield* readAt(calls, fd, new Uint8Array(1), Math.max(0, claimed - 1))) > 0
  } catch {
    // A disk's failure would not show in a file without blocks; reading it will tell what this was.
    return infoOf(stats, 'pseudo')
  }
  if (found === claimed > 0) return infoOf(stats, 'file')
  // A file that was written to or truncated in between would look like it, too: it has another size now.
  const later = yield* take(calls.fstat(fd))
  return infoOf(later, later.size === stats.size ? 'pseudo' : 'file')
}

/** Compose what is known of an open file. */
export function infoOf(stats: fs.BigIntStats, kind: FileInfo['kind'], size = Number(stats.size)): FileInfo {
  return { kind, size, dev: stats.dev, ino: stats.ino, mtimeNs: stats.mtimeNs }
}

/** Bytes of a block device: its stat says 0, so the last byte that can be read is searched for. */
function* capacity(calls: FileCalls, fd: number): Steps<number> {
  const byte = new Uint8Array(1)
  let inside = -1
  let outside = 1
  while ((yield* readAt(calls, fd, byte, outside)) > 0) {
    inside = outside
    outside *= 2
  }
  while (outside - inside > 1) {
    const middle = Math.floor((inside + outside) / 2)
    if ((yield* readAt(calls, fd, byte, middle)) > 0) inside = middle
    else outside = middle
  }
  return outside
}

/**
 * Read once, as many bytes as the OS gives at once; 0 at the end.
 *
 * A signal handler elsewhere in the process can interrupt reads from some network and FUSE mounts: these start over.
 */
export function* readAt(calls: FileCalls, fd: number, bytes: Uint8Array, position: number): Steps<number> {
  for (;;) {
    try {
      return yield* take(calls.read(fd, bytes, position))
    } catch (error) {
      if (!hasCode(error, 'EINTR')) throw error
    }
  }
}

/** Whether reading a descriptor would have waited, or it has no bytes at offsets at all. */
export function hasNoContent(error: unknown): boolean {
  return hasCode(error, 'EAGAIN') || hasCode(error, 'ESPIPE')
}
