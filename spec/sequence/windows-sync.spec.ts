import { expect } from 'chai'
import fc from 'fast-check'
import { truncateSync } from 'node:fs'
import { MapManager, type MappedFile, type Window, type WindowSyncOptions } from '../../lib/index.js'
import { planWindows } from '../../lib/sequence/windows.js'
import { SyncWindows } from '../../lib/sequence/windows-sync.js'
import { FakeManager, map } from '../support/fake-manager.js'
import { bytesAt, KiB, MiB, tempFile } from '../support/files.js'
import { collectedUntil, eventually, realMappers } from '../support/mappers.js'
import { mappedBytesOf, mappingsOf } from '../support/os.js'

/** The code of what `call` throws. */
function codeOf(call: () => unknown): string | undefined {
  try {
    call()
  } catch (error) {
    return (error as { code?: string }).code
  }
  throw new Error('it did not throw')
}

for (const mapper of realMappers) {
  describe(`windowsSync() on the ${mapper} mapper`, () => {
    const content = bytesAt(1, 0, MiB + 12345)
    let path: string
    let manager: MapManager
    let file: MappedFile

    beforeEach(async () => {
      path = tempFile('windows-sync.bin', content)
      manager = new MapManager({ mapper, maxMappedBytes: 256 * KiB, windowSize: 64 * KiB })
      file = await manager.open(path)
    })

    afterEach(async () => {
      await manager.close()
      const { mappedBytes, regions, handles, waiters } = manager.stats()
      expect({ mappedBytes, regions, handles, waiters }).to.deep.equal({
        mappedBytes: 0,
        regions: 0,
        handles: 0,
        waiters: 0
      })
    })

    function expectNothingMapped() {
      expect(mappingsOf(path)).to.deep.equal([])
      expect([manager.stats().mappedBytes, manager.stats().regions]).to.deep.equal([0, 0])
    }

    it('hands over the bytes of any range, in windows of any size and overlap', () => {
      fc.assert(
        fc.property(
          fc.record({
            start: fc.nat(content.length),
            steps: fc.nat(12),
            rest: fc.nat(5000),
            size: fc.integer({ min: 1, max: 64 * KiB }),
            overlap: fc.oneof(fc.constantFrom(0, 1, 4095, 4096), fc.nat(64 * KiB)),
            lifetime: fc.constantFrom('leased' as const, 'copied' as const)
          }),
          ({ start, steps, rest, size, overlap: wanted, lifetime }) => {
            const overlap = Math.min(size - 1, wanted)
            const end = Math.min(content.length, start + steps * (size - overlap) + Math.min(rest, size))
            let expected = start
            let reached = start
            for (const window of file.windowsSync({ start, end, size, overlap, lifetime })) {
              expect(window.offset).to.equal(expected)
              expect(window.length).to.equal(Math.min(size, end - window.offset))
              const right = content.subarray(window.offset, window.offset + window.length)
              if (!window.bytes.equals(right)) throw new Error(`wrong bytes at ${window.offset}`)
              reached = window.offset + window.length
              expected = reached - overlap
            }
            expect(reached).to.equal(end)
          }
        ),
        { numRuns: 200 }
      )
      expectNothingMapped()
    })

    it('maps one window at a time, and lets it go at the advance', () => {
      let before: Window | undefined
      let stale: Uint8Array = Buffer.alloc(0)
      for (const window of file.windowsSync()) {
        expect(stale.length).to.equal(0)
        if (before) expect(codeOf(() => before?.bytes)).to.equal('ERR_MAP_RELEASED')
        expect(manager.stats().regions).to.equal(1)
        expect(mappedBytesOf(path)).to.be.at.most(64 * KiB)
        before = window
        stale = window.bytes
      }
      expect(stale.length).to.equal(0)
      expect(manager.stats().peakMappedBytes).to.be.at.most(64 * KiB)
      expectNothingMapped()
    })

    it('leaves nothing behind, however it is left', () => {
      for (const _ of file.windowsSync()) break
      expectNothingMapped()
      const thrown = new Error('thrown')
      try {
        for (const _ of file.windowsSync()) throw thrown
      } catch (error) {
        expect(error).to.equal(thrown)
      }
      expectNothingMapped()
      {
        using windows = file.windowsSync()
        windows.next()
      }
      expectNothingMapped()
      const windows = file.windowsSync()
      windows.next()
      expect(() => windows.throw?.(thrown)).to.throw('thrown')
      expect(windows.next()).to.deep.equal({ done: true, value: undefined })
      expectNothingMapped()
    })

    it('keeps a retained window until it is released, and counts it', () => {
      const windows = file.windowsSync()
      const kept = (windows.next().value as Window).retain()
      windows.next()
      windows.return?.()
      expect(kept.bytes).to.deep.equal(content.subarray(0, 64 * KiB))
      expect(manager.stats().mappedBytes).to.equal(64 * KiB)
      kept.release()
      expectNothingMapped()
    })

    it('says ERR_MAP_LIMIT where the budget is spent, since it cannot wait', () => {
      const kept: Window[] = []
      const windows = file.windowsSync()
      expect(
        codeOf(() => {
          for (const window of windows) kept.push(window.retain())
        })
      ).to.equal('ERR_MAP_LIMIT')
      expect(kept).to.have.length(4)
      expect(windows.next()).to.deep.equal({ done: true, value: undefined })
      expect(codeOf(() => file.windowsSync({ size: MiB }).next())).to.equal('ERR_MAP_LIMIT')
      for (const window of kept) window.release()
      expect([...file.windowsSync()]).to.have.length(17)
    })

    it('takes back what was mapped ahead for others', async () => {
      const ahead = file.windows({ prefetch: 3 })
      await ahead.next()
      // What is still under way comes back too late for who cannot wait.
      await eventually(() => manager.stats().regions === 3)
      expect([...file.windowsSync({ size: 192 * KiB })]).to.have.length(6)
      await ahead.return?.()
    })

    it('says ERR_MAP_CLOSED once the file is closed', async () => {
      const windows = file.windowsSync()
      const { bytes } = windows.next().value as Window
      await file.close()
      expect(bytes.length).to.equal(0)
      expect(codeOf(() => windows.next())).to.equal('ERR_MAP_CLOSED')
      expect(windows.next()).to.deep.equal({ done: true, value: undefined })
      expect(codeOf(() => file.windowsSync())).to.equal('ERR_MAP_CLOSED')
    })

    it('says ERR_MAP_FILE_TRUNCATED where the file was cut short, also within the last page', () => {
      const early = file.windowsSync()
      early.next()
      truncateSync(path, content.length - 1)
      expect(() => [...file.windowsSync()])
        .to.throw()
        .with.property('code', 'ERR_MAP_FILE_TRUNCATED')
      expect(() => [...early])
        .to.throw()
        .with.property('code', 'ERR_MAP_FILE_TRUNCATED')
      expectNothingMapped()
    })

    it('has no windows in an empty file, and refuses ranges as windows() does', async () => {
      const empty = await manager.open(tempFile('empty.bin'))
      expect([...empty.windowsSync()]).to.deep.equal([])
      expect(codeOf(() => file.windowsSync({ start: file.size + 1 }))).to.equal('ERR_MAP_OUT_OF_RANGE')
      expect(codeOf(() => file.windowsSync({ start: 2, end: 1 }))).to.equal('ERR_OUT_OF_RANGE')
      expect(codeOf(() => file.windowsSync({ size: 0 }))).to.equal('ERR_OUT_OF_RANGE')
      expect(codeOf(() => file.windowsSync({ follow: true } as WindowSyncOptions))).to.equal(
        'ERR_MAP_UNSUPPORTED'
      )
    })

    it('takes null for no number, and undefined for none given, as windows() does', async () => {
      for (const name of ['start', 'end', 'size', 'overlap', 'prefetch']) {
        for (const call of [(o: object) => file.windows(o), (o: object) => file.windowsSync(o)]) {
          expect(() => call({ [name]: null })).to.throw(TypeError, `"options.${name}"`)
          call({ [name]: undefined })
        }
      }
    })

    it('is collected where it is dropped half way, once nobody has its bytes', async () => {
      let bytes: Uint8Array | undefined = (() => file.windowsSync().next().value as Window)().bytes
      expect(await collectedUntil(() => manager.stats().regions === 0, 10)).to.equal(false)
      expect(content.subarray(0, 64 * KiB).equals(bytes)).to.equal(true)
      bytes = undefined
      expect(await collectedUntil(() => manager.stats().regions === 0)).to.equal(true)
      expectNothingMapped()
    })
  })
}

