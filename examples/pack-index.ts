/**
 * Look objects up in a git pack by its index, as git does: a table of 256 counts, a binary search among the sorted
 * ids, an offset, and deltas to be followed from there. Neither file is read but where something is looked up.
 *
 *     npx tsx examples/pack-index.ts            makes a repository, packs it, and compares every answer with git's
 *     npx tsx examples/pack-index.ts FILE.idx   the same with the pack beside this index
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { devNull, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { inflateSync } from 'node:zlib'
import { MapManager, type MappedBuffer, type MappedFile } from '../lib/index.js'
import { applyDelta, MAX_HEAD, readHead } from './pack/format.js'
import { command } from './support/command.js'

/** Bytes of an id. */
const ID = 20

/** Bytes of the signature, the version, and the table of counts: gitformat-pack(5). */
const TABLES = 4 + 4 + 256 * 4

/** The index of a pack, version 2. Its tables are buffers of their own, each from its own offset 0. */
export class PackIndex {
  readonly count: number
  readonly #fanout: MappedBuffer
  readonly #ids: MappedBuffer
  readonly #offsets: MappedBuffer
  readonly #longOffsets: MappedBuffer

  constructor(file: MappedFile) {
    const whole = file.buffer()
    if (whole.readUInt32BE(0) !== 0xff744f63) throw new Error('not an index of version 2')
    if (whole.readUInt32BE(4) !== 2) throw new Error(`an index of version ${whole.readUInt32BE(4)}`)
    this.#fanout = whole.buffer(8, 256 * 4)
    this.count = this.#fanout.readUInt32BE(255 * 4)
    this.#ids = whole.buffer(TABLES, this.count * ID)
    // Between ids and offsets lies a CRC-32 for each object; behind them the offsets from 2 GiB on.
    const offsets = TABLES + this.count * (ID + 4)
    this.#offsets = whole.buffer(offsets, this.count * 4)
    this.#longOffsets = whole.buffer(offsets + this.count * 4)
  }

  /** The place of an id among all ids in their order; -1 for none. */
  find(id: Buffer): number {
    const first = id[0] ?? 0
    let low = first === 0 ? 0 : this.#fanout.readUInt32BE((first - 1) * 4)
    let high = this.#fanout.readUInt32BE(first * 4)
    const here = Buffer.alloc(ID)
    while (low < high) {
      const middle = (low + high) >>> 1
      this.#ids.copy(here, 0, middle * ID)
      const order = here.compare(id)
      if (order === 0) return middle
      if (order < 0) low = middle + 1
      else high = middle
    }
    return -1
  }

  idAt(place: number): string {
    return this.#ids.slice(place * ID, (place + 1) * ID).toString('hex')
  }

  /** Bytes from the start of the pack. */
  offsetAt(place: number): number {
    const offset = this.#offsets.readUInt32BE(place * 4)
    if (offset < 2 ** 31) return offset
    return Number(this.#longOffsets.readBigUInt64BE((offset - 2 ** 31) * 8))
  }
}

/** A pack with its index. */
export class IndexedPack {
  readonly index: PackIndex
  readonly #pack: MappedBuffer

