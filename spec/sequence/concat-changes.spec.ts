import { renameSync, truncateSync } from 'node:fs'
import { expect } from 'chai'
import { MapManager, SlidemapError } from '../../lib/index.js'
import { failure } from '../support/failure.js'
import { bytesAt, KiB, MiB, tempFile } from '../support/files.js'
import { realMappers } from '../support/mappers.js'

type Failure = Error & { code?: string; path?: string; index?: number }

for (const mapper of realMappers) {
  describe(`concat() on the ${mapper} mapper, of files that change under it`, () => {
    let manager: MapManager

    beforeEach(() => {
      manager = new MapManager({ mapper, maxMappedBytes: MiB, windowSize: 64 * KiB, maxHandles: 4 })
    })

    afterEach(async () => {
      expect(manager.stats()).to.include({ mappedBytes: 0, regions: 0, handles: 0, files: 0, waiters: 0 })
      await manager.close()
    })

    it('tells which was cut short while it was read', async () => {
      const paths = [0, 1, 2, 3].map(i => tempFile(`changed/${i}`, bytesAt(i, 0, MiB)))
      const error: Failure = await failure(
        (async () => {
          for await (const { index, sourceOffset } of manager.concat(paths).windows({ prefetch: 0 })) {
            if (index === 2 && sourceOffset === 128 * KiB) truncateSync(paths[2] as string, 100_000)
          }
        })()
      )
      expect(error).to.be.instanceOf(SlidemapError)
      expect(error).to.include({ code: 'ERR_MAP_FILE_TRUNCATED', path: paths[2], index: 2 })
      expect(error.message).to.include('source 2')
      expect(error.cause).to.include({ code: 'ERR_MAP_FILE_TRUNCATED' })
    })

    it('tells which was replaced after its handle had to be given up', async () => {
      const paths = [0, 1, 2].map(i => tempFile(`replaced/${i}`, bytesAt(i, 0, MiB)))
      const single = new MapManager({ mapper, windowSize: 64 * KiB, maxHandles: 1 })
      const error: Failure = await failure(
        (async () => {
          for await (const { index, sourceOffset } of single.concat(paths).windows({ prefetch: 0 })) {
            if (index !== 1 || sourceOffset !== 128 * KiB) continue
            // Another file takes the only handle, so that this one has to be opened again.
            await (await single.open(paths[0] as string)).close()
            renameSync(tempFile('replaced/other', bytesAt(9, 0, MiB)), paths[1] as string)
          }
        })()
      )
      expect(error).to.include({ code: 'ERR_MAP_FILE_CHANGED', path: paths[1], index: 1 })
      expect(single.stats()).to.include({ mappedBytes: 0, regions: 0, handles: 0, files: 0, waiters: 0 })
      await single.close()
    })

    it('tells which open file was closed by its owner, and leaves the others open', async () => {
      const files = await Promise.all(
        [0, 1, 2].map(i => manager.open(tempFile(`lent/${i}`, bytesAt(i, 0, 256 * KiB))))
      )
      const error: Failure = await failure(
        (async () => {
          for await (const { index } of manager.concat(files).windows())
            if (index === 0) await files[1]?.close()
        })()
      )
      expect(error).to.include({ code: 'ERR_MAP_CLOSED', path: files[1]?.path, index: 1 })
      expect(manager.stats()).to.include({ files: 2, regions: 0 })
      for (const file of files) await file.close()
    })
  })
}
