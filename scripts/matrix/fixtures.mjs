/** The files that the program of the matrix reads: made once in a folder, and told again without reading them. */
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  writeFileSync,
  writeSync
} from 'node:fs'
import { join } from 'node:path'

const KiB = 2 ** 10
const MiB = 2 ** 20
const GiB = 2 ** 30

/** Where the sparse file has bytes: across and behind each border that a narrower offset would wrap or break at. */
export const marks = [0, 2 * GiB - 5, 2 * GiB + 64, 4 * GiB - 6, 4 * GiB + 64, 4 * GiB + MiB, 5 * GiB - 32]
export const sparseSize = 5 * GiB

/** What stands at a mark. */
export function markAt(offset) {
  return Buffer.from(`<${offset}>`)
}

/** Lines of text with characters of one to four bytes; the first have more than a window of 64 KiB between them. */
export function textLines() {
  const lines = Array.from({ length: 40_000 }, (_, i) => `line ${i}: ${'äß漢😀'.repeat(i % 7)}`)
  lines[3] = 'x'.repeat(200 * KiB)
  return lines
}

/** Records with their length before them in four bytes, the least first. */
export function recordPayloads() {
  return Array.from({ length: 3000 }, (_, i) => Buffer.alloc((i * 37) % 901, String(i)))
}

export function smallPayloads() {
  return Array.from({ length: 120 }, (_, i) => Buffer.from(`small ${i}\n`.repeat(i)))
}

/** Paths of the files in a folder, whether they are there or not. */
export function paths(folder) {
  return {
    sparse: join(folder, 'sparse.bin'),
    text: join(folder, 'text with spaces, ünïcode.txt'),
    records: join(folder, 'records.bin'),
    small: smallPayloads().map((_, i) => join(folder, 'small', `${i}.txt`)),
    ready: join(folder, 'ready')
  }
}

/** Make the files, once. Nobody writes into them afterwards. */
export function makeFixtures(folder) {
  const { sparse, text, records, small, ready } = paths(folder)
  if (existsSync(ready)) return
  mkdirSync(join(folder, 'small'), { recursive: true })
  makeSparse(sparse)
  writeFileSync(text, `${textLines().join('\n')}\n`)
  writeFileSync(
    records,
    Buffer.concat(
      recordPayloads().flatMap(payload => {
        const length = Buffer.alloc(4)
        length.writeUInt32LE(payload.length)
        return [length, payload]
      })
    )
  )
  for (const [i, payload] of smallPayloads().entries()) writeFileSync(small[i], payload)
  writeFileSync(`${ready}.new`, '')
  renameSync(`${ready}.new`, ready)
}

function makeSparse(path) {
  const fd = openSync(path, 'w')
  ftruncateSync(fd, sparseSize)
  for (const offset of marks) {
    const mark = markAt(offset)
    writeSync(fd, mark, 0, mark.length, offset)
  }
  closeSync(fd)
}
