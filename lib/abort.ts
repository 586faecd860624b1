/**
 * Abort signals, one way only: from who asks to who works. A listener that outlives its work would keep it alive,
 * so every link can be cut.
 */

/**
 * Abort `controller` as soon as `signal` is aborted, with the same reason.
 *
 * @returns cuts the link; to be called when the work is over
 */
export function follow(signal: AbortSignal | undefined, controller: AbortController): () => void {
  if (signal === undefined) return () => {}
  if (signal.aborted) {
    controller.abort(signal.reason)
    return () => {}
  }
  const abort = () => controller.abort(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  return () => signal.removeEventListener('abort', abort)
}
