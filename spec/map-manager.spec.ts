import { renameSync, truncateSync } from 'node:fs'
import { expect } from 'chai'
import { MapManager, type MappedFile, type Window } from '../lib/index.js'
import { bytesOf } from './support/bytes-of.js'
import { failure } from './support/failure.js'
import { settled } from './support/fake-mapper.js'
import { bytesAt, KiB, tempFile } from './support/files.js'
import { collectedUntil, eventually, mappingMappers, realMappers } from './support/mappers.js'
import { canWitness, descriptorsOf, mappingsOf } from './support/os.js'

const content = bytesAt(5, 0, 100_000)

for (const mapper of realMappers) {
  describe(`a manager on the ${mapper} mapper`, () => {
    let manager: MapManager
    let path: string
    beforeEach(() => {
      path = tempFile('manager.bin', content)
      manager = new MapManager({ mapper })
    })
    afterEach(async () => {
      await manager.close()
      const { mappedBytes, regions, handles, files, waiters } = manager.stats()
      expect([mappedBytes, regions, handles, files, waiters]).to.deep.equal([0, 0, 0, 0, 0])
    })

    describe('tells in stats()', () => {
      const pageSize = mapper === 'native' ? 4096 : 1
      const pages = (bytes: number) => Math.ceil(bytes / pageSize) * pageSize

      beforeEach(() => {
        manager = new MapManager({
          mapper,
          maxMappedBytes: 256 * KiB,
          maxHandles: 2,
          windowSize: 64 * KiB,
          prefetch: 0
        })
      })

      it('nothing but its limits and its mapper at first', () => {
        expect(manager.stats()).to.deep.equal({
          mapper,
          mappedBytes: 0,
          peakMappedBytes: 0,
          maxMappedBytes: 256 * KiB,
          windowSize: 64 * KiB,
          regions: 0,
          cachedRegions: 0,
          cachedBytes: 0,
          maps: 0,
          handles: 0,
          peakHandles: 0,
          maxHandles: 2,
          files: 0,
          waiters: 0,
          waits: 0,
          evictions: 0,
          bytesCopied: 0,
          faults: 0
        })
      })

      it('what is mapped and open, and was at most', async () => {
        const file = await manager.open(path)
        const kept: Window[] = []
        for await (const window of file.windows()) kept.push(window.retain())
        const mappedBytes = 64 * KiB + pages(content.length - 64 * KiB)
        expect(manager.stats()).to.include({ mappedBytes, peakMappedBytes: mappedBytes, regions: 2, maps: 2 })
        expect(manager.stats()).to.include({ handles: 1, peakHandles: 1, files: 1 })
        if (canWitness && mappingMappers.includes(mapper)) {
          expect(mappingsOf(path).reduce((sum, range) => sum + range.bytes, 0)).to.equal(mappedBytes)
        }
        kept[1]?.release()
        expect(manager.stats()).to.include({
          mappedBytes: 64 * KiB,
          peakMappedBytes: mappedBytes,
          regions: 1
        })
        await file.close()
        expect(manager.stats()).to.include({
          mappedBytes: 0,
          regions: 0,
          maps: 2,
          handles: 0,
          peakHandles: 1,
          files: 0
        })
      })

      it('an object of its own each time', async () => {
        const before = manager.stats()
        await manager.open(path)
        expect(before.files).to.equal(0)
      })

      it('who waits, and how many have had to', async () => {
        const file = await manager.open(path)
        const kept: Window[] = []
        for await (const window of file.windows({ end: 64 * KiB, size: 16 * KiB })) kept.push(window.retain())
        for await (const window of file.windows({ end: 64 * KiB })) kept.push(window.retain())
        for await (const window of file.windows({ end: 64 * KiB })) kept.push(window.retain())
        for await (const window of file.windows({ end: 64 * KiB })) kept.push(window.retain())
        expect(manager.stats()).to.include({ mappedBytes: 256 * KiB, waiters: 0, waits: 0 })
        const windows = file.windows()
        const next = windows.next()
        await settled()
        expect(manager.stats()).to.include({ waiters: 1, waits: 1 })
        kept.pop()?.release()
        await next
        expect(manager.stats()).to.include({ waiters: 0, waits: 1 })
        await windows.return?.()
      })

      it('how many regions were unmapped to make room', async () => {
        const file = await manager.open(path)
        const ahead = file.windows({ size: 32 * KiB, prefetch: 2 })
        await ahead.next()
        await eventually(() => manager.stats().regions === 3)
        const kept: Window[] = []
        // 32 KiB more than is free.
        for await (const window of file.windows({ end: 96 * KiB, size: 96 * KiB })) kept.push(window.retain())
        for await (const window of file.windows({ end: 96 * KiB, size: 96 * KiB })) kept.push(window.retain())
        expect(manager.stats()).to.include({ mappedBytes: 256 * KiB, evictions: 1, regions: 4, waits: 0 })
        await ahead.return?.()
        expect(manager.stats().evictions, 'what is given back is not evicted').to.equal(1)
      })

      it('how many bytes were copied', async () => {
        const file = await manager.open(path)
        for await (const _ of file.windows({ end: 70_000, lifetime: 'copied' })) {
          // Its own.
        }
        expect(manager.stats().bytesCopied).to.equal(70_000)
        for await (const _ of file.stream({ start: 70_000 })) {
          // Its own as well.
        }
        expect(manager.stats().bytesCopied).to.equal(content.length)
        for await (const _ of file.windows()) {
          // Lent.
        }
        expect(manager.stats().bytesCopied).to.equal(content.length)
      })

      it('under how many regions bytes were lost', async function () {
        if (!mappingMappers.includes(mapper)) return this.skip()
        const file = await manager.open(path)
        const windows = file.windows()
        const { value } = await windows.next()
        truncateSync(path, 10)
        expect(value?.bytes[60_000]).to.equal(0)
        expect(await failure(windows.next())).to.include({ code: 'ERR_MAP_FILE_TRUNCATED' })
        expect(manager.stats().faults).to.equal(1)
      })
    })

    describe('with few handles', () => {
      it('walks more files than it may have open', async () => {
        manager = new MapManager({ mapper, maxHandles: 2 })
        const paths = ['a', 'b', 'c', 'd', 'e'].map(name => tempFile(`few-${name}`, content))
        const files = []
        for (const one of paths) files.push(await manager.open(one))
        expect(manager.stats()).to.include({ files: 5, handles: 2, peakHandles: 2 })
        await Promise.all(files.map(async file => expect(await bytesOf(file)).to.deep.equal(content)))
        expect(manager.stats().peakHandles).to.equal(2)
        if (canWitness) expect(paths.flatMap(descriptorsOf)).to.have.length(2)
      })

      it('tells when a file was replaced by the time that it is opened again', async () => {
        manager = new MapManager({ mapper, maxHandles: 1 })
        const file = await manager.open(path)
        await manager.open(tempFile('other', content))
        renameSync(tempFile('replacement', content), path)
        expect(await failure(bytesOf(file))).to.include({ code: 'ERR_MAP_FILE_CHANGED', path })
      })
    })

    describe('once closed', () => {
      it('has closed its files, and opens no more', async () => {
        const file = await manager.open(path)
        await manager.close()
        await manager.close()
        expect(await failure(manager.open(path))).to.include({ code: 'ERR_MAP_CLOSED' })
        expect(() => file.windows())
          .to.throw()
          .with.property('code', 'ERR_MAP_CLOSED')
        expect([file.size, file.path]).to.deep.equal([content.length, path])
        await file.close()
      })

      it('was closed by leaving an `await using` block', async () => {
        let left: MappedFile
        {
          await using inner = new MapManager({ mapper })
          left = await inner.open(path)
        }
        expect(() => left.windows())
          .to.throw()
          .with.property('code', 'ERR_MAP_CLOSED')
      })

      it('closes what was being opened at that time', async () => {
        const opening = Promise.allSettled([manager.open(path), manager.open(path), manager.open(path)])
        await manager.close()
        if (canWitness) expect(descriptorsOf(path)).to.deep.equal([])
        for (const result of await opening) {
          if (result.status === 'rejected') expect(result.reason).to.include({ code: 'ERR_MAP_CLOSED' })
          else
            expect(() => result.value.windows())
              .to.throw()
              .with.property('code', 'ERR_MAP_CLOSED')
        }
      })
    })

    for (const [name, look] of [
      ['use() of a cursor', (file: MappedFile) => file.cursor().use(0).bytes],
      ['load() of a cursor', async (file: MappedFile) => (await file.cursor().load(0)).bytes],
      ['lease() of a buffer', (file: MappedFile) => file.buffer().lease(0, 4 * KiB).bytes],
      ['lease() of more than a window', (file: MappedFile) => file.buffer().lease(0, 90_000).bytes],
      ['subarray() of a buffer', (file: MappedFile) => file.buffer().subarray(0, 4 * KiB).bytes],
      ['windows()', async (file: MappedFile) => (await file.windows().next()).value?.bytes as Buffer]
    ] as const) {
      it(`leaves the bytes of ${name} to whoever has nothing else of a file, and then closes it`, async () => {
        manager = new MapManager({ mapper, windowSize: 64 * KiB })
        const held = { bytes: await (async () => look(await manager.open(path)))() }
        let turns = 0
        await collectedUntil(() => turns++ === 20)
        expect(held.bytes.length).to.be.at.least(4 * KiB)
        expect(held.bytes.equals(content.subarray(0, held.bytes.length))).to.equal(true)
        held.bytes = Buffer.alloc(0)
        expect(await collectedUntil(() => manager.stats().files === 0)).to.equal(true)
        await eventually(() => manager.stats().handles === 0)
        expect(manager.stats()).to.include({ regions: 0, mappedBytes: 0 })
        if (canWitness) expect([mappingsOf(path), descriptorsOf(path)]).to.deep.equal([[], []])
      })
    }

    it('closes a file that was dropped, when it is collected, and warns of it once', async () => {
      const warnings: string[] = []
      const warned = (warning: Error) => warnings.push(`${warning.name}: ${warning.message}`)
      process.on('warning', warned)
      try {
        await (async () => {
          await manager.open(path)
          await manager.open(path)
        })()
        expect(await collectedUntil(() => manager.stats().files === 0)).to.equal(true)
        await eventually(() => manager.stats().handles === 0)
      } finally {
        process.off('warning', warned)
      }
      expect(warnings).to.deep.equal([
        'SlidemapWarning: a file was dropped without close() and has been closed by the garbage collector'
      ])
      if (canWitness) expect(descriptorsOf(path)).to.deep.equal([])
    })
  })
}
