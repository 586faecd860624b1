/**
 * The sources that come next: pulled from their list, and read or opened, a bounded number ahead of the consumer.
 *
 * Nothing ahead of its turn takes anything from anybody, nobody waits for it, and its failures concern nobody: what
 * could not be done ahead is done again when its turn comes, and then it is told why it fails.
 */
import { unlessAborted } from '../abort.js'
import type { LinkedList } from '../manager/linked-list.js'
import type { RegionManager, Spares } from '../manager/manager.js'
import type { OpenFile } from '../manager/open-file.js'
import { Queue } from '../queue.js'
import type { Place } from './place.js'
import type { SmallFiles, Whole } from './small-files.js'
import { END, type SourceList } from './source-list.js'

/** A source that was pulled. */
export interface Item<S> {
  readonly source: S
  /** Its place in the list, from 0. */
  readonly index: number
  /** Where its bytes are; undefined where `failure` says what is wrong with it. */
  readonly place: Place | undefined
  readonly failure: unknown
  /** The path of a file that may be read whole. */
  readonly path: string | Buffer | undefined
  /**
   * `'pulled'`: may be read whole. `'reading'`: a job is at it. `'read'`: `whole` has its bytes. `'alone'`: has to be
   * opened on its own.
   */
  state: 'pulled' | 'reading' | 'read' | 'alone'
  whole: Whole
  /** It is being opened ahead; undefined comes of it where that failed. */
  opening: Promise<OpenFile | undefined> | undefined
}

export interface UpcomingOptions<S> {
  readonly manager: RegionManager
  readonly list: SourceList<S>
  readonly locate: (source: S) => Place
  readonly small: SmallFiles
  /** Sources pulled ahead of the one whose turn it is, at the most. */
  readonly lookahead: number
  /** Extra flags for opening. */
  readonly flags: number
  /** Ends every wait, and everything under way, with its reason. */
  readonly signal: AbortSignal
}

export class Upcoming<S> implements Spares {
  previous: Spares | undefined
  next: Spares | undefined
  list: LinkedList<Spares> | undefined

  readonly #options: UpcomingOptions<S>
  /** Pulled, in order. */
  readonly #items = new Queue<Item<S>>()
  #pulled = 0
  /** No item before this one is to be read: so that who takes one need not look at all of them. */
  #unread = 0
  /** What the list threw: told when everything before it has passed. */
  #failure: { readonly error: unknown } | undefined
  /** A pull under way; never rejects. */
  #pulling: Promise<void> | undefined
  /** A job under way; never rejects. */
  #reading: Promise<void> | undefined
  /** What the job under way reads ahead is given up. */
  #unwanted = false
  /** Whether the last file seen was small: those after it are taken for the same. */
  #expectSmall: boolean
  /** Small files that have passed since the last larger one. */
  #passed = 0

  constructor(options: UpcomingOptions<S>) {
    this.#options = options
    this.#expectSmall = options.small.limit > 0
  }

