/**
 * Learning that a file has changed: by the OS's word where it gives one, and by looking again after a while where it
 * does not (network mounts, descriptors, links that are made to point elsewhere).
 */
import { type FSWatcher, watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import { hasCode } from '../errors.js'
import type { Identity } from '../manager/handles.js'

/** Waits for one change. */
export interface Alarm {
  /** Settles when something may have changed since the alarm was set; never rejects. */
  readonly rung: Promise<void>
  /** Give back what it takes; `rung` may never settle from here on. Idempotent. */
  cancel(): void
}

/** What a follower asks of the world outside; specs drive one by hand. */
export interface FileWatch {
  /**
   * @param path absent where the file was opened by a descriptor
   * @param intervalMs how long to wait at the most
   */
  set(path: string | Buffer | undefined, intervalMs: number): Alarm
  /** The file at this path now; undefined where there is none. */
  identify(path: string | Buffer): Promise<Identity | undefined>
}

/** The file system of this machine. */
export const systemWatch: FileWatch = {
  set(path, intervalMs) {
    let watcher: FSWatcher | undefined
    let timer: NodeJS.Timeout | undefined
    const cancel = () => {
      watcher?.close()
      clearTimeout(timer)
    }
    const rung = new Promise<void>(resolve => {
      timer = setTimeout(resolve, intervalMs)
      watcher = path === undefined ? undefined : watchPath(path, resolve)
    })
    return { rung, cancel }
  },

  async identify(path) {
    try {
      return await stat(path, { bigint: true })
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }
}

/** Whether the OS says that there is nothing at a path. */
export function isMissing(error: unknown): boolean {
  return hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')
}

/** Undefined where the OS cannot watch it: there is the interval. */
function watchPath(path: string | Buffer, changed: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(path, changed)
    watcher.on('error', () => watcher.close())
    return watcher
  } catch {
    return undefined
  }
}
