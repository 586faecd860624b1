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
