/**
 * For splitters: windows without I/O, and the plain split of a whole file that they are compared with.
 */
import type { LineOptions } from '../../lib/sequence/line-plan.js'
import type { Splitter, Stretch } from '../../lib/sequence/splitter.js'

/** As many cases as SLIDEMAP_CASES says, under a seed that is told or is SLIDEMAP_SEED; else so many as take a moment. */
export function cases(few: number): { numRuns: number; seed?: number } {
  const { SLIDEMAP_CASES: many, SLIDEMAP_SEED: given } = process.env
  if (many === undefined) return { numRuns: few }
  const seed = given === undefined ? Date.now() % 2 ** 31 : Number(given)
  console.log(`      ${many} cases, seed ${seed}`)
  return { numRuns: Number(many), seed }
}

export interface Driven {
  /** Bytes of a window. */
  size: number
  /** Whether windows can begin again at the page of an unfinished record. */
  slides?: boolean
  /** Bytes of a page. */
  page?: number
  /** Offsets that no window crosses: where files of a concatenation end. */
  bounds?: readonly number[]
}

/** Everything that a splitter makes of `content`, in windows that are overwritten when they have passed. */
export function drive<B>(
  content: Buffer,
  splitter: Splitter<B>,
  driven: Driven,
  take: (batch: B) => void
): void {
  const takeAll = () => {
    for (let batch = splitter.take(); batch !== undefined; batch = splitter.take()) take(batch)
  }
  for (let stretch = splitter.nextStretch(); stretch; stretch = splitter.nextStretch()) {
    for (const { offset, bytes, pass } of windowsOf(content, stretch, splitter, driven)) {
      splitter.feed(offset, bytes)
      takeAll()
      const { satisfied } = splitter
      if (!satisfied) pass()
      // As mapped bytes go.
      bytes.fill(0x21)
      if (satisfied) break
    }
    splitter.end()
    takeAll()
  }
}

function* windowsOf(content: Buffer, stretch: Stretch, splitter: Splitter<unknown>, driven: Driven) {
  const { slides = false, page = 1, bounds = [] } = driven
  const { start = 0, end = content.length } = stretch
  const size = Math.min(driven.size, stretch.size ?? driven.size)
  const overlap = Math.min(size - 1, stretch.overlap ?? 0)
  const last = Math.min(end, content.length)
  let offset = start
  while (offset < last) {
    const bound = bounds.find(each => each > offset) ?? last
    const to = Math.min(offset + size, last, bound)
    // Not content's own memory.
    const bytes = Buffer.from(content.subarray(offset, to))
    let next = to < last && to < bound ? to - overlap : to
    const pass = () => {
      const { unfinished } = splitter
      if (unfinished && slides) {
        const first = Math.max(start, unfinished.offset - (unfinished.offset % page))
        const until = unfinished.offset + unfinished.length
        if (until <= Math.min(last, bound) && first + size >= until) {
          next = next <= unfinished.offset && next + size >= until ? next : first
          splitter.slide?.()
          return
        }
      }
      splitter.keep()
    }
    yield { offset, bytes, pass }
    offset = next
  }
}

/** One line as a plain split finds it. */
export interface PlainLine {
  line: string
  /** Bytes from the start. */
  offset: number
  /** Bytes of `line`. */
  length: number
}

/** All lines of a file, found byte by byte. */
export function plainLines(content: Buffer, options: LineOptions = {}): PlainLine[] {
  const { encoding = 'utf8', delimiter = '\n', keepDelimiter = false } = options
  const unit = encoding === 'utf16le' ? 2 : 1
  const end = Buffer.from(delimiter, encoding)
  const cr = Buffer.from('\r', encoding)
  const lines: PlainLine[] = []
  const add = (offset: number, to: number) => {
    lines.push({ line: content.toString(encoding, offset, to), offset, length: to - offset })
  }
  let begin = 0
  for (let at = 0; at + end.length <= content.length; ) {
    if (!content.subarray(at, at + end.length).equals(end)) {
      at += unit
      continue
    }
    const strip =
      options.delimiter === undefined &&
      at - begin >= cr.length &&
      content.subarray(at - cr.length, at).equals(cr)
    add(begin, keepDelimiter ? at + end.length : strip ? at - cr.length : at)
    begin = at += end.length
  }
  if (content.length - begin >= unit) add(begin, content.length)
  return lines
}
