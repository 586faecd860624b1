import { expect } from 'chai'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runLimited } from '../support/compiled.js'
import { bytesAt, GiB, KiB, MiB, sparseFile, tempFile, tempPath } from '../support/files.js'
import { needsMappings, realMappers } from '../support/mappers.js'
import { injectedPath, needsInjected } from './inject.js'

const linux = process.platform === 'linux'

interface Told {
  code: string
  syscall: string
  path: string
  message: string
}

for (const mapper of realMappers) {
  describe(`Where the OS has no more descriptors (ulimit -n 24), on the ${mapper} mapper,`, () => {
    before(function () {
      if (!linux) this.skip()
      mkdirSync(tempPath('few'), { recursive: true })
      for (let i = 0; i < 60; i++) tempFile(`few/${mapper}-${i}`, bytesAt(i, 0, 300_000))
    })
    const paths = () => Array.from({ length: 60 }, (_, i) => join(tempPath('few'), `${mapper}-${i}`))

    it('60 files are open and read at the same time', async () => {
      const { said, stderr, code } = await runLimited(
        '-n 24',
        `const [mapper, ...paths] = process.argv.slice(2)
         const manager = new slidemap.MapManager({ mapper, windowSize: 65536 })
         let wrong = 0
         const files = await Promise.all(paths.map(path => manager.open(path)))
         await Promise.all(files.map(async (file, i) => {
           const pieces = []
           for await (const { bytes } of file.windows()) pieces.push(Buffer.from(bytes))
           if (!Buffer.concat(pieces).equals(await file.read(0)) || file.size !== 300000) wrong++
         }))
         const { maxHandles, peakHandles } = manager.stats()
         say({ files: manager.stats().files, wrong, within: peakHandles <= maxHandles && maxHandles < 24 })
         await manager.close()
         say({ handles: manager.stats().handles })`,
        [mapper, ...paths()]
      )
      expect({ code, stderr, said }).to.deep.equal({
        code: 0,
        stderr: '',
        said: [{ files: 60, wrong: 0, within: true }, { handles: 0 }]
      })
    })

    it('what cannot be opened says what to do; what nobody uses is closed for it; and it goes on', async () => {
      const { said, stderr } = await runLimited(
        '-n 24',
        `const [mapper, first, second] = process.argv.slice(2)
         const manager = new slidemap.MapManager({ mapper })
         const whole = async file => (await file.read(0)).length
         const file = await manager.open(first)
         say(await whole(file))
         const hogs = []
         try { for (;;) hogs.push(fs.openSync('/dev/null')) } catch ({ code }) { say(code) }
         // Room is made of the idle handle.
         const other = await manager.open(second)
         say([await whole(other), manager.stats().handles])
         say(await whole(file))
         // Until even that is taken.
         manager.collect(); manager.unmapFile(first); manager.unmapFile(second)
         try { for (;;) hogs.push(fs.openSync('/dev/null')) } catch ({ code }) { say(code) }
         for (const act of [
           () => file.read(0), () => manager.open(first), () => file.refresh(),
           async () => { for await (const _ of other.windows()); }, async () => other.cursor().use(0)
         ]) await act().then(() => say('no error'), error => say(told(error)))
         const { mappedBytes, handles, waiters } = manager.stats()
         say({ mappedBytes, handles, waiters })
         for (const fd of hogs) fs.closeSync(fd)
         say([await whole(file), await whole(other)])
         await manager.close()`,
        [mapper, ...paths()]
      )
      expect(stderr).to.equal('')
      const errors = said.splice(5, 5) as Told[]
      expect(said).to.deep.equal([
        300_000,
        'EMFILE',
        [300_000, 1],
        300_000,
        'EMFILE',
        { mappedBytes: 0, handles: 0, waiters: 0 },
        [300_000, 300_000]
      ])
      for (const { code, syscall, path, message } of errors) {
        expect({ code, syscall }).to.deep.equal({ code: 'EMFILE', syscall: 'open' })
        expect(paths()).to.include(path)
        expect(message).to.match(/\(raise `ulimit -n`, or lower maxHandles\)$/)
      }
    })
  })
}

