/** Makes the log that the demo walks. */
import { open, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { inBytes } from './words.js'

const blockSize = 4 * 2 ** 20

/**
 * Write a log of exactly `size` bytes: one block of lines, again and again. Its last byte ends a line.
 *
 * @param onProgress is told the bytes written so far
 * @throws an Error that says so, where the disk has no room for it
 */
export async function writeLog(
  path: string,
  size: number,
  signal: AbortSignal,
  onProgress: (bytes: number) => void
): Promise<void> {
  const disk = await statfs(dirname(path))
  const free = disk.bavail * disk.bsize
  if (free < size) {
    throw new Error(`no room in ${dirname(path)} for a log of ${inBytes(size)}: ${inBytes(free)} are free`)
  }
  const block = linesOf(Math.min(blockSize, size))
  const file = await open(path, 'wx')
  try {
    for (let written = 0; written < size; ) {
      signal.throwIfAborted()
      const length = Math.min(block.length, size - written)
      // The last block is cut off by its head, so that the log ends with a whole line.
      await file.writev([block.subarray(block.length - length)])
      written += length
      onProgress(written)
    }
  } finally {
    await file.close()
  }
}

/** Exactly `size` bytes of lines as a web server logs them. */
function linesOf(size: number): Buffer {
  const methods = ['GET', 'GET', 'GET', 'POST', 'PUT', 'DELETE']
  const lines: string[] = []
  for (let i = 0, length = 0; length < size; i++) {
    const time = new Date(Date.UTC(2026, 0, 1) + i * 37).toISOString()
    const id = Math.imul(i + 1, 0x9e3779b1) >>> 0
    const path = `/shop/${id % 97}/items/${id % 100_003}?page=${id % 13}`
    const line =
      `${time} ${id % 11 ? 'INFO' : 'WARN'} request ${id.toString(16).padStart(8, '0')} ` +
      `${methods[id % methods.length]} ${path} from 10.${id % 256}.${(id >>> 8) % 256}.${(id >>> 16) % 256} ` +
      `status=${id % 29 ? 200 : 404} bytes=${id % 65_536} took=${id % 900}ms\n`
    lines.push(line)
    length += line.length
  }
  const text = lines.join('')
  return Buffer.from(text.slice(text.length - size), 'latin1')
}
