import { expect } from 'chai'
import fc from 'fast-check'
import { copyPieces } from '../../lib/access/pieces.js'
import { readQuery, type Sought, searchBackwards, searchForwards } from '../../lib/access/search.js'
import { CutPieces } from '../support/pieces.js'

function indexOf(pieces: CutPieces, value: Sought, from?: number, encoding?: BufferEncoding): number {
  const query = readQuery(pieces.length, value, from, encoding, true)
  return typeof query === 'number' ? query : searchForwards(pieces, query)
}

function lastIndexOf(pieces: CutPieces, value: Sought, from?: number, encoding?: BufferEncoding): number {
  const query = readQuery(pieces.length, value, from, encoding, false)
  return typeof query === 'number' ? query : searchBackwards(pieces, query)
}

/** Few different bytes, so that there are matches, and near misses that run across bounds. */
const content = fc.array(fc.constantFrom(0, 1, 97), { maxLength: 60 }).map(bytes => Buffer.from(bytes))
const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 })
const from = fc.oneof(
  fc.integer({ min: -70, max: 70 }),
  fc.constantFrom(undefined, Number.NaN, -0, 1.5, -1.5, 2 ** 31, -(2 ** 31), Infinity, -Infinity)
)
const encodings = ['utf8', 'utf16le', 'ucs2', 'latin1', 'binary', 'ascii', 'hex', 'base64'] as const

describe('searching pieces', () => {
  it('finds what Buffer finds: bytes that are there, or nearly, in pieces of any sizes', () => {
    const cases = content.chain(bytes =>
      fc.record({
        bytes: fc.constant(bytes),
        needle: fc.oneof(
          fc.array(fc.constantFrom(0, 1, 97), { maxLength: 14 }).map(needle => Buffer.from(needle)),
          fc
            .tuple(fc.nat(bytes.length), fc.nat(bytes.length))
            .map(([a, b]) => bytes.subarray(Math.min(a, b), Math.max(a, b)))
        ),
        sizes,
        from
      })
    )
    fc.assert(
      fc.property(cases, ({ bytes, needle, sizes, from }) => {
        const pieces = new CutPieces(bytes, sizes)
        expect(indexOf(pieces, needle, from)).to.equal(bytes.indexOf(needle, from))
        expect(lastIndexOf(pieces, needle, from)).to.equal(bytes.lastIndexOf(needle, from))
        const array = new Uint8Array(needle)
        expect(indexOf(pieces, array, from)).to.equal(bytes.indexOf(array, from))
      }),
      { numRuns: 3000 }
    )
  })

  it('finds what Buffer finds: single bytes, numbers beyond a byte included', () => {
    const byte = fc.oneof(
      fc.constantFrom(0, 1, 97, 98),
      fc.constantFrom(256 + 97, -159, 97.9, -0.5, 2 ** 32 + 1, Number.NaN)
    )
    fc.assert(
      fc.property(content, sizes, byte, from, (bytes, sizes, byte, from) => {
        const pieces = new CutPieces(bytes, sizes)
        expect(indexOf(pieces, byte, from)).to.equal(bytes.indexOf(byte, from))
        expect(lastIndexOf(pieces, byte, from)).to.equal(bytes.lastIndexOf(byte, from))
      }),
      { numRuns: 1000 }
    )
  })

  it('finds what Buffer finds: strings, in every encoding', () => {
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom('a', '\0', '\u0001', 'ā', '😀'), maxLength: 8 }),
      fc.constantFrom('', '61', '00', 'YQ==', 'AA')
    )
    const cases = fc.constantFrom(...encodings).chain(encoding =>
      fc.record({
        encoding: fc.constant(encoding),
        text,
        bytes: fc.oneof(
          content,
          fc.array(text, { maxLength: 8 }).map(words => Buffer.from(words.join(''), encoding)),
          // Off by one, where UTF-16 must not be found.
          fc.array(text, { maxLength: 8 }).map(words => Buffer.from(`\0${words.join('')}`, 'latin1'))
        ),
        sizes,
        from
      })
    )
    fc.assert(
      fc.property(cases, ({ bytes, text, encoding, sizes, from }) => {
        const pieces = new CutPieces(bytes, sizes)
        expect(indexOf(pieces, text, from, encoding)).to.equal(bytes.indexOf(text, from, encoding))
        expect(lastIndexOf(pieces, text, from, encoding)).to.equal(bytes.lastIndexOf(text, from, encoding))
      }),
      { numRuns: 3000 }
    )
  })

  it('takes the encoding in the place of the beginning, as Buffer does', () => {
    const bytes = Buffer.from('xxabab')
    const pieces = new CutPieces(bytes, [1])
    const query = readQuery(pieces.length, '6162', 'hex', undefined, true)
    expect(searchForwards(pieces, query as never)).to.equal(2)
  })

  it('finds a needle longer than any piece, and does not copy it once for each piece', () => {
    const bytes = Buffer.concat([
      Buffer.alloc(50_000, 'ab'),
      Buffer.from('needle'.repeat(1000)),
      Buffer.alloc(9)
    ])
    const needle = Buffer.from('needle'.repeat(1000))
    const pieces = new CutPieces(bytes, [64])
    let asked = 0
    const counted = {
      length: pieces.length,
      pieceAt(offset: number) {
        asked++
        return pieces.pieceAt(offset)
      }
    }
    const query = { needle, from: 0, step: 1 } as const
    expect(searchForwards(counted, query)).to.equal(50_000)
    expect(searchBackwards(counted, { ...query, from: bytes.length })).to.equal(50_000)
    // Each byte twice at most, and each way.
    expect(asked).to.be.below(4 * (bytes.length / 64) + 100)
  })

  it('refuses what cannot be sought, and encodings that there are not, as Buffer does', () => {
    for (const [value, encoding] of [
      [{}, undefined],
      [null, undefined],
      [undefined, undefined],
      [10n, undefined],
      ['a', 'utf-99']
    ] as [never, never][]) {
      const bytes = Buffer.from('abc')
      const theirs = thrownBy(() => bytes.indexOf(value, 0, encoding))
      const ours = thrownBy(() => readQuery(3, value, 0, encoding, true))
      expect(ours.name).to.equal(theirs.name)
      expect(ours.code).to.equal(theirs.code)
    }
  })
})

describe('copying pieces', () => {
  it('puts any range of them in the place it is asked for, and touches nothing else', () => {
    fc.assert(
      fc.property(content, sizes, fc.nat(60), fc.nat(60), fc.nat(5), (bytes, sizes, a, b, targetStart) => {
        const [start, end] = [Math.min(a, b, bytes.length), Math.min(Math.max(a, b), bytes.length)]
        const target = Buffer.alloc(targetStart + (end - start) + 3, 0xee)
        copyPieces(new CutPieces(bytes, sizes), start, end, target, targetStart)
        const expected = Buffer.alloc(target.length, 0xee)
        bytes.copy(expected, targetStart, start, end)
        expect(target).to.deep.equal(expected)
      })
    )
  })
})

function thrownBy(act: () => unknown): Error & { code?: string } {
  try {
    act()
  } catch (error) {
    return error as Error
  }
  throw new Error('it did not throw')
}
