/**
 * The beginning of a record whose end is in a later window: copied, since its window goes.
 */
import { Buffer } from 'node:buffer'

export class Carry {
  #buffer: Buffer = Buffer.alloc(0)
  #length = 0

  /** Bytes. */
  get length(): number {
    return this.#length
  }

  /** Copy bytes behind those that are there. */
  push(bytes: Buffer): void {
    const length = this.#length + bytes.length
    // Twice the size, or a record of many windows would be copied once a window.
    if (length > this.#buffer.length) this.#grow(Math.max(length, 2 * this.#buffer.length))
    bytes.copy(this.#buffer, this.#length)
    this.#length = length
  }

  /** The first `count` bytes, or all if there are fewer; a view. */
  head(count: number): Buffer {
    return this.#buffer.subarray(0, Math.min(count, this.#length))
  }

  /** The last `count` bytes, or all if there are fewer; a view. */
  tail(count: number): Buffer {
    return this.#buffer.subarray(Math.max(0, this.#length - count), this.#length)
  }

  /** Keep no more than the last `count` bytes. */
  trim(count: number): void {
    const kept = this.tail(count)
    this.#buffer.copyWithin(0, this.#length - kept.length, this.#length)
    this.#length = kept.length
  }

  /** All of it, with `more` behind it: the caller's own. Nothing is left here. */
  join(more: Buffer): Buffer {
    // Exactly as long as it has to be: it is the last to be copied.
    if (this.#length + more.length > this.#buffer.length) this.#grow(this.#length + more.length)
    this.push(more)
    const all = this.head(this.#length)
    this.#buffer = Buffer.alloc(0)
    this.#length = 0
    return all
  }

  clear(): void {
    this.#length = 0
  }

  #grow(capacity: number): void {
    const grown = Buffer.allocUnsafeSlow(capacity)
    this.#buffer.copy(grown, 0, 0, this.#length)
    this.#buffer = grown
  }
}
