/**
 * Windows: what a consumer sees of a file.
 */
import { Buffer } from 'node:buffer'
import { SlidemapError } from './errors.js'
import type { Region } from './manager/region.js'
import { endOf, type Range } from './range.js'

/**
 * A stretch of a file, with its bytes.
 *
 * **Leased** (the default): `bytes` are the file's own pages, without a copy. They are valid until the consumer asks
 * for the next window, calls {@link release}, or leaves a `using` block; then they are unmapped at once. Finish with
 * them, or await whatever uses them, before you advance. Writing into them reaches neither the file nor anybody else.
 *
 * **Copied**: `bytes` are an ordinary Buffer, the consumer's own for as long as it likes.
 *
 * @example
 * ```ts
 * for await (const window of file.windows()) {
 *   if (window.bytes.includes('needle')) kept.push(window.retain())
 * }
 * for (const window of kept) window.release()
 * ```
 */
export interface Window extends Disposable {
  /** Bytes from the start of the file. */
  readonly offset: number
  /** Bytes. */
  readonly length: number
  /** Whose the bytes are: the file's, until the window is released; or the consumer's own. */
  readonly lifetime: 'leased' | 'copied'
  /** @throws {SlidemapError} ERR_MAP_RELEASED once the window was released or has passed */
  readonly bytes: Buffer
  /**
   * Keep a leased window beyond the advance, until `release()`; it counts in the budget all the while.
   *
   * @throws {SlidemapError} ERR_MAP_RELEASED
   */
  retain(): this
  /** Give the window back. Idempotent. */
  release(): void
  /**
   * Where the bytes of this window begin that were lost since it was mapped (the file shrank, or the disk failed)
   * and were read as zeros, counted as `offset` is; -1 for none. The next `next()` rejects because of it; for whoever
   * would rather know before. Bytes that were cut off within a page do not show here, but reject `next()` as well.
   */
  readonly lost: number
}

/** What all kinds of window share. */
export abstract class BaseWindow implements Window {
  readonly offset: number
  readonly length: number

  constructor(offset: number, length: number) {
    this.offset = offset
    this.length = length
  }

  abstract readonly lifetime: 'leased' | 'copied'
  abstract readonly bytes: Buffer
  abstract readonly lost: number
  abstract retain(): this
  abstract release(): void

  [Symbol.dispose](): void {
    this.release()
  }

  protected released(): SlidemapError {
    return new SlidemapError('ERR_MAP_RELEASED', `the window at ${this.offset} was released`, {
      offset: this.offset,
      length: this.length
    })
  }
}

/** A window over a region of its own. */
export class LeasedWindow extends BaseWindow {
  readonly lifetime = 'leased'
  readonly #region: Region
  /** Until the region goes, and then no longer: memory may rest for as long as somebody has a Buffer of it. */
  #bytes: Buffer | undefined
  readonly #base: number
  readonly #end: number
  #retained = false
  #doubtful = false

  /**
   * @param region held by this window from now on, and released with it
   * @param base where the consumer's offsets begin, in bytes from the start of the file
   */
  constructor(region: Region, range: { offset: number; length: number }, base: number) {
    super(range.offset - base, range.length)
    this.#region = region
    this.#bytes = region.view(range)
    this.#base = base
    this.#end = range.offset + range.length
  }

  get bytes(): Buffer {
    if (this.#bytes === undefined || this.#region.released) throw this.released()
    return this.#bytes
  }

  retain(): this {
    if (this.#region.released) throw this.released()
    this.#retained = true
    return this
  }

  release(): void {
    this.#heed()
    this.#go()
  }

  /** Whether it was released. */
  protected get over(): boolean {
    return this.#region.released
  }

  /** The consumer advances: the window goes, unless it was retained. */
  pass(): void {
    this.#heed()
    if (!this.#retained) this.#go()
  }

  /**
   * @internal Whether, when it was released or passed, its last bytes may have been cut off within a page: then the file
   * has to be asked.
   */
  get doubtful(): boolean {
    return this.#doubtful
  }

  /** @internal The same of its bytes up to `end`, now. */
  doubts(end: number): boolean {
    return this.#region.doubt(Math.min(end, this.#end)) !== undefined
  }

  /** @internal After its last byte, in bytes from the start of the file. */
  get end(): number {
    return this.#end
  }

  get lost(): number {
    const { lostAt } = this
    return lostAt < 0 ? -1 : Math.max(lostAt - this.#base, this.offset)
  }

  /** @internal Offset in the file of the first page lost under it, -1 for none. */
  get lostAt(): number {
    return this.#region.lost
  }

  #go(): void {
    this.#bytes = undefined
    this.#region.release()
  }

  #heed(): void {
    if (!this.#region.released) this.#doubtful = this.doubts(this.#end)
  }
}

/** A window that is the consumer's own. */
export class CopiedWindow extends BaseWindow {
  readonly lifetime = 'copied'
  readonly lost = -1
  #bytes: Buffer | undefined

  constructor(offset: number, bytes: Buffer) {
    super(offset, bytes.length)
    this.#bytes = bytes
  }

  get bytes(): Buffer {
    if (this.#bytes === undefined) throw this.released()
    return this.#bytes
  }

  retain(): this {
    if (this.#bytes === undefined) throw this.released()
    return this
  }

  release(): void {
    this.#bytes = undefined
  }
}

/**
 * Copy a range out of a region, which is released, also where there is no memory for that.
 *
 * @returns the bytes; and whether the last of them may have been cut off within a page, so that the file has to be asked
 */
export function copyOut(region: Region, range: Range): { bytes: Buffer; doubtful: boolean } {
  try {
    const bytes = Buffer.allocUnsafeSlow(range.length)
    region.view(range).copy(bytes)
    return { bytes, doubtful: region.doubt(endOf(range)) !== undefined }
  } finally {
    region.release()
  }
}
