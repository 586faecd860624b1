/**
 * Walk a git packfile of any size: inflates every object, resolves its deltas, computes its id, and prints of each
 * what `git verify-pack -v` prints.
 *
 *     npx tsx examples/pack-walker.ts FILE.pack
 */
import { createHash } from 'node:crypto'
import { type Inflate, inflateSync } from 'node:zlib'
import { type MappedFile, open } from '../lib/index.js'
import { applyDelta, type Head, MAX_HEAD, readHead, readPackHead } from './pack/format.js'
import { Slider } from './pack/slider.js'
import { command } from './support/command.js'

const MIB = 2 ** 20

/** Bytes of the SHA-1 of all that is before it, at the end of a pack. */
const TRAILER = 20

/** An object in a pack. */
export interface PackObject {
  readonly id: string
  readonly type: string
  /** Bytes of the object, or of its delta, inflated. */
  readonly size: number
  /** Bytes that it takes of the pack. */
  readonly packedSize: number
  /** Bytes from the start of the pack. */
  readonly offset: number
  /** Deltas to be applied in order to have it. */
  readonly depth: number
  /** Of a delta: the id of what it is applied to. */
  readonly baseId?: string
}

/** The content of an object. */
interface Content {
  readonly type: string
  readonly bytes: Buffer
}

interface Entry {
  readonly offset: number
  readonly head: Head
  readonly packedSize: number
}

export class PackWalker {
  readonly #file: MappedFile
  readonly #slider: Slider
  readonly #entries = new Map<number, Entry>()
  readonly #objects = new Map<number, PackObject>()
  readonly #offsets = new Map<string, number>()
  /** Contents used last, by offset; the one used longest ago comes first. */
  readonly #cache = new Map<number, Content>()
  readonly #cacheBytes: number
  #cached = 0

  /**
   * @param windowSize bytes of the pack mapped at a time; more for objects that are longer
   * @param cacheBytes bytes of objects kept, to apply deltas to
   */
  constructor(file: MappedFile, windowSize = 16 * MIB, cacheBytes = 64 * MIB) {
    this.#file = file
    this.#slider = new Slider(file, windowSize)
    this.#cacheBytes = cacheBytes
  }

