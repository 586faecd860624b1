/**
 * A world to run a {@link Program} in: a manager, its files, and all that was got from them, each with what it must
 * show. Whatever is wrong is thrown.
 */
import { Writable } from 'node:stream'
import type { MappedFile, Window } from '../../lib/index.js'
import { Buffers } from './buffers.js'
import { Cursors } from './cursors.js'
import { attempt, type Opened } from './excuses.js'
import type { Lent } from './lent.js'
import type { Change, Command, WalkOptions } from './program.js'
import { type Ground, isCode, pick, Scene } from './scene.js'
import { type Range, unopened, Walk } from './walk.js'

export class World {
  readonly #scene: Scene
  readonly #files: Opened[] = []
  readonly #cursors: Cursors
  readonly #buffers: Buffers
  readonly #walks: Walk[] = []
  readonly #retained: Window[] = []

  constructor(ground: Ground) {
    this.#scene = new Scene(ground)
    this.#cursors = new Cursors(this.#scene, but => this.#isCrowded(but))
    this.#buffers = new Buffers(this.#scene, () => this.#isCrowded())
  }

  /** Open the first file, without which there is little to do. */
  begin(): Promise<void> {
    return this.#open(this.#scene.path(0))
  }

  async run(commands: readonly Command[]): Promise<void> {
    for (const [i, command] of commands.entries()) {
      try {
        await this.#do(command)
        this.#scene.check()
      } catch (error) {
        throw new Error(`${i}, ${command.do}: ${(error as Error).message}`, { cause: error })
      }
    }
    await this.#finish()
  }

  async #do(command: Command): Promise<void> {
    switch (command.do) {
      case 'open':
        this.#scene.start(this.#open(this.#scene.path(command.path)))
        return
      case 'wait':
        return this.#scene.turns(30)
      case 'let go': {
        const held = this.#scene.ground.fake?.held.length ?? 0
        if (held > 0) this.#scene.ground.fake?.letGo(Math.min(held, command.count))
        return
      }
      case 'collect':
        this.#scene.ground.manager.collect()
        if (this.#scene.ground.manager.stats().cachedRegions !== 0) throw new Error('it left cached regions')
        return
      case 'close all':
        this.#close()
        return
      case 'unmap':
        this.#unmap(this.#scene.path(command.path))
        return
      case 'truncate':
      case 'append':
      case 'replace':
      case 'overwrite':
        this.#change(command)
        return
      case 'concat':
        this.#concat(
          command.paths.map(path => this.#scene.path(path)),
          command.small,
          command.how
        )
        return
      case 'next':
      case 'leave':
      case 'abort':
      case 'retain':
        this.#onWalk(command.do, pick(this.#walks, command.walk))
        return
      case 'use':
      case 'load':
        this.#cursors.send(
          command.do,
          pick(this.#cursors.slots, command.cursor),
          this.#scene.bytes(command.at),
          this.#scene.size(command.length)
        )
        return
      case 'unuse':
      case 'clone':
      case 'dispose':
      case 'look':
        this.#cursors.on(command.do, pick(this.#cursors.slots, command.cursor))
        return
      case 'at':
      case 'number':
      case 'find':
      case 'find back':
        this.#buffers.ask(
          command.do,
          pick(this.#buffers.slots, command.buffer),
          this.#scene.bytes(command.at)
        )
        return
      case 'slice':
      case 'lease':
      case 'subarray':
        this.#buffers.take(
          command.do,
          pick(this.#buffers.slots, command.buffer),
          this.#scene.bytes(command.at),
          this.#scene.size(command.length)
        )
        return
      case 'look at lease':
      case 'release':
        this.#buffers.onLease(command.do, pick(this.#buffers.leases, command.lease))
        return
      default:
        this.#onFile(command, pick(this.#files, command.file))
        return
    }
  }

  // Files

