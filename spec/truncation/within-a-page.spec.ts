import { closeSync, openSync, rmSync, truncateSync } from 'node:fs'
import { expect } from 'chai'
import { MapManager, type MappedFile, SlidemapError } from '../../lib/index.js'
import { bytesAt, tempFile } from '../support/files.js'
import { failure, thrown } from '../support/failure.js'
import { mappingMappers } from '../support/mappers.js'
import { PAGE } from './trial.js'

const SIZE = 3 * PAGE
const CUT = SIZE - 1000

/** No zeros, so that those of a cut show. */
const content = bytesAt(1, 0, SIZE).map(byte => byte || 1) as Buffer

// No cut reaches a copy.
for (const mapper of mappingMappers) {
  describe(`a file that is cut within a page under the ${mapper} mapper`, () => {
    let manager: MapManager
    let file: MappedFile
    let path: string

    beforeEach(async () => {
      path = tempFile('within-a-page', content)
      manager = new MapManager({ mapper, maxMappedBytes: 32 * PAGE, windowSize: 4 * PAGE })
      file = await manager.open(path)
    })

    afterEach(async () => {
      await manager.close()
      expect(manager.stats()).to.include({ mappedBytes: 0, handles: 0 })
    })

    function expectTold(error: unknown): void {
      expect(error).to.be.instanceOf(SlidemapError)
      expect(error).to.include({ code: 'ERR_MAP_FILE_TRUNCATED', path, offset: CUT })
    }

    const calls: Record<string, (file: MappedFile) => unknown> = {
      'at()': f => f.buffer().at(SIZE - 1),
      'readUInt32LE()': f => f.buffer().readUInt32LE(CUT + 10),
      'slice()': f => f.buffer().slice(CUT - 10, CUT + 10),
      'copy()': f => f.buffer().copy(Buffer.alloc(100), 0, CUT - 10),
      'equals()': f => f.buffer().equals(content),
      'indexOf() of a zero': f => f.buffer().indexOf(0),
      'indexOf() of what was there': f => f.buffer().indexOf(content.subarray(CUT + 5)),
      'lastIndexOf()': f => f.buffer().lastIndexOf(content.subarray(CUT + 5)),
      'lastIndexOf() that finds it before the cut': f => f.buffer().lastIndexOf(content[CUT - 1] as number),
      'an iteration': f => [...f.buffer(CUT - 5)]
    }
    for (const [name, call] of Object.entries(calls)) {
      it(`is told of by ${name}`, () => {
        file.buffer().at(0)
        truncateSync(path, CUT)
        expectTold(thrown(() => call(file)))
      })
    }

    it('still answers what comes before the cut', () => {
      const buffer = file.buffer()
      buffer.at(0)
      truncateSync(path, CUT)
      expect(buffer.slice(0, CUT).equals(content.subarray(0, CUT))).to.equal(true)
      expect(buffer.at(CUT - 1)).to.equal(content[CUT - 1])
      expect(buffer.indexOf(content.subarray(CUT - 20, CUT))).to.equal(CUT - 20)
    })

    it('says so when a cursor is sent elsewhere, and when it is given back', () => {
      const cursor = file.cursor()
      cursor.use(CUT, 100)
      truncateSync(path, CUT)
      expectTold(thrown(() => cursor.use(0, 100)))
      cursor.use(CUT - 100, 200)
      expectTold(thrown(() => cursor.unuse()))
      cursor[Symbol.dispose]()
    })

    it('says so when a lease is released', () => {
      const window = file.buffer().lease(CUT, 100)
      truncateSync(path, CUT)
      expectTold(thrown(() => window.release()))
    })

    it('says so before the next window, though that was mapped ahead', async () => {
      const cut = PAGE - 100
      let seen = 0
      const error = await failure(
        (async () => {
          for await (const { offset } of file.windows({ size: PAGE, prefetch: 2 })) {
            seen++
            if (offset === 0) await eventuallyMapped(3)
            truncateSync(path, cut)
          }
        })()
      )
      expect(error).to.include({ code: 'ERR_MAP_FILE_TRUNCATED', path, offset: cut })
      expect(seen).to.equal(1)
    })

    it('says so of copied windows before they are handed over', async () => {
      const windows = file.windowsSync({ size: 2 * PAGE, lifetime: 'copied' })
      windows.next()
      truncateSync(path, CUT)
      expectTold(thrown(() => windows.next()))
    })

    for (const follow of [false, true]) {
      it(`says so instead of lines made of its zeros, ${follow ? 'also' : 'not'} following the file`, async () => {
        const size = 64 * 1024 + 2 * PAGE
        const names = tempFile('names', Buffer.from('name\0'.repeat(size / 4)).subarray(-size))
        const batches = (await manager.open(names)).lineBatches({ delimiter: '\0', size, follow })
        await batches.next()
        truncateSync(names, size - 1000)
        const error = await failure(batches.next())
        expect(error).to.include({ code: 'ERR_MAP_FILE_TRUNCATED', path: names, offset: size - 1000 })
        await batches.return?.()
      })
    }

    it('asks the file only where its own bytes end a page with zeros, and once for each such page', () => {
      const zeros = tempFile('zeros-of-its-own', Buffer.alloc(2 * PAGE))
      return manager.open(zeros).then(own => {
        const buffer = own.buffer()
        for (let i = 0; i < 2 * PAGE; i += 7) expect(buffer.at(i)).to.equal(0)
        truncateSync(zeros, 10)
        // These are the zeros that the file had.
        expect(buffer.at(20)).to.equal(0)
      })
    })

    it('lets a file be read on whose descriptor its owner has closed, or that is no longer at its path', async () => {
      const zeros = tempFile('zeros-on-loan', Buffer.alloc(2 * PAGE))
      const fd = openSync(zeros, 'r')
      const lent = (await manager.open(fd)).buffer()
      const own = (await manager.open(zeros)).buffer()
      expect([lent.at(0), own.at(0)]).to.deep.equal([0, 0])
      closeSync(fd)
      rmSync(zeros)
      expect([lent.at(PAGE), own.at(PAGE)]).to.deep.equal([0, 0])
    })

    async function eventuallyMapped(regions: number): Promise<void> {
      while (manager.stats().regions < regions) await new Promise(resolve => setImmediate(resolve))
    }
  })
}
