/**
 * Doubts: what tells that bytes may have been cut off a file where the OS raises nothing. A file that ends inside a
 * page reads as zeros to the end of that page, as if these were its own.
 *
 * So a cut shows in the bytes themselves: whatever it took up to the end of the page is zero. Only where that is so
 * need the file be asked how long it is.
 */

/** Bytes: pages are at least so long, and multiples of it. */
const PAGE = 4096

/** Bytes at the end of a page that are looked at: numbers and UTF-16 often end with a zero, but not with so many. */
const TAIL = 16

/** A stretch of a mapping that ends with zeros. Indices count from the start of the mapping. */
export interface Doubt {
  /** After the last byte that somebody looked at. */
  readonly end: number
  /** After the last byte of its page, or of the mapping. */
  readonly pageEnd: number
  /** The last byte of the page that is not zero; -1 for none. */
  readonly mark: number
}

/** Knows of one mapping which pages end with zeros of their own. */
export class Doubts {
  readonly #bytes: Uint8Array
  /**
   * The end of a page that had all its bytes when the file was asked, and its mark: a cut would have blanked that, too.
   * The first such page has no need of a map: of many small regions, most have no other.
   */
  #pageEnd = -1
  #mark = -1
  /** The marks of the others, by the ends of their pages. */
  #marks: Map<number, number> | undefined

  constructor(buffer: ArrayBuffer) {
    this.#bytes = new Uint8Array(buffer)
  }

  /**
   * @param end after the last byte that was looked at, at least 1
   * @returns undefined where all before it must still have been the file's
   */
  at(end: number): Doubt | undefined {
    // Mostly that is all, and it is asked often.
    return this.#bytes[end - 1] === 0 ? this.#atZero(end) : undefined
  }

  /** The same where the byte before `end` is zero. */
  #atZero(end: number): Doubt | undefined {
    const bytes = this.#bytes
    const pageEnd = Math.min(end - 1 - ((end - 1) % PAGE) + PAGE, bytes.length)
    for (let at = pageEnd - 1; at >= end && at >= pageEnd - TAIL; at--) if (bytes[at] !== 0) return undefined
    const known = pageEnd === this.#pageEnd ? this.#mark : this.#marks?.get(pageEnd)
    if (known !== undefined && (known === -1 || bytes[known] !== 0)) return undefined
    return { end, pageEnd, mark: markOf(bytes, pageEnd) }
  }

  /** The file had all of the page, after this doubt arose. */
  dispel({ pageEnd, mark }: Doubt): void {
    if (this.#pageEnd === -1 || this.#pageEnd === pageEnd) {
      this.#pageEnd = pageEnd
      this.#mark = mark
      return
    }
    this.#marks ??= new Map()
    this.#marks.set(pageEnd, mark)
  }
}

function markOf(bytes: Uint8Array, pageEnd: number): number {
  const start = pageEnd - 1 - ((pageEnd - 1) % PAGE)
  let at = pageEnd - 1
  while (at >= start && bytes[at] === 0) at--
  return at >= start ? at : -1
}
