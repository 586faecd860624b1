/** Memory that small files are read into: large mappings of the addon's, each file with an ArrayBuffer of its own. */
import { ADVICE, type Addon, type AddonBatch, type AddonBlank } from './addon.js'
import { HeapMapping, Holding, NO_LOSSES, type RestingMemory } from './heap.js'
import type { Mapping, SmallTask } from './mapper.js'

/** Bytes of an arena that many files share: two large pages, so that not each of its small ones has to be faulted in. */
const ARENA = 2 ** 22
/** Jobs of fewer files have an arena of their own, as large as they need. */
const MANY_FILES = 16
/** Bytes of files that have passed whose memory is given back in one go, while others keep their arena. */
const DROP_STEP = ARENA

/** No slot has this serial. */
const NOWHERE = { slot: 0, serial: 0 } as const

type Read = (slot: number, serial: number, offset: number) => Promise<AddonBatch>

/** The arenas of one mapper. */
export class Arenas {
  readonly #addon: Addon
  readonly #resting: RestingMemory
  /** Of each reader the last one, which may have room for more. */
  readonly #last = new WeakMap<object, Arena>()
  #forbidden = false

  /** @param resting takes what could not be read into an arena */
  constructor(addon: Addon, resting: RestingMemory) {
    this.#addon = addon
    this.#resting = resting
  }

  /** Have files read. Answers the mapping of each; undefined for one that has to be opened on its own. */
  async read(task: SmallTask, read: Read): Promise<(Mapping | undefined)[]> {
    const arena = this.#arenaFor(task)
    if (arena === undefined) return this.#copies(await read(NOWHERE.slot, NOWHERE.serial, 0))
    arena.enter()
    let known = false
    try {
      const batch = await arena.read(read)
      known = !batch.copied
      if (!batch.copied) return arena.add(batch.buffers, this.#resting)
      this.#forbidden = true
      return this.#copies(batch)
    } finally {
      arena.leave(known)
    }
  }

  #copies({ buffers }: AddonBatch): (Mapping | undefined)[] {
    return buffers.map(buffer => (buffer === null ? undefined : new HeapMapping(buffer, this.#resting)))
  }

  /** One that has room for these files. Undefined where there is none to be had, or to be shown. */
  #arenaFor({ paths, room, reader }: SmallTask): Arena | undefined {
    if (this.#forbidden) return undefined
    const { pageSize } = this.#addon
    const need = wholePages(room, pageSize) + paths.length * pageSize
    const last = reader && this.#last.get(reader)
    if (last?.hasRoom(need)) return last
    const size = paths.length < MANY_FILES ? need : Math.max(need, ARENA)
    const blank = this.#addon.blank(size)
    const arena = blank && new Arena(this.#addon, blank, size)
    if (reader && arena) this.#last.set(reader, arena)
    return arena
  }
}

/**
 * One mapping that files are read into, job after job. It goes when no file is left in it and no job is at work.
 *
 * Files mostly pass in order: their memory is then given back with the arena. Once one passes out of turn, since others
 * are retained, the memory of each goes when it passes: those that stay may do so for long.
 */
class Arena {
  readonly #addon: Addon
  readonly #slot: number
  readonly #serial: number
  readonly #seen: object
  /** Bytes. */
  readonly #size: number
  /** Where each file begins, in bytes; after the last, where the next one may. */
  readonly #starts = [0]
  readonly #gone: boolean[] = []
  /** Files that have not passed, and a job under way. */
  #left = 0
  /** All files before this one have passed, in order. */
  #passed = 0
  /** Memory up to here, in bytes, was given back. */
  #dropped = 0
  /** No job may read into it: one does, or it has gone, or nobody knows what is in it. */
  #closed = false

  constructor(addon: Addon, { slot, serial, seen }: AddonBlank, size: number) {
    this.#addon = addon
    this.#slot = slot
    this.#serial = serial
    this.#seen = seen
    this.#size = size
  }

  hasRoom(bytes: number): boolean {
    return !this.#closed && this.#end + bytes <= this.#size
  }

  /** A job begins: one at a time, so that files lie in the order they were read in. */
  enter(): void {
    this.#closed = true
    this.#left++
  }

  /** That job is over, and what it has read was added, if anybody knows what that is. */
  leave(known: boolean): void {
    this.#closed = !known
    this.#goOne()
  }

  read(read: Read): Promise<AddonBatch> {
    return read(this.#slot, this.#serial, this.#end)
  }

  /** The files that the job has read; empty ones take no memory. */
  add(buffers: readonly (ArrayBuffer | null)[], resting: RestingMemory): (Mapping | undefined)[] {
    const { pageSize } = this.#addon
    return buffers.map(buffer => {
      if (buffer === null) return undefined
      if (buffer.byteLength === 0) return new HeapMapping(buffer, resting)
      const file = this.#gone.push(false) - 1
      this.#starts.push(this.#start(file) + wholePages(buffer.byteLength, pageSize))
      this.#left++
      new Holding(buffer, this.#seen)
      return new ArenaMapping(this, file, buffer)
    })
  }

  /** A file has passed: its buffer is detached, null where it has been collected. Idempotent. */
  pass(file: number, buffer: ArrayBuffer | null): void {
    if (this.#gone[file]) return
    this.#gone[file] = true
    if (buffer) this.#addon.detach(this.#slot, this.#serial, buffer)
    if (file === this.#passed) this.#passInTurn()
    else this.#passOutOfTurn(file)
    this.#goOne()
  }

  get #end(): number {
    return this.#start(this.#gone.length)
  }

  #start(file: number): number {
    return this.#starts[file] ?? 0
  }

  #goOne(): void {
    if (--this.#left > 0) return
    this.#closed = true
    this.#addon.unmap(this.#slot, this.#serial, null)
  }

  #passInTurn(): void {
    const end = this.#start(++this.#passed)
    if (end - this.#dropped >= DROP_STEP) this.#dropPassed(end)
  }

  #passOutOfTurn(file: number): void {
    this.#dropPassed(this.#start(this.#passed))
    this.#drop(this.#start(file), this.#start(file + 1))
  }

  #dropPassed(end: number): void {
    this.#drop(this.#dropped, end)
    this.#dropped = end
  }

  #drop(start: number, end: number): void {
    if (end > start) this.#addon.advise(this.#slot, this.#serial, start, end - start, ADVICE.dontNeed)
  }
}

class ArenaMapping implements Mapping {
  readonly buffer: ArrayBuffer
  readonly copied = true
  readonly losses = NO_LOSSES
  readonly forget: () => void
  readonly #arena: Arena
  readonly #file: number

  constructor(arena: Arena, file: number, buffer: ArrayBuffer) {
    this.#arena = arena
    this.#file = file
    this.buffer = buffer
    this.forget = forgetter(arena, file)
  }

  unmap(): number {
    this.#arena.pass(this.#file, this.buffer)
    return -1
  }

  fault(): number {
    return -1
  }
}

/** A function of its own: a closure made where `buffer` is in scope might keep it alive. */
function forgetter(arena: Arena, file: number): () => void {
  return () => arena.pass(file, null)
}

function wholePages(bytes: number, pageSize: number): number {
  return Math.ceil(bytes / pageSize) * pageSize
}
