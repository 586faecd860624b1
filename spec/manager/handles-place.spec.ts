import { mkdirSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { expect } from 'chai'
import { MapManager } from '../../lib/index.js'
import { bytesAt, collect, tempFile, tempPath } from '../support/files.js'

describe('A file opened by a relative path', () => {
  const home = process.cwd()
  afterEach(() => process.chdir(home))

  for (const [kind, name] of [
    ['string', (path: string) => path],
    ['Buffer', (path: string) => Buffer.from(path)]
  ] as const) {
    it(`is opened again where it was, wherever the process has gone since: as a ${kind}`, async () => {
      const content = bytesAt(1, 0, 100_000)
      const path = tempFile('place/one.bin', content)
      const manager = new MapManager({ maxHandles: 1 })
      process.chdir(dirname(path))
      const file = await manager.open(name(basename(path)))
      // Another of that name lies where the process goes, and the only handle goes to a third file.
      tempFile('elsewhere/one.bin', bytesAt(2, 0, 100_000))
      mkdirSync(tempPath('elsewhere'), { recursive: true })
      process.chdir(tempPath('elsewhere'))
      const third = await manager.open(tempFile('third.bin', 'third'))
      expect(await collect(third.stream())).to.deep.equal(Buffer.from('third'))
      expect((await collect(file.stream())).equals(content)).to.equal(true)
      expect(file.path).to.equal(basename(path))
      await manager.close()
    })
  }
})
