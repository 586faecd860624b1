/**
 * `pipeTo()`: write a sequence to a sink, lending it the bytes.
 */
import { Buffer } from 'node:buffer'
import { hasCode } from '../errors.js'
import type { Chunks } from './chunks.js'
import type { StreamOptions } from './sequence.js'
import { openSink, type Sink, type Sinkable } from './sinks.js'

/** What to write to a sink, and how. */
export interface PipeToOptions extends StreamOptions {
  /** Leave the writable open after the last byte; default false, but true for `process.stdout` and `stderr`. */
  preventClose?: boolean | undefined
  /** Leave the writable as it is when something fails, instead of destroying it; defaults as `preventClose` does. */
  preventAbort?: boolean | undefined
  /** Told after each write how many bytes the sink is done with so far. What it throws, the pipe fails with. */
  onProgress?: ((bytes: number) => void) | undefined
}

/** Options checked and filled in. */
export interface PipePlan {
  readonly preventClose: boolean
  readonly preventAbort: boolean
  readonly onProgress: ((bytes: number) => void) | undefined
  readonly signal: AbortSignal | undefined
}

/**
 * Write chunks to a sink, one after the other, each when the sink is done with the one before.
 *
 * @param chunks ended when this settles
 */
export async function pipe(chunks: Chunks, writable: Sinkable, plan: PipePlan): Promise<void> {
  let failure: { error: unknown } | undefined
  /** What the sink was given, and is not known to be done with. */
  let lent: Buffer | undefined
  /** No more will be written. Cancels the wait for the next window; one that the sink is at work on must stay. */
  const stop = (error: unknown) => {
    failure ??= { error }
    // What that fails with is told at the end, if nothing failed before.
    if (!sink.busy && lent === undefined) chunks.end().catch(() => {})
  }
  let sink: Sink
  try {
    sink = openSink(writable, stop)
  } catch (error) {
    await chunks.end().catch(() => {})
    throw error
  }
  const interrupt = (error: unknown) => {
    stop(error)
    // With the file closed, what the sink was lent goes now, and it must not look at it again: zlib would take the
    // process down.
    const lost = sink.busy && chunks.leased && !plan.signal?.aborted
    if (plan.preventAbort && !lost) return
    const giveUp = () => sink.giveUp(error)
    // One that cannot even be destroyed is not waited for.
    sink.destroy(error).then(giveUp, giveUp)
  }
  const abort = () => interrupt(plan.signal?.reason)
  chunks.windows.onEnded(interrupt)
  // The windows hear of it too, but not while the sink flushes what they were.
  plan.signal?.addEventListener('abort', abort)

  try {
    let bytes = 0
    while (failure === undefined) {
      const chunk = chunks.take()
      if (chunk === undefined) {
        if (await chunks.advance()) continue
        break
      }
      const { length } = chunk
      lent = chunk
      await sink.write(chunk)
      lent = undefined
      bytes += length
      plan.onProgress?.(bytes)
    }
    if (failure === undefined && !plan.preventClose) await sink.end()
  } catch (error) {
    // What may not be looked at, such as some proxies, says nothing of that.
    const lost = lent && (await lossUnder(lent, chunks, error).catch(() => undefined))
    if (lost !== undefined) failure = { error: lost }
    failure ??= { error }
  }

  /** Whatever a sink throws at its end, the rest is still done. */
  const see = async (step: () => void | Promise<void>) => {
    try {
      await step()
    } catch (error) {
      failure ??= { error }
    }
  }
  // The sink before the windows: it may be at work on what it was lent.
  const failed = failure
  if (failed && !plan.preventAbort) await see(() => sink.destroy(failed.error))
  plan.signal?.removeEventListener('abort', abort)
  await see(() => sink.leave())
  await see(() => chunks.end())
  if (failure) throw failure.error
}

/**
 * Why the bytes of a lent chunk were lost, where that is why writing it failed: a page that is gone raises SIGBUS for
 * programs, and for the kernel EFAULT.
 */
async function lossUnder(chunk: Buffer, chunks: Chunks, error: unknown): Promise<unknown> {
  if (!chunks.leased || !hasCode(error, 'EFAULT')) return undefined
  // Touch all of it: what is lost is known from then on.
  Buffer.from(chunk)
  try {
    await chunks.advance()
  } catch (lost) {
    return lost
  }
  return undefined
}
