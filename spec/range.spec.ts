import { expect } from 'chai'
import fc from 'fast-check'
import {
  alignDown,
  alignUp,
  cover,
  endOf,
  MAX_OFFSET,
  nextOffset,
  type Range,
  type Walk,
  windowAt
} from '../lib/range.js'

/** A byte offset; half of them near an edge where narrower arithmetic breaks. */
const offset = fc.oneof(
  fc.maxSafeNat(),
  fc
    .tuple(
      fc.constantFrom(0, 2 ** 31, 2 ** 32, 2 ** 33, 2 ** 52, MAX_OFFSET),
      fc.integer({ min: -9000, max: 9000 })
    )
    .map(([edge, off]) => Math.min(Math.max(edge + off, 0), MAX_OFFSET))
)

/** Units of pages and granularities, and some that are no powers of two. */
const unit = fc.oneof(
  fc.constantFrom(1, 2, 512, 4096, 16384, 65536, 2 ** 21, 2 ** 30),
  fc.integer({ min: 1, max: 1e6 })
)

describe('alignDown and alignUp', () => {
  it('answer the multiples next to a value, and the value itself where it is one', () => {
    expect([0, 1, 4095, 4096, 4097].map(value => alignDown(value, 4096))).to.deep.equal([0, 0, 0, 4096, 4096])
    expect([0, 1, 4095, 4096, 4097].map(value => alignUp(value, 4096))).to.deep.equal([
      0, 4096, 4096, 4096, 8192
    ])
  })

  it('are exact for every offset, checked against integers of any size', () => {
    fc.assert(
      fc.property(offset, unit, (value, size) => {
        const [v, u] = [BigInt(value), BigInt(size)]
        const down = v - (v % u)
        expect(alignDown(value, size)).to.equal(Number(down))
        const up = down === v ? v : down + u
        // Past the last safe integer the answer is rounded; it is then past every file as well.
        if (up <= BigInt(MAX_OFFSET) + 1n) expect(alignUp(value, size)).to.equal(Number(up))
        else expect(alignUp(value, size)).to.be.above(MAX_OFFSET)
      })
    )
  })
})

describe('cover', () => {
  it('begins at the granularity below, and ends where the range does', () => {
    expect(cover({ offset: 5000, length: 10 }, 4096)).to.deep.equal({ offset: 4096, length: 914 })
    expect(cover({ offset: 4096, length: 1 }, 4096)).to.deep.equal({ offset: 4096, length: 1 })
  })

  it('holds the range and less than one unit more, for every range of a file', () => {
    const range = offset.chain(start =>
      fc.record({ offset: fc.constant(start), length: fc.nat({ max: MAX_OFFSET - start }) })
    )
    fc.assert(
      fc.property(range, unit, (wanted, granularity) => {
        const mapped = cover(wanted, granularity)
        expect(mapped.offset % granularity).to.equal(0)
        expect(endOf(mapped)).to.equal(endOf(wanted))
        expect(wanted.offset - mapped.offset).to.be.within(0, granularity - 1)
      })
    )
  })
})

/** The windows of a walk, as a consumer goes through them; gives up after `most`. */
function windowsOf(walk: Walk, most: number): Range[] {
  const windows: Range[] = []
  let window = windowAt(walk, walk.start)
  while (window !== undefined) {
    windows.push(window)
    if (windows.length > most) throw new Error(`more than ${most} windows`)
    window = windowAt(walk, nextOffset(walk, window))
  }
  return windows
}

/** A walk of at most some dozens of windows, anywhere in a file. */
const walk: fc.Arbitrary<Walk> = fc
  .record({
    place: offset,
    size: fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 2 ** 40 })),
    overlap: fc.oneof(fc.constantFrom(0, 1, 4095, 4096, Number.POSITIVE_INFINITY), fc.nat({ max: 2 ** 40 })),
    steps: fc.nat({ max: 40 }),
    rest: fc.nat({ max: 2 ** 40 })
  })
  .map(({ place, size, overlap: wanted, steps, rest }) => {
    const overlap = Math.min(wanted, size - 1)
    const length = Math.min(steps * (size - overlap) + (rest % size), MAX_OFFSET)
    const start = Math.min(place, MAX_OFFSET - length)
    return { start, end: start + length, size, overlap }
  })

describe('the windows of a walk', () => {
  it('follow each other at a distance of the size less the overlap', () => {
    expect(windowsOf({ start: 3, end: 20, size: 8, overlap: 2 }, 9)).to.deep.equal([
      { offset: 3, length: 8 },
      { offset: 9, length: 8 },
      { offset: 15, length: 5 }
    ])
  })

  it('are none where there is nothing to walk', () => {
    expect(windowsOf({ start: 7, end: 7, size: 8, overlap: 7 }, 0)).to.deep.equal([])
  })

  it('are one where all of it is no longer than the overlap', () => {
    for (const [start, end] of [
      [0, 4],
      [0, 5],
      [100, 103],
      [MAX_OFFSET - 4, MAX_OFFSET]
    ] as const) {
      expect(windowsOf({ start, end, size: 9, overlap: 5 }, 9)).to.deep.equal([
        { offset: start, length: end - start }
      ])
    }
  })

  it('never are the overlap alone', () => {
    expect(windowsOf({ start: 0, end: 8, size: 8, overlap: 7 }, 9)).to.deep.equal([{ offset: 0, length: 8 }])
    expect(windowsOf({ start: 0, end: 12, size: 8, overlap: 4 }, 9)).to.deep.equal([
      { offset: 0, length: 8 },
      { offset: 4, length: 8 }
    ])
  })

  it('are the whole of it for a size of Infinity', () => {
    const size = Number.POSITIVE_INFINITY
    expect(windowsOf({ start: 1, end: MAX_OFFSET, size, overlap: 10 }, 1)).to.deep.equal([
      { offset: 1, length: MAX_OFFSET - 1 }
    ])
  })

  it('cover it exactly, repeat exactly the overlap, and are as few as can be', () => {
    fc.assert(
      fc.property(walk, ({ start, end, size, overlap }) => {
        const windows = windowsOf({ start, end, size, overlap }, 200)
        let reached = start
        for (const [index, window] of windows.entries()) {
          expect(window.offset).to.equal(index === 0 ? start : reached - overlap)
          reached = endOf(window)
          const last = index === windows.length - 1
          expect(last ? window.length <= size : window.length === size, `length of window ${index}`).to.equal(
            true
          )
          if (last) expect(window.length).to.be.above(index === 0 ? 0 : overlap)
          else expect(reached).to.be.below(end)
        }
        expect(reached).to.equal(end)
        const fresh = size - overlap
        expect(windows).to.have.length(
          end === start ? 0 : 1 + Math.max(0, Math.ceil((end - start - size) / fresh))
        )
      }),
      { numRuns: 500 }
    )
  })
})