  /** All objects of the pack, in its order. */
  async walk(): Promise<PackObject[]> {
    try {
      await this.#checkTrailer()
      let waiting = await this.#readEntries()
      // The base of a delta may be any object of the pack, so round after round, until none gets us any further.
      for (let before = Number.POSITIVE_INFINITY; waiting.length < before; ) {
        before = waiting.length
        waiting = await this.#resolve(waiting)
      }
      if (waiting.length > 0) throw new Error(`${waiting.length} deltas without a base: a thin pack`)
    } finally {
      await this.#slider[Symbol.asyncDispose]()
    }
    return [...this.#entries.keys()].map(offset => this.#objects.get(offset) as PackObject)
  }

  async #checkTrailer(): Promise<void> {
    const hash = createHash('sha1')
    const end = this.#file.size - TRAILER
    if (end < 0) throw new Error('not a packfile')
    for await (const { bytes } of this.#file.windows({ end })) hash.update(bytes)
    const trailer = await this.#slider.use(end, TRAILER)
    if (!hash.digest().equals(trailer)) throw new Error('the checksum of the pack is wrong')
  }

  /** Inflate every entry, one after the other: where it ends is where the next one begins. Answers the deltas. */
  async #readEntries(): Promise<Entry[]> {
    const deltas: Entry[] = []
    const count = readPackHead(await this.#slider.use(0, 12))
    let offset = 12
    for (let i = 0; i < count; i++) {
      const head = readHead(await this.#slider.use(offset, MAX_HEAD))
      const { bytes, consumed } = await this.#inflate(offset + head.length, head.size)
      const entry = { offset, head, packedSize: head.length + consumed }
      this.#entries.set(offset, entry)
      if (isDelta(head)) deltas.push(entry)
      else this.#found(entry, { type: head.type, bytes }, undefined)
      offset += entry.packedSize
    }
    if (offset !== this.#file.size - TRAILER)
      throw new Error(`there is more after the last object, at ${offset}`)
    return deltas
  }

  /** Answers the deltas whose base has no id yet. */
  async #resolve(deltas: Entry[]): Promise<Entry[]> {
    const waiting: Entry[] = []
    for (const entry of deltas) {
      const base = this.#baseOf(entry)
      if (base === undefined) waiting.push(entry)
      else this.#found(entry, await this.#content(entry), base)
    }
    return waiting
  }

  #baseOf({ offset, head }: Entry): PackObject | undefined {
    const at = head.distance === undefined ? this.#offsets.get(head.baseId ?? '') : offset - head.distance
    return at === undefined ? undefined : this.#objects.get(at)
  }

  #found(entry: Entry, content: Content, base: PackObject | undefined): void {
    const { offset, head, packedSize } = entry
    const { type, bytes } = content
    const id = createHash('sha1').update(`${type} ${bytes.length}\0`).update(bytes).digest('hex')
    this.#objects.set(offset, {
      ...{ id, type, size: head.size, packedSize, offset, depth: base === undefined ? 0 : base.depth + 1 },
      ...(base && { baseId: base.id })
    })
    this.#offsets.set(id, offset)
    this.#keep(offset, content)
  }

  /** What an entry comes to when all deltas have been applied; all its bases are known. */
  async #content(entry: Entry): Promise<Content> {
    const deltas: Buffer[] = []
    let at = entry
    let content = this.#recall(at.offset)
    while (content === undefined) {
      const { bytes } = await this.#inflate(at.offset + at.head.length, at.head.size)
      if (isDelta(at.head)) {
        deltas.push(bytes)
        at = this.#entries.get(this.#baseOf(at)?.offset ?? -1) as Entry
        content = this.#recall(at.offset)
      } else {
        content = { type: at.head.type, bytes }
      }
    }
    this.#keep(at.offset, content)
    const bytes = deltas.reduceRight(applyDelta, content.bytes)
    return { type: content.type, bytes }
  }

  async #inflate(offset: number, size: number): Promise<{ bytes: Buffer; consumed: number }> {
    const lent = await this.#slider.use(offset, deflatedBound(size))
    // Synchronously: zlib's streams work on other threads, and would still be at it when the window slides on.
    const { buffer: bytes, engine } = inflateSync(lent, {
      info: true,
      maxOutputLength: Math.max(size, 1)
    }) as unknown as { buffer: Buffer; engine: Inflate }
    if (bytes.length !== size) throw new Error(`${bytes.length} bytes at ${offset}, not ${size}`)
    return { bytes, consumed: engine.bytesWritten }
  }

  #recall(offset: number): Content | undefined {
    const content = this.#cache.get(offset)
    if (content !== undefined) this.#keep(offset, content)
    return content
  }

  #keep(offset: number, content: Content): void {
    this.#forget(offset)
    this.#cache.set(offset, content)
    this.#cached += content.bytes.length
    for (const oldest of this.#cache.keys()) {
      if (this.#cached <= this.#cacheBytes) break
      this.#forget(oldest)
    }
  }

  #forget(offset: number): void {
    this.#cached -= this.#cache.get(offset)?.bytes.length ?? 0
    this.#cache.delete(offset)
  }
}

function isDelta(head: Head): boolean {
  return head.distance !== undefined || head.baseId !== undefined
}

/** Bytes that zlib makes of `size` bytes at the most, whatever its settings: deflateBound(). */
function deflatedBound(size: number): number {
  return size + Math.ceil(size / 8) + Math.ceil(size / 64) + 64
}

/** The line that `git verify-pack -v` prints. */
function line({ id, type, size, packedSize, offset, depth, baseId }: PackObject): string {
  const fields = [id, type.padEnd(6), size, packedSize, offset]
  return [...fields, ...(baseId === undefined ? [] : [depth, baseId])].join(' ')
}

export async function main(path: string): Promise<void> {
  const file = await open(path)
  try {
    for (const object of await new PackWalker(file).walk()) console.log(line(object))
  } finally {
    await file.close()
  }
}

await command(import.meta.url, 'usage: npx tsx examples/pack-walker.ts FILE.pack', main)
