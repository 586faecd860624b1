import { expect } from 'chai'
import { MapManager } from '../../lib/index.js'
import { failure } from '../support/failure.js'
import { tempFile } from '../support/files.js'
import { realMappers } from '../support/mappers.js'

const mine = new Error('mine')

for (const mapper of realMappers) {
  describe(`batches of a concatenation on the ${mapper} mapper, by a list that cannot be left`, () => {
    let manager: MapManager
    let path: string

    beforeEach(() => {
      manager = new MapManager({ mapper })
      path = tempFile('batches/long', 'one\nlonger\n')
    })

    afterEach(async () => {
      expect(manager.stats()).to.include({ mappedBytes: 0, handles: 0, waiters: 0 })
      await manager.close()
    })

    function* list(): Generator<string> {
      try {
        yield path
        yield path
      } finally {
        // biome-ignore lint/correctness/noUnsafeFinally: that is what is told, or not
        throw mine
      }
    }
    const concat = () => manager.concat(list(), { lookahead: 0 })

    const readAll = async (items: AsyncIterable<unknown>) => {
      for await (const _ of items);
    }

    it('reject with what failed before the list did', async () => {
      for (const items of [
        concat().lines({ maxLineBytes: 3 }),
        concat().lineBatches({ maxLineBytes: 3, end: 11 }),
        concat().records({ delimiter: '\n', maxRecordBytes: 3 }),
        concat().recordBatches({ delimiter: '\n', maxRecordBytes: 3, lifetime: 'copied' })
      ]) {
        expect(await failure(readAll(items))).to.include({ code: 'ERR_MAP_RECORD_TOO_LONG', offset: 4 })
        expect(await items.next()).to.deep.equal({ done: true, value: undefined })
      }
    })

    it('reject with what the list fails with where nothing failed before', async () => {
      for (const items of [concat().lines({ limit: 1 }), concat().lineBatches({ end: 2 })]) {
        expect(await failure(readAll(items))).to.equal(mine)
        expect(await items.next()).to.deep.equal({ done: true, value: undefined })
      }
      const left = concat().lines()
      await left.next()
      expect(await failure(left.return?.())).to.equal(mine)
    })
  })
}

for (const mapper of realMappers) {
  describe(`records on the ${mapper} mapper, ended from within their lengthOf()`, () => {
    const size = 40
    const count = 500
    const content = Buffer.alloc(size * count, size)

    /** How each is ended, and what that rejects with; undefined where the consumer itself left. */
    const endings = {
      'the close() of the file': 'ERR_MAP_CLOSED',
      'the close() of the manager': 'ERR_MAP_CLOSED',
      'the signal': mine,
      'return()': undefined
    } as const

    for (const [ending, told] of Object.entries(endings)) {
      it(`tell of ${ending}, not of what came of it`, async () => {
        for (const lifetime of ['leased', 'copied'] as const) {
          // Of a batch, of its last record, and of one that is longer than what is left of its window.
          for (const at of [1, 2, count >> 1, count, count + 1]) {
            for (const headerSize of [1, 3]) {
              const manager = new MapManager({ mapper, windowSize: 4096 })
              const file = await manager.open(tempFile('batches/records', content))
              const stop = new AbortController()
              const ends: Record<string, () => void> = {
                'the close() of the file': () => void file.close(),
                'the close() of the manager': () => void manager.close(),
                'the signal': () => stop.abort(mine),
                'return()': () => void batches.return?.()
              }
              let calls = 0
              const lengthOf = (header: Buffer): number => {
                const length = header[0] as number
                if (++calls === at) ends[ending]?.()
                return length
              }
              const options = { headerSize, lengthOf, lifetime, signal: stop.signal, size: 4096 }
              const batches = file.recordBatches(options)
              let error: unknown
              try {
                for await (const batch of batches) {
                  expect(calls, 'before the end').to.be.below(at)
                  expect([...batch.bytes].every(byte => byte === size)).to.equal(true)
                }
              } catch (thrown) {
                error = thrown
              }
              if (calls < at || told === undefined) expect(error).to.equal(undefined)
              else if (told === mine) expect(error).to.equal(mine)
              else expect(error).to.include({ code: told })
              await manager.close()
              expect(manager.stats()).to.include({ mappedBytes: 0, handles: 0, waiters: 0 })
            }
          }
        }
      })
    }

    it('tell of the close() of a concatenation', async () => {
      const manager = new MapManager({ mapper })
      const path = tempFile('batches/records', content)
      for (const smallFileSize of [0, undefined]) {
        const concatenation = manager.concat([path, path], { smallFileSize })
        const lengthOf = (header: Buffer): number => {
          void concatenation.close()
          return header[0] as number
        }
        const records = concatenation.records({ headerSize: 1, lengthOf })
        expect(await failure(records.next())).to.include({ code: 'ERR_MAP_CLOSED' })
        expect(await records.next()).to.deep.equal({ done: true, value: undefined })
        await concatenation.close()
      }
      await manager.close()
    })

    it('tell what lengthOf() throws, where nothing was ended', async () => {
      const manager = new MapManager({ mapper })
      const file = await manager.open(tempFile('batches/records', content))
      const lengthOf = () => {
        throw mine
      }
      expect(await failure(file.records({ headerSize: 1, lengthOf }).next())).to.equal(mine)
      await manager.close()
    })
  })
}
