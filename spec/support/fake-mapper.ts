/**
 * A mapper driven by hand: its files are on a {@link FakeDisk}, its jobs end when the spec says so, and it counts what
 * it holds, so that limits are checked by somebody who does not know of them.
 */
import { constants as limits } from 'node:buffer'
import { setImmediate } from 'node:timers/promises'
import { ERRNO, systemError } from '../../lib/errors.js'
import type { MapOutcome, Mapper, Mapping, MapTask } from '../../lib/mapping/mapper.js'
import { checkTask, holds, refuseUnmappable, refuseWithoutBytes } from '../../lib/mapping/task.js'
import { alignUp, type Range } from '../../lib/range.js'
import { type Descriptor, FakeDisk, type FakeFile, type MappedPart, withoutDrive } from './fake-disk.js'

export interface FakeMapperOptions {
  disk?: FakeDisk
  name?: string
  /** Bytes; default 16, so that numbers in specs stay small. */
  pageSize?: number
  /** Bytes; default the page size. */
  granularity?: number
  maxOffset?: number
  maxLength?: number
  detaches?: boolean
  servesAnyFile?: boolean
  /** A held job that is aborted ends when it is let go; by default at once. */
  abortsLate?: boolean
}

/** All that can happen without a job's ending has happened: one turn of the event loop. */
export async function settled(): Promise<void> {
  await setImmediate()
}

/** A job that is held: it ends well or as it must, or with an error out of the blue. */
interface Held {
  readonly title: string
  readonly finish: () => void
  readonly fail: (error: unknown) => void
}

/** What a job holds from its beginning to its end. */
interface Work {
  readonly title: string
  fd: number
  /** Whether it opened the descriptor itself. */
  opened: boolean
  descriptor: Descriptor | undefined
  part: MappedPart | undefined
  /** Why it will fail. */
  error: unknown
  over: boolean
}

/**
 * @example
 * ```ts
 * const mapper = new FakeMapper()
 * mapper.disk.add('/a', 'content')
 * mapper.hold()
 * const job = mapper.run({ target: '/a', length: 7 })
 * mapper.letGo()
 * expect((await job).mapping?.buffer.byteLength).to.equal(7)
 * expect(mapper.log).to.deep.equal(['open /a', 'map /a 0+7'])
 * ```
 */
export class FakeMapper implements Mapper {
  readonly disk: FakeDisk
  readonly name: string
  readonly granularity: number
  readonly pageSize: number
  readonly maxOffset: number
  readonly maxLength: number
  readonly detaches: boolean
  readonly servesAnyFile: boolean

  /** What happened, in order: `open PATH`, `stat PATH`, `map PATH OFFSET+LENGTH`, `unmap ...`, `close PATH`, `drain`. */
  readonly log: string[] = []
  /** What nobody may do: use or close what it has closed, close under a running job, close what was lent. */
  readonly misuses: string[] = []
  /** Bytes mapped now, in whole pages, those of jobs under way included; and at the most so far. */
  mappedBytes = 0
  peakMappedBytes = 0
  peakHandles = 0
  /** Jobs under way, and at the most so far. */
  jobs = 0
  peakJobs = 0

  readonly #abortsLate: boolean
  readonly #mapped = new Set<MappedPart>()
  /** Descriptors that it opened, by number, and whether they still are. */
  readonly #opened = new Map<number, boolean>()
  readonly #held: Held[] = []
  #holdsJobs = false
  #holdsCloses = false
  readonly #failures: unknown[] = []
  readonly #closeFailures: unknown[] = []

  constructor(options: FakeMapperOptions = {}) {
    this.disk = options.disk ?? new FakeDisk()
    this.name = options.name ?? 'fake'
    this.pageSize = options.pageSize ?? 16
    this.granularity = options.granularity ?? this.pageSize
    this.maxOffset = options.maxOffset ?? Number.MAX_SAFE_INTEGER
    this.maxLength = options.maxLength ?? limits.MAX_LENGTH
    this.detaches = options.detaches ?? true
    this.servesAnyFile = options.servesAnyFile ?? false
    this.#abortsLate = options.abortsLate ?? false
  }

  /** Mappings alive, those of jobs under way included. */
  get mappings(): number {
    return this.#mapped.size
  }

