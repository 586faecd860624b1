/**
 * Abort signals, one way only: from who asks to who works. A listener that outlives its work would keep it alive,
 * so every link can be cut.
 */
import { setMaxListeners } from 'node:events'

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

/**
 * One signal may end any number of files, windows and streams, and one of these any number of jobs: Node would warn
 * of a leak at the eleventh.
 */
function expectMany(signal: AbortSignal): void {
  // It may be of another library.
  if (signal instanceof EventTarget) setMaxListeners(0, signal)
}
