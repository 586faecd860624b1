import { truncateSync } from 'node:fs'
import { expect } from 'chai'
import { MapManager, type Window } from '../lib/index.js'
import { bytesAt, collect, KiB, tempFile } from './support/files.js'
import { mappingMappers, realMappers } from './support/mappers.js'

for (const mapper of realMappers) {
  describe(`Under the smallest limits, on the ${mapper} mapper,`, () => {
    const content = bytesAt(1, 0, 500_000)

    it('a budget of one window serves walks from any byte, where no size was asked for', async () => {
      const manager = new MapManager({ mapper, windowSize: 64 * KiB, maxMappedBytes: 64 * KiB })
      const path = tempFile('one-window.bin', content)
      const file = await manager.open(path)
      for (const start of [1, 4095, 4097, 65_537]) {
        const right = content.subarray(start)
        expect((await collect(file.stream({ start }))).equals(right), `stream from ${start}`).to.equal(true)
        const pieces: Buffer[] = []
        for await (const { bytes } of file.windows({ start })) pieces.push(Buffer.from(bytes))
        expect(Buffer.concat(pieces).equals(right), `windows from ${start}`).to.equal(true)
      }
      const part = await manager.open({ source: path, start: 1 })
      expect((await collect(part.stream())).equals(content.subarray(1))).to.equal(true)
      let offset = 0
      for await (const window of file.windows({ overlap: 1 })) {
        expect(window.offset).to.equal(offset)
        offset = window.offset + window.length - 1
      }
      expect(offset).to.equal(content.length - 1)
      expect(manager.stats().peakMappedBytes).to.be.at.most(64 * KiB)
      await manager.close()
    })

    it('whoever waits for a handle gets it, however busy the others keep theirs', async () => {
      const manager = new MapManager({ mapper, maxHandles: 1 })
      const busy = await manager.open(tempFile('busy.bin', content))
      let over = false
      const consumers = [1, 2, 3].map(async () => {
        while (!over) for await (const _ of busy.windows({ size: 64 * KiB })) if (over) break
      })
      const other = await manager.open(tempFile('other.bin', 'other'))
      expect((await collect(other.stream())).toString()).to.equal('other')
      over = true
      await Promise.all(consumers)
      expect(manager.stats().peakHandles).to.equal(1)
      await manager.close()
    })

    it('read() answers what the file holds, whatever was written into a cursor', async () => {
      const manager = new MapManager({ mapper })
      const file = await manager.open(tempFile('written.bin', content))
      const cursor = file.cursor()
      await cursor.load(0, 4096)
      cursor.bytes.fill(0xab)
      expect((await file.read(0, 4096)).equals(content.subarray(0, 4096))).to.equal(true)
      cursor.unuse()
      expect((await file.read(0, 4096)).equals(content.subarray(0, 4096))).to.equal(true)
      await manager.close()
    })

    if (mappingMappers.includes(mapper)) {
      it('a window of a range tells where its bytes were lost as it tells where it begins', async () => {
        const manager = new MapManager({ mapper })
        const path = tempFile('lost.bin', bytesAt(2, 0, 64 * KiB))
        const file = await manager.open({ source: path, start: 10_000 })
        const window = (await file.windows().next()).value as Window
        expect(window).to.include({ offset: 0, lost: -1 })
        truncateSync(path, 20_000)
        expect(window.bytes.at(-1)).to.equal(0)
        // The first page that is lost: bytes of the pages after it were touched first.
        expect(window.lost).to.be.within(20_480 - 10_000, window.length - 1)
        await manager.close()
      })
    }
  })
}
