/**
 * How many native jobs of one manager are on the thread pool at a time.
 *
 * libuv's pool has four threads for the whole process (files, DNS, zlib, crypto): one manager must not fill it.
 */
import { Budget } from './budget.js'

export class Jobs {
  readonly #turns: Budget

  /** @param concurrency jobs at a time, >= 1 */
  constructor(concurrency: number) {
    this.#turns = new Budget({ limit: concurrency, name: 'concurrency', unit: 'jobs' })
  }

  /** Whether a job given now would start now. */
  get idle(): boolean {
    return this.#turns.waiters === 0 && this.#turns.held < this.#turns.limit
  }

  /**
   * Run `job` when its turn comes: at once, if that is now.
   *
   * An abort before its turn rejects at once and the job never starts. Once it runs, ending early is the job's own
   * affair: it is given the same signal by whoever wrote it, and undoes what it did before it rejects.
   */
  async run<T>(job: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted()
    if (!this.#turns.tryAcquire(1)) await this.#turns.acquire(1, signal)
    try {
      // It may have been aborted after its turn came.
      signal?.throwIfAborted()
      return await job()
    } finally {
      this.#turns.release(1)
    }
  }
}