  /**
   * The next source, `'read'` or to be opened; undefined at the end.
   *
   * @throws what the list throws; ERR_MAP_CLOSED; the signal's reason
   */
  async take(): Promise<Item<S> | undefined> {
    for (;;) {
      this.#options.signal.throwIfAborted()
      const head = this.#items.at(0)
      if (head === undefined) {
        if (this.#options.list.ended) break
        await this.#pullHead()
      } else if (head.state === 'reading') {
        await this.#reading
      } else if (head.state === 'pulled' && this.#expectSmall) {
        this.#pull(this.#depth() + 1)
        await this.#readHead()
      } else {
        return this.#shift()
      }
    }
    if (this.#failure) throw this.#failure.error
    return undefined
  }

  /** The next source if it was read ahead. */
  takeRead(): Item<S> | undefined {
    // Not past its end: a look there costs the compiled code.
    return this.#items.length > 0 && this.#items.at(0)?.state === 'read' ? this.#shift() : undefined
  }

  /** A file that was opened on its own has so many bytes. */
  saw(size: number): void {
    this.#expectSmall = this.#options.small.includes(size)
    if (!this.#expectSmall) this.#passed = 0
  }

  /** Pull, read and open ahead, as far as that takes nothing from anybody. */
  fill(): void {
    if (this.#options.signal.aborted) return
    const depth = this.#depth()
    const { list } = this.#options
    // Called for each file: while more than half of what may be pulled is read, there is no room for another job.
    if (this.#expectSmall && 2 * this.#unread > depth && !list.async && !list.ended) return
    this.#pull(depth)
    if (this.#expectSmall) this.#readAhead()
    else this.#openAhead()
  }

  giveUp(bytes: number): number {
    let given = 0
    for (let i = this.#items.length - 1; i >= 0 && given < bytes; i--) {
      const item = this.#items.at(i)
      if (item?.state !== 'read') continue
      given += item.whole?.length ?? 0
      this.#putBack(item)
    }
    // What a job under way reads is given back when it ends; how much that is, nobody knows yet.
    if (given < bytes) this.#unwanted = this.#reading !== undefined
    return given
  }

  /** End: everything ahead is given back. Settles when nothing is under way. To be called when the signal is aborted. */
  async end(): Promise<void> {
    const opened: Promise<void>[] = []
    this.#options.manager.spares.remove(this)
    for (let item = this.#items.shift(); item; item = this.#items.shift()) {
      if (item.state === 'read') this.#putBack(item)
      if (item.opening) opened.push(item.opening.then(file => file?.close()))
    }
    await Promise.allSettled([...opened, this.#reading])
    await this.#options.list.end()
  }

  /** How many to have pulled ahead now: files that are opened one by one need no more than the next. */
  #depth(): number {
    return Math.min(this.#options.lookahead, this.#expectSmall ? 2 * this.#batch() : 1)
  }

  /**
   * Files of the next job at the most: as many as have passed, so that who leaves early has pulled little; and half of
   * what may be pulled, so that one job's are read while another's are walked.
   */
  #batch(): number {
    return Math.max(1, Math.min(this.#passed, Math.floor(this.#options.lookahead / 2)))
  }

  #shift(): Item<S> | undefined {
    const item = this.#items.shift()
    if (this.#unread > 0) this.#unread--
    if (item?.state === 'read') this.#passed++
    return item
  }

  /** Pull until so many are there, or the list takes its time: then what is missing comes later. */
  #pull(depth: number): void {
    const { list, signal } = this.#options
    while (this.#items.length < depth && !list.ended && !this.#pulling && !signal.aborted) {
      try {
        const source = list.pull()
        // Not by what it is: a promise among the sources of an array is no source.
        if (list.async) this.#pulling = this.#pullLater(source as Promise<S | typeof END>)
        else this.#add(source as S | typeof END)
      } catch (error) {
        this.#failure = { error }
      }
    }
  }

  async #pullLater(source: Promise<S | typeof END>): Promise<void> {
    try {
      this.#add(await source)
    } catch (error) {
      this.#failure = { error }
    }
    this.#pulling = undefined
    if (this.#items.length > 0) this.fill()
  }

  async #pullHead(): Promise<void> {
    this.#pull(1)
    if (this.#pulling) await unlessAborted(this.#pulling, this.#options.signal)
  }

  #add(source: S | typeof END): void {
    if (source === END || this.#options.signal.aborted) return
    const { locate, small } = this.#options
    let place: Place | undefined
    let failure: unknown
    try {
      place = locate(source)
    } catch (error) {
      failure = error
    }
    const path = small.limit > 0 ? wholePath(place) : undefined
    const state = path === undefined ? 'alone' : 'pulled'
    const index = this.#pulled++
    this.#items.push({ source, index, place, failure, path, state, whole: undefined, opening: undefined })
  }

  /** Read the file whose turn it is, and what follows it. */
  async #readHead(): Promise<void> {
    const run = this.#run(0)
    const job = this.#options.small.read(pathsOf(run))
    this.#reading = this.#finish(run, job, 1)
    await this.#reading
    // Its own failures are those of budgets that are closed.
    await job
  }

  #readAhead(): void {
    if (this.#reading) return
    const items = this.#items
    while (this.#unread < items.length && items.at(this.#unread)?.state !== 'pulled') this.#unread++
    const pulled = items.length - this.#unread
    // A job for each file that is pulled would spare no hops.
    if (pulled === 0 || (pulled < this.#batch() && !this.#options.list.ended)) return
    const run = this.#run(this.#unread)
    if (run.length < this.#batch() && !this.#options.list.ended) return
    const job = this.#options.small.tryRead(pathsOf(run))
    if (job === undefined) return
    this.#unread += run.length
    this.#reading = this.#finish(run, job, 0)
  }

  /** The files of one job: those from `first` on that may be read whole. */
  #run(first: number): Item<S>[] {
    const run: Item<S>[] = []
    const end = Math.min(this.#items.length, first + this.#batch())
    for (let i = first; i < end; i++) {
      const item = this.#items.at(i)
      if (item?.state !== 'pulled') break
      run.push(item)
    }
    return run
  }

  /** Note what a job comes to; the first `demanded` files of it are not ahead of anything. */
  async #finish(run: Item<S>[], job: Promise<Whole[]>, demanded: number): Promise<void> {
    begin(run)
    if (run.length > demanded) this.#options.manager.spares.push(this)
    let wholes: Whole[] = []
    try {
      wholes = await job
    } catch {
      // Told by whoever waits for it.
    }
    const ended = this.#options.signal.aborted
    const kept = ended ? 0 : this.#unwanted ? demanded : run.length
    this.#unwanted = false
    this.#reading = undefined
    note(run, wholes)
    if (kept < run.length) this.#giveUp(run.slice(kept))
    if (wholes.length < run.length) this.#unread = 0
  }

  #giveUp(items: Item<S>[]): void {
    for (const item of items) if (item.state === 'read') this.#putBack(item)
  }

  /** Give the bytes of a file back; it is read again when its turn comes. */
  #putBack(item: Item<S>): void {
    item.whole?.region?.release()
    item.whole = undefined
    item.state = 'pulled'
    this.#unread = 0
  }

  #openAhead(): void {
    const item = this.#items.at(0)
    const { manager, flags, signal } = this.#options
    if (item === undefined || item.opening || item.state === 'read' || item.state === 'reading') return
    const { place } = item
    if (place === undefined || place.lent || typeof place.handle === 'function') return
    const { budget } = manager.handles
    if (!manager.jobs.idle || budget.waiters > 0 || budget.held >= budget.limit) return
    item.state = 'alone'
    item.opening = manager.open(place.handle, flags, signal).catch(() => undefined)
  }
}

// Loops over files stay out of what is else done once a job: so the runtime has less to compile in the first pass.

function begin<S>(run: readonly Item<S>[]): void {
  for (const item of run) item.state = 'reading'
}

/** What a job has come to. */
function note<S>(run: readonly Item<S>[], wholes: readonly Whole[]): void {
  run.forEach((item, i) => {
    item.whole = wholes[i]
    item.state = i >= wholes.length ? 'pulled' : item.whole ? 'read' : 'alone'
  })
}

function pathsOf<S>(run: readonly Item<S>[]): (string | Buffer)[] {
  return run.flatMap(({ path }) => path ?? [])
}

/** The path, if it is all of a file at a path. */
function wholePath(place: Place | undefined): string | Buffer | undefined {
  if (place === undefined || typeof place.handle === 'function' || place.lent) return undefined
  return place.start === 0 && place.end === Number.POSITIVE_INFINITY ? place.handle : undefined
}
