import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { expect } from 'chai'
import { MapManager } from '../lib/index.js'
import { bytesAt, MiB, tempFile } from './support/files.js'
import { realMappers } from './support/mappers.js'

for (const mapper of realMappers) {
  describe(`A late reader on the ${mapper} mapper`, () => {
    // Noise that repeats: more work than the turns of the loop below, less than a chunk of output.
    const content = Buffer.alloc(8 * MiB, bytesAt(1, 0, 64))

    for (const [how, leave] of [
      [
        'its window is passed',
        async (_: MapManager, windows: AsyncIterator<unknown>) => void (await windows.next())
      ],
      ['its manager is closed', (manager: MapManager) => manager.close()]
    ] as const) {
      it(`finds its bytes or zeros when ${how} while the thread pool reads them, and harms nobody`, async () => {
        for (let round = 0; round < 5; round++) {
          const manager = new MapManager({ mapper, windowSize: 4 * MiB })
          const file = await manager.open(tempFile('late.bin', content))
          const windows = file.windows()
          const { value: window } = await windows.next()
          const packed = promisify(gzip)(window?.bytes as Buffer, { level: 9, chunkSize: 16 * MiB })
          for (let turn = 0; turn < round * 20; turn++) await new Promise(resolve => setImmediate(resolve))
          await leave(manager, windows)
          const bytes = await promisify(gunzip)(await packed)
          expect(bytes.length).to.equal(4 * MiB)
          const cut = bytes.indexOf(Buffer.alloc(4096))
          const read = cut === -1 ? bytes : bytes.subarray(0, cut)
          expect(read.equals(content.subarray(0, read.length))).to.equal(true)
          await manager.close()
        }
      })
    }
  })
}
