/**
 * `webStream()`: a sequence as a ReadableStream of bytes.
 */
import type { ReadableByteStreamController, ReadableStream, UnderlyingByteSource } from 'node:stream/web'
import { type ChunkOptions, Chunks } from './chunks.js'
import type { WindowIterator } from './sequence.js'

/**
 * A ReadableStream of type `'bytes'`.
 *
 * A BYOB reader's own buffer is filled straight out of the mapped pages, with as much as the window under way still
 * has. A default reader gets chunks that are its own.
 *
 * @internal
 */
export function readableByteStream(
  windows: WindowIterator,
  options: ChunkOptions
): ReadableStream<Uint8Array> {
  // Nothing is queued ahead of a read: highWaterMark is 0.
  const { ReadableStream } = process.getBuiltinModule('node:stream/web')
  return new ReadableStream(new ByteSource(windows, options), { highWaterMark: 0 })
}

class ByteSource implements UnderlyingByteSource {
  readonly type = 'bytes'
  readonly #windows: WindowIterator
  readonly #chunks: Chunks
  #over = false

  constructor(windows: WindowIterator, options: ChunkOptions) {
    this.#windows = windows
    this.#chunks = new Chunks(windows, options)
  }

  start(controller: ReadableByteStreamController): void {
    // Weakly, or the open file would keep a stream that was dropped half way from being collected.
    const source = new WeakRef(this)
    const stream = new WeakRef(controller)
    this.#windows.onEnded(async error => {
      // A stream that fails is not cancelled. Who hears of it finds nothing mapped.
      try {
        await source.deref()?.cancel()
      } catch {
        // What ended it is what to tell, whatever ending says.
      } finally {
        stream.deref()?.error(error)
      }
    })
  }

  async pull(controller: ReadableByteStreamController): Promise<void> {
    while (!this.#give(controller)) {
      if (await this.#chunks.advance()) continue
      if (!this.#over) close(controller)
      return
    }
  }

  async cancel(): Promise<void> {
    this.#over = true
    await this.#chunks.end()
  }

  /** Answer the read under way from this window; false where that has nothing more. */
  #give(controller: ReadableByteStreamController): boolean {
    // It may be, since the wait for this window began.
    if (this.#over) return true
    const request = controller.byobRequest
    if (request?.view) {
      const { buffer, byteOffset, byteLength } = request.view
      const count = this.#chunks.copyInto(new Uint8Array(buffer, byteOffset, byteLength))
      if (count > 0) request.respond(count)
      return count > 0
    }
    const chunk = this.#chunks.take()
    if (chunk !== undefined) controller.enqueue(chunk)
    return chunk !== undefined
  }
}

/** A reader that lent its buffer gets it back, empty. */
function close(controller: ReadableByteStreamController): void {
  controller.close()
  controller.byobRequest?.respond(0)
}
