/** What is common to all parts of a {@link World}: where it is, what is under way, and what is right. */
import type { MapManager } from '../../lib/index.js'
import type { FakeMapper } from '../support/fake-mapper.js'
import type { Disk } from './disk.js'
import { type Circumstances, type Opened, unexcused } from './excuses.js'
import type { Length, Limits } from './program.js'

/** Where a program runs. */
export interface Ground {
  readonly manager: MapManager
  readonly disk: Disk
  readonly limits: Limits
  /** Bytes of a page. */
  readonly unit: number
  readonly fake: FakeMapper | undefined
  /** Jobs under way, those that were given up included. */
  readonly jobs: () => number
  /** What is left on the OS's own list, where there is one. */
  readonly leftovers: () => readonly string[]
}

/** Turns of the event loop that something may take: jobs run on other threads. */
const MANY_TURNS = 1_000_000

export class Scene {
  readonly ground: Ground
  readonly pending = new Set<Promise<void>>()
  /** How often a path was unmapped. */
  readonly unmaps = new Map<string, number>()
  readonly wrong: unknown[] = []
  /** Once the manager is being closed. */
  closing: Promise<void> | undefined

  constructor(ground: Ground) {
    this.ground = ground
  }

  start(work: Promise<void>): void {
    const watched = work
      .catch(error => {
        this.wrong.push(error)
      })
      .finally(() => this.pending.delete(watched))
    this.pending.add(watched)
  }

  async turns(count: number): Promise<void> {
    const before = this.pending.size
    for (let turn = 0; turn < count && before > 0 && this.pending.size === before; turn++) {
      await new Promise(resolve => setImmediate(resolve))
    }
  }

  async eventually(what: string, done: () => boolean): Promise<void> {
    for (let turn = 0; !done(); turn++) {
      if (this.wrong.length > 0) throw this.wrong[0]
      if (turn === (this.ground.fake ? 20_000 : MANY_TURNS)) throw new Error(`it never came true: ${what}`)
      await new Promise(resolve => setImmediate(resolve))
    }
  }

  /** What holds at every moment. */
  check(): void {
    if (this.wrong.length > 0) throw this.wrong[0]
    const { fake, manager } = this.ground
    const { mappedBytes, maxMappedBytes, handles, maxHandles } = manager.stats()
    if (mappedBytes < 0 || mappedBytes > maxMappedBytes) throw new Error(`${mappedBytes} bytes are mapped`)
    if (handles < 0 || handles > maxHandles) throw new Error(`${handles} handles are open`)
    if (fake === undefined) return
    if (fake.mappedBytes > mappedBytes || fake.peakMappedBytes > maxMappedBytes)
      throw new Error('more is mapped than it says')
    if (fake.handles > handles || fake.peakHandles > maxHandles) throw new Error('more is open than it says')
    if (fake.misuses.length > 0) throw new Error(fake.misuses.join(', '))
  }

  excuse(error: unknown, given: Partial<Circumstances> & Pick<Circumstances, 'files'>): void {
    const closing = this.closing !== undefined
    const wrong = unexcused(error, { disk: this.ground.disk, closing, ...given })
    if (wrong !== undefined) throw new Error(wrong)
  }

  /** Bytes of the program's own, which nothing that comes later can take back. */
  own(of: Opened, offset: number, bytes: Uint8Array): void {
    const at = of.history.misfit(of.since, offset, bytes, this.ground.fake !== undefined)
    if (at >= 0) throw new Error(`the byte at ${at} is ${bytes[at - offset]}, which was never there`)
  }

  closed(of: Opened): boolean {
    return of.closed || this.closing !== undefined
  }

  unchanged({ history, since }: Opened): boolean {
    return history.count === since
  }

  /** Whether a range takes more pages than there are. */
  cost(offset: number, length: number): boolean {
    const { unit, limits } = this.ground
    return Math.ceil((offset + length) / unit) - Math.floor(offset / unit) > limits.mapped
  }

  /** @returns whether the file has been unmapped since this was called */
  watchUnmap(of: Opened): () => boolean {
    const before = this.unmaps.get(of.path)
    return () => this.unmaps.get(of.path) !== before
  }

  path(slot: number): string {
    const { paths } = this.ground.disk
    return paths[slot % paths.length] as string
  }

  bytes({ pages, extra }: Length): number {
    return Math.max(0, pages * this.ground.unit + extra)
  }

  /** Not so small that there would be thousands. */
  window(size: Length): number {
    return Math.max(Math.ceil(this.ground.unit / 8), this.bytes(size))
  }

  size(length: Length): number {
    return Math.max(1, this.bytes(length))
  }
}

/** The n-th of those that there are, counted round. */
export function pick<T>(slots: readonly T[], slot: number): T | undefined {
  return slots[slot % slots.length]
}

export function isCode(error: unknown, code: string): boolean {
  return (error as { code?: string } | undefined)?.code === code
}
