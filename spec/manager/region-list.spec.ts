import { expect } from 'chai'
import fc from 'fast-check'
import { place, RegionList } from '../../lib/manager/region-list.js'
import { endOf, type Range } from '../../lib/range.js'

const range = (offset: number, length: number): Range => ({ offset, length })

describe('a region list', () => {
  it('finds the member that holds a byte, and none between members, before the first and behind the last', () => {
    const list = new RegionList<Range>()
    const [first, second] = [range(16, 16), range(48, 32)]
    expect([list.add(second), list.add(first), list.size]).to.deep.equal([true, true, 2])
    for (const offset of [16, 31]) expect(list.find(offset)).to.equal(first)
    for (const offset of [48, 79]) expect(list.find(offset)).to.equal(second)
    for (const offset of [0, 15, 32, 47, 80, 2 ** 53 - 1]) expect(list.find(offset)).to.equal(undefined)
    expect([...list]).to.deep.equal([first, second])
  })

  it('is empty at first, and again when all have left', () => {
    const list = new RegionList<Range>()
    const member = range(0, 1)
    expect([list.size, list.find(0), list.remove(member), [...list]]).to.deep.equal([0, undefined, false, []])
    expect(list.gapAt(7, 100)).to.deep.equal(range(0, 100))
    list.add(member)
    expect([list.remove(member), list.remove(member), list.size]).to.deep.equal([true, false, 0])
    expect(list.gapAt(7, 100)).to.deep.equal(range(0, 100))
  })

  it('is as new when all of many have left, from either end or from within', () => {
    const list = new RegionList<Range>()
    const members = Array.from({ length: 500 }, (_, i) => range(i * 10, 10))
    const orders = [
      members,
      members.toReversed(),
      members.filter((_, i) => i % 2 === 0).concat(members.filter((_, i) => i % 2 === 1))
    ]
    for (const order of orders) {
      for (const member of order) expect(list.add(member)).to.equal(true)
      expect([...list]).to.deep.equal(members)
      for (const [i, member] of order.entries()) {
        expect([list.find(member.offset + 9), list.remove(member)]).to.deep.equal([member, true])
        expect([list.find(member.offset + 9), list.size]).to.deep.equal([undefined, 499 - i])
        const next = order[i + 1]
        if (next) expect(list.find(next.offset)).to.equal(next)
      }
      expect([[...list], list.find(0), list.gapAt(7, 100)]).to.deep.equal([[], undefined, range(0, 100)])
    }
  })

  it('takes nothing that overlaps a member, and lets no other leave in the place of one', () => {
    const list = new RegionList<Range>()
    list.add(range(32, 16))
    for (const over of [range(32, 16), range(24, 9), range(47, 1), range(0, 100), range(40, 2)]) {
      expect([list.add(over), list.remove(over)], `${over.offset}+${over.length}`).to.deep.equal([
        false,
        false
      ])
    }
    expect([list.add(range(16, 16)), list.add(range(48, 1)), list.size]).to.deep.equal([true, true, 3])
  })

  it('knows the gap around a byte, and what it would be without the member that holds it', () => {
    const list = new RegionList<Range>()
    for (const offset of [16, 48, 64]) list.add(range(offset, 16))
    expect(list.gapAt(0, 100)).to.deep.equal(range(0, 16))
    expect(list.gapAt(40, 100)).to.deep.equal(range(32, 16))
    expect(list.gapAt(90, 100)).to.deep.equal(range(80, 20))
    expect(list.gapAt(20, 100)).to.deep.equal(range(0, 48))
    expect(list.gapAt(50, 100)).to.deep.equal(range(32, 32))
    expect(list.gapAt(64, 100)).to.deep.equal(range(64, 36))
  })

  it('holds what a plain array would hold, whatever joins and leaves, across many chunks', () => {
    const step = fc.record({
      offset: fc.nat(4000),
      length: fc.integer({ min: 1, max: 12 }),
      leaves: fc.boolean()
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 1500, size: 'max' }), steps => {
        const list = new RegionList<Range>()
        let model: Range[] = []
        for (const { offset, length, leaves } of steps) {
          const held = model.find(member => member.offset <= offset && offset < endOf(member))
          expect(list.find(offset)).to.equal(held)
          const others = model.filter(member => member !== held)
          const start = Math.max(0, ...others.filter(each => each.offset <= offset).map(endOf))
          const end = Math.min(5000, ...others.filter(each => each.offset > offset).map(each => each.offset))
          expect(list.gapAt(offset, 5000)).to.deep.equal(range(start, end - start))
          if (leaves && held) {
            expect(list.remove(held)).to.equal(true)
            model = others
          } else {
            const fresh = range(offset, length)
            const free = model.every(member => endOf(member) <= offset || member.offset >= offset + length)
            expect(list.add(fresh)).to.equal(free)
            if (free) model.push(fresh)
          }
          expect(list.size).to.equal(model.length)
        }
        expect([...list]).to.deep.equal(model.sort((a, b) => a.offset - b.offset))
      }),
      { numRuns: 20 }
    )
  })

  it('finds nobody who left where it was found before, however far it reached', () => {
    const list = new RegionList<Range>()
    const MiB = 2 ** 20
    const lengths = [MiB, 3 * MiB, 16 * MiB, 2 ** 31, 2 ** 40]
    let at = 2 ** 32 - 5 * MiB
    const members = lengths.map(length => {
      const member = range(at, length)
      at += length
      return member
    })
    const placesOf = ({ offset, length }: Range) =>
      Array.from({ length: 1500 }, (_, i) => offset + Math.floor((i / 1499) * (length - 1)))
    for (const member of members) {
      list.add(member)
      for (const place of placesOf(member)) expect(list.find(place)).to.equal(member)
    }
    for (const member of members) {
      list.remove(member)
      for (const place of placesOf(member)) expect(list.find(place)).to.equal(undefined)
      const anew = range(member.offset, Math.ceil(member.length / 2))
      list.add(anew)
      expect([list.find(endOf(anew) - 1), list.find(endOf(anew))]).to.deep.equal([anew, undefined])
    }
  })

  it('answers what it found last near a byte, whether that holds it or not, until it leaves', () => {
    const list = new RegionList<Range>()
    const [first, second] = [0, 8192].map(offset => ({ offset, length: 4096 })) as [Range, Range]
    for (const range of [first, second]) list.add(range)
    expect(list.latest(0)).to.equal(undefined)
    list.find(1)
    expect([list.latest(4095), list.latest(8192)]).to.deep.equal([first, first])
    list.find(8192)
    expect(list.latest(1)).to.equal(second)
    list.remove(second)
    expect(list.latest(1)).to.equal(undefined)
  })

  it('works with 100,000 members that join and leave in any order, past 2^32', () => {
    const list = new RegionList<Range>()
    const base = 2 ** 40
    const count = 100_000
    // 77,777 and 100,000 have no divisor in common: each number once, all over the place.
    const members = Array.from({ length: count }, (_, i) => range(base + ((i * 77_777) % count) * 4096, 4096))
    for (const member of members) list.add(member)
    expect(list.size).to.equal(count)
    expect(members.every(member => list.find(member.offset + 4095) === member)).to.equal(true)
    let last = 0
    for (const { offset } of list) {
      if (offset <= last) expect.fail(`${offset} after ${last}`)
      last = offset
    }
    for (const member of members.slice(0, count / 2)) list.remove(member)
    expect(members.findIndex(member => list.find(member.offset) !== undefined)).to.equal(count / 2)
    for (const member of members.slice(count / 2)) list.remove(member)
    expect([list.size, list.find(base), [...list]]).to.deep.equal([0, undefined, []])
  })
})

