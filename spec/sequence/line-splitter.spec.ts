import { expect } from 'chai'
import fc from 'fast-check'
import { type Scan, scanBytes } from '../../lib/sequence/delimiter.js'
import type { LineBatch } from '../../lib/sequence/line-decoder.js'
import type { Line, LineEncoding, LineOptions } from '../../lib/sequence/line-plan.js'
import { lineSplitter } from '../../lib/sequence/lines.js'
import type { Splitter } from '../../lib/sequence/splitter.js'
import { cases, type Driven, drive, plainLines } from '../support/splitting.js'

function split(
  content: Buffer,
  options: LineOptions,
  driven: Driven & { step?: number; scan?: Scan | undefined }
): (string | Line)[] {
  const lines: (string | Line)[] = []
  drive<LineBatch>(content, lineSplitter(options, content.length, driven), driven, batch => {
    if (batch.length === 0) throw new Error('an empty batch')
    lines.push(...batch)
  })
  return lines
}

/** Bytes in which everything that matters is frequent: ends of lines, characters of every length, broken ones, BOMs. */
const pieces = fc.constantFrom(
  ...['a', 'bc', '\n', '\n\n', '\r\n', '\r', '\r\r\n', 'é', '€', '😀', '\ufeff', '||', '|', 'aa', '\0'].map(
    text => Buffer.from(text)
  ),
  ...['ff', 'c3', 'e282', 'f09f98', '80', 'efbbbf', '0a00', '0d000a00', '000a', '0a0a', '3dd8', '00'].map(
    hex => Buffer.from(hex, 'hex')
  ),
  Buffer.from('line of text\n'),
  Buffer.from('line of text\n', 'utf16le')
)
const contents = fc.array(pieces, { maxLength: 40 }).map(parts => Buffer.concat(parts))
const encodings = fc.constantFrom<LineEncoding>('utf8', 'latin1', 'utf16le')
const delimiters = fc.constantFrom(undefined, undefined, '\n', '|', '||', 'aa', '\r\n', 'é', '\u0a0a', 'aba')
const overlapping = new Set(['||', 'aa', 'aba'])
/** Not the one that is told from it by what it is. */
const otherScan: Scan = (bytes, delimiter, positions) => scanBytes(bytes, delimiter, positions)

/** Bytes of a window, and of what is decoded at a time; and whether something finds delimiters faster. */
const sizes = fc.record({
  size: fc.integer({ min: 1, max: 64 }),
  step: fc.integer({ min: 1, max: 40 }),
  scan: fc.constantFrom(undefined, otherScan)
})

const texts = fc.record({ content: contents, encoding: encodings, delimiter: delimiters }).map(each => {
  const { content, encoding } = each
  const delimiter = encoding === 'latin1' && each.delimiter === '\u0a0a' ? '\u00e9' : each.delimiter
  return { content, options: { encoding, ...(delimiter === undefined ? {} : { delimiter }) } }
})

/** Counts the stretches that a splitter asks for. */
function counted(splitter: Splitter<LineBatch>): { readonly stretches: number } {
  const next = splitter.nextStretch.bind(splitter)
  const counted = { stretches: 0 }
  splitter.nextStretch = () => {
    const stretch = next()
    if (stretch !== undefined) counted.stretches++
    return stretch
  }
  return counted
}

describe('a line splitter', function () {
  this.timeout(600_000)

  it('makes the lines that a plain split makes, in windows of any size', () => {
    fc.assert(
      fc.property(texts, sizes, fc.boolean(), fc.integer({ min: 1, max: 80 }), (text, means, keep, max) => {
        const { content } = text
        const options = { ...text.options, keepDelimiter: keep }
        const expected = plainLines(content, options)
        expect(split(content, options, means)).to.deep.equal(expected.map(({ line }) => line))
        expect(split(content, { ...options, offsets: true }, means)).to.deep.equal(expected)
        // A bound on lines that none exceeds changes nothing.
        const longest = Math.max(
          1,
          ...plainLines(content, { delimiter: '\n', ...text.options }).map(l => l.length)
        )
        expect(split(content, { ...options, maxLineBytes: longest + max }, means)).to.have.length(
          expected.length
        )
      }),
      cases(3000)
    )
  })

  it('agrees with a split of the decoded text', () => {
    fc.assert(
      fc.property(contents, encodings, sizes, (content, encoding, means) => {
        const lines = content.toString(encoding).split(/\r?\n/)
        if (lines.at(-1) === '') lines.pop()
        expect(split(content, { encoding }, means)).to.deep.equal(lines)
      }),
      cases(2000)
    )
  })

  it('yields every line once, whatever ranges adjoin', () => {
    fc.assert(
      fc.property(
        texts,
        sizes,
        fc.array(fc.nat(200), { maxLength: 6 }),
        fc.boolean(),
        (text, means, cuts, reverse) => {
          const { content, options } = text
          const bounds = [0, ...cuts.map(cut => Math.min(cut, content.length)), content.length].sort(
            (a, b) => a - b
          )
          // Found in reverse only where that is possible.
          const backwards = reverse && !overlapping.has(options.delimiter ?? '')
          const parts = bounds.slice(1).map((end, i) => {
            const range = { ...options, offsets: true, start: bounds[i] as number, end, reverse: backwards }
            const lines = split(content, range, means) as Line[]
            for (const { offset } of lines) expect(offset).to.be.within(bounds[i] as number, end - 1)
            return backwards ? lines.reverse() : lines
          })
          expect(parts.flat()).to.deep.equal(plainLines(content, options))
        }
      ),
      cases(3000)
    )
  })

  it('yields every line of a sequence of unknown size once, each range in one stretch', () => {
    fc.assert(
      fc.property(
        texts,
        sizes,
        fc.array(fc.nat(200), { maxLength: 6 }),
        fc.array(fc.nat(200), { maxLength: 3 }),
        ({ content, options }, means, cuts, files) => {
          const bounds = [0, ...cuts, content.length].sort((a, b) => a - b)
          const driven = { ...means, bounds: files.sort((a, b) => a - b) }
          const parts = bounds.slice(1).map((end, i) => {
            const start = Math.min(bounds[i] as number, content.length)
            const range = { ...options, offsets: true, start, end }
            const splitter = lineSplitter(range, undefined, driven)
            const walked = counted(splitter)
            const lines: Line[] = []
            drive<LineBatch>(content, splitter, driven, batch => lines.push(...(batch as Line[])))
            for (const { offset } of lines) expect(offset).to.be.within(start, end - 1)
            expect(walked.stretches).to.be.at.most(1)
            return lines
          })
          expect(parts.flat()).to.deep.equal(plainLines(content, options))
        }
      ),
      cases(3000)
    )
  })

  it('bounds no line that follows the last one that is wanted, where its window goes', () => {
    const content = Buffer.from(`one\n${'x'.repeat(100)}\n`)
    for (const range of [{ end: 2 }, { end: 4 }, { limit: 1 }]) {
      for (const size of [content.length, undefined]) {
        const splitter = lineSplitter({ ...range, maxLineBytes: 3 }, size)
        for (let stretch = splitter.nextStretch(); stretch; stretch = splitter.nextStretch()) {
          splitter.feed(stretch.start ?? 0, content.subarray(stretch.start ?? 0, stretch.end))
          for (let batch = splitter.take(); batch; batch = splitter.take())
            expect(batch).to.deep.equal(['one'])
          // As the synchronous way does, which lets every window go before it asks for more.
          splitter.keep()
          splitter.end()
        }
        expect(splitter.take()).to.equal(undefined)
      }
    }
  })
})