  async #open(path: string): Promise<void> {
    const { disk, manager } = this.#scene.ground
    const history = disk.file(path)
    const since = history.count
    let file: MappedFile
    try {
      file = await manager.open(path)
    } catch (error) {
      this.#scene.excuse(error, { files: [] })
      return
    }
    // Replaced meanwhile: nobody can say which of them it is.
    if (disk.file(path) !== history) return file.close()
    if (!history.hadSince(since, file.size)) throw new Error(`${path} was opened with ${file.size} bytes`)
    this.#files.push({ file, path, history, since, closed: false })
  }

  #onFile(command: Command & { file: number }, of: Opened | undefined): void {
    if (of === undefined) return
    const { file } = of
    switch (command.do) {
      case 'refresh':
        this.#scene.start(this.#refresh(of))
        return
      case 'close':
        of.closed = true
        for (const lent of this.#lentOf(of)) lent.gone = true
        this.#scene.start(file.close())
        return
      case 'cursor': {
        const { value, error } = attempt(() => file.cursor())
        if (value) this.#cursors.add(value, of)
        else this.#scene.excuse(error, { files: [of] })
        return
      }
      case 'buffer': {
        const base = this.#scene.bytes(command.at)
        const { value, error } = attempt(() => file.buffer(base, this.#scene.size(command.length)))
        if (value) this.#buffers.slots.push({ buffer: value, of, base })
        else if (!isCode(error, 'ERR_MAP_OUT_OF_RANGE') || base <= file.size)
          this.#scene.excuse(error, { files: [of] })
        return
      }
      case 'read':
        this.#scene.start(this.#read(of, this.#scene.bytes(command.at), this.#scene.size(command.length)))
        return
      case 'walk':
        this.#walk(of, command.how)
        return
      case 'pipe':
        this.#scene.start(this.#pipe(of, this.#scene.window(command.size), command.leased))
        return
    }
  }

  async #refresh(of: Opened): Promise<void> {
    const before = of.history.count
    try {
      const size = await of.file.refresh()
      if (!of.history.hadSince(before, size)) throw new Error(`${of.path} has ${size} bytes now?`)
    } catch (error) {
      this.#scene.excuse(error, { files: [of] })
    }
  }

  async #read(of: Opened, at: number, length: number): Promise<void> {
    const { unit, limits } = this.#scene.ground
    const { size } = of.file
    const released = this.#scene.watchUnmap(of)
    let bytes: Buffer
    try {
      bytes = await of.file.read(at, length)
    } catch (error) {
      if (isCode(error, 'ERR_MAP_OUT_OF_RANGE') && at > size) return
      return this.#scene.excuse(error, {
        files: [of],
        released: released(),
        crowded: limits.window + 1 > limits.mapped || unit < 1
      })
    }
    if (bytes.length !== Math.min(length, size - at))
      throw new Error(`read() answered ${bytes.length} bytes of ${length}`)
    this.#scene.own(of, at, bytes)
  }

  async #pipe(of: Opened, size: number, leased: boolean): Promise<void> {
    const { unit, limits } = this.#scene.ground
    const parts: Buffer[] = []
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        parts.push(Buffer.from(chunk))
        setImmediate(done)
      }
    })
    const known = of.file.size
    const released = this.#scene.watchUnmap(of)
    try {
      await of.file.pipeTo(sink, {
        size,
        lifetime: leased ? 'leased' : 'copied',
        chunkSize: Math.ceil(size / 2)
      })
    } catch (error) {
      const crowded = Math.min(size, known) + 2 * unit > limits.mapped * unit
      this.#scene.excuse(error, { files: [of], released: released(), crowded })
      return
    }
    const bytes = Buffer.concat(parts)
    if (bytes.length !== known) throw new Error(`the pipe wrote ${bytes.length} bytes of ${known}`)
    // Where it has been cut and has grown again, zeros are its bytes.
    this.#scene.own(of, 0, bytes)
  }

  // Walks

  #walk(of: Opened, how: WalkOptions): void {
    const { file } = of
    const past = this.#scene.bytes(how.start) > file.size
    const range = this.#range(how, past ? Number.POSITIVE_INFINITY : file.size)
    const { value, error } = attempt(() => new Walk(this.#walkGiven(how, range, [of], false), file))
    if (value !== undefined) {
      if (past) throw new Error('a walk began past the end')
      this.#walks.push(value)
    } else if (!(past && isCode(error, 'ERR_MAP_OUT_OF_RANGE'))) this.#scene.excuse(error, { files: [of] })
  }

  #concat(paths: string[], small: boolean, how: WalkOptions): void {
    const { disk, manager } = this.#scene.ground
    if (how.kind === 'reverse lines') return
    const files = paths.map(path => unopened(path, disk.file(path)))
    const size = files.reduce((sum, { history }) => sum + history.now.length, 0)
    const range = { ...this.#range(how, size), overlap: 0 }
    const of = attempt(() => manager.concat(paths, small ? {} : { smallFileSize: 0 }))
    if (of.value === undefined) {
      this.#scene.excuse(of.error, { files })
      return
    }
    // A start past the end shows at the end only: not of interest here.
    if (range.start > size) return
    const sequence = of.value as unknown as MappedFile
    const { value, error } = attempt(() => new Walk(this.#walkGiven(how, range, files, true), sequence))
    if (value) this.#walks.push(value)
    else this.#scene.excuse(error, { files })
  }

  #walkGiven(how: WalkOptions, range: Range, files: readonly Opened[], concat: boolean) {
    const { disk, manager, unit, limits, fake } = this.#scene.ground
    return {
      kind: how.kind,
      range,
      files,
      concat,
      disk,
      manager,
      strict: !fake,
      most: limits.mapped * unit,
      unit
    }
  }

  #range(how: WalkOptions, size: number): Range {
    const start = Math.min(this.#scene.bytes(how.start), Math.max(size, 0))
    const end = Math.max(start, Math.min(size, start + this.#scene.bytes(how.length)))
    const window = this.#scene.window(how.size)
    const overlap = Math.min(this.#scene.bytes(how.overlap), Math.floor(window / 2))
    return { start, end, size: window, overlap, prefetch: how.prefetch }
  }

  #onWalk(what: 'next' | 'leave' | 'abort' | 'retain', walk: Walk | undefined): void {
    if (walk === undefined) return
    if (what === 'abort') {
      walk.abort()
      return
    }
    if (what === 'leave') {
      this.#scene.start(walk.leave(() => this.#scene.closing !== undefined))
      return
    }
    if (what === 'next') {
      if (walk.pending === undefined) this.#scene.start(walk.next(() => this.#scene.closing !== undefined))
      return
    }
    const { window } = walk
    if (window === undefined) return
    const { value, error } = attempt(() => window.retain())
    if (value) this.#retained.push(window)
    else
      this.#scene.excuse(error, {
        files: walk.files,
        released: walk.released,
        aborted: walk.stop.signal.aborted
      })
  }

  // Cursors

  // Buffers and leases

  // Changes from outside

  #unmap(path: string): void {
    this.#scene.ground.manager.unmapFile(path)
    this.#scene.unmaps.set(path, (this.#scene.unmaps.get(path) ?? 0) + 1)
    for (const of of this.#files.filter(file => file.path === path)) {
      for (const lent of this.#lentOf(of)) lent.gone = true
    }
    for (const walk of this.#walks) walk.released ||= walk.files.some(file => file.path === path)
  }

  #change({ do: what, path, at, length }: Change): void {
    const { disk } = this.#scene.ground
    const name = this.#scene.path(path)
    const { now } = disk.file(name)
    if (what === 'truncate') disk.truncate(name, Math.min(this.#scene.bytes(at), now.length))
    else if (what === 'append') disk.append(name, this.#scene.bytes(length))
    else if (what === 'replace') disk.replace(name, this.#scene.bytes(length))
    else disk.overwrite(name, this.#scene.bytes(at), this.#scene.bytes(length))
  }

  #close(): void {
    this.#scene.closing ??= this.#scene.ground.manager.close()
    for (const of of this.#files) for (const lent of this.#lentOf(of)) lent.gone = true
  }

  // The end

  async #finish(): Promise<void> {
    const { fake } = this.#scene.ground
    fake?.resume()
    for (const window of this.#retained) window.release()
    for (const lease of [...this.#buffers.leases]) this.#buffers.onLease('release', lease)
    for (const cursor of this.#cursors.slots) this.#cursors.on('dispose', cursor)
    // Half of them leave, and the others go on to their ends, all at once: they can, whatever the limits are.
    const going = this.#walks.filter((walk, i) => i % 2 === 1 && !walk.over)
    for (const walk of this.#walks)
      if (!going.includes(walk)) this.#scene.start(walk.leave(() => this.#scene.closing !== undefined))
    for (const walk of going) this.#scene.start(this.#goOn(walk))
    await this.#scene.eventually('all that was begun came to its end', () => this.#scene.pending.size === 0)
    this.#scene.check()
    this.#close()
    let closed = false
    void this.#scene.closing?.then(() => {
      closed = true
    })
    await this.#scene.eventually('the manager was closed', () => closed)
    const { mappedBytes, regions, handles, files, waiters, cachedRegions } =
      this.#scene.ground.manager.stats()
    const left = { mappedBytes, regions, handles, files, waiters, cachedRegions }
    if (Object.values(left).some(count => count !== 0)) throw new Error(`left: ${JSON.stringify(left)}`)
    const leftovers = this.#scene.ground.leftovers()
    if (leftovers.length > 0) throw new Error(`left: ${leftovers.join(', ')}`)
  }

  async #goOn(walk: Walk): Promise<void> {
    while (!walk.over) await (walk.pending ?? walk.next(() => this.#scene.closing !== undefined))
  }

  // What is right

  /** Whether somebody has, or waits for, something: then who cannot wait may be refused. */
  #isCrowded(but?: object): boolean {
    return (
      this.#scene.pending.size > 0 ||
      this.#scene.ground.jobs() > 0 ||
      this.#buffers.leases.length > 0 ||
      this.#retained.length > 0 ||
      // Node answers return() before the stream is closed.
      this.#walks.some(walk => !walk.over || walk.kind === 'nodeStream') ||
      this.#cursors.slots.some(slot => slot !== but && slot.cursor.valid)
    )
  }

  #lentOf(of: Opened): Lent[] {
    const shown = this.#cursors.slots.filter(slot => slot.of === of).flatMap(slot => slot.shown ?? [])
    return [...shown, ...this.#buffers.leases.filter(lease => lease.of === of)]
  }
}
