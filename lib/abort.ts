/**
 * Abort signals, one way only: from who asks to who works. A listener that outlives its work would keep it alive,
 * so every link can be cut.
 */
import { setMaxListeners } from 'node:events'

// Loaded with the package, not by the first file that is opened: the runtime does not have it before it is named.
const { AbortController } = globalThis

/**
 * Abort `controller` as soon as `signal` is aborted, with the same reason.
 *
 * @returns cuts the link; to be called when the work is over
 */
export function follow(signal: AbortSignal | undefined, controller: AbortController): () => void {
  expectMany(controller.signal)
  if (signal === undefined) return () => {}
  if (signal.aborted) {
    controller.abort(signal.reason)
    return () => {}
  }
  expectMany(signal)
  const abort = () => controller.abort(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  return () => signal.removeEventListener('abort', abort)
}

/** Run a job under a signal of its own, which is aborted when `signal` is, as long as it runs. */
export async function under<T>(
  signal: AbortSignal | undefined,
  job: (signal: AbortSignal) => Promise<T>
): Promise<T> {
  const stop = new AbortController()
  const unfollow = follow(signal, stop)
  try {
    return await job(stop.signal)
  } finally {
    unfollow()
  }
}

/**
 * One signal may end any number of files, windows and streams, and one of these any number of jobs: Node would warn
 * of a leak at the eleventh.
 */
function expectMany(signal: AbortSignal): void {
  // It may be of another library.
  if (signal instanceof EventTarget) setMaxListeners(0, signal)
}

/**
 * Wait for `work`, but no longer than until `signal` is aborted; then reject with its reason. The work goes on.
 */
export function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(signal.reason)
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/**
 * What is under way, by the signal that ends it.
 *
 * One listener a signal for all that overlap: to add one for each and to remove it costs more than all else that
 * JavaScript does for a job on the thread pool.
 */
export class UnderWay<T> {
  readonly #end: (work: T) => void
  readonly #bySignal = new Map<AbortSignal, { readonly works: Set<T>; readonly abort: () => void }>()

  /** @param end called for each that is under way when its signal is aborted */
  constructor(end: (work: T) => void) {
    this.#end = end
  }

  /** @param signal not aborted yet */
  add(signal: AbortSignal, work: T): void {
    const known = this.#bySignal.get(signal)
    if (known) {
      known.works.add(work)
      return
    }
    const works = new Set([work])
    const abort = () => {
      for (const each of works) this.#end(each)
    }
    this.#bySignal.set(signal, { works, abort })
    signal.addEventListener('abort', abort, { once: true })
  }

  /** It is not under way any more. */
  delete(signal: AbortSignal, work: T): void {
    const known = this.#bySignal.get(signal)
    if (!known?.works.delete(work) || known.works.size > 0) return
    this.#bySignal.delete(signal)
    signal.removeEventListener('abort', known.abort)
  }
}
