/**
 * `pipeTo()`: write a sequence to a sink, lending it the bytes.
 */
import { Buffer } from 'node:buffer'
import { hasCode } from '../errors.js'
import type { Chunks } from './chunks.js'
import type { StreamOptions } from './sequence.js'
import { openSink, type Sinkable } from './sinks.js'

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
  /** Ends the wait for the sink, while there is one. */
  let giveUp: ((error: unknown) => void) | undefined
  const done = (work: Promise<void>) =>
    new Promise<void>((resolve, reject) => {
      giveUp = reject
      work.then(resolve, reject)
    }).finally(() => {
      giveUp = undefined
    })
  /** No more will be written. Cancels the wait for the next window; one that the sink is at work on must stay. */
  const stop = (error: unknown) => {
    failure ??= { error }
    // What that fails with is told at the end, if nothing failed before.
    if (giveUp === undefined) chunks.end().catch(() => {})
  }

  const sink = await begin(chunks, writable, stop)
  const interrupt = (error: unknown) => {
    stop(error)
    // With the file closed, what the sink was lent goes now, and it must not look at it again: zlib would take the
    // process down.
    const lost = giveUp !== undefined && chunks.leased && !plan.signal?.aborted
    if (!plan.preventAbort || lost) void sink.destroy(error).then(() => giveUp?.(error))
  }
  const abort = () => interrupt(plan.signal?.reason)
  /** Write a chunk. Where the kernel finds no bytes behind it, that they were lost is what to tell. */
  const write = async (chunk: Buffer) => {
    try {
      await sink.write(chunk)
    } catch (error) {
      const lost = await lossUnder(chunk, chunks, error)
      if (lost !== undefined) failure = { error: lost }
      throw lost ?? error
    }
  }
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
      await done(write(chunk))
      bytes += length
      plan.onProgress?.(bytes)
    }
    if (failure === undefined && !plan.preventClose) await done(sink.end())
  } catch (error) {
    failure ??= { error }
  }

  // The sink before the windows: it may be at work on what it was lent.
  if (failure && !plan.preventAbort) await sink.destroy(failure.error)
  plan.signal?.removeEventListener('abort', abort)
  sink.leave()
  try {
    await chunks.end()
  } catch (error) {
    failure ??= { error }
  }
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

async function begin(chunks: Chunks, writable: Sinkable, onGone: (error: unknown) => void) {
  try {
    return openSink(writable, onGone)
  } catch (error) {
    await chunks.end().catch(() => {})
    throw error
  }
}