  /** Descriptors that it opened and nobody closed. */
  get handles(): number {
    return [...this.#opened.values()].filter(open => open).length
  }

  /** What was not given back, and what was misused: empty once everything is closed. */
  get leftovers(): string[] {
    const open = [...this.#opened].filter(([, isOpen]) => isOpen)
    return [
      ...[...this.#mapped].map(part => `mapping of ${place(part)}`),
      ...open.map(([fd]) => `descriptor of ${this.disk.descriptors.get(fd)?.path}`),
      ...(this.jobs > 0 ? [`${this.jobs} jobs under way`] : []),
      ...this.misuses
    ]
  }

  /** The log's entries of one kind, without the kind: `logged('close')`. */
  logged(kind: string): string[] {
    return this.log.filter(entry => entry.startsWith(`${kind} `)).map(entry => entry.slice(kind.length + 1))
  }

  /** From now on jobs do not end by themselves, and `close()` does not either if `'and closes'`. */
  hold(closes?: 'and closes'): this {
    this.#holdsJobs = true
    this.#holdsCloses = closes !== undefined
    return this
  }

  /** Titles of the jobs that wait to be let go, oldest first: as in the log, the last thing that each does. */
  get held(): string[] {
    return this.#held.map(({ title }) => title)
  }

  /** Let the oldest held jobs end. */
  letGo(count = 1): void {
    for (let i = 0; i < count; i++) this.#nextHeld().finish()
  }

  /** Let the oldest held job fail with this error, and leave nothing behind. */
  fail(error: unknown): void {
    this.#nextHeld().fail(error)
  }

  /** Let all held jobs end, and hold none from now on. */
  resume(): void {
    this.#holdsJobs = this.#holdsCloses = false
    this.letGo(this.#held.length)
  }

  /** The next job to begin will fail with this error. */
  failNext(error: unknown): void {
    this.#failures.push(error)
  }

  /** The next call to close fails with this error; the descriptor is closed all the same, as on Linux. */
  failNextClose(error: unknown): void {
    this.#closeFailures.push(error)
  }

  async run(task: MapTask, signal?: AbortSignal): Promise<MapOutcome> {
    const range = checkTask(task, this)
    signal?.throwIfAborted()
    const work = this.#begin(task, range)
    return new Promise<MapOutcome>((resolve, reject) => {
      const fail = (error: unknown) => {
        signal?.removeEventListener('abort', abort)
        this.#undo(work)
        reject(error)
      }
      const finish = () => {
        signal?.removeEventListener('abort', abort)
        try {
          signal?.throwIfAborted()
          resolve(this.#end(work))
        } catch (error) {
          fail(error)
        }
      }
      const held: Held = { title: work.title, finish, fail }
      const abort = () => {
        if (!this.#abortsLate && this.#drop(held)) fail(signal?.reason)
      }
      signal?.addEventListener('abort', abort)
      if (this.#holdsJobs) this.#held.push(held)
      else finish()
    })
  }

  runSync(task: MapTask): MapOutcome {
    const work = this.#begin(task, checkTask(task, this))
    try {
      return this.#end(work)
    } catch (error) {
      this.#undo(work)
      throw error
    }
  }

  async close(fd: number): Promise<void> {
    if (!this.#holdsCloses) return this.closeSync(fd)
    try {
      await new Promise<void>((finish, fail) => {
        this.#held.push({ title: `close ${this.#name(fd)}`, finish, fail })
      })
    } finally {
      // Also where it fails: see failNextClose().
      this.closeSync(fd)
    }
  }

  closeSync(fd: number): void {
    const descriptor = this.disk.descriptors.get(fd)
    if (!this.#opened.get(fd)) this.misuses.push(`closing ${this.#name(fd)}, which it has not open`)
    else if (descriptor && descriptor.jobs > 0)
      this.misuses.push(`closing ${this.#name(fd)} under a running job`)
    this.#close(fd)
    if (this.#closeFailures.length > 0) throw this.#closeFailures.shift()
  }

  drain(): void {
    this.log.push('drain')
  }

  /** Open, and take the room for the mapping; never throws. */
  #begin(task: MapTask, range: Range): Work {
    this.peakJobs = Math.max(this.peakJobs, ++this.jobs)
    const borrowed = typeof task.target === 'number'
    const path = borrowed ? this.#name(task.target) : withoutDrive(task.target.toString())
    const area = `${path} ${range.offset}+${range.length}`
    const title = range.length > 0 ? `map ${area}` : `${borrowed ? 'stat' : 'open'} ${path}`
    const work: Work = {
      title,
      fd: -1,
      opened: !borrowed,
      descriptor: undefined,
      part: undefined,
      error: undefined,
      over: false
    }
    try {
      work.fd = borrowed ? this.#checkOpen(task.target) : this.#open(path)
      work.descriptor = this.disk.descriptor(work.fd)
      work.descriptor.jobs++
      const { file } = work.descriptor
      if (borrowed || range.length > 0) this.log.push(title)
      if (range.length > 0) {
        this.#checkMappable(task, file, path)
        work.part = { file, path, ...range, pageSize: this.pageSize, bytes: undefined, lost: -1 }
        this.#map(work.part)
      }
      if (this.#failures.length > 0) throw this.#failures.shift()
    } catch (error) {
      work.error = error
    }
    return work
  }

  /** What it came to, with the file as it is at this moment; throws and leaves the rest to {@link #undo}. */
  #end(work: Work): MapOutcome {
    const { fd, descriptor, part, error } = work
    if (error !== undefined || !descriptor) throw error
    this.#leave(work)
    const { info } = descriptor.file
    if (part === undefined) return { fd, info }
    if (!holds(info, part)) {
      this.#unmap(part)
      return { fd, info }
    }
    const bytes = new ArrayBuffer(part.length)
    new Uint8Array(bytes).set(part.file.read(part.offset, part.length))
    part.bytes = new WeakRef(bytes)
    part.file.mapped.add(part)
    const forget = forgetter(part, this.#unmap)
    return { fd, info, mapping: new FakeMapping(bytes, part, forget, this.detaches) }
  }

  #undo(work: Work): void {
    this.#leave(work)
    if (work.part) this.#unmap(work.part)
    if (work.opened && work.descriptor) this.#close(work.fd)
  }

  #leave(work: Work): void {
    if (work.over) return
    work.over = true
    this.jobs--
    if (work.descriptor) work.descriptor.jobs--
  }

  #open(path: string): number {
    const fd = this.disk.open(path)
    this.#opened.set(fd, true)
    this.log.push(`open ${path}`)
    this.peakHandles = Math.max(this.peakHandles, this.handles)
    return fd
  }

  #close(fd: number): void {
    this.log.push(`close ${this.#name(fd)}`)
    this.#opened.set(fd, false)
    this.disk.close(fd)
  }

  #checkOpen(fd: number): number {
    if (this.#opened.get(fd) === false) this.misuses.push(`using descriptor ${fd} after it was closed`)
    return fd
  }

  #checkMappable(task: MapTask, file: FakeFile, path: string): void {
    refuseWithoutBytes(file.info, task)
    if (this.servesAnyFile) return
    refuseUnmappable(file.info, task, this.name)
    if (!file.mappable) throw systemError(ERRNO.ENODEV, 'mmap', path)
  }

  #map(part: MappedPart): void {
    this.#mapped.add(part)
    this.mappedBytes += alignUp(part.length, this.pageSize)
    this.peakMappedBytes = Math.max(this.peakMappedBytes, this.mappedBytes)
  }

  readonly #unmap = (part: MappedPart): void => {
    if (!this.#mapped.delete(part)) return
    part.file.mapped.delete(part)
    this.mappedBytes -= alignUp(part.length, this.pageSize)
    this.log.push(`unmap ${place(part)}`)
  }

  #name(fd: number): string {
    return this.disk.descriptors.get(fd)?.path ?? `descriptor ${fd}`
  }

  #nextHeld(): Held {
    const held = this.#held.shift()
    if (!held) throw new Error('no job is held')
    return held
  }

  #drop(held: Held): boolean {
    const index = this.#held.indexOf(held)
    if (index === -1) return false
    this.#held.splice(index, 1)
    return true
  }
}

class FakeMapping implements Mapping {
  readonly buffer: ArrayBuffer
  readonly forget: () => void
  readonly #part: MappedPart
  readonly #detaches: boolean

  constructor(buffer: ArrayBuffer, part: MappedPart, forget: () => void, detaches: boolean) {
    this.buffer = buffer
    this.forget = forget
    this.#part = part
    this.#detaches = detaches
  }

  unmap(): number {
    this.forget()
    if (this.#detaches && this.buffer.byteLength > 0)
      structuredClone(this.buffer, { transfer: [this.buffer] })
    return this.#part.lost
  }

  fault(): number {
    return this.#part.lost
  }
}

/** A function of its own, so that it holds no buffer. */
function forgetter(part: MappedPart, unmap: (part: MappedPart) => void): () => void {
  return () => unmap(part)
}

function place({ path, offset, length }: MappedPart): string {
  return `${path} ${offset}+${length}`
}
