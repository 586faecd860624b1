import crypto from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { checkRoom } from './machine.mjs'
import { ABSENT, formatSize, MiB } from './units.mjs'

/**
 * A folder of this run's own in the temporary folder. It goes when the process does, interrupted or not.
 */
export function makeFolder() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'slidemap-bench-'))
  process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }))
  return folder
}

/**
 * Write a real file of `size` bytes without the byte `ABSENT`, flush it (write-back would run under the first
 * contestants) and leave it in the page cache. Can be interrupted between blocks.
 */
export async function makeWorkFile(folder, size) {
  checkRoom(folder, size)
  const file = path.join(folder, 'work')
  const block = crypto.randomBytes(16 * MiB)
  for (let i = 0; i < block.length; i++) if (block[i] === ABSENT) block[i] = 1
  const fd = fs.openSync(file, 'wx')
  try {
    for (let at = 0; at < size; at += block.length) {
      block.write(`block at ${at}\n`)
      fs.writeSync(fd, block, 0, Math.min(block.length, size - at))
      progress(`writing ${formatSize(size)}: ${Math.floor((100 * at) / size)} %`)
      await setImmediate()
    }
    progress(`flushing ${formatSize(size)}`)
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
  readThrough(file, block)
  progress('')
  return file
}

/** Read it once: it is in the page cache then, if there is room. */
export function readThrough(file, buffer = Buffer.allocUnsafeSlow(MiB)) {
  const fd = fs.openSync(file)
  while (fs.readSync(fd, buffer) > 0);
  fs.closeSync(fd)
}

/** One line on stderr, overwritten by the next; nothing where stderr is no terminal. */
export function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}
