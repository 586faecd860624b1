/**
 * The regions that one consumer asks for, one after the other, and those mapped ahead of it.
 *
 * It knows the consumer's file and walk, never the consumer: so a consumer that is dropped half way can be
 * collected, and this is what ends its affairs.
 */
import { follow } from '../abort.js'
import { tellEvict } from '../diagnostics.js'
import type { LinkedList } from '../manager/linked-list.js'
import type { Spares } from '../manager/manager.js'
import type { Consumer, OpenFile } from '../manager/open-file.js'
import type { Region } from '../manager/region.js'
import { nextOffset, type Range, type Walk, windowAt } from '../range.js'

/** A window mapped, or being mapped, ahead of its consumer. Owned by the lookahead until it is taken or dropped. */
class Spare {
  readonly range: Range
  /** What it holds of the budget. */
  readonly bytes: number
  readonly region: Promise<Region>
  #mapped: Region | undefined
  #dropped = false

  constructor(range: Range, bytes: number, region: Promise<Region>) {
    this.range = range
    this.bytes = bytes
    this.region = region
  }

  /** It has been mapped. */
  arrived(region: Region): void {
    if (this.#dropped) region.release()
    else this.#mapped = region
  }

  /** Nobody wants it: it goes at once, or as soon as it is there. */
  drop(): void {
    this.#dropped = true
    this.#mapped?.release()
  }
}

export class Lookahead implements Consumer, Spares {
  previous: Spares | undefined
  next: Spares | undefined
  list: LinkedList<Spares> | undefined

  readonly file: OpenFile
  readonly walk: Walk
  readonly #depth: number
  readonly #dropBehind: boolean
  readonly #stop = new AbortController()
  readonly #unfollow: () => void
  /** In order and without a gap: the first is the next window. */
  readonly #ahead: Spare[] = []
  /** Jobs that have not come out yet. */
  #underWay = 0
  /** Called when the last of them has. */
  readonly #leaving: (() => void)[] = []

  /**
   * @param depth windows mapped ahead at the most
   * @param signal ends everything under way; its reason is what `take` then rejects with
   * @param dropBehind leave the page cache as it was found
   */
  constructor(file: OpenFile, walk: Walk, depth: number, signal?: AbortSignal, dropBehind = false) {
    this.file = file
    this.walk = walk
    this.#depth = depth
    this.#dropBehind = dropBehind
    this.#unfollow = follow(signal, this.#stop)
    file.consumers.add(this)
    // What was mapped ahead is given back when the signal says so, not when the consumer comes by next.
    this.#stop.signal.addEventListener('abort', () => this.#dropAhead(), { once: true })
  }

  /** Aborted once this has ended, by the consumer, its signal, or the file's being closed. */
  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /**
   * The region of the window that follows, waiting for budget if it was not mapped ahead.
   *
   * @param range the next window of the walk
   */
  take(range: Range): Promise<Region> {
    if (this.#stop.signal.aborted) return Promise.reject(this.#stop.signal.reason)
    const spare = this.#ahead.shift()
    if (this.#ahead.length === 0) this.file.manager.spares.remove(this)
    if (spare) return spare.region
    const region = this.file.map(range, this.#stop.signal, this.#dropBehind)
    this.#watch(region)
    return region
  }

  /** Map ahead what follows `range`, as far as that takes nothing from anybody. */
  fill(range: Range): void {
    let last = this.#ahead.at(-1)?.range ?? range
    while (this.#ahead.length < this.#depth && !this.#stop.signal.aborted) {
      const following = windowAt(this.walk, nextOffset(this.walk, last))
      const region = following && this.file.tryMap(following, this.#stop.signal, this.#dropBehind)
      if (!region) break
      const spare = new Spare(following, this.file.cost(following), region)
      this.#watch(region, spare)
      this.#ahead.push(spare)
      last = following
    }
    if (this.#ahead.length > 0) this.file.manager.spares.push(this)
  }

  giveUp(bytes: number): number {
    let given = 0
    while (given < bytes) {
      const spare = this.#ahead.pop()
      if (!spare) break
      tellEvict(this.file.path, spare.range, spare.bytes)
      spare.drop()
      given += spare.bytes
      this.file.manager.counts.evictions++
    }
    if (this.#ahead.length === 0) this.file.manager.spares.remove(this)
    return given
  }

  /** End: cancel the waits, give back what was mapped ahead. Settles when nothing is under way. Idempotent. */
  async destroy(error: unknown): Promise<void> {
    this.#unfollow()
    this.#stop.abort(error)
    this.file.consumers.delete(this)
    if (this.#underWay > 0) await new Promise<void>(resume => this.#leaving.push(resume))
    if (this.#dropBehind) await this.file.cache.forget()
  }

  #dropAhead(): void {
    for (const spare of this.#ahead.splice(0)) spare.drop()
    this.file.manager.spares.remove(this)
  }

  /** @param spare what waits for it, where it is mapped ahead */
  #watch(region: Promise<Region>, spare?: Spare): void {
    this.#underWay++
    region.then(
      mapped => {
        spare?.arrived(mapped)
        this.#over()
      },
      // Told to whoever takes it; dropped, it concerns nobody.
      () => this.#over()
    )
  }

  #over(): void {
    this.#underWay--
    if (this.#underWay === 0) for (const resume of this.#leaving.splice(0)) resume()
  }
}
