/** A window that slides to wherever bytes are wanted, as git's use_pack() does it. */
import type { MappedFile, Window, WindowIterator } from '../../lib/index.js'

export class Slider implements AsyncDisposable {
  readonly #file: MappedFile
  readonly #size: number
  #windows: WindowIterator | undefined
  #window: Window | undefined

  /** @param size bytes of a window; more where more is asked for at once */
  constructor(file: MappedFile, size: number) {
    this.#file = file
    this.#size = size
  }

  /**
   * The bytes from `offset` on: at least `length` of them, fewer only at the end of the file.
   *
   * They are lent until the next call.
   */
  async use(offset: number, length: number): Promise<Buffer> {
    const end = Math.min(offset + length, this.#file.size)
    let window = this.#window
    if (window === undefined || offset < window.offset || end > window.offset + window.length) {
      window = this.#window = await this.#slide(offset, Math.max(end - offset, this.#size))
    }
    return window.bytes.subarray(offset - window.offset)
  }

  /** Give the window back. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#window = undefined
    await this.#windows?.return?.()
  }

  async #slide(start: number, size: number): Promise<Window> {
    // The old one first: two at a time would need twice the budget.
    await this[Symbol.asyncDispose]()
    this.#windows = this.#file.windows({ start, size, prefetch: 0 })
    const { value } = await this.#windows.next()
    if (value === undefined) throw new Error(`the file ends at ${start}`)
    return value
  }
}
