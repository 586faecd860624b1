/** The addon of this checkout, and one mapping of it after another. */
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Addon, AddonOutcome } from '../../lib/mapping/addon.js'

/** Where the addon is, for Workers and children. */
export const addonPath = fileURLToPath(new URL('../../native/build/Release/slidemap.node', import.meta.url))

export const addon = createRequire(import.meta.url)(addonPath) as Addon

const page = addon.pageSize
let lastJob = 0

/** A job number that no other has. */
export function nextJob(): number {
  return ++lastJob
}

/** What to map, and how; all of a file's first page where nothing is said. */
export interface Asked {
  flags?: number
  offset?: number
  length?: number
  populate?: boolean
  exact?: boolean
}

type Target = string | number

function place(target: Target): [fd: number, path: Uint8Array | null] {
  return typeof target === 'number' ? [target, null] : [-1, Buffer.from(target)]
}

export function run(target: Target, asked: Asked = {}, job = nextJob()): Promise<AddonOutcome> {
  const { flags = 0, offset = 0, length = page, populate = true, exact } = asked
  return addon.run(job, ...place(target), flags, offset, length, populate, exact)
}

export function runSync(target: Target, asked: Asked = {}): AddonOutcome {
  const { flags = 0, offset = 0, length = page, populate = false, exact } = asked
  return addon.runSync(...place(target), flags, offset, length, populate, exact)
}

/** The mapped bytes of an outcome, which must have some. */
export function bytesOf({ buffer, errno, syscall }: AddonOutcome): Buffer {
  if (buffer === undefined) throw new Error(`nothing was mapped: errno ${errno} of '${syscall}'`)
  return Buffer.from(buffer)
}

/** Unmap what an outcome has, and close what it opened. Answers what unmap did. */
export function release(outcome: AddonOutcome, keepFd = false): number {
  const lost = outcome.copied ? -1 : addon.unmap(outcome.slot, outcome.serial, outcome.buffer ?? null)
  if (!keepFd && outcome.fd >= 0) addon.closeSync(outcome.fd)
  return lost
}

/** Collect garbage and let finalizers run, until it is so; false where it never is. */
export async function collectUntil(isSo: () => boolean): Promise<boolean> {
  for (let turn = 0; turn < 100; turn++) {
    globalThis.gc?.()
    await new Promise(resolve => setImmediate(resolve))
    if (isSo()) return true
  }
  return false
}
