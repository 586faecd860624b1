import { expect } from 'chai'
import { closeSync, openSync } from 'node:fs'
import { MapManager } from '../../lib/index.js'
import { place, RegionList } from '../../lib/manager/region-list.js'
import { alignDown, alignUp, endOf, type Range } from '../../lib/range.js'
import { bytesAt, tempFile } from '../support/files.js'
import { realMappers } from '../support/mappers.js'
import { testSize } from './numbers.js'

/** smmap's tests of its utilities, in their order. */
describe('coming from smmap: windows and regions', () => {
  describe('a window', () => {
    const shape = { windowSize: 100, granularity: 1, maxLength: Number.MAX_SAFE_INTEGER }
    const list = new RegionList<Range>()
    const left = { offset: 0, length: 1 }
    const right = { offset: 8000, length: 50 }
    list.add(left)
    list.add(right)

    it('ends where its length says', () => {
      expect([left, { offset: 1, length: 1 }, right].map(endOf)).to.deep.equal([1, 2, 8050])
    })

    it('stays as it is where its neighbours leave no room', () => {
      const between = new RegionList<Range>()
      between.add({ offset: 0, length: 1 })
      between.add({ offset: 2, length: 1 })
      expect(place({ offset: 1, length: 1 }, between.gapAt(1, 10_000), shape)).to.deep.equal({
        offset: 1,
        length: 1
      })
    })

    it('grows to the left until its neighbour ends', () => {
      const placed = place({ offset: 10, length: 5 }, list.gapAt(10, 10_000), shape)
      expect(placed.offset).to.equal(endOf(left))
      expect(endOf(placed)).to.be.at.least(15)
    })

    it('grows to the right until its neighbour begins', () => {
      const placed = place({ offset: 7990, length: 5 }, list.gapAt(7990, 10_000), shape)
      expect(endOf(placed)).to.equal(right.offset)
    })

    it('never grows beyond the window size', () => {
      for (let offset = 1; offset < 8000; offset += 7) {
        const placed = place({ offset, length: 5 }, list.gapAt(offset, 10_000), shape)
        expect(placed.length).to.be.at.most(100)
        expect(placed.offset).to.be.at.most(offset)
        expect(endOf(placed)).to.be.above(offset)
      }
    })

    it('fills the whole gap where the window size allows it', () => {
      const vast = { ...shape, windowSize: Number.MAX_SAFE_INTEGER }
      const placed = place({ offset: 10, length: 5 }, list.gapAt(10, 10_000), vast)
      expect([placed.offset, endOf(placed)]).to.deep.equal([endOf(left), right.offset])
    })

    it('is aligned outwards, and holds what it held', () => {
      const gap = { offset: 0, length: 1_000_000 }
      const placed = place({ offset: 5000, length: 5 }, gap, {
        ...shape,
        granularity: 4096,
        windowSize: 4096
      })
      expect(placed).to.deep.equal({ offset: 4096, length: 4096 })
    })
  })

  for (const mapper of realMappers) {
    it(`a region knows where it begins and ends, how long it is, and what it includes (${mapper})`, async () => {
      const path = tempFile('region', bytesAt(1, 0, testSize))
      await using manager = new MapManager({ mapper, windowSize: Number.POSITIVE_INFINITY })
      const half = Math.floor(testSize / 2)
      const from = 4096
      const file = await manager.open(path)
      using full = file.cursor().use(0)
      using later = file.cursor().use(from)
      using first = file.cursor().use(0, half)
      expect([full.offset, full.length]).to.deep.equal([0, testSize])
      expect([later.offset, later.length]).to.deep.equal([from, testSize - from])
      expect([first.offset, first.length]).to.deep.equal([0, half])
      expect([0, testSize - 1, half].every(offset => full.includes(offset))).to.equal(true)
      expect([-1, testSize, Number.MAX_SAFE_INTEGER].some(offset => full.includes(offset))).to.equal(false)
      expect(manager.stats().regions, 'they share it').to.equal(1)
    })

    it(`a file that nobody has looked into has no regions, opened by path or by descriptor (${mapper})`, async () => {
      const path = tempFile('sample', bytesAt(1, 0, 100))
      const fd = openSync(path, 'r')
      try {
        await using manager = new MapManager({ mapper })
        for (const source of [path, fd]) {
          const file = await manager.open(source)
          expect(file.size).to.equal(100)
          expect(file.path).to.equal(source === path ? path : undefined)
          expect(manager.stats().regions).to.equal(0)
        }
      } finally {
        closeSync(fd)
      }
    })
  }

  it('an empty list holds nothing, and is one gap', () => {
    const list = new RegionList<Range>()
    expect([list.size, [...list], list.find(0)]).to.deep.equal([0, [], undefined])
    expect(list.gapAt(50, 100)).to.deep.equal({ offset: 0, length: 100 })
  })

  it('numbers are aligned down and up', () => {
    expect([alignDown(1, 4096), alignUp(1, 4096)]).to.deep.equal([0, 4096])
  })
})
