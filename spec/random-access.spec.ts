import { expect } from 'chai'
import { appendFileSync, closeSync, openSync, renameSync, truncateSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { MapManager, type MappedFile } from '../lib/index.js'
import { bytesAt, GiB, KiB, MiB, sparseFile, tempFile, tempPath } from './support/files.js'
import { failure } from './support/failure.js'
import { mappingMappers, realMappers } from './support/mappers.js'
import { canWitness, descriptorsBelow, descriptorsOf, mappedBytesOf, mappingsOf } from './support/os.js'

/** Numbers below `limit`, the same ones each time. */
function* someNumbers(limit: number, count: number): Generator<number> {
  for (let i = 0, at = 1; i < count; i++) {
    at = (at * 48_271) % (2 ** 31 - 1)
    yield Math.floor((at / 2 ** 31) * limit)
  }
}

for (const mapper of realMappers) {
  describe(`random access on the ${mapper} mapper`, () => {
    const size = 3 * MiB + 1234
    const content = bytesAt(7, 0, size)
    let manager: MapManager
    let path: string
    let file: MappedFile
    beforeEach(async () => {
      path = tempFile(`random/${mapper}`, content)
      manager = new MapManager({ mapper, windowSize: 64 * KiB, maxMappedBytes: 512 * KiB, prefetch: 0 })
      file = await manager.open(path)
    })
    afterEach(async () => {
      await manager.close()
      const { mappedBytes, regions, cachedRegions, handles, waiters } = manager.stats()
      expect([mappedBytes, regions, cachedRegions, handles, waiters]).to.deep.equal([0, 0, 0, 0, 0])
    })

    it('gives the right bytes at 5,000 places, holds both limits before each, and uses one descriptor', () => {
      const cursor = file.cursor()
      for (const offset of someNumbers(size, 5000)) {
        const { mappedBytes, handles } = manager.stats()
        expect([mappedBytes <= 512 * KiB, handles]).to.deep.equal([true, 1])
        cursor.use(offset, 20_000)
        expect(cursor.bytes.equals(content.subarray(offset, offset + cursor.length)), `${offset}`).to.equal(
          true
        )
        expect([cursor.includes(offset), cursor.includes(offset + cursor.length)]).to.deep.equal([
          true,
          false
        ])
      }
      cursor.unuse()
      const { cachedRegions, cachedBytes, mappedBytes, evictions } = manager.stats()
      expect([cachedBytes, evictions > 0]).to.deep.equal([mappedBytes, true])
      expect(manager.collect()).to.equal(cachedRegions)
      expect(manager.stats().mappedBytes).to.equal(0)
    })

    it('gives the right bytes past 4 GiB', async () => {
      const at = 5 * GiB - 10
      const bytes = bytesAt(3, at, 64)
      const sparse = sparseFile(`random/${mapper}-sparse`, 6 * GiB, [{ offset: at, bytes }])
      const huge = await manager.open(sparse)
      using cursor = huge.cursor()
      expect(cursor.use(at, 64).bytes).to.deep.equal(bytes)
      expect((await huge.cursor().load(at + 8, 8)).bytes).to.deep.equal(bytes.subarray(8, 16))
      expect(await huge.read(at, 64)).to.deep.equal(bytes)
    })

    it('leases 64 windows of one file through one descriptor', async () => {
      await manager.close()
      manager = new MapManager({ mapper, windowSize: 16 * KiB, maxMappedBytes: 2 * MiB })
      file = await manager.open(path)
      const cursors = Array.from({ length: 64 }, (_, i) => file.cursor().use(i * 16 * KiB))
      if (canWitness) expect(descriptorsOf(path)).to.have.length(1)
      expect([manager.stats().handles, manager.stats().regions]).to.deep.equal([1, 64])
      if (canWitness && mappingMappers.includes(mapper)) expect(mappedBytesOf(path)).to.equal(64 * 16 * KiB)
      for (const { offset, length, bytes } of cursors) {
        expect(bytes.equals(content.subarray(offset, offset + length))).to.equal(true)
      }
    })

    it('collects what nobody looks at while a view is alive, and that when it is let go', () => {
      const [first, second] = [file.cursor().use(0), file.cursor().use(MiB)]
      const view = first.bytes
      second.unuse()
      expect([
        manager.collect(),
        manager.stats().regions,
        view.equals(content.subarray(0, 64 * KiB))
      ]).to.deep.equal([1, 1, true])
      first.unuse()
      expect([manager.collect(), manager.stats().mappedBytes, view.length]).to.deep.equal([1, 0, 0])
    })

    it('holds the limit with two cursors on one path of which one is disposed of', async () => {
      const other = await manager.open(path)
      other.cursor()[Symbol.dispose]()
      const cursors = [file.cursor(), other.cursor()]
      for (const offset of someNumbers(size, 500)) for (const each of cursors) each.use(offset)
      expect(manager.stats().peakMappedBytes).to.be.at.most(512 * KiB)
      cursors[0]?.[Symbol.dispose]()
      cursors[1]?.unuse()
      expect([manager.collect() > 0, manager.stats().regions]).to.deep.equal([true, 0])
    })

    describe('to a whole file at once', () => {
      beforeEach(async () => {
        await manager.close()
        manager = new MapManager({ mapper, windowSize: Number.POSITIVE_INFINITY })
        file = await manager.open(path)
      })

      it('has one region, and no descriptor once that is mapped', async () => {
        const cursor = file.cursor().use(MiB, 10)
        expect(cursor.bytes).to.deep.equal(content.subarray(MiB, MiB + 10))
        expect([cursor.use(0).length, manager.stats().regions, manager.stats().handles]).to.deep.equal([
          size,
          1,
          0
        ])
        if (canWitness) expect(descriptorsOf(path)).to.deep.equal([])
        expect(cursor.bytes.equals(content)).to.equal(true)
        cursor.unuse()
        manager.collect()
        expect((await cursor.load(5)).length).to.equal(size - 5)
        expect([manager.stats().handles, manager.stats().maps]).to.deep.equal([0, 2])
      })

      it('refuses a file that does not fit the limit', async () => {
        const huge = await manager.open(sparseFile(`random/${mapper}-2G`, 2 * GiB))
        expect(() => huge.cursor().use(0, 1))
          .to.throw()
          .that.includes({ code: 'ERR_MAP_LIMIT' })
      })

      it('does not take another file for it that is at its path by now', async () => {
        const cursor = file.cursor().use(0, 4)
        writeFileSync(path, 'shorter')
        cursor.unuse()
        manager.collect()
        expect(() => cursor.use(0))
          .to.throw()
          .that.includes({ code: 'ERR_MAP_FILE_CHANGED', path })
      })
    })

    describe('of a file that changes', () => {
      it('sees it grow after refresh(), and not before', async () => {
        const cursor = file.cursor().use(size - 10)
        const part = await manager.open({ source: path, start: size - 4, end: size })
        appendFileSync(path, 'and more')
        expect([file.size, cursor.use(size - 10).length]).to.deep.equal([size, 10])
        expect(() => cursor.use(size))
          .to.throw()
          .that.includes({ code: 'ERR_MAP_OUT_OF_RANGE' })

        expect(await file.refresh()).to.equal(size + 8)
        expect([file.size, cursor.length]).to.deep.equal([size + 8, 10])
        expect(
          cursor
            .use(size - 2)
            .bytes.subarray(2)
            .toString()
        ).to.equal('and more')
        expect((await file.read(size)).toString()).to.equal('and more')
        let walked = 0
        for await (const { length } of file.windows({ start: size - 100 })) walked += length
        expect(walked).to.equal(108)

        expect([await part.refresh(), part.size]).to.deep.equal([4, 4])
        expect((await file.cursor().load(size + 1)).length).to.equal(7)
      })

      it('follows a range of it to where that ends, and no further', async () => {
        const part = await manager.open({ source: path, start: 100, end: 150 })
        let walked = 0
        for await (const { length } of part.windows({ follow: true })) walked += length
        expect(walked).to.equal(50)
      })

      it('sees it shrink after refresh(): what is gone cannot be reached', async () => {
        const cursor = file.cursor().use(2 * MiB, 100)
        cursor.unuse()
        truncateSync(path, MiB)
        expect(await file.refresh()).to.equal(MiB)
        expect(manager.stats().cachedRegions).to.equal(0)
        expect(() => cursor.use(2 * MiB))
          .to.throw()
          .that.includes({ code: 'ERR_MAP_OUT_OF_RANGE' })
        expect(cursor.use(MiB - 5).bytes).to.deep.equal(content.subarray(MiB - 5, MiB))
        const tail = await manager.open({ source: file, start: 100 })
        truncateSync(path, 50)
        expect([await tail.refresh(), tail.size, await file.refresh()]).to.deep.equal([0, 0, 50])
      })

      it('sees other content of the same length after refresh()', async () => {
        const cursor = file.cursor().use(0, 4)
        cursor.unuse()
        const fd = openSync(path, 'r+')
        writeFileSync(fd, Buffer.alloc(size, 9))
        closeSync(fd)
        await file.refresh()
        expect([...cursor.use(0, 4).bytes]).to.deep.equal([9, 9, 9, 9])
      })

      it('refuses another file where it has to be opened again', async () => {
        manager.unmapFile(path)
        // Made beside it first: the OS may give a new file the number of one that is gone.
        renameSync(tempFile(`random/${mapper}-other`, content), path)
        expect(await failure(file.refresh())).to.include({ code: 'ERR_MAP_FILE_CHANGED', path })
        expect(await failure(file.read(0))).to.include({ code: 'ERR_MAP_FILE_CHANGED', path })
        expect(() => file.cursor().use(0))
          .to.throw()
          .that.includes({ code: 'ERR_MAP_FILE_CHANGED', path })
      })

      it('says so when it is cut short under a cursor', () => {
        const cursor = file.cursor().use(2 * MiB, 5000)
        truncateSync(path, MiB)
        if (!mappingMappers.includes(mapper)) {
          // What was read stays read.
          expect(cursor.bytes.equals(content.subarray(2 * MiB, 2 * MiB + 5000))).to.equal(true)
          cursor.unuse()
        } else {
          expect(cursor.bytes.every(byte => byte === 0)).to.equal(true)
          expect(cursor.lost).to.be.within(2 * MiB - 64 * KiB, 2 * MiB)
          expect(() => cursor.unuse())
            .to.throw()
            .that.includes({ code: 'ERR_MAP_FILE_TRUNCATED', path })
        }
        expect(() => cursor.use(2 * MiB + 128 * KiB))
          .to.throw()
          .that.includes({ code: 'ERR_MAP_FILE_TRUNCATED' })
        expect([cursor.valid, cursor.use(5, 5).bytes.equals(content.subarray(5, 10))]).to.deep.equal([
          false,
          true
        ])
      })
    })

    describe('by read()', () => {
      it('answers a copy of any range, clamped at the end, and caches nothing', async () => {
        for (const [offset, length] of [
          [0, 1],
          [4095, 2],
          [1000, 2 * MiB],
          [size - 3, 100],
          [size, 5],
          [77, 0]
        ] as const) {
          const bytes = await file.read(offset, length)
          expect(bytes.equals(content.subarray(offset, offset + length)), `${offset}+${length}`).to.equal(
            true
          )
        }
        expect((await file.read(5)).equals(content.subarray(5))).to.equal(true)
        expect([manager.stats().regions, manager.stats().evictions]).to.deep.equal([0, 0])
        const part = await manager.open({ source: path, start: 1000, end: 2000 })
        expect((await part.read(10)).equals(content.subarray(1010, 2000))).to.equal(true)
        expect(manager.stats().bytesCopied).to.be.above(size)
      })

      it('takes it from a region that was loaded, unless that is a copy, which may be of what was there before', async () => {
        const cursor = await file.cursor().load(64 * KiB)
        const { maps } = manager.stats()
        const bytes = await file.read(64 * KiB + 5, 1000)
        expect([
          bytes.equals(content.subarray(64 * KiB + 5, 64 * KiB + 1005)),
          manager.stats().maps
        ]).to.deep.equal([true, maps + (mappingMappers.includes(mapper) ? 0 : 1)])
        expect(bytes.buffer).to.not.equal(cursor.bytes.buffer)
        expect(
          (await file.read(128 * KiB - 5, 10)).equals(content.subarray(128 * KiB - 5, 128 * KiB + 5))
        ).to.equal(true)
        truncateSync(path, 64 * KiB + 6)
        expect(await failure(file.read(64 * KiB + 5, 1000))).to.include({
          code: 'ERR_MAP_FILE_TRUNCATED',
          path
        })
        try {
          cursor.unuse()
        } catch {
          // It has shown what is gone now.
        }
      })

      it('leaves the regions of cursors alone, as far as the budget reaches', async () => {
        const cursor = file.cursor()
        for (const at of [0, 1, 2, 3]) cursor.use(at * 256 * KiB)
        cursor.unuse()
        await file.read(MiB, MiB)
        expect([manager.stats().cachedRegions, manager.stats().evictions]).to.deep.equal([4, 0])
      })

      it('rejects with a code for what it cannot read', async () => {
        expect(await failure(file.read(size + 1))).to.include({
          code: 'ERR_MAP_OUT_OF_RANGE',
          path,
          offset: size + 1
        })
        expect(await failure(file.read(-1))).to.include({ code: 'ERR_OUT_OF_RANGE' })
        expect(await failure(file.read(0, -1))).to.include({ code: 'ERR_OUT_OF_RANGE' })
        expect(await failure(file.read('0' as unknown as number))).to.include({
          code: 'ERR_INVALID_ARG_TYPE'
        })
        const reason = new Error('reason')
        const signal = AbortSignal.abort(reason)
        expect(await failure(file.read(0, 1, { signal }))).to.equal(reason)
        const stop = new AbortController()
        const reading = failure(file.read(0, size, { signal: stop.signal }))
        stop.abort(reason)
        expect(await reading).to.equal(reason)
        expect(await failure(file.refresh({ signal }))).to.equal(reason)
        truncateSync(path, MiB)
        expect(await failure(file.read(0))).to.include({ code: 'ERR_MAP_FILE_TRUNCATED' })
        await file.close()
        expect(await failure(file.read(0))).to.include({ code: 'ERR_MAP_CLOSED' })
        expect(await failure(file.refresh())).to.include({ code: 'ERR_MAP_CLOSED' })
        expect(() => file.cursor())
          .to.throw()
          .that.includes({ code: 'ERR_MAP_CLOSED' })
      })
    })

    it('is ended by unmapFile(), leased or not, so that the file can be replaced; the file itself stays open', async () => {
      const other = await manager.open(tempFile(`random/${mapper}-kept`, 'kept'))
      const [leased, kept] = [file.cursor().use(0), other.cursor().use(0)]
      file.cursor().use(MiB).unuse()
      const windows = file.windows({ start: 2 * MiB })
      const { value: window } = await windows.next()
      expect(manager.unmapFile(pathToFileURL(path))).to.equal(3)
      if (canWitness) expect([mappingsOf(path), descriptorsOf(path)]).to.deep.equal([[], []])
      expect([leased.valid, kept.bytes.toString()]).to.deep.equal([false, 'kept'])
      expect(() => window?.bytes)
        .to.throw()
        .that.includes({ code: 'ERR_MAP_RELEASED' })
      expect(leased.use(5, 5).bytes.equals(content.subarray(5, 10))).to.equal(true)
      expect(await failure(windows.next())).to.include({ code: 'ERR_MAP_RELEASED', path })
      expect((await windows.next()).done).to.equal(true)
      expect(manager.unmapFile(tempPath('nothing here'))).to.equal(0)
      expect(() => manager.unmapFile(3 as unknown as string))
        .to.throw(/"path"/)
        .that.includes({ code: 'ERR_INVALID_ARG_TYPE' })
      expect(() => manager.unmapFile('a\0b'))
        .to.throw(/"path"/)
        .that.includes({ code: 'ERR_OUT_OF_RANGE' })
    })
  })
}

describe('10,000 files under maxHandles: 16', () => {
  it('never hold more than 16 descriptors, and all read right', async () => {
    const count = 10_000
    const paths = Array.from({ length: count }, (_, i) => tempFile(`many/${i}`, `content of file ${i}`))
    await using manager = new MapManager({ maxHandles: 16, windowSize: 4 * KiB })
    const folder = tempPath('many')
    const held: number[] = []
    const files: MappedFile[] = []
    for (let at = 0; at < count; at += 500) {
      files.push(...(await Promise.all(paths.slice(at, at + 500).map(path => manager.open(path)))))
      held.push(descriptorsBelow(folder).length)
    }
    for (const i of someNumbers(count, count)) {
      using cursor = (files[i] as MappedFile).cursor()
      if (cursor.use(0).bytes.toString('latin1') !== `content of file ${i}`) expect.fail(`file ${i}`)
      if (i % 100 === 0) held.push(descriptorsBelow(folder).length)
    }
    for (let at = 0; at < count; at += 1000) {
      const all = await Promise.all(files.slice(at, at + 1000).map(file => file.read(0)))
      all.forEach((bytes, i) => {
        if (bytes.toString('latin1') !== `content of file ${at + i}`) expect.fail(`file ${at + i}`)
      })
      held.push(descriptorsBelow(folder).length)
    }
    expect([manager.stats().peakHandles, manager.stats().files]).to.deep.equal([16, count])
    expect(Math.max(...held)).to.be.at.most(16)
    if (canWitness) expect(Math.max(...held)).to.equal(16)
  })
})
