/**
 * Sinks: what `pipeTo()` writes to, one chunk at a time, whatever kind of writable it is.
 */
import type { Buffer } from 'node:buffer'
import type { WritableStream, WritableStreamDefaultWriter } from 'node:stream/web'
import type * as Streamx from 'streamx'
import { invalidType } from '../errors.js'
import { asError } from './stream-error.js'
import { drained, loadStreamx } from './streamx.js'

/** What bytes can be piped to: a Writable of Node's or of streamx, or a WritableStream. */
export type Sinkable = NodeJS.WritableStream | Streamx.Writable | WritableStream<Uint8Array>

/** A writable that is being written to: one thing at a time. */
export abstract class Sink {
  #settle: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined

  /** Whether it is at work on a chunk, or on its end. */
  get busy(): boolean {
    return this.#settle !== undefined
  }

  /** Settles when the sink is done with the chunk, has failed, or is given up; undefined if it was done at once. */
  abstract write(chunk: Buffer): Promise<void> | undefined
  /** No more will be written; settles when all is flushed, the sink has failed, or is given up. */
  abstract end(): Promise<void>
  /**
   * Destroy it. Settles when it is closed; at once, where that waits for a write under way, which may never call
   * back.
   */
  abstract destroy(error: unknown): Promise<void>
  /** Leave it to its owner. */
  abstract leave(): void

  /** Wait no longer for what it is at work on: that rejects with `error`, and the sink stays busy. */
  giveUp(error: unknown): void {
    this.#settle?.reject(error)
  }

  /** Begin something, and wait until it is {@link done}, has {@link failed}, or is given up. */
  protected wait(begin: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
      try {
        begin()
      } catch (error) {
        this.failed(error)
      }
    })
  }

  protected done(): void {
    const settle = this.#settle
    this.#settle = undefined
    settle?.resolve()
  }

  protected failed(error: unknown): void {
    const settle = this.#settle
    this.#settle = undefined
    settle?.reject(error)
  }
}

/**
 * Whether a sink, once a write to it has called back, has done with the chunk.
 *
 * What can be read as well (PassThrough, zlib, parsers, `compose()`) may pass chunks on, or keep parts of them; so may
 * whatever stands behind a WritableStream.
 */
export function isDoneAtCallback(sinkable: Sinkable): boolean {
  if (isWeb(sinkable)) return false
  const readable = 'read' in sinkable || ('readable' in sinkable && Boolean(sinkable.readable))
  return !readable || 'digest' in sinkable || sinkable instanceof process.getBuiltinModule('node:net').Socket
}

/**
 * Begin to write to a sink.
 *
 * @param onGone called when it has failed, or was closed or ended by somebody else; once
 * @throws {TypeError} ERR_INVALID_ARG_TYPE; ERR_INVALID_STATE for a locked WritableStream
 * @throws {Error} ERR_STREAM_UNABLE_TO_PIPE for one that was ended or destroyed
 */
export function openSink(sinkable: Sinkable, onGone: (error: unknown) => void): Sink {
  return isWeb(sinkable) ? new WebSink(sinkable, onGone) : new EventSink(sinkable, onGone)
}

/** Whether it is the process's own output, which is never ended. */
export function isStdio(sinkable: Sinkable): boolean {
  return '_isStdio' in sinkable
}

/** @throws {TypeError} ERR_INVALID_ARG_TYPE for what is no writable */
export function sinkable(name: string, value: unknown): Sinkable {
  const methods = (...names: string[]) =>
    value !== null &&
    typeof value === 'object' &&
    names.every(method => typeof (value as Record<string, unknown>)[method] === 'function')
  if (methods('write', 'end', 'on') || methods('getWriter')) return value as Sinkable
  throw invalidType(name, 'a Writable or a WritableStream', value)
}

function isWeb(value: Sinkable): value is WritableStream<Uint8Array> {
  return 'getWriter' in value
}

/** What both Node's Writables and streamx's have, and what only one of them has. */
interface EventWritable {
  write(chunk: Uint8Array, callback: (error?: Error | null) => void): boolean
  end(): unknown
  destroy?(error?: Error): unknown
  on(event: 'error', listener: () => void): unknown
  readonly destroyed?: boolean
  readonly writableEnded?: boolean
  /** streamx: it will be `destroyed`. */
  readonly destroying?: boolean
}

/** What a Writable of node:stream, and who writes to one, keeps its accounts in. */
interface WritableState {
  /** Bytes it was given and has not done with; chunks in object mode. */
  readonly length: number
  /** Callbacks it has not called. */
  readonly pendingcb: number
  readonly destroyed: boolean
  readonly errored: unknown
}

