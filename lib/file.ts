/**
 * `MappedFile`: an open file, and everything that can be done with it.
 */
import type { OpenFile } from './manager/open-file.js'
import type { Place } from './sequence/place.js'
import { Sequence, type WindowIterator } from './sequence/sequence.js'
import { planWindows, type View, type WindowOptions, Windows } from './sequence/windows.js'

/** What a file takes over from its manager. */
export interface FileDefaults {
  readonly windowSize: number
  readonly prefetch: number
}

/**
 * An open file. Made by `open()`; closed by `close()`, or by leaving an `await using` block.
 *
 * @example
 * ```ts
 * await using file = await open('huge.log')
 * for await (const { offset, bytes } of file.windows()) console.log(offset, bytes.length)
 * ```
 */
export class MappedFile extends Sequence {
  /** The path it was opened by, if it was. */
  declare readonly path?: string
  protected readonly windowSize: number
  protected readonly onCopy: (bytes: number) => void
  readonly #file: OpenFile
  readonly #base: number
  readonly #size: number
  readonly #defaults: FileDefaults

  /** @internal */
  constructor(file: OpenFile, defaults: FileDefaults, base: number, size: number) {
    super()
    this.windowSize = defaults.windowSize
    this.onCopy = file.manager.copied
    this.#file = file
    this.#defaults = defaults
    this.#base = base
    this.#size = size
    if (file.path !== undefined) this.path = file.path
    file.facade = new WeakRef(this)
  }

  /** @internal Where its bytes are: to be opened once more, or used as they are open. */
  get source(): Place {
    const lent = { file: this.#file, ...this.#defaults }
    return { lent, handle: this.#file.handle.source, start: this.#base, end: this.#base + this.#size }
  }

  /** Bytes, as of opening. */
  get size(): number {
    return this.#size
  }

  override windows(options?: WindowOptions): WindowIterator {
    this.#file.throwIfClosed()
    return new Windows(this.#view(), planWindows(this.#view(), options))
  }

  /**
   * End whatever is at work on this file, release every window of it, retained ones included, and close it.
   * Idempotent. Pending and later calls reject with ERR_MAP_CLOSED.
   */
  override close(): Promise<void> {
    return this.#file.close()
  }

  #view(): View {
    return { file: this.#file, base: this.#base, size: this.#size, ...this.#defaults }
  }
}
