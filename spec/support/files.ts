/**
 * Fixtures: one temporary folder a run, and files in it whose bytes can be told without reading them.
 */
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  realpathSync,
  rmSync,
  writeFileSync,
  writeSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

export const KiB = 1024
export const MiB = 1024 * KiB
export const GiB = 1024 * MiB

/** Bytes written at one place of a sparse file. */
export interface Block {
  /** Bytes from the start of the file. */
  offset: number
  bytes: Uint8Array
}

/** The folder of this run, absolute and without links; removed when the process ends, Ctrl-C included. */
export const temporaryFolder = mkdtempSync(join(realpathSync(tmpdir()), 'slidemap-spec-'))

process.once('exit', () => rmSync(temporaryFolder, { recursive: true, force: true }))
// mocha ends by itself on SIGINT, through process.exit(); nobody does for these two.
for (const [signal, number] of [
  ['SIGTERM', 15],
  ['SIGHUP', 1]
] as const) {
  process.once(signal, () => process.exit(128 + number))
}

/** The path of a file or folder in the temporary folder. Nothing is made there. */
export function tempPath(name: string): string {
  return join(temporaryFolder, name)
}

/**
 * Make a file with this content, or make it anew.
 *
 * @param name may hold folders: `'logs/a.txt'`
 * @returns its path
 */
export function tempFile(name: string, content: string | Uint8Array = ''): string {
  const path = tempPath(name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
  return path
}

/**
 * Make a file of `size` bytes that reads as zeros but for the blocks. It takes no more of the disk than these.
 *
 * @returns its path
 * @example sparseFile('six', 6 * GiB, [{ offset: 4 * GiB - 1, bytes: bytesAt(1, 4 * GiB - 1, 64 * KiB) }])
 */
export function sparseFile(name: string, size: number, blocks: readonly Block[] = []): string {
  const path = tempFile(name)
  const fd = openSync(path, 'r+')
  try {
    ftruncateSync(fd, size)
    for (const { offset, bytes } of blocks) {
      if (offset + bytes.length > size) throw new RangeError(`a block at ${offset} reaches past ${size}`)
      for (let done = 0; done < bytes.length; )
        done += writeSync(fd, bytes, done, bytes.length - done, offset + done)
    }
  } finally {
    closeSync(fd)
  }
  return path
}

/** What a {@link sparseFile} with these blocks holds in `[offset, offset + length)`; later blocks lie over earlier ones. */
export function sparseBytes(blocks: readonly Block[], offset: number, length: number): Buffer {
  const expected = Buffer.alloc(length)
  for (const block of blocks) {
    const from = Math.max(offset, block.offset)
    const to = Math.min(offset + length, block.offset + block.bytes.length)
    if (from < to) expected.set(block.bytes.subarray(from - block.offset, to - block.offset), from - offset)
  }
  return expected
}

/**
 * Pseudo-random bytes with an address: the byte at one offset under one seed is always the same, whatever range it
 * is asked for in.
 *
 * @param seed a 32-bit integer
 * @param offset bytes, 0 .. 2^53 - 1
 */
export function bytesAt(seed: number, offset: number, length: number): Buffer {
  const lead = offset % 4
  const first = (offset - lead) / 4
  const words = new Int32Array(Math.ceil((lead + length) / 4))
  for (let i = 0; i < words.length; i++) words[i] = wordAt(seed, first + i)
  return Buffer.from(words.buffer, lead, length)
}

/** A hash of a word's number: multiply and xor-shift until every bit of it has reached every bit of the result. */
function wordAt(seed: number, index: number): number {
  let hash =
    (index | 0) ^ Math.imul(Math.floor(index / 2 ** 32) + 1, 0x9e3779b1) ^ Math.imul(seed, 0x85ebca77)
  hash = Math.imul(hash ^ (hash >>> 16), 0x21f0aaad)
  hash = Math.imul(hash ^ (hash >>> 15), 0x735a2d97)
  return hash ^ (hash >>> 15)
}

/** All chunks in one Buffer: copied at once, so that lent ones may go. */
export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const copies: Buffer[] = []
  for await (const chunk of chunks) copies.push(Buffer.from(chunk))
  return Buffer.concat(copies)
}
