/**
 * A hard limit that is waited for.
 *
 * A budget counts units (mapped bytes, or handles) and knows nothing of what they stand for. Who asks waits, first
 * come first served: a large request at the head is not overtaken by small ones behind it, so nobody starves.
 */
import { type ErrorDetails, SlidemapError } from '../errors.js'
import { type Linked, LinkedList } from './linked-list.js'

/** One request in the queue. Owned by the budget until it is granted, aborted or turned away. */
class Waiter implements Linked<Waiter> {
  previous: Waiter | undefined
  next: Waiter | undefined
  list: LinkedList<Waiter> | undefined

  readonly amount: number
  readonly settle: (error?: unknown, refused?: boolean) => void

  constructor(amount: number, settle: (error?: unknown, refused?: boolean) => void) {
    this.amount = amount
    this.settle = settle
  }
}

export interface BudgetOptions {
  /** Units held at any instant at the most. */
  readonly limit: number
  /** The option that sets the limit, for messages: `'maxMappedBytes'`. */
  readonly name: string
  /** What is counted, for messages: `'bytes'`; default nothing. */
  readonly unit?: string
  /**
   * Called while somebody waits for `short` more units than are free: give back what nobody needs, through
   * `release`, now or later. Called before anybody waits and again whenever the queue moves.
   */
  readonly reclaim?: (short: number) => void
  /** Called when a request starts to wait. */
  readonly onWait?: (amount: number) => void
}

/**
 * @example
 * ```ts
 * const budget = new Budget({ limit: 64 * 2 ** 20, name: 'maxMappedBytes' })
 * await budget.acquire(bytes, signal)
 * try {
 *   ...
 * } finally {
 *   budget.release(bytes)
 * }
 * ```
 */
export class Budget {
  readonly limit: number
  readonly #options: BudgetOptions
  readonly #queue = new LinkedList<Waiter>()
  #held = 0
  #peak = 0
  #waits = 0
  /** Requests granted so far. */
  #grants = 0
  #closed: unknown
  #serving = false

  constructor(options: BudgetOptions) {
    this.limit = options.limit
    this.#options = options
  }

  /** Units held now. */
  get held(): number {
    return this.#held
  }

  /** Units held at the most so far. */
  get peak(): number {
    return this.#peak
  }

  /** Requests in the queue now. */
  get waiters(): number {
    return this.#queue.size
  }

  /** Requests that have had to wait so far. */
  get waits(): number {
    return this.#waits
  }

  /**
   * Take units, waiting behind whoever asked before.
   *
   * @param amount units, >= 0
   * @param signal leaves the queue at once; rejects with its reason
   * @param path of the file they are for, for errors
   * @throws {SlidemapError} ERR_MAP_LIMIT at once, if the limit can never hold `amount`
   */
  acquire(amount: number, signal?: AbortSignal, path?: string): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.#closed !== undefined) return Promise.reject(this.#closed)
    if (amount > this.limit) return Promise.reject(this.#tooLarge(amount, path))
    const grants = this.#grants
    if (this.take(amount)) return Promise.resolve()
    // Reclaiming runs what others wrote: it may have closed this budget, or aborted.
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.#closed !== undefined) return Promise.reject(this.#closed)
    const waiting = this.#wait(amount, signal)
    // Or it may have taken what was reclaimed, and there is more of that: from who is in the queue nobody takes it.
    if (this.#grants !== grants) this.serve()
    return waiting
  }

  /** Take units if they are free and nobody waits; takes nothing away from anybody. */
  tryAcquire(amount: number): boolean {
    if (this.#closed !== undefined || this.#queue.size > 0 || amount > this.#free()) return false
    this.#grant(amount)
    return true
  }

  /** Take units if nobody waits, and if they are free or can be reclaimed at once. */
  take(amount: number): boolean {
    if (this.#closed !== undefined || this.#queue.size > 0 || amount > this.limit) return false
    if (amount > this.#free()) this.#options.reclaim?.(amount - this.#free())
    return this.tryAcquire(amount)
  }

  /**
   * Take units at once, for whoever cannot wait.
   *
   * @param path of the file they are for, for errors
   * @throws {SlidemapError} ERR_MAP_LIMIT, also if others hold or wait for what is missing
   */
  demand(amount: number, path?: string): void {
    if (this.#closed !== undefined) throw this.#closed
    if (amount > this.limit) throw this.#tooLarge(amount, path)
    if (this.take(amount)) return
    // Reclaiming runs what others wrote: it may have closed this budget.
    if (this.#closed !== undefined) throw this.#closed
    throw new SlidemapError(
      'ERR_MAP_LIMIT',
      `${this.#counted(amount, ' more')} do not fit now: of ${this.#options.name}, ${this.limit}, ${this.#held} are in use` +
        (this.#queue.size > 0 ? `, and ${this.#queue.size} wait for more` : ''),
      this.#details(amount, path)
    )
  }

  /** Give units back, and serve the queue. */
  release(amount: number): void {
    this.#held -= amount
    this.serve()
  }

  /** Let the queue move: to be called when something has become reclaimable. */
  serve(): void {
    // Mostly nobody waits, and it is called with each use of a region.
    if (this.#queue.size > 0) this.#serve()
  }

  #serve(): void {
    // Reclaiming releases, which serves: once at a time, or the head would be granted twice.
    if (this.#serving) return
    this.#serving = true
    try {
      for (let head = this.#queue.first; head; head = this.#queue.first) {
        if (head.amount > this.#free()) this.#options.reclaim?.(head.amount - this.#free())
        // Reclaiming may have turned the head away.
        if (head !== this.#queue.first) continue
        if (head.amount > this.#free()) return
        this.#grant(head.amount)
        head.settle()
      }
    } finally {
      this.#serving = false
    }
  }

  /** Turn everybody away, now and from now on, with `error`. What is held stays held until it is released. */
  close(error: unknown): void {
    this.#closed = error
    for (const waiter of this.#queue) waiter.settle(error, true)
  }

  #free(): number {
    return this.limit - this.#held
  }

  #grant(amount: number): void {
    this.#grants++
    this.#held += amount
    if (this.#held > this.#peak) this.#peak = this.#held
  }

  #wait(amount: number, signal?: AbortSignal): Promise<void> {
    this.#waits++
    const waiting = new Promise<void>((resolve, reject) => {
      const abort = () => {
        waiter.settle(signal?.reason, true)
        // It may have been the one too large for what is free.
        this.serve()
      }
      const waiter = new Waiter(amount, (error, refused = false) => {
        this.#queue.remove(waiter)
        signal?.removeEventListener('abort', abort)
        if (refused) reject(error)
        else resolve()
      })
      signal?.addEventListener('abort', abort, { once: true })
      this.#queue.push(waiter)
    })
    // Last: who is told may give up, or close this budget, and is to find the waiter in the queue.
    this.#options.onWait?.(amount)
    return waiting
  }

  #tooLarge(amount: number, path: string | undefined): SlidemapError {
    return new SlidemapError(
      'ERR_MAP_LIMIT',
      `${this.#counted(amount)} can never fit: ${this.#options.name} is ${this.limit}`,
      this.#details(amount, path)
    )
  }

  #counted(amount: number, more = ''): string {
    const { unit } = this.#options
    return `${amount}${more}${unit === undefined ? '' : ` ${unit}`}`
  }

  #details(amount: number, path: string | undefined): ErrorDetails {
    // A length is bytes; handles have none.
    return { path, length: this.#options.unit === 'handles' ? undefined : amount }
  }
}
