import { rmSync } from 'node:fs'
import { expect } from 'chai'
import { MapManager } from '../../lib/index.js'
import {
  type Block,
  bytesAt,
  KiB,
  MiB,
  sparseBytes,
  sparseFile,
  tempFile,
  tempPath
} from '../support/files.js'
import { descriptorsBelow, mappingsBelow } from '../support/os.js'
import { realMappers } from '../support/mappers.js'
import { PulledList } from '../support/pulled-list.js'

/** `SLIDEMAP_LONG=1`: 200 files of 1 to 64 MiB instead of 1/32 of that. It reads 6 GiB. */
const long = process.env.SLIDEMAP_LONG === '1'
const scale = long ? MiB : 32 * KiB

const limits = { maxHandles: 8, maxMappedBytes: 32 * MiB }

interface Sample {
  descriptors: number
  mapped: number
}

/** What the OS says that this process has of the files of a folder. */
function sample(folder: string): Sample {
  const mapped = mappingsBelow(folder).reduce((sum, { bytes }) => sum + bytes, 0)
  return { descriptors: descriptorsBelow(folder).length, mapped }
}

for (const mapper of realMappers) {
  describe(`concat() of many files on the ${mapper} mapper, with 8 handles and 32 MiB`, function () {
    this.timeout(long ? 600_000 : 60_000)
    let manager: MapManager
    let folder: string

    beforeEach(() => {
      manager = new MapManager({ ...limits, mapper })
    })

    afterEach(async () => {
      const { peakHandles, peakMappedBytes, mappedBytes, handles, regions, waiters, files } = manager.stats()
      expect({ mappedBytes, handles, regions, waiters, files }).to.deep.equal({
        mappedBytes: 0,
        handles: 0,
        regions: 0,
        waiters: 0,
        files: 0
      })
      expect(peakHandles).to.be.at.most(limits.maxHandles)
      expect(peakMappedBytes).to.be.at.most(limits.maxMappedBytes)
      await manager.close()
      expect(sample(folder)).to.deep.equal({ descriptors: 0, mapped: 0 })
      rmSync(folder, { recursive: true })
    })

    function expectWithinLimits() {
      const { descriptors, mapped } = sample(folder)
      // One walk: the file at hand and the one ahead.
      expect(descriptors).to.be.at.most(2)
      expect(mapped).to.be.at.most(limits.maxMappedBytes)
      const { handles, mappedBytes } = manager.stats()
      expect(handles).to.be.at.most(2)
      expect(mappedBytes).to.be.at.most(limits.maxMappedBytes)
    }

    it('10,000 of 8 KiB (1,000 read without the addon): right bytes in order, limits held, none pulled beyond the lookahead', async () => {
      folder = tempPath('many-small')
      const count = mapper === 'native' || long ? 10_000 : 1000
      const contents = Array.from({ length: 16 }, (_, i) => bytesAt(i, 0, 8 * KiB))
      const contentOf = (i: number) => contents[(i * 7 + Math.floor(i / 16)) % 16] as Buffer
      const paths = Array.from({ length: count }, (_, i) => tempFile(`many-small/${i}`, contentOf(i)))
      const list = new PulledList(paths)
      let next = 0
      for await (const { source, index, offset, bytes } of manager.concat(list.async).windows()) {
        if (
          source !== paths[next] ||
          index !== next ||
          offset !== next * 8 * KiB ||
          !bytes.equals(contentOf(next))
        )
          throw new Error(`window ${next} is wrong`)
        if (list.pulled > index + 1 + 128) throw new Error(`${list.pulled} pulled at ${index}`)
        if (next % 100 === 0) expectWithinLimits()
        next++
      }
      expect(next).to.equal(count)
      expect(list).to.include({ pulled: count, left: 0 })
    })

    it(`200 of ${(scale / KiB) * 1} KiB to ${(scale / KiB) * 64} KiB: the same`, async () => {
      folder = tempPath('many-large')
      const sizes = Array.from({ length: 200 }, (_, i) => scale * (1 + ((i * 37) % 64)) + (i % 3))
      const blocks = sizes.map((size, i): Block[] => [
        { offset: 0, bytes: bytesAt(i, 0, 5000) },
        { offset: Math.floor(size / 2), bytes: bytesAt(i, 1, 7001) },
        { offset: size - 3000, bytes: bytesAt(i, 2, 3000) }
      ])
      const paths = sizes.map((size, i) => sparseFile(`many-large/${i}`, size, blocks[i]))
      const list = new PulledList(paths)
      let offset = 0
      for await (const window of manager.concat(list.sync, { lookahead: 1 }).windows()) {
        const { index, sourceOffset, length, bytes } = window
        expect([window.source, window.offset]).to.deep.equal([paths[index], offset])
        if (!bytes.equals(sparseBytes(blocks[index] as Block[], sourceOffset, length)))
          throw new Error(`wrong bytes in source ${index} at ${sourceOffset}`)
        expect(list.pulled).to.be.at.most(index + 2)
        expectWithinLimits()
        offset += length
      }
      expect(offset).to.equal(sizes.reduce((sum, size) => sum + size))
      expect(list).to.include({ pulled: 200, left: 0 })
    })

    it('both kinds, by eight consumers at a time: right bytes, limits held', async () => {
      folder = tempPath('many-mixed')
      const sizes = Array.from({ length: 150 }, (_, i) =>
        i % 10 === 3 ? 300 * KiB + i : (i * 977) % (40 * KiB)
      )
      const contents = sizes.map((size, i) => bytesAt(i, 0, size))
      const paths = contents.map((content, i) => tempFile(`many-mixed/${i}`, content))
      const whole = Buffer.concat(contents)
      await Promise.all(
        Array.from({ length: 8 }, async (_, consumer) => {
          let offset = 0
          const size = (consumer + 1) * 64 * KiB
          for await (const { bytes } of manager
            .concat(paths, { lookahead: consumer * 5 })
            .windows({ size })) {
            if (!bytes.equals(whole.subarray(offset, offset + bytes.length)))
              throw new Error(`wrong at ${offset}`)
            offset += bytes.length
            expect(sample(folder).descriptors).to.be.at.most(limits.maxHandles)
            expect(sample(folder).mapped).to.be.at.most(limits.maxMappedBytes)
          }
          expect(offset).to.equal(whole.length)
        })
      )
    })
  })
}
