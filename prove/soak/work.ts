/** What consumers do in a soak: everything that can be done with a file, over and over, checking what they see. */
import { closeSync, ftruncateSync, mkdtempSync, openSync, realpathSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type MapManager, type MappedFile, SlidemapError } from '../../lib/index.js'
import type { Random } from '../random.js'

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB

/** Bytes of the pattern that real files repeat: lines of 64 bytes, each with its number. */
const PATTERN = 4 * MiB
const LINE = 64

export interface SoakFile {
  path: string
  size: number
  /** Whether it reads as zeros; else as the pattern, over and over. */
  sparse: boolean
}

/** Files to soak in: real ones with lines in them, sparse ones that take no disk. */
export class Pool {
  readonly folder = mkdtempSync(join(realpathSync(tmpdir()), 'slidemap-soak-'))
  readonly files: SoakFile[]
  readonly #pattern = Buffer.alloc(PATTERN)

  constructor() {
    for (let at = 0; at < PATTERN; at += LINE)
      this.#pattern.write(`${String(at / LINE).padStart(LINE - 1, '.')}\n`, at, 'latin1')
    this.files = [
      ...[16 * MiB, 32 * MiB, 48 * MiB].map((size, i) => this.#make(`real-${i}`, size, false)),
      ...[GiB, 512 * MiB].map((size, i) => this.#make(`sparse-${i}`, size, true))
    ]
  }

  #make(name: string, size: number, sparse: boolean): SoakFile {
    const path = join(this.folder, name)
    const fd = openSync(path, 'w')
    if (sparse) ftruncateSync(fd, size)
    else for (let at = 0; at < size; at += PATTERN) writeSync(fd, this.#pattern, 0, PATTERN, at)
    closeSync(fd)
    return { path, size, sparse }
  }

  /** Whether the first and the last byte of what somebody was shown are the file's. */
  isRight({ sparse }: SoakFile, offset: number, bytes: Uint8Array): boolean {
    return [0, bytes.length - 1].every(i => bytes[i] === (sparse ? 0 : this.#pattern[(offset + i) % PATTERN]))
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** What one soak has come to so far. */
export interface Tally {
  bytes: number
  consumers: number
  wrong: number
}

/** One consumer: it opens a file, uses a part of it in some way, closes it, and comes again, until it is enough. */
export async function consume(
  manager: MapManager,
  pool: Pool,
  random: Random,
  tally: Tally,
  enough: () => boolean
): Promise<void> {
  while (!enough()) {
    const soaked = random.pick(pool.files)
    const file = await manager.open(soaked.path)
    const see = (offset: number, bytes: Uint8Array) => {
      tally.bytes += bytes.length
      if (!pool.isRight(soaked, offset, bytes)) tally.wrong++
      return !enough()
    }
    try {
      await random.pick(soaked.sparse ? SPARSE_WAYS : WAYS)(file, random, see)
    } finally {
      await file.close()
    }
    tally.consumers++
  }
}

/** Look at bytes; whether to go on. */
type See = (offset: number, bytes: Uint8Array) => boolean
type Way = (file: MappedFile, random: Random, see: See) => Promise<void>

/** Most bytes go this way: leased, in windows of some MiB. */
const windows: Way = async (file, random, see) => {
  const start = random.integer(0, file.size / LINE - 1) * LINE
  const size = random.pick([64 * KiB, 4 * MiB, 16 * MiB, 16 * MiB])
  let left = random.integer(1, 64)
  for await (const { offset, bytes } of file.windows({ start, size, prefetch: random.integer(0, 2) })) {
    if (!see(offset, bytes) || --left === 0) break
  }
}

const stream: Way = async (file, random, see) => {
  let at = random.integer(0, file.size - 1)
  for await (const chunk of file.stream({ start: at, end: at + random.integer(1, 2 * MiB) })) {
    if (!see(at, chunk)) break
    at += chunk.length
  }
}

const lines: Way = async (file, random, see) => {
  let at = random.integer(0, file.size / LINE - 1) * LINE
  for await (const batch of file.lineBatches({ start: at, end: at + 256 * KiB })) {
    for (const line of batch) {
      see(at, Buffer.from(`${line}\n`, 'latin1'))
      at += LINE
    }
  }
}

const randomAccess: Way = async (file, random, see) => {
  using cursor = file.cursor()
  for (let i = 0; i < 4; i++) {
    const offset = random.integer(0, file.size - 1)
    await cursor.load(offset, 64 * KiB)
    see(offset, cursor.bytes)
  }
  // Who waits while holding what others wait for waits for ever.
  cursor.unuse()
  const offset = random.integer(0, file.size - 1)
  see(offset, await file.read(offset, 10_000))
}

/** Whoever waits gives up, or is half way through. */
const abort: Way = async (file, random, see) => {
  const stop = new AbortController()
  let left = random.integer(0, 3)
  setImmediate(() => {
    if (left <= 1) stop.abort()
  })
  try {
    for await (const { offset, bytes } of file.windows({ size: MiB, signal: stop.signal })) {
      if (!see(offset, bytes)) break
      if (--left <= 0) stop.abort()
    }
  } catch (error) {
    if (error instanceof SlidemapError || !stop.signal.aborted) throw error
  }
}

const SPARSE_WAYS: readonly Way[] = [windows, windows, windows, windows, stream, randomAccess, abort]
const WAYS: readonly Way[] = [...SPARSE_WAYS, lines]