describe('the place of a new region', () => {
  const shape = { windowSize: 64, granularity: 16, maxLength: 1024 }

  it('is the window that a walk in steps of the window size would see there', () => {
    for (const offset of [64, 70, 127]) {
      expect(place(range(offset, 1), range(0, 1000), shape)).to.deep.equal(range(64, 64))
    }
  })

  it('moves on where what is wanted straddles the end of such a window', () => {
    expect(place(range(120, 40), range(0, 1000), shape)).to.deep.equal(range(96, 64))
  })

  it('holds a whole window’s worth from an odd offset on, and is longer than a window by that', () => {
    expect(place(range(70, 64), range(0, 1000), shape)).to.deep.equal(range(64, 80))
    expect(place(range(70, 500), range(0, 1000), shape)).to.deep.equal(range(64, 80))
    expect(place(range(64, 500), range(0, 1000), shape)).to.deep.equal(range(64, 64))
  })

  it('snaps to its neighbours', () => {
    expect(place(range(90, 1), range(80, 1000), shape)).to.deep.equal(range(80, 48))
    expect(place(range(90, 1), range(0, 112), shape)).to.deep.equal(range(64, 48))
    expect(place(range(90, 60), range(80, 32), shape)).to.deep.equal(range(80, 32))
  })

  it('ends with the file', () => {
    expect(place(range(130, 100), range(0, 150), shape)).to.deep.equal(range(128, 22))
  })

  it('is the whole file where windows are as large', () => {
    const whole = { windowSize: 2 ** 40, granularity: 4096, maxLength: 2 ** 40 }
    expect(place(range(99_999, 1), range(0, 100_000), whole)).to.deep.equal(range(0, 100_000))
  })

  it('keeps to the longest mapping there can be, and is one page at the least', () => {
    const short = { windowSize: 2 ** 40, granularity: 16, maxLength: 100 }
    expect(place(range(50, 500), range(0, 1000), short)).to.deep.equal(range(48, 96))
    expect(place(range(50, 1), range(0, 1000), short)).to.deep.equal(range(0, 96))
    expect(place(range(50, 1), range(0, 1000), { ...short, maxLength: 5 })).to.deep.equal(range(48, 16))
  })

  it('always holds the byte asked for, stays in the gap, and begins on the granularity', () => {
    const cases = fc.record({
      granularity: fc.constantFrom(1, 16, 4096, 65_536),
      windows: fc.integer({ min: 1, max: 300 }),
      most: fc.integer({ min: 1, max: 2 ** 33 }),
      gapStart: fc.oneof(fc.nat(100), fc.nat(2 ** 35)),
      gapLength: fc.integer({ min: 1, max: 2 ** 26 }),
      at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      length: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 2 ** 26 }))
    })
    fc.assert(
      fc.property(cases, ({ granularity, windows, most, gapStart, gapLength, at, length }) => {
        const gap = range(gapStart * granularity, gapLength)
        const wanted = range(gap.offset + Math.floor(at * gapLength), length)
        const windowSize = windows * granularity
        const placed = place(wanted, gap, { windowSize, granularity, maxLength: most })

        expect(placed.offset % granularity).to.equal(0)
        expect(placed.offset).to.be.within(gap.offset, wanted.offset)
        expect(endOf(placed)).to.be.within(wanted.offset + 1, endOf(gap))
        expect(endOf(placed) % granularity === 0 || endOf(placed) === endOf(gap)).to.equal(true)
        expect(placed.length).to.be.at.most(Math.max(granularity, Math.min(most, windowSize + granularity)))
        if (most >= windowSize + granularity) {
          // All that was wanted, as far as a window and the gap reach.
          const end = Math.min(wanted.offset + Math.min(length, windowSize), endOf(gap))
          expect(endOf(placed)).to.be.at.least(end)
        }
      }),
      { numRuns: 2000 }
    )
  })

  it('leaves no slivers: random places fill a file with as few regions as windows fit in', () => {
    const size = 64 * 100 - 7
    fc.assert(
      fc.property(fc.array(fc.nat(size - 1), { minLength: 1000, maxLength: 1000, size: 'max' }), offsets => {
        const list = new RegionList<Range>()
        for (const offset of offsets) {
          if (!list.find(offset)) list.add(place(range(offset, 1), list.gapAt(offset, size), shape))
        }
        expect(list.size).to.be.at.most(100)
        for (const { offset } of list) expect(offset % 64).to.equal(0)
      }),
      { numRuns: 10 }
    )
  })
})
