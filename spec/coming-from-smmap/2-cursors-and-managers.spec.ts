import { expect } from 'chai'
import { closeSync, openSync } from 'node:fs'
import { MapManager } from '../../lib/index.js'
import { alignUp } from '../../lib/range.js'
import { bytesAt, tempFile } from '../support/files.js'
import { realMappers } from '../support/mappers.js'
import { canWitness, descriptorsOf, mappedBytesOf } from '../support/os.js'
import { granularity as page } from '../support/granularity.js'
import { numbers, testSize } from './numbers.js'

const content = bytesAt(2, 0, testSize)

/** smmap's tests of its manager, in their order. */
for (const mapper of realMappers) {
  describe(`coming from smmap: cursors and managers (${mapper})`, () => {
    let path: string
    let fd: number

    beforeEach(() => {
      path = tempFile(`manager-${mapper}`, content)
      fd = openSync(path, 'r')
    })

    afterEach(() => closeSync(fd))

    it('a cursor knows its file and has no window at first; a clone of it is the same', async () => {
      await using manager = new MapManager({ mapper })
      const file = await manager.open(path)
      using made = file.cursor()
      expect([made.valid, made.length, file.size, file.path]).to.deep.equal([false, 0, testSize, path])
      using copy = made.clone()
      expect([copy.valid, copy.length]).to.deep.equal([false, 0])
      expect(copy.use(5, 10).bytes.equals(content.subarray(5, 15)), 'and it works').to.equal(true)
      expect(made.valid, 'on its own').to.equal(false)
    })

    it('a cursor can be unused and disposed of at any time, as often as one likes', async () => {
      await using manager = new MapManager({ mapper })
      const cursor = (await manager.open(path)).cursor()
      cursor.unuse()
      cursor.unuse()
      cursor[Symbol.dispose]()
      cursor[Symbol.dispose]()
    })

    for (const [mode, windowSize] of [
      ['whole files', Number.POSITIVE_INFINITY],
      ['sliding windows', undefined]
    ] as const) {
      it(`a manager of ${mode} holds nothing at first, has its limits, and collects nothing from nothing`, async () => {
        await using manager = new MapManager({ mapper, ...(windowSize && { windowSize }) })
        const stats = manager.stats()
        expect([stats.handles, stats.files, stats.regions, stats.mappedBytes]).to.deep.equal([0, 0, 0, 0])
        expect(stats.windowSize).to.be.above(0)
        expect(stats.maxMappedBytes).to.be.above(0)
        expect(stats.maxHandles).to.be.above(0)
        expect(manager.collect()).to.equal(0)
      })

      it(`a manager of ${mode} shows ten bytes at ten, by path and by descriptor`, async () => {
        await using manager = new MapManager({ mapper, ...(windowSize && { windowSize }) })
        for (const source of [path, fd]) {
          using cursor = (await manager.open(source)).cursor().use(10, 10)
          expect([cursor.valid, cursor.offset, cursor.length]).to.deep.equal([true, 10, 10])
          expect(cursor.bytes.equals(content.subarray(10, 20))).to.equal(true)
        }
      })
    }

    for (const by of ['path', 'descriptor']) {
      it(`windows of a hundredth of a file, by ${by}, under a third of it: 5,000 random reads hold both limits before each`, async () => {
        const maxMappedBytes = Math.floor(testSize / 3)
        const manager = new MapManager({
          mapper,
          windowSize: Math.floor(testSize / 100),
          maxMappedBytes,
          maxHandles: 15
        })
        const file = await manager.open(by === 'path' ? path : fd)
        const cursor = file.cursor()
        const { windowSize } = manager.stats()
        const size = Math.floor(windowSize / 2)
        expect(windowSize).to.be.within(testSize / 100 - 1, testSize / 100 + page)
        expect([manager.stats().regions, manager.stats().mappedBytes]).to.deep.equal([0, 0])

        cursor.use(5000, size)
        expect([cursor.offset, cursor.length]).to.deep.equal([5000, size])
        expect(cursor.bytes.equals(content.subarray(5000, 5000 + size))).to.equal(true)
        expect(manager.stats(), 'one window, begun where windows begin').to.include({
          regions: 1,
          mappedBytes: windowSize,
          files: 1
        })

        cursor.use(0, size - 10)
        expect([cursor.offset, cursor.length]).to.deep.equal([0, size - 10])
        expect(cursor.bytes.equals(content.subarray(0, size - 10))).to.equal(true)
        expect(manager.stats().regions, 'the same window').to.equal(1)

        const late = testSize - size + 4000
        cursor.use(late, size)
        expect([cursor.offset, cursor.length], 'the file ends').to.deep.equal([late, size - 4000])
        expect(cursor.bytes.equals(content.subarray(late))).to.equal(true)
        expect(manager.stats(), 'the old one stays').to.include({ regions: 2, cachedRegions: 1 })

        cursor.unuse()
        expect(cursor.valid).to.equal(false)
        expect(manager.stats(), 'both stay').to.include({ regions: 2, cachedRegions: 2 })

        for (const offset of numbers(3, 5000, testSize)) {
          const stats = manager.stats()
          expect(stats.mappedBytes).to.be.at.most(maxMappedBytes)
          expect(stats.handles).to.be.at.most(15)
          cursor.use(offset, size)
          const { length } = cursor
          expect(length).to.be.above(0)
          expect(cursor.bytes.equals(content.subarray(offset, offset + length))).to.equal(true)
          expect([offset, offset + length - 1, offset + length].map(at => cursor.includes(at))).to.deep.equal(
            [true, true, false]
          )
        }
        expect(manager.stats().peakMappedBytes).to.be.at.most(maxMappedBytes)
        expect(manager.stats().evictions).to.be.above(1000)
        if (canWitness && mapper === 'native') expect(mappedBytesOf(path)).to.be.at.most(maxMappedBytes)

        expect(() => cursor.use(testSize, size))
          .to.throw()
          .with.property('code', 'ERR_MAP_OUT_OF_RANGE')
        cursor.unuse()
        expect(manager.collect()).to.be.above(0)
        expect(manager.stats()).to.include({ regions: 0, mappedBytes: 0 })
        await manager.close()
        if (canWitness) expect(descriptorsOf(path)).to.deep.equal([fd])
      })

      it(`whole files, by ${by}: 5,000 random reads, one region, and no file that does not fit`, async () => {
        const options = { mapper, windowSize: Number.POSITIVE_INFINITY, maxHandles: 15 }
        await using small = new MapManager({ ...options, maxMappedBytes: Math.floor(testSize / 3) })
        const refused = (await small.open(by === 'path' ? path : fd)).cursor()
        expect(() => refused.use(5000))
          .to.throw()
          .with.property('code', 'ERR_MAP_LIMIT')

        const maxMappedBytes = alignUp(testSize, page)
        await using manager = new MapManager({ ...options, maxMappedBytes })
        const file = await manager.open(by === 'path' ? path : fd)
        using cursor = file.cursor().use(5000)
        expect(cursor.length).to.equal(testSize - 5000)
        expect(manager.stats().regions).to.equal(1)
        expect(manager.stats().mappedBytes).to.be.within(testSize, maxMappedBytes)
        for (const offset of numbers(4, 5000, testSize)) {
          expect(manager.stats().mappedBytes).to.be.at.most(maxMappedBytes)
          expect(manager.stats().handles).to.be.at.most(15)
          cursor.use(offset)
          expect(cursor.length).to.equal(testSize - offset)
          const { bytes } = cursor
          expect([bytes[0], bytes.at(-1)]).to.deep.equal([content[offset], content.at(-1)])
          expect(bytes.subarray(0, 5000).equals(content.subarray(offset, offset + 5000))).to.equal(true)
          expect([offset, testSize - 1, testSize].map(at => cursor.includes(at))).to.deep.equal([
            true,
            true,
            false
          ])
        }
        expect(manager.stats().maps).to.equal(1)
        cursor.unuse()
        expect(manager.collect()).to.equal(1)
        expect(manager.stats()).to.include({ regions: 0, mappedBytes: 0 })
      })
    }
  })
}
