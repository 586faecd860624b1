import { mkdirSync, writeFileSync } from 'node:fs'
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

  it('is unmapped by its place, wherever the process has gone since, and not by one that has its name there', async () => {
    const path = tempFile('place/two.bin', 'two')
    const other = tempFile('elsewhere/two.bin', 'another two')
    await using manager = new MapManager()
    process.chdir(dirname(path))
    const cursors = []
    for (const name of ['two.bin', Buffer.from('./two.bin')])
      cursors.push((await manager.open(name)).cursor().use(0))
    process.chdir(dirname(other))
    expect([manager.unmapFile(other), manager.unmapFile('two.bin')]).to.deep.equal([0, 0])
    expect(cursors.map(({ valid }) => valid)).to.deep.equal([true, true])
    expect(manager.unmapFile(Buffer.from('../place//two.bin'))).to.equal(2)
    expect(cursors.map(({ valid }) => valid)).to.deep.equal([false, false])
    expect(manager.stats()).to.include({ regions: 0, handles: 0 })
  })
})

describe('A name', () => {
  it('that is no text is told from others by its bytes where a file is unmapped', async function () {
    if (process.platform !== 'linux') this.skip()
    const named = (byte: number) => Buffer.concat([Buffer.from(tempPath('no-text-')), Buffer.of(byte)])
    await using manager = new MapManager()
    writeFileSync(named(0xff), 'one')
    const cursor = (await manager.open(named(0xff))).cursor().use(0)
    expect(manager.unmapFile(named(0xfe))).to.equal(0)
    expect(manager.unmapFile(named(0xff).toString())).to.equal(0)
    expect(manager.unmapFile(named(0xff).toString('latin1'))).to.equal(0)
    expect(cursor.bytes.toString()).to.equal('one')
    expect(manager.unmapFile(named(0xff))).to.equal(1)
    expect(cursor.valid).to.equal(false)
  })

  it('that is text is the same as a Buffer', async () => {
    const path = tempFile('na\u00efve-\u{1f9ed}', 'text')
    await using manager = new MapManager()
    const cursors = []
    for (const name of [path, Buffer.from(path)]) cursors.push((await manager.open(name)).cursor().use(0))
    expect(manager.unmapFile(path)).to.equal(2)
    for (const cursor of cursors) cursor.use(0)
    expect(manager.unmapFile(Buffer.from(path))).to.equal(2)
  })
})
