import { expect } from 'chai'
import { appendFileSync } from 'node:fs'
import { MapManager } from '../../lib/index.js'
import { bytesAt, tempFile } from '../support/files.js'
import { realMappers } from '../support/mappers.js'
import { canWitness, descriptorsOf } from '../support/os.js'
import { granularity as page } from '../support/granularity.js'

const content = bytesAt(21, 0, 64 * page)

/** What smmap 5.0.3 gets wrong, each in a test that it would fail; docs/coming-from-smmap.md has the same list. */
for (const mapper of realMappers) {
  describe(`coming from smmap: its faults are not here (${mapper})`, () => {
    const options = { mapper, windowSize: page, maxMappedBytes: 4 * page }
    let path: string

    beforeEach(() => {
      path = tempFile('faults', content)
    })

    it('the region used longest ago is evicted, not the one used last', async () => {
      await using manager = new MapManager(options)
      const file = await manager.open(path)
      using cursor = file.cursor()
      for (const n of [0, 1, 2, 3, 0, 1]) cursor.use(n * page)
      // Two more: 2 and 3 have to go for them.
      for (const n of [10, 11]) cursor.use(n * page)
      const { maps } = manager.stats()
      for (const n of [0, 1, 10, 11]) cursor.use(n * page)
      expect(manager.stats().maps, 'these are still there').to.equal(maps)
      for (const n of [2, 3]) cursor.use(n * page)
      expect(manager.stats().maps, 'these are not').to.equal(maps + 2)
    })

    it('limits are hard: what does not fit is refused, never mapped beyond them', async () => {
      await using manager = new MapManager(options)
      const file = await manager.open(path)
      const cursors = [0, 1, 2, 3].map(n => file.cursor().use(n * page))
      expect(() => file.cursor().use(5 * page))
        .to.throw()
        .with.property('code', 'ERR_MAP_LIMIT')
      expect(manager.stats().peakMappedBytes).to.equal(4 * page)
      for (const cursor of cursors) cursor[Symbol.dispose]()
    })

    it('two cursors on one path, one of them destroyed before it maps: the other stays in the limits', async () => {
      await using manager = new MapManager(options)
      const file = await manager.open(path)
      const [one, other] = [file.cursor(), file.cursor()]
      one[Symbol.dispose]()
      for (let n = 0; n < 64; n++) other.use(n * page)
      expect(manager.stats().peakMappedBytes).to.be.at.most(4 * page)
      other[Symbol.dispose]()
      expect(manager.collect()).to.be.above(0)
      expect(manager.stats().mappedBytes).to.equal(0)
    })

    it('a copy of a cursor can be used', async () => {
      await using manager = new MapManager(options)
      using cursor = (await manager.open(path)).cursor().use(10, 20)
      using copy = cursor.clone()
      expect(copy.bytes.equals(cursor.bytes)).to.equal(true)
      expect(copy.use(20 * page, 8).bytes.equals(content.subarray(20 * page, 20 * page + 8))).to.equal(true)
      expect(cursor.bytes.equals(content.subarray(10, 30)), 'and the first stays').to.equal(true)
    })

    it('collecting while a view is alive leaves that, takes the others, and counts right', async () => {
      await using manager = new MapManager(options)
      const file = await manager.open(path)
      using cursor = file.cursor().use(0, 100)
      const view = cursor.bytes
      file.buffer().readUInt8(5 * page)
      expect(manager.collect()).to.equal(1)
      expect(view.equals(content.subarray(0, 100))).to.equal(true)
      expect(manager.stats().regions).to.equal(1)
      cursor.unuse()
      expect(manager.collect()).to.equal(1)
      expect(manager.stats()).to.include({ regions: 0, mappedBytes: 0, cachedBytes: 0 })
    })

    it('an empty slice is empty, wherever it is taken, and one that ends before it begins too', async () => {
      await using manager = new MapManager(options)
      const buffer = (await manager.open(path)).buffer()
      for (const [start, end] of [
        [0, 0],
        [5, 5],
        [page, page],
        [7, 3],
        [-1, 0],
        [content.length, content.length],
        [10 ** 9, 10 ** 9]
      ]) {
        expect(buffer.slice(start, end).length).to.equal(0)
      }
      expect(manager.stats().maps, 'and maps nothing').to.equal(0)
    })

    it('the offset of a buffer counts: in bytes, slices and negative indices, before and behind window bounds', async () => {
      await using manager = new MapManager(options)
      const file = await manager.open(path)
      for (const offset of [1, 100, page - 1, page, page + 1, 3 * page + 5]) {
        const buffer = file.buffer(offset)
        expect(buffer.length).to.equal(content.length - offset)
        expect(buffer.at(0)).to.equal(content[offset])
        expect(buffer.at(-1)).to.equal(content.at(-1))
        expect(buffer.slice().equals(content.subarray(offset))).to.equal(true)
        expect(buffer.slice(5, 2 * page).equals(content.subarray(offset + 5, offset + 2 * page))).to.equal(
          true
        )
      }
    })

    it('a buffer is no longer than the file: what its length says can be read', async () => {
      await using manager = new MapManager(options)
      const buffer = (await manager.open(path)).buffer(content.length - 10, 10 ** 9)
      expect(buffer.length).to.equal(10)
      expect(buffer.slice().equals(content.subarray(-10))).to.equal(true)
    })

    it('64 windows of one file take one descriptor', async () => {
      await using manager = new MapManager({ ...options, maxMappedBytes: 64 * page })
      const file = await manager.open(path)
      const cursors = Array.from({ length: 64 }, (_, n) => file.cursor().use(n * page))
      expect(manager.stats()).to.include({ regions: 64, handles: 1 })
      if (canWitness) expect(descriptorsOf(path).length).to.equal(1)
      for (const cursor of cursors) cursor[Symbol.dispose]()
    })

    it('growth of the file is seen, when it is asked for', async () => {
      await using manager = new MapManager(options)
      const file = await manager.open(path)
      const before = file.buffer()
      const more = bytesAt(22, 0, 3 * page)
      appendFileSync(path, more)
      expect(await file.refresh()).to.equal(content.length + more.length)
      expect(file.buffer(content.length).equals(more)).to.equal(true)
      expect(before.length, 'a buffer keeps its length').to.equal(content.length)
      using cursor = file.cursor().use(content.length, 8)
      expect(cursor.bytes.equals(more.subarray(0, 8))).to.equal(true)
    })
  })
}
