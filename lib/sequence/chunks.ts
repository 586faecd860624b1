/**
 * Windows cut into chunks.
 */
import { Buffer } from 'node:buffer'
import { bufferOver } from '../buffer-over.js'
import { Fairness } from './fairness.js'
import type { WindowIterator } from './sequence.js'
import type { Window } from '../window.js'

export interface ChunkOptions {
  /** Bytes of a chunk, the last of a window excepted. */
  readonly chunkSize: number
  /** Chunks are views of the window instead of copies. */
  readonly leased: boolean
  /** Told how many bytes were copied. */
  readonly onCopy: (bytes: number) => void
}

/** Whose turn it is, where several ask for chunks before they are there. */
export interface Turns {
  /** Calls that have not been answered. */
  pending: number
  /** The last of them; the next one starts when it has settled. */
  last: Promise<unknown>
}

/** Takes leased windows, one after the other, and gives chunks of them. */
export class Chunks {
  readonly windows: WindowIterator
  /** What their stream failed with, as it was thrown: falsy too. */
  failure: { readonly error: unknown } | undefined
  readonly turns: Turns = { pending: 0, last: Promise.resolve() }
  readonly #options: ChunkOptions
  readonly #fairness: Fairness
  #leased: boolean
  /** Settles when a queue that chunks are lent to has handed all of them on. */
  #taken: (() => Promise<unknown>) | undefined
  /** Ends the wait for that. */
  #waitNoMore: (() => void) | undefined
  #ended = false
  /** {@link take} has left the chunk for a later turn of the loop. */
  #isLater = false
  #window: Window | undefined
  /** Its memory, and where it begins in there. */
  #memory: ArrayBufferLike | undefined
  #start = 0
  /** Bytes of the window handed out. */
  #position = 0

  /**
   * @param windows leased; owned by this from now on
   * @param fairness when the event loop is to turn
   */
  constructor(windows: WindowIterator, options: ChunkOptions, fairness = new Fairness()) {
    this.windows = windows
    this.#options = options
    this.#fairness = fairness
    this.#leased = options.leased
  }

  get leased(): boolean {
    return this.#leased
  }

  /** Whether there is a window at hand, whose chunks may be lent. */
  get hasWindow(): boolean {
    return this.#window !== undefined
  }

  /** Chunks go through a queue: none of their windows goes, while it is asked for the next, before `taken()` settles. */
  awaitTaken(taken: () => Promise<unknown>): void {
    this.#taken = taken
  }

  /** Lend no more chunks. */
  copyFromNowOn(): void {
    this.#leased = false
  }

  /**
   * The next chunk of this window; undefined at its end, where its bytes were lost, and where the event loop is to turn
   * first: {@link advance} sees to all three.
   *
   * @throws {SlidemapError} ERR_MAP_RELEASED if the file was closed
   */
  take(): Buffer | undefined {
    const window = this.#ready()
    if (window === undefined) return undefined
    const from = this.#position
    const to = Math.min(from + this.#options.chunkSize, window.length)
    const bytes = bufferOver(this.#memoryOf(window), this.#start + from, to - from)
    this.#position = to
    if (this.#leased) return bytes
    const chunk = this.#copy(bytes)
    // Zeros in place of lost bytes are not data: the copy is checked, not the promise that it will be.
    return window.lost < 0 ? chunk : undefined
  }

  /**
   * Copy as much of this window as `target` takes into it, in the place of a chunk.
   *
   * @returns bytes; 0 where {@link take} answers undefined
   * @throws {SlidemapError} ERR_MAP_RELEASED if the file was closed
   */
  copyInto(target: Uint8Array): number {
    const window = this.#ready()
    if (window === undefined) return 0
    const count = window.bytes.copy(target, 0, this.#position)
    this.#position += count
    this.#options.onCopy(count)
    return window.lost < 0 ? count : 0
  }

  /**
   * Go to the next window; the chunks lent from this one go. Or stay, where the next chunk was only left for later.
   *
   * @returns whether there is one; false once this was cancelled or has ended
   */
  async advance(): Promise<boolean> {
    if (this.#isLater) {
      this.#isLater = false
      await this.#fairness.turn()
      return !this.#ended
    }
    if (this.#taken && this.#window) await this.#untilTaken(this.#taken)
    if (this.#ended) return false
    this.#window = this.#memory = undefined
    // Whoever was given the last chunk may get to it a microtask after this is asked for the next.
    await undefined
    const { done, value } = await this.windows.next()
    this.#position = 0
    if (!done) this.#window = value
    return !done
  }

  /** No more is wanted: what {@link advance} waits for ends now. What is lent stays so until {@link end}. */
  cancel(): void {
    this.#ended = true
    this.#fairness.end()
    this.#waitNoMore?.()
    // end() tells what that fails with.
    if (this.#window === undefined) this.end().catch(() => {})
  }

  /** End; settles when nothing is mapped any more. Idempotent. */
  async end(): Promise<void> {
    this.#ended = true
    this.#window = this.#memory = undefined
    this.#fairness.end()
    this.#waitNoMore?.()
    await this.windows.return?.()
  }

  #untilTaken(taken: () => Promise<unknown>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waitNoMore = resolve
      taken().then(() => resolve(), reject)
    })
  }

  /** The window at hand, if it has a chunk, and this is the turn of the loop for it. */
  #ready(): Window | undefined {
    const window = this.#window
    if (window === undefined || this.#position === window.length) return undefined
    this.#isLater = this.#fairness.isDue()
    return this.#isLater ? undefined : window
  }

  /** @throws {SlidemapError} ERR_MAP_RELEASED */
  #memoryOf({ bytes }: Window): ArrayBuffer {
    // Asked for once a window: to be told its memory costs as much as making a chunk.
    if (this.#memory === undefined) {
      this.#memory = bytes.buffer
      this.#start = bytes.byteOffset
    }
    return this.#memory as ArrayBuffer
  }

  #copy(bytes: Buffer): Buffer {
    // Not from Node's pool: chunks are kept and passed on, and a slice would keep a whole slab alive.
    const chunk = Buffer.allocUnsafeSlow(bytes.length)
    bytes.copy(chunk)
    this.#options.onCopy(bytes.length)
    return chunk
  }
}