  constructor(index: MappedFile, pack: MappedFile) {
    this.#pack = pack.buffer()
    if (this.#pack.readUInt32BE(0) !== 0x5041434b) throw new Error('not a packfile')
    this.index = new PackIndex(index)
  }

  /** Where an object begins in the pack, in bytes. */
  offsetOf(id: string): number {
    const place = this.index.find(Buffer.from(id, 'hex'))
    if (place === -1) throw new Error(`the pack has no object ${id}`)
    return this.index.offsetAt(place)
  }

  /** An object's type and content, all its deltas applied, and how many these were. */
  read(id: string): { type: string; bytes: Buffer; depth: number } {
    const deltas: Buffer[] = []
    for (let offset = this.offsetOf(id); ; ) {
      const head = readHead(this.#pack.slice(offset, offset + MAX_HEAD))
      const bytes = this.#inflate(offset + head.length, head.size)
      if (head.distance !== undefined) offset -= head.distance
      else if (head.baseId !== undefined) offset = this.offsetOf(head.baseId)
      else return { type: head.type, bytes: deltas.reduceRight(applyDelta, bytes), depth: deltas.length }
      deltas.push(bytes)
    }
  }

  #inflate(offset: number, size: number): Buffer {
    // Deflated bytes are at most a little more than inflated ones: deflateBound().
    using deflated = this.#pack.lease(offset, size + Math.ceil(size / 8) + Math.ceil(size / 64) + 64)
    const bytes = inflateSync(deflated.bytes, { maxOutputLength: Math.max(size, 1) })
    if (bytes.length !== size) throw new Error(`${bytes.length} bytes at ${offset}, not ${size}`)
    return bytes
  }
}

/** What git says that each object's offset in the pack is, by id. */
function offsetsByGit(path: string): Map<string, number> {
  const listing = execFileSync('git', ['verify-pack', '-v', path], { encoding: 'utf8', maxBuffer: 2 ** 30 })
  const offsets = new Map<string, number>()
  for (const line of listing.split('\n')) {
    const [, id, offset] = /^([0-9a-f]{40}) \w+ +\d+ \d+ (\d+)/.exec(line) ?? []
    if (id !== undefined) offsets.set(id, Number(offset))
  }
  return offsets
}

/** What git says that objects are, in the order of their ids. */
function* contentsByGit(folder: string, ids: readonly string[]): Generator<{ type: string; bytes: Buffer }> {
  const output = execFileSync('git', ['cat-file', '--batch'], {
    cwd: folder,
    input: `${ids.join('\n')}\n`,
    maxBuffer: 2 ** 30
  })
  for (let at = 0; at < output.length; ) {
    const end = output.indexOf(10, at)
    const [, type = '', size] = output.toString('latin1', at, end).split(' ')
    const bytes = output.subarray(end + 1, end + 1 + Number(size))
    yield { type, bytes }
    at = end + 1 + bytes.length + 1
  }
}

/** Compare the answers for every object of a pack with git's. Throws at the first that differs. */
export async function compare(path: string, manager: MapManager): Promise<string> {
  const index = await manager.open(path)
  const pack = await manager.open(path.replace(/\.idx$/, '.pack'))
  try {
    const packed = new IndexedPack(index, pack)
    const offsets = offsetsByGit(path)
    if (packed.index.count !== offsets.size) {
      throw new Error(`${packed.index.count} objects in the index, ${offsets.size} for git`)
    }
    const ids = [...offsets.keys()]
    const contents = contentsByGit(dirname(path), ids)
    let bytes = 0
    let deltas = 0
    for (const id of ids) {
      const offset = packed.offsetOf(id)
      if (offset !== offsets.get(id)) throw new Error(`${id} is at ${offsets.get(id)}, not ${offset}`)
      const ours = packed.read(id)
      const theirs = contents.next().value
      if (ours.type !== theirs?.type || !ours.bytes.equals(theirs.bytes)) throw new Error(`${id} differs`)
      bytes += ours.bytes.length
      if (ours.depth > 0) deltas++
    }
    for (let place = 0; place < packed.index.count; place++) {
      if (!offsets.has(packed.index.idAt(place)))
        throw new Error(`${packed.index.idAt(place)} is unknown to git`)
    }
    const absent = packed.index.find(Buffer.alloc(ID))
    if (absent !== -1) throw new Error('an id that is not there was found')
    return [
      `objects   ${ids.length}`,
      `bytes     ${bytes}`,
      `deltas    ${deltas}`,
      'offsets   as git verify-pack says',
      'contents  as git cat-file says'
    ].join('\n')
  } finally {
    await index.close()
    await pack.close()
  }
}

/**
 * Make a repository of many versions of a few files, packed with deltas. Answers the path of the index.
 *
 * @param folder exists, and is empty
 * @param config options for git, before its command
 */
export async function makePack(
  folder: string,
  commits = 120,
  config: readonly string[] = []
): Promise<string> {
  const identity = ['-c', 'user.name=a', '-c', 'user.email=a@example.org', '-c', 'gc.auto=0']
  // Whatever the user of this machine has told git otherwise.
  const env = { ...process.env, GIT_CONFIG_GLOBAL: devNull, GIT_CONFIG_NOSYSTEM: '1' }
  const git = (...args: string[]) =>
    execFileSync('git', [...identity, ...config, ...args], { cwd: folder, env })
  git('init', '--quiet', '--object-format=sha1')
  const lines = Array.from({ length: 2000 }, (_, i) => `line ${i} of a file that changes a little at a time`)
  for (let commit = 0; commit < commits; commit++) {
    for (let i = commit; i < lines.length; i += 97) lines[i] = `line ${i}, written by commit ${commit}`
    writeFileSync(join(folder, 'long.txt'), lines.join('\n'))
    writeFileSync(join(folder, `short-${commit % 10}.txt`), `${commit}\n`)
    git('add', '.')
    git('commit', '--quiet', '-m', `commit ${commit}`)
  }
  git('tag', '-a', 'v1', '-m', 'a tag is an object too')
  git('gc', '--quiet')
  const packs = join(folder, '.git/objects/pack')
  const name = (await readdir(packs)).find(name => name.endsWith('.idx'))
  if (name === undefined) throw new Error('git made no pack')
  return join(packs, name)
}

const usage = `usage: npx tsx examples/pack-index.ts [FILE.idx]

Looks every object of a git pack up by its index, and compares what it finds with what git says. Without a file, with
a pack of a repository that it makes in the folder for temporary files, and removes.`

export async function main(path?: string): Promise<void> {
  // Small windows, so that numbers, ids and objects lie across their bounds.
  await using manager = new MapManager({ windowSize: 64 * 1024, maxMappedBytes: 8 * 2 ** 20 })
  if (path !== undefined) return console.log(await compare(path, manager))
  const folder = mkdtempSync(join(tmpdir(), 'slidemap-pack-'))
  try {
    console.log(await compare(await makePack(folder), manager))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

await command(import.meta.url, usage, main, 1)
