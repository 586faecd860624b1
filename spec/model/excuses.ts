/**
 * What may go wrong, and why: an error without an excuse is a bug, and so is none where there has to be one.
 */
import type { MappedFile } from '../../lib/index.js'
import type { Disk, History } from './disk.js'

export const reason = new Error('the program gave up')

/** An open file, and what is known of it. */
export interface Opened {
  readonly file: MappedFile
  readonly path: string
  readonly history: History
  /** Changes that there had been when it was opened. */
  readonly since: number
  closed: boolean
}

/** What was going on meanwhile. */
export interface Circumstances {
  readonly files: readonly Opened[]
  readonly disk: Disk
  /** The manager is being closed. */
  readonly closing?: boolean
  /** It was aborted, with {@link reason}. */
  readonly aborted?: boolean
  /** What it was reading was unmapped, or it was sent elsewhere. */
  readonly released?: boolean
  /** It can never fit, or could not wait while others had something. */
  readonly crowded?: boolean
}

/** @returns what is wrong with this error; undefined where it is excused */
export function unexcused(error: unknown, given: Circumstances): string | undefined {
  const { files, disk } = given
  const closed = given.closing || files.some(file => file.closed)
  // One that is yet to be opened may be another by then, and shorter.
  const replaced = files.some(({ file, history, path }) => !file && disk.file(path) !== history)
  const shrank = replaced || files.some(({ history, since }) => history.shrankSince(since))
  const changed = files.some(
    ({ history, since, path }) => history.count > since || disk.file(path) !== history
  )
  if (error === reason) return given.aborted ? undefined : 'it was aborted by nobody'
  const { code } = error as { code?: string }
  const excuses: Record<string, boolean | undefined> = {
    ERR_MAP_CLOSED: closed,
    // Closing releases what is in hand.
    ERR_MAP_RELEASED: given.released || closed,
    ERR_MAP_FILE_TRUNCATED: shrank,
    ERR_MAP_IO: shrank,
    ERR_MAP_FILE_CHANGED: changed,
    ERR_MAP_LIMIT: given.crowded
  }
  return excuses[code ?? ''] ? undefined : `no excuse for ${String((error as Error)?.stack ?? error)}`
}

/** What a call answers, or throws. */
export function attempt<T>(call: () => T): { value?: T; error?: unknown } {
  try {
    return { value: call() }
  } catch (error) {
    return { error }
  }
}