describe('synchronous windows', () => {
  const manager = new FakeManager()
  after(() => manager.closeClean())

  it('tell at the advance that bytes were lost under the window at hand', async () => {
    const file = await manager.with('/a', 100)
    const view = { file, base: 0, size: 100, windowSize: 32, prefetch: 0 }
    for (const [harm, code] of [
      [() => manager.fake.disk.file('/a').lose(40), 'ERR_MAP_IO'],
      [() => manager.fake.disk.file('/a').resize(32), 'ERR_MAP_FILE_TRUNCATED']
    ] as const) {
      const windows = new SyncWindows(view, planWindows(view, undefined))
      expect([windows.next(), windows.next()].map(({ value }) => value?.offset)).to.deep.equal([0, 32])
      harm()
      expect(codeOf(() => windows.next())).to.equal(code)
      expect(manager.bytes.held).to.equal(0)
    }
    await file.close()
  })

  it('do not overtake who waits for the budget', async () => {
    const file = await manager.with('/a', 1000)
    const first = await map(file, 0, 100)
    const waiting = map(file, 0, 100)
    const view = { file, base: 0, size: 1000, windowSize: 16, prefetch: 0 }
    const windows = new SyncWindows(view, planWindows(view, undefined))
    expect(codeOf(() => windows.next())).to.equal('ERR_MAP_LIMIT')
    first.release()
    ;(await waiting).release()
    await file.close()
  })
})
