import { truncateSync } from 'node:fs'
import { expect } from 'chai'
import { MapManager, type MappedFile } from '../../lib/index.js'
import { failure } from '../support/failure.js'
import { FakeMapper, settled } from '../support/fake-mapper.js'
import { KiB, tempFile } from '../support/files.js'
import { realMappers } from '../support/mappers.js'

const LINES = 100_000

describe('a file that is found shorter just as it is read', () => {
  it('is never answered by read() with bytes that are not its own', async () => {
    // So many steps after the answer that it is shorter, and before everybody knows.
    for (let steps = 0; steps < 20; steps++) {
      const mapper = new FakeMapper()
      const content = mapper.disk.add('/a', 40)
      const manager = new MapManager({ mapper, maxMappedBytes: 160 })
      const file = await manager.open('/a')
      mapper.hold()
      const refreshed = file.refresh()
      await settled()
      content.resize(10)
      mapper.letGo()
      for (let step = 0; step < steps; step++) await Promise.resolve()
      const known = file.size
      const read = file.read(5, 30).then(
        bytes => bytes.equals(content.read(5, known - 5)),
        error => (error as { code: string }).code
      )
      mapper.resume()
      await refreshed
      expect(await read).to.equal(known === 40 ? 'ERR_MAP_FILE_TRUNCATED' : true)
      await manager.close()
    }
  })
})

for (const mapper of realMappers) {
  describe(`a file that is found shorter while it is read (${mapper})`, () => {
    let manager: MapManager
    let file: MappedFile
    let path: string

    beforeEach(async () => {
      path = tempFile('found-shorter', 'a line\n'.repeat(LINES))
      manager = new MapManager({ mapper, windowSize: 64 * KiB })
      file = await manager.open(path)
    })

    afterEach(() => manager.close())

    it('does not seem to begin where its last lines do', async () => {
      const lines = file.lines({ reverse: true })
      await lines.next()
      truncateSync(path, 200 * KiB)
      await file.refresh()
      let count = 1
      const error = await failure(
        (async () => {
          for await (const line of lines) {
            expect(line).to.equal('a line')
            count++
          }
        })()
      )
      expect(error).to.include({ code: 'ERR_MAP_FILE_TRUNCATED' })
      expect(count).to.be.below(LINES)
    })

    it('does not seem to begin where its last lines do, without awaits', async () => {
      const lines = file.linesSync({ reverse: true })
      lines.next()
      truncateSync(path, 200 * KiB)
      await file.refresh()
      expect(() => {
        for (const line of lines) expect(line).to.equal('a line')
      })
        .to.throw()
        .with.property('code', 'ERR_MAP_FILE_TRUNCATED')
    })
  })
}
