/** Small files read whole with Node's own calls. */
import type { Buffer } from 'node:buffer'
import { type FileCalls, inspect, readAt } from './descriptor.js'
import { type Steps, take } from './steps.js'

/**
 * Open a file, read all of it, and close it.
 *
 * @param limit bytes; a larger file is not read
 * @param room bytes; `'no room'` for a file below the limit that is larger than this
 * @returns undefined for a file that has to be opened on its own, which tells why
 */
export function* readSmallFile(
  calls: FileCalls,
  path: string | Buffer,
  limit: number,
  room: number
): Steps<ArrayBuffer | 'no room' | undefined> {
  let fd: number
  try {
    fd = yield* take(calls.open(path, 0))
  } catch {
    return undefined
  }
  try {
    const { kind, size } = yield* inspect(calls, fd)
    if (kind !== 'file' || size > limit) return undefined
    if (size > room) return 'no room'
    return yield* readWhole(calls, fd, size)
  } catch {
    return undefined
  } finally {
    try {
      yield* take(calls.close(fd))
    } catch {
      // It was read, or will be opened again: either way nothing hangs on this.
    }
  }
}

function* readWhole(calls: FileCalls, fd: number, size: number): Steps<ArrayBuffer | undefined> {
  // Of its own, not out of a pool: it will be detached.
  const bytes = new Uint8Array(size)
  for (let done = 0; done < size; ) {
    const count = yield* readAt(calls, fd, bytes.subarray(done), done)
    if (count === 0) return undefined
    done += count
  }
  // A read that a truncation overtakes may answer zeros to the end of the page, as if they were the file's.
  const sure = size === 0 || bytes[size - 1] !== 0 || (yield* take(calls.fstat(fd))).size >= size
  return sure ? bytes.buffer : undefined
}