/** A Writable of node:stream, one that behaves alike (a ServerResponse), or one of streamx. */
class EventSink extends Sink {
  readonly #writable: EventWritable
  readonly #isStreamx: boolean
  /** Who is written to by this goes by node:stream's own rules: what it does not count as waiting, it is done with. */
  readonly #countingWrite: unknown
  /** Chunks that it was done with at once, and has not yet called back for. */
  #early = 0
  #writing = false
  /** It has called back before `write()` returned. */
  #answer: { readonly error: unknown } | undefined
  readonly #unwatch: () => void
  readonly #gone: Promise<void>
  #error: unknown
  #ending = false
  readonly #written = (error?: Error | null) => {
    // node:stream never does; who has patched it may.
    if (this.#writing) this.#answer = { error }
    else if (error) this.failed(error)
    else if (this.#early > 0) this.#early--
    else this.done()
  }

  constructor(writable: NodeJS.WritableStream | Streamx.Writable, onGone: (error: unknown) => void) {
    super()
    this.#writable = writable as unknown as EventWritable
    this.#isStreamx = loadStreamx().isStreamx(writable as Streamx.Stream)
    if (this.#isOver()) throw unableToPipe()
    let gone = () => {}
    this.#gone = new Promise(resolve => {
      gone = resolve
    })
    const { finished, Writable } = process.getBuiltinModule('node:stream')
    this.#countingWrite = Writable.prototype.write
    this.#unwatch = finished(writable as NodeJS.WritableStream, { readable: false }, error => {
      gone()
      if (!error && this.#ending) return this.done()
      this.#error = error ?? unableToPipe()
      this.failed(this.#error)
      onGone(this.#error)
    })
  }

  write(chunk: Buffer): Promise<void> | undefined {
    if (this.#error !== undefined) return Promise.reject(this.#error)
    // Asked each time: it may be wrapped on the way, by what watches streams.
    if (this.#writable.write === this.#countingWrite) return this.#writeCounted(chunk)
    return this.wait(() => {
      this.#writable.write(chunk, this.#written)
      // streamx has no callbacks. Where it says no, it has been destroyed, and tells that itself.
      if (this.#isStreamx) void drained(this.#writable).then(done => done && this.done())
    })
  }

  override get busy(): boolean {
    return this.#writing || super.busy
  }

  end(): Promise<void> {
    if (this.#error !== undefined) return Promise.reject(this.#error)
    this.#ending = true
    return this.wait(() => this.#writable.end())
  }

  async destroy(error: unknown): Promise<void> {
    if (this.#writable.destroy === undefined) return
    this.#writable.destroy(asError(error))
    if (!this.#isStreamx || !this.busy) return this.#gone
    // It tells of the error when it closes, and throws it where nobody listens.
    this.#writable.on('error', () => {})
  }

  leave(): void {
    this.#unwatch()
  }

  /**
   * What it is done with when `write()` returns is not waited for: Node calls back for it a tick later. Known by Node's own
   * accounts alone: a subclass may answer otherwise, and who has patched `write()` may have put it off.
   */
  #writeCounted(chunk: Buffer): Promise<void> | undefined {
    const state = (this.#writable as unknown as { readonly _writableState: WritableState })._writableState
    const pending = state.pendingcb
    this.#writing = true
    try {
      this.#writable.write(chunk, this.#written)
    } finally {
      this.#writing = false
    }
    if (this.#error !== undefined) return Promise.reject(this.#error)
    if (this.#answer !== undefined) return this.#answered(this.#answer.error)
    const isDone = state.pendingcb > pending && state.length === 0 && !state.destroyed && !state.errored
    if (!isDone) return this.wait(() => {})
    this.#early++
    return undefined
  }

  #answered(error: unknown): Promise<void> | undefined {
    this.#answer = undefined
    return error ? Promise.reject(error) : undefined
  }

  #isOver(): boolean {
    const { destroyed, destroying, writableEnded } = this.#writable
    if (this.#isStreamx) return Boolean(destroying) || loadStreamx().isFinishing(this.#writable as never)
    return Boolean(destroyed || writableEnded)
  }
}

/** A WritableStream. */
class WebSink extends Sink {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>
  #left = false

  constructor(stream: WritableStream<Uint8Array>, onGone: (error: unknown) => void) {
    super()
    this.#writer = stream.getWriter()
    const gone = (error: unknown) => {
      // Leaving rejects this, and so does closing when it is through: neither is news.
      if (!this.#left) onGone(error)
    }
    this.#writer.closed.then(() => gone(unableToPipe()), gone)
  }

  write(chunk: Buffer): Promise<void> {
    return this.#until(() => this.#writer.write(chunk))
  }

  end(): Promise<void> {
    this.#left = true
    return this.#until(() => this.#writer.close())
  }

  async destroy(error: unknown): Promise<void> {
    // What it failed with itself is told by what failed.
    const aborted = this.#writer.abort(error).catch(() => {})
    if (!this.busy) await aborted
  }

  leave(): void {
    this.#left = true
    this.#writer.releaseLock()
  }

  #until(work: () => Promise<void>): Promise<void> {
    return this.wait(
      () =>
        void work().then(
          () => this.done(),
          error => this.failed(error)
        )
    )
  }
}

/** As node:stream's `pipeline` says it. */
function unableToPipe(): Error & { code: string } {
  const error = new Error('Cannot pipe to a closed or destroyed stream')
  return Object.assign(error, { code: 'ERR_STREAM_UNABLE_TO_PIPE' })
}
