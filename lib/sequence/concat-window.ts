/**
 * Windows of a concatenation: those of its files, that tell which file they are of.
 */
import type { Buffer } from 'node:buffer'
import type { Window } from './window.js'

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

export class ConcatWindow<S> implements SourceWindow<S> {
  readonly source: S
  readonly index: number
  readonly sourceOffset: number
  readonly #window: Window

  /**
   * @param window whose offset is that in the whole
   * @param start where the source begins, in bytes from the start of the whole
   */
  constructor(window: Window, item: { readonly source: S; readonly index: number }, start: number) {
    this.#window = window
    this.source = item.source
    this.index = item.index
    this.sourceOffset = window.offset - start
  }

  get offset(): number {
    return this.#window.offset
  }

  get length(): number {
    return this.#window.length
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
