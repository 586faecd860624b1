import { expect } from 'chai'
import { closeSync, openSync } from 'node:fs'
import { type ManagerOptions, MapManager } from '../../lib/index.js'
import { bytesAt, tempFile } from '../support/files.js'
import { realMappers } from '../support/mappers.js'
import { numbers, testSize } from './numbers.js'

const content = bytesAt(5, 0, testSize)

/** smmap's test of its buffer, in its order. */
for (const mapper of realMappers) {
  describe(`coming from smmap: buffers (${mapper})`, () => {
    let path: string
    let fd: number

    beforeEach(() => {
      path = tempFile(`buffer-${mapper}`, content)
      fd = openSync(path, 'r')
    })

    afterEach(() => closeSync(fd))

    it('cannot begin past the end of a file, nor on one that is closed', async () => {
      await using manager = new MapManager({ mapper })
      const file = await manager.open(path)
      expect(() => file.buffer(testSize + 1))
        .to.throw()
        .with.property('code', 'ERR_MAP_OUT_OF_RANGE')
      expect(file.buffer(testSize).length).to.equal(0)
      await file.close()
      expect(() => file.buffer())
        .to.throw()
        .with.property('code', 'ERR_MAP_CLOSED')
    })

    it('begin where they are told to: their length, first byte and slices count from there', async () => {
      await using manager = new MapManager({ mapper })
      const file = await manager.open(path)
      const buffer = file.buffer(100)
      expect(buffer.length).to.equal(testSize - 100)
      expect(file.buffer().length).to.equal(testSize)
      expect(buffer.at(0)).to.equal(content[100])
      expect(buffer.slice(0, 100).equals(content.subarray(100, 200))).to.equal(true)
    })

    it('count negative indices from the end, in slices too', async () => {
      await using manager = new MapManager({ mapper })
      const buffer = (await manager.open(path)).buffer()
      expect(buffer.at(-1)).to.equal(buffer.at(buffer.length - 1))
      expect(buffer.slice(-10).equals(buffer.slice(buffer.length - 10, buffer.length))).to.equal(true)
      expect(buffer.slice(-10).equals(content.subarray(-10))).to.equal(true)
    })

    it('can be disposed of at any time, as often as one likes; another one is had of the same file', async () => {
      await using manager = new MapManager({ mapper })
      const file = await manager.open(path)
      const buffer = file.buffer()
      buffer[Symbol.dispose]()
      buffer[Symbol.dispose]()
      expect(() => buffer.at(0))
        .to.throw()
        .with.property('code', 'ERR_MAP_RELEASED')
      expect(file.buffer().at(0)).to.equal(content[0])
      expect(manager.stats().handles).to.equal(1)
    })

    const managers: [string, ManagerOptions][] = [
      ['optimal', {}],
      [
        'worst case',
        { windowSize: Math.floor(testSize / 100), maxMappedBytes: Math.floor(testSize / 3), maxHandles: 15 }
      ],
      ['static', { windowSize: Number.POSITIVE_INFINITY }]
    ]

    for (const by of ['path', 'descriptor']) {
      for (const [name, options] of managers) {
        it(`answer 100 random bytes and 100 random slices right (${name}, by ${by})`, async () => {
          await using manager = new MapManager({ mapper, ...options })
          const file = await manager.open(by === 'path' ? path : fd)
          const buffer = file.buffer()
          for (const offset of numbers(6, 100, testSize)) {
            expect(buffer.at(offset)).to.equal(content[offset])
          }
          expect(manager.collect()).to.be.above(0)
          expect(manager.stats().mappedBytes).to.equal(0)

          const lengths = numbers(8, 100, testSize)
          for (const [i, start] of numbers(7, 100, testSize).entries()) {
            const end = start + Math.min(lengths[i] ?? 0, testSize - start)
            const slice = buffer.slice(start, end)
            expect(slice.length).to.equal(end - start)
            expect(slice.equals(content.subarray(start, end))).to.equal(true)
          }
          expect(manager.stats().peakMappedBytes).to.be.at.most(manager.stats().maxMappedBytes)
          expect(manager.collect()).to.be.above(0)
          expect(manager.stats().mappedBytes).to.equal(0)
        })
      }
    }
  })
}