describe('Where the OS has no more address space (ulimit -v),', () => {
  before(function () {
    if (!linux || !realMappers.includes('native')) this.skip()
  })
  /** KiB: what Node takes of it to begin with, and some more. */
  const limit = '-v 1500000'

  it('what cannot be mapped says what to do, and it goes on', async function () {
    needsMappings.call(this)
    const path = sparseFile('wide', 8 * GiB, [{ offset: 0, bytes: bytesAt(1, 0, 64 * KiB) }])
    const { said, stderr } = await runLimited(
      limit,
      `const manager = new slidemap.MapManager({ mapper: 'native', windowSize: 64 * 2 ** 20, maxMappedBytes: 4 * 2 ** 30 })
       const file = await manager.open(process.argv[2])
       const kept = []
       try { for await (const window of file.windows({ prefetch: 1 })) kept.push(window.retain()) }
       catch (error) { say(told(error)) }
       say(kept.length)
       const { mappedBytes, handles, waiters } = manager.stats()
       say([mappedBytes === kept.length * 64 * 2 ** 20, handles, waiters])
       for (const window of kept) window.release()
       let seen = 0
       for await (const { length } of file.windows({ end: 2 ** 31 })) seen += length
       say(seen)
       await manager.close()
       say(manager.stats().mappedBytes)`,
      [path]
    )
    expect(stderr).to.equal('')
    const [error, count, held, seen, left] = said as [Told, number, unknown, number, number]
    expect(error).to.include({ code: 'ENOMEM', syscall: 'mmap', path })
    expect(error.message).to.match(/vm\.max_map_count or `ulimit -v`, or lower maxMappedBytes\)$/)
    expect(count).to.be.within(2, 20)
    expect([held, seen, left]).to.deep.equal([[true, 0, 0], 2 ** 31, 0])
  })

  it('regions that nobody uses make room, and nobody hears of it', async () => {
    const path = sparseFile('wide too', 4 * GiB)
    const { said, stderr } = await runLimited(
      limit,
      `const manager = new slidemap.MapManager({ mapper: 'native', windowSize: 64 * 2 ** 20, maxMappedBytes: 4 * 2 ** 30 })
       const file = await manager.open(process.argv[2])
       let sum = 0
       {
         using cursor = file.cursor()
         for (let at = 0; at < file.size; at += 64 * 2 ** 20) sum += cursor.use(at).bytes[0] + 1
       }
       say([sum, manager.stats().evictions > 0])
       await manager.close()`.replace('using cursor', 'const cursor'),
      [path]
    )
    expect({ stderr, said }).to.deep.equal({ stderr: '', said: [[64, true]] })
  })
})

describe('Where the OS has no more mappings (vm.max_map_count),', () => {
  let most: number
  before(function () {
    if (!linux) this.skip()
    needsMappings.call(this)
    most = Number(readFileSync('/proc/sys/vm/max_map_count', 'latin1'))
    // Where a machine allows millions, they would not be reached in time.
    if (most > 200_000) this.skip()
  })

  it('a quarter is left to the process, what is beyond says what to do, and it goes on', async function () {
    // Tens of thousands are made.
    if (process.env.SLIDEMAP_LONG === undefined) this.skip()
    const path = sparseFile('many', 4096 * most)
    const { said, stderr, code } = await runLimited(
      '',
      `const manager = new slidemap.MapManager({ mapper: 'native', windowSize: 4096 })
       const file = await manager.open(process.argv[2])
       const kept = []
       try { for (const window of file.windowsSync()) kept.push(window.retain()) } catch (error) { say(told(error)) }
       say(kept.length)
       // A truncation under so many does no harm.
       fs.truncateSync(process.argv[2], 4096)
       say([kept.at(-1).bytes[0], kept.at(-1).lost === kept.at(-1).offset])
       for (const window of kept.splice(1)) window.release()
       fs.truncateSync(process.argv[2], 8192)
       await file.refresh()
       let windows = 0
       for (const _ of file.windowsSync()) windows++
       say(windows)
       await manager.close()
       say(manager.stats().mappedBytes)`,
      [path]
    )
    expect({ stderr, code }).to.deep.equal({ stderr: '', code: 0 })
    const [error, count, lost, windows, left] = said as [Told, number, unknown, number, number]
    expect(error).to.include({ code: 'ENOMEM', syscall: 'mmap', path })
    expect(error.message).to.match(/raise vm\.max_map_count/)
    expect(count).to.be.within(most * 0.7, most * 0.76)
    expect([lost, windows, left]).to.deep.equal([[0, true], 2, 0])
  })

  it('since others have taken them, regions that nobody uses make room, then ENOMEM says what to do', async function () {
    needsInjected.call(this)
    const path = tempFile('taken', bytesAt(1, 0, 64 * MiB))
    const { said, stderr, code } = await runLimited(
      '',
      `import { createRequire } from 'node:module'
       const addon = createRequire(import.meta.url)(process.argv[3])
       const manager = new slidemap.MapManager({ mapper: 'native', windowSize: 65536 })
       const file = await manager.open(process.argv[2])
       const [kept, walker, blocked] = [file.cursor(), file.cursor(), file.cursor()]
       kept.use(0)
       for (let at = 1; at < 100; at++) walker.use(at * 65536)
       walker.unuse()
       const cached = manager.stats().cachedRegions
       let caught, first
       const taken = addon.inject.hoard()
       try {
         // Nothing is said, or allocated, before they are given back.
         first = walker.use(500 * 65536).bytes[1]
         addon.inject.hoard()
         try { blocked.use(600 * 65536) } catch (error) { caught = error }
       } finally {
         addon.inject.unhoard()
       }
       say([cached, first === fs.readFileSync(process.argv[2])[500 * 65536 + 1], manager.stats().evictions])
       say(told(caught))
       say([blocked.use(600 * 65536).bytes.length, kept.bytes.length, taken > 1000])
       await manager.close()
       say(manager.stats().mappedBytes)`,
      [path, injectedPath]
    )
    expect({ stderr, code }).to.deep.equal({ stderr: '', code: 0 })
    const [seen, error, after, left] = said as [unknown, Told, unknown, number]
    expect(seen).to.deep.equal([99, true, 99])
    expect(error).to.include({ code: 'ENOMEM', syscall: 'mmap', path })
    expect(error.message).to.match(/raise vm\.max_map_count/)
    expect([after, left]).to.deep.equal([[65_536, 65_536, true], 0])
  })
})
