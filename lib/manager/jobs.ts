/**
 * How many native jobs of one manager are on the thread pool at a time.
 *
 * libuv's pool has four threads for the whole process (files, DNS, zlib, crypto): one manager must not fill it.
 */
import pLimit, { type LimitFunction } from 'p-limit'

export class Jobs {
  readonly #limit: LimitFunction
  readonly #concurrency: number

  /** @param concurrency jobs at a time, >= 1 */
  constructor(concurrency: number) {
    this.#limit = pLimit(concurrency)
    this.#concurrency = concurrency
  }

  /** Whether a job given now would start now. */
  get idle(): boolean {
    return this.#limit.activeCount + this.#limit.pendingCount < this.#concurrency
  }

  /**
   * Run `job` when its turn comes.
   *
   * An abort before its turn rejects at once and the job never starts. Once it runs, ending early is the job's own
   * affair: it is given the same signal by whoever wrote it, and undoes what it did before it rejects.
   */
  run<T>(job: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    return new Promise<T>((resolve, reject) => {
      const abandon = () => reject(signal?.reason)
      signal?.addEventListener('abort', abandon, { once: true })
      void this.#limit(async () => {
        if (signal?.aborted) return
        signal?.removeEventListener('abort', abandon)
        try {
          resolve(await job())
        } catch (error) {
          reject(error)
        }
      })
    })
  }
}
