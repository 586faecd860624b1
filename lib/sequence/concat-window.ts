/**
 * Windows of a concatenation: those of its files, that tell which file they are of.
 */
import type { Buffer } from 'node:buffer'
import { SlidemapError } from '../errors.js'
import type { Region } from '../manager/region.js'
import type { Window } from '../window.js'

/** A window of one source of a concatenation. */
export interface SourceWindow<S> extends Window {
  /** Bytes from the start of the concatenation. */
  readonly offset: number
  /** The source, as it was given. */
  readonly source: S
  /** Its place in the list, from 0. */
  readonly index: number
  /** Bytes from the start of the source; of a range, from the start of that. */
  readonly sourceOffset: number
}

/** What a window has to know of its source. */
export interface SourceOf<S> {
  readonly source: S
  readonly index: number
}

/** A window of a file that was opened. */
export class ConcatWindow<S> implements SourceWindow<S> {
  readonly source: S
  readonly index: number
  readonly sourceOffset: number
  readonly #window: Window

  /**
   * @param window whose offset is that in the whole
   * @param start where the source begins, in bytes from the start of the whole
   */
  constructor(window: Window, { source, index }: SourceOf<S>, start: number) {
    this.#window = window
    this.source = source
    this.index = index
    this.sourceOffset = window.offset - start
  }

  get offset(): number {
    return this.#window.offset
  }

  get length(): number {
    return this.#window.length
  }

  get lifetime(): 'leased' | 'copied' {
    return this.#window.lifetime
  }

  get bytes(): Buffer {
    return this.#window.bytes
  }

  get lost(): number {
    return this.#window.lost
  }

  retain(): this {
    this.#window.retain()
    return this
  }

  release(): void {
    this.#window.release()
  }

  [Symbol.dispose](): void {
    this.release()
  }
}

/**
 * The window of a small file, leased. Its region is held by the ledger while the consumer has it in hand, and by
 * nobody but the consumer once it is retained.
 */
export class WholeWindow<S> implements SourceWindow<S> {
  readonly lifetime = 'leased'
  readonly source: S
  readonly index: number
  readonly offset: number
  readonly length: number
  readonly sourceOffset: number
  readonly #region: Region
  #bytes: Buffer | undefined
  #retained = false

  /**
   * @param region held by this window from now on, and released with it
   * @param range what it shows of the file
   * @param start where the file begins, in bytes from the start of the whole
   */
  constructor(
    region: Region,
    range: { offset: number; length: number },
    { source, index }: SourceOf<S>,
    start: number
  ) {
    this.#region = region
    this.source = source
    this.index = index
    this.sourceOffset = range.offset
    this.offset = start + range.offset
    this.length = range.length
  }

  get bytes(): Buffer {
    if (this.#region.released) throw this.#released()
    this.#bytes ??= this.#region.view({ offset: this.sourceOffset, length: this.length })
    return this.#bytes
  }

  /** Nothing that happens to a file reaches what was read of it. */
  get lost(): number {
    return -1
  }

  retain(): this {
    if (this.#region.released) throw this.#released()
    if (!this.#retained) this.loosen()
    this.#retained = true
    return this
  }

  release(): void {
    this.#region.release()
  }

  /** The consumer advances: the window goes, unless it was retained. */
  pass(): void {
    if (!this.#retained) this.#region.release()
  }

  /** Nobody will let it pass: the collector does, when the consumer has dropped it. */
  loosen(): void {
    if (!this.#retained) this.#region.loosen()
  }

  [Symbol.dispose](): void {
    this.release()
  }

  #released(): SlidemapError {
    const { offset, length } = this
    return new SlidemapError('ERR_MAP_RELEASED', `the window at ${offset} was released`, { offset, length })
  }
}
