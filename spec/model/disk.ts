/**
 * Files that change, and what they have held: real ones, and those of a {@link FakeDisk}. Whoever reads them may find
 * what they held at some moment since it looked, and nothing else.
 */
import {
  appendFileSync,
  closeSync,
  existsSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync
} from 'node:fs'
import type { FakeDisk } from '../support/fake-disk.js'
import { bytesAt, tempPath } from '../support/files.js'

/** What changes files. */
export interface Changer {
  put(path: string, bytes: Buffer): void
  truncate(path: string, size: number): void
  append(path: string, bytes: Buffer): void
  overwrite(path: string, offset: number, bytes: Buffer): void
  remove(path: string): void
}

/** Files of the operating system. */
export function realChanger(): Changer {
  const kept: string[] = []
  return {
    put(path, bytes) {
      // The one that was there stays somewhere: else the next one may get its number, and be taken for it.
      if (existsSync(path)) {
        const old = `${path}.old-${kept.length}`
        linkSync(path, old)
        kept.push(old)
      }
      // Another file in its place, not other bytes in it.
      writeFileSync(`${path}.new`, bytes)
      renameSync(`${path}.new`, path)
    },
    truncate: truncateSync,
    append: appendFileSync,
    overwrite(path, offset, bytes) {
      const fd = openSync(path, 'r+')
      writeSync(fd, bytes, 0, bytes.length, offset)
      closeSync(fd)
    },
    remove(path) {
      for (const old of kept.splice(0)) rmSync(old)
      rmSync(path, { force: true })
    }
  }
}

/** Files of a fake disk. What is mapped keeps what it held when it is written to, and shows a cut. */
export function fakeChanger(disk: FakeDisk): Changer {
  const content = (path: string) => disk.file(path).read(0, disk.file(path).size)
  return {
    put: (path, bytes) => void disk.add(path, bytes),
    truncate: (path, size) => disk.file(path).resize(size),
    append: (path, bytes) => disk.file(path).write(Buffer.concat([content(path), bytes])),
    overwrite(path, offset, bytes) {
      const now = content(path)
      now.set(bytes, offset)
      disk.file(path).write(now)
    },
    remove: path => disk.remove(path)
  }
}

/** One file, whatever path it had: all that it has held, in order. */
export class History {
  readonly versions: Buffer[]

  constructor(bytes: Buffer) {
    this.versions = [bytes]
  }

  get now(): Buffer {
    return this.versions.at(-1) as Buffer
  }

  /** How many changes there have been. */
  get count(): number {
    return this.versions.length - 1
  }

  /** Bytes at the most, so far. */
  get longest(): number {
    return Math.max(...this.versions.map(({ length }) => length))
  }

  /** Whether it may have been this long since that change: what is being appended comes bit by bit. */
  hadSince(change: number, size: number): boolean {
    const sizes = this.versions.slice(change).map(({ length }) => length)
    return size >= Math.min(...sizes) && size <= Math.max(...sizes)
  }

  /** Whether it has become shorter since that change. */
  shrankSince(change: number): boolean {
    return this.versions
      .slice(change)
      .some((bytes, i, all) => i > 0 && bytes.length < (all[i - 1] as Buffer).length)
  }

  /**
   * Where bytes are not what it has held at that place since that change; -1 for nowhere.
   *
   * @param blanks whether zeros count where it was cut short: then something else has to tell of them
   */
  misfit(since: number, offset: number, bytes: Uint8Array, blanks: boolean): number {
    const versions = this.versions.slice(since)
    if (versions.some(held => held.subarray(offset, offset + bytes.length).equals(bytes))) return -1
    for (let i = 0; i < bytes.length; i++) {
      const at = offset + i
      const cut = blanks && bytes[i] === 0 && versions.some((held, n) => n > 0 && held.length <= at)
      if (!cut && !versions.some(held => held[at] === bytes[i])) return at
    }
    return -1
  }
}

const LETTERS = 26

/** Texts of lines: no zeros, no returns, so that what is blank shows. */
export function textOf(seed: number, length: number): Buffer {
  const bytes = bytesAt(seed, 0, length)
  for (let i = 0; i < length; i++) {
    const byte = bytes[i] as number
    bytes[i] = byte % 64 === 0 ? 10 : 97 + (byte % LETTERS)
  }
  return bytes
}

/** The files of one program. */
export class Disk {
  readonly paths: readonly string[]
  readonly #changer: Changer
  readonly #files = new Map<string, History>()
  #seed = 0

  constructor(changer: Changer, sizes: readonly number[], name: (index: number) => string) {
    this.#changer = changer
    this.paths = sizes.map((_, i) => name(i))
    for (const [i, size] of sizes.entries()) this.replace(this.paths[i] as string, size)
  }

  file(path: string): History {
    return this.#files.get(path) as History
  }

  replace(path: string, size: number): void {
    const bytes = textOf(++this.#seed, size)
    this.#changer.put(path, bytes)
    this.#files.set(path, new History(bytes))
  }

  truncate(path: string, size: number): void {
    const { now, versions } = this.file(path)
    const next = Buffer.alloc(size)
    now.copy(next)
    // First: whoever reads while it is done may find either.
    versions.push(next)
    this.#changer.truncate(path, size)
  }

  append(path: string, length: number): void {
    const { now, versions } = this.file(path)
    const more = textOf(++this.#seed, length)
    versions.push(Buffer.concat([now, more]))
    this.#changer.append(path, more)
  }

  overwrite(path: string, offset: number, length: number): void {
    const { now, versions } = this.file(path)
    const from = Math.min(offset, now.length)
    const bytes = textOf(++this.#seed, Math.min(length, now.length - from))
    const next = Buffer.from(now)
    next.set(bytes, from)
    versions.push(next)
    this.#changer.overwrite(path, from, bytes)
  }

  remove(): void {
    for (const path of this.paths) this.#changer.remove(path)
  }
}

/** A path of its own for each file of each program: mappings of an earlier one may not have been collected yet. */
export function realPath(program: number): (index: number) => string {
  return index => tempPath(`model-${program}-${'abc'[index]}`)
}
