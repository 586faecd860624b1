import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import { MapManager, SlidemapError, type MappedFile, type Window } from '../../lib/index.js'
import { bytesAt, KiB, MiB, tempFile } from '../support/files.js'
import { collectedUntil, eventually, mappingMappers, realMappers } from '../support/mappers.js'
import { canWitness, descriptorsOf, mappedBytesOf, mappingsOf } from '../support/os.js'

/** The error that a promise rejects with. */
async function failure(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('it did not fail')
}

for (const mapper of realMappers) {
  describe(`windows() on the ${mapper} mapper`, () => {
    const content = bytesAt(1, 0, MiB + 12345)
    let path: string
    let manager: MapManager
    let file: MappedFile

    beforeEach(async () => {
      path = tempFile('windows.bin', content)
      manager = new MapManager({ mapper, maxMappedBytes: 256 * KiB, windowSize: 64 * KiB })
      file = await manager.open(path)
    })

    afterEach(async () => {
      await manager.close()
      const { mappedBytes, regions, handles, files, waiters } = manager.stats()
      expect({ mappedBytes, regions, handles, files, waiters }).to.deep.equal({
        mappedBytes: 0,
        regions: 0,
        handles: 0,
        files: 0,
        waiters: 0
      })
    })

    /** Nothing of this file is held, though it is still open; said by the OS and by the manager. */
    function expectNothingMapped() {
      expect(mappingsOf(path)).to.deep.equal([])
      const { mappedBytes, regions, waiters } = manager.stats()
      expect({ mappedBytes, regions, waiters }).to.deep.equal({ mappedBytes: 0, regions: 0, waiters: 0 })
    }

    it('hands over the bytes of any range, in windows of any size and overlap', async function () {
      this.timeout(120_000)
      await fc.assert(
        fc.asyncProperty(
          fc.record({
            start: fc.nat(content.length),
            steps: fc.nat(12),
            rest: fc.nat(5000),
            size: fc.integer({ min: 1, max: 64 * KiB }),
            overlap: fc.oneof(fc.constantFrom(0, 1, 4095, 4096), fc.nat(64 * KiB)),
            prefetch: fc.nat(3),
            lifetime: fc.constantFrom('leased' as const, 'copied' as const)
          }),
          async ({ start, steps, rest, size, overlap: wanted, prefetch, lifetime }) => {
            const overlap = Math.min(size - 1, wanted)
            const end = Math.min(content.length, start + steps * (size - overlap) + Math.min(rest, size))
            let expected = start
            let reached = start
            for await (const window of file.windows({ start, end, size, overlap, prefetch, lifetime })) {
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

    it('takes windows that are exactly the granularity, page after page', async () => {
      let offset = 0
      for await (const window of file.windows({ size: 4096 })) {
        if (!window.bytes.equals(content.subarray(offset, offset + 4096)))
          throw new Error(`wrong at ${offset}`)
        offset += window.length
      }
      expect(offset).to.equal(content.length)
    })

    it('has no windows in an empty file', async () => {
      const empty = await manager.open(tempFile('empty.bin'))
      expect(await empty.windows().next()).to.deep.equal({ done: true, value: undefined })
    })

    it('has no windows from the very end on, and refuses a start past it', async () => {
      expect(await file.windows({ start: file.size }).next()).to.deep.equal({ done: true, value: undefined })
      expect(() => file.windows({ start: file.size + 1 }))
        .to.throw(SlidemapError)
        .with.property('code', 'ERR_MAP_OUT_OF_RANGE')
    })

    it('says at every window what the OS says: no more mapped than the limit', async () => {
      for await (const _ of file.windows({ prefetch: 2 })) {
        const { mappedBytes, maxMappedBytes } = manager.stats()
        expect(mappedBytes).to.be.at.most(maxMappedBytes)
        expect(mappedBytesOf(path)).to.be.at.most(mappedBytes)
      }
      expect(manager.stats().peakMappedBytes).to.be.at.most(256 * KiB)
    })

    it('maps nothing that was not asked for when prefetch is 0', async () => {
      for await (const window of file.windows({ start: 100, prefetch: 0 })) {
        const pages = mapper === 'native' ? 4096 : 1
        const from = window.offset - (window.offset % pages)
        const bytes = Math.ceil((window.offset + window.length - from) / pages) * pages
        expect(manager.stats().mappedBytes).to.equal(bytes)
        expect(manager.stats().regions).to.equal(1)
        if (canWitness && mappingMappers.includes(mapper)) expect(mappedBytesOf(path)).to.equal(bytes)
      }
    })

    describe('leased', () => {
      it('empties the last window when the next is asked for', async () => {
        const windows = file.windows()
        const first = (await windows.next()).value as Window
        const stale = first.bytes
        expect(stale.length).to.equal(64 * KiB)
        const second = windows.next()
        await second
        expect(stale.length).to.equal(0)
        expect(stale[0]).to.equal(undefined)
        expect(() => first.bytes)
          .to.throw(SlidemapError)
          .with.property('code', 'ERR_MAP_RELEASED')
        expect(() => first.retain())
          .to.throw(SlidemapError)
          .with.property('code', 'ERR_MAP_RELEASED')
        await windows.return?.()
      })

      it('lets a window go early, as often as one likes, also by disposal', async () => {
        for await (const window of file.windows({ prefetch: 0 })) {
          window.release()
          expectNothingMapped()
          window[Symbol.dispose]()
          window.release()
        }
      })

      it('keeps a retained window right, and in the budget, until it is released', async () => {
        const kept: Window[] = []
        for await (const window of file.windows({ end: 192 * KiB, prefetch: 0 })) kept.push(window.retain())
        expect(manager.stats().mappedBytes).to.equal(192 * KiB)
        for (const [i, window] of kept.entries()) {
          expect(window.bytes.equals(content.subarray(i * 64 * KiB, (i + 1) * 64 * KiB))).to.equal(true)
        }
        for (const window of kept) window.release()
        expectNothingMapped()
      })

      it('makes the next window wait while retained ones hold the budget, until one is released', async () => {
        const windows = file.windows()
        const kept: Window[] = []
        for (let i = 0; i < 4; i++) kept.push(((await windows.next()).value as Window).retain())
        const next = windows.next()
        await eventually(() => manager.stats().waiters === 1)
        kept[2]?.release()
        const fifth = (await next).value as Window
        expect(fifth.offset).to.equal(256 * KiB)
        expect(fifth.bytes.equals(content.subarray(256 * KiB, 320 * KiB))).to.equal(true)
        await windows.return?.()
        for (const window of kept) window.release()
        expectNothingMapped()
      })

      it('gives that wait up when the signal says so, with its reason', async () => {
        const stop = new AbortController()
        const windows = file.windows({ signal: stop.signal })
        const kept: Window[] = []
        for (let i = 0; i < 4; i++) kept.push(((await windows.next()).value as Window).retain())
        const next = windows.next()
        await eventually(() => manager.stats().waiters === 1)
        const reason = new Error('enough')
        stop.abort(reason)
        expect(await failure(next)).to.equal(reason)
        expect(manager.stats().waiters).to.equal(0)
        expect(await windows.next()).to.deep.equal({ done: true, value: undefined })
        for (const window of kept) window.release()
        expectNothingMapped()
      })

      it('lets a program write into a window without changing the file or another window', async () => {
        const one = file.windows()
        const other = file.windows()
        const mine = (await one.next()).value as Window
        const theirs = (await other.next()).value as Window
        mine.bytes.fill(0x55)
        expect(theirs.bytes.equals(content.subarray(0, 64 * KiB))).to.equal(true)
        expect(readFileSync(path).equals(content)).to.equal(true)
        await Promise.all([one.return?.(), other.return?.()])
        const again = (await file.windows({ lifetime: 'copied' }).next()).value as Window
        expect(again.bytes.equals(content.subarray(0, 64 * KiB))).to.equal(true)
      })

      it('unmaps what was dropped unreleased when it is collected, with one warning', async () => {
        const warnings: Error[] = []
        const listen = (warning: Error) => {
          if (warning.name === 'SlidemapWarning') warnings.push(warning)
        }
        process.on('warning', listen)
        await (async () => {
          await file.windows().next()
          await file.windows().next()
          await (async () => (await file.windows().next()).value?.retain())()
        })()
        expect(manager.stats().regions).to.be.at.least(3)
        expect(await collectedUntil(() => manager.stats().regions === 0)).to.equal(true)
        await eventually(() => warnings.length > 0)
        process.off('warning', listen)
        expectNothingMapped()
        expect(warnings.map(warning => warning.message)).to.have.length(1)
        expect(warnings[0]?.message).to.match(/dropped without release/)
      })

      it('keeps bytes right whose window and iterator were dropped', async () => {
        const bytes = await (async () => ((await file.windows().next()).value as Window).bytes)()
        await collectedUntil(() => false, 20)
        expect(bytes.equals(content.subarray(0, 64 * KiB))).to.equal(true)
      })
    })

    it('leaves copied windows to the consumer for good', async () => {
      const kept: Window[] = []
      for await (const window of file.windows({ lifetime: 'copied' })) kept.push(window)
      expectNothingMapped()
      expect(Buffer.concat(kept.map(window => window.bytes)).equals(content)).to.equal(true)
      expect(manager.stats().bytesCopied).to.equal(content.length)
      kept[0]?.release()
      expect(() => kept[0]?.bytes)
        .to.throw(SlidemapError)
        .with.property('code', 'ERR_MAP_RELEASED')
    })

    describe('however it is left', () => {
      it('has nothing mapped after the end', async () => {
        for await (const _ of file.windows()) {
        }
        expectNothingMapped()
      })

      it('has nothing mapped after a break, with windows mapped ahead', async () => {
        for await (const _ of file.windows({ prefetch: 3 })) break
        expectNothingMapped()
      })

      it('has nothing mapped after a throw in the loop', async () => {
        const wanted = new Error('mine')
        const error = await failure(
          (async () => {
            for await (const _ of file.windows()) throw wanted
          })()
        )
        expect(error).to.equal(wanted)
        expectNothingMapped()
      })

      it('has nothing mapped when an aborted wait has rejected, wherever the abort came', async () => {
        for (let turns = 0; turns < 12; turns++) {
          const stop = new AbortController()
          const windows = file.windows({ signal: stop.signal, prefetch: 3 })
          if (turns % 2) await windows.next()
          const next = windows.next().then(
            () => windows.next(),
            error => Promise.reject(error)
          )
          for (let i = 0; i < turns; i++) await Promise.resolve()
          stop.abort(new Error('enough'))
          expect((await failure(next)).message).to.equal('enough')
          expectNothingMapped()
        }
      })

      it('rejects at once when the signal was aborted before', async () => {
        const windows = file.windows({ signal: AbortSignal.abort(new Error('before')) })
        expect((await failure(windows.next())).message).to.equal('before')
        expectNothingMapped()
      })

      it('ends a pending next() when it is returned from', async () => {
        const holder = file.windows({ prefetch: 0, size: 256 * KiB })
        await holder.next()
        const windows = file.windows()
        const next = windows.next()
        await eventually(() => manager.stats().waiters === 1)
        const returned = windows.return?.()
        expect(await next).to.deep.equal({ done: true, value: undefined })
        expect(await returned).to.deep.equal({ done: true, value: undefined })
        expect(manager.stats().waiters).to.equal(0)
        await holder.return?.()
        expectNothingMapped()
      })

      it('has nothing mapped and nothing open after the file is closed under it, retained windows included', async () => {
        const windows = file.windows()
        const first = ((await windows.next()).value as Window).retain()
        const bytes = first.bytes
        const second = windows.next()
        await file.close()
        expect(bytes.length).to.equal(0)
        expect(await failure(second.then(() => windows.next()))).to.have.property('code', 'ERR_MAP_CLOSED')
        expect(mappingsOf(path)).to.deep.equal([])
        expect(descriptorsOf(path)).to.deep.equal([])
        expect(() => file.windows())
          .to.throw(SlidemapError)
          .with.property('code', 'ERR_MAP_CLOSED')
      })

      it('rejects whoever waits when the manager is closed', async () => {
        const holder = file.windows({ prefetch: 0, size: 256 * KiB })
        await holder.next()
        const waiting = [file.windows().next(), file.windows().next()]
        await eventually(() => manager.stats().waiters === 2)
        await manager.close()
        for (const next of waiting) expect(await failure(next)).to.have.property('code', 'ERR_MAP_CLOSED')
      })
    })

    it('answers overlapping calls of next() in order', async () => {
      const windows = file.windows()
      const offsets = (await Promise.all([windows.next(), windows.next(), windows.next()])).map(
        result => result.value?.offset
      )
      expect(offsets).to.deep.equal([0, 64 * KiB, 128 * KiB])
      const [returned, after] = await Promise.all([windows.return?.(), windows.next()])
      expect([returned, after]).to.deep.equal([
        { done: true, value: undefined },
        { done: true, value: undefined }
      ])
      expectNothingMapped()
    })

    it('serves many consumers on a budget of one window, in turn', async () => {
      const narrow = new MapManager({ mapper, maxMappedBytes: 64 * KiB, windowSize: 64 * KiB })
      const shared = await narrow.open(path)
      const progress = new Array<number>(50).fill(0)
      let spread = 0
      await Promise.all(
        progress.map(async (_, consumer) => {
          for await (const window of shared.windows()) {
            if (!window.bytes.equals(content.subarray(window.offset, window.offset + window.length))) {
              throw new Error(`wrong bytes at ${window.offset}`)
            }
            progress[consumer] = (progress[consumer] ?? 0) + 1
            spread = Math.max(spread, Math.max(...progress) - Math.min(...progress))
          }
        })
      )
      expect(new Set(progress)).to.deep.equal(new Set([17]))
      expect(spread).to.equal(1)
      expect(narrow.stats().peakMappedBytes).to.equal(64 * KiB)
      await narrow.close()
    })

    it('refuses a window that can never fit, at once', async () => {
      const error = await failure(file.windows({ size: 512 * KiB }).next())
      expect(error).to.include({ code: 'ERR_MAP_LIMIT', path })
      expect(error.message).to.match(/^\d+ bytes can never fit: maxMappedBytes is \d+$/)
      expect(() => file.windowsSync({ size: 512 * KiB }).next())
        .to.throw(/^\d+ bytes can never fit/)
        .that.includes({ code: 'ERR_MAP_LIMIT', path })
      expectNothingMapped()
    })

    it('fails with ERR_MAP_FILE_TRUNCATED when the file ends before it does', async () => {
      const windows = file.windows({ prefetch: 0 })
      await windows.next()
      truncateSync(path, 100 * KiB)
      const error = await failure(windows.next())
      expect(error).to.include({ code: 'ERR_MAP_FILE_TRUNCATED', path, offset: 100 * KiB })
      expect(await windows.next()).to.deep.equal({ done: true, value: undefined })
      expectNothingMapped()
    })

    it('fails before the end when the last window was cut under the consumer', async () => {
      writeFileSync(path, content.subarray(0, 10_000))
      const short = await manager.open(path)
      const windows = short.windows()
      await windows.next()
      truncateSync(path, 9000)
      expect(await failure(windows.next())).to.have.property('code', 'ERR_MAP_FILE_TRUNCATED')
      expectNothingMapped()
    })

    for (const [name, options, code] of [
      ['a negative start', { start: -1 }, 'ERR_OUT_OF_RANGE'],
      ['a fraction of a byte', { start: 0.5 }, 'ERR_OUT_OF_RANGE'],
      ['NaN', { end: Number.NaN }, 'ERR_OUT_OF_RANGE'],
      ['an end before the start', { start: 5, end: 4 }, 'ERR_OUT_OF_RANGE'],
      ['a size of 0', { size: 0 }, 'ERR_OUT_OF_RANGE'],
      ['an overlap as long as the window', { size: 4096, overlap: 4096 }, 'ERR_OUT_OF_RANGE'],
      ['a string for a number', { start: '5' }, 'ERR_INVALID_ARG_TYPE'],
      ['a lifetime that there is not', { lifetime: 'borrowed' }, 'ERR_OUT_OF_RANGE'],
      ['what is no signal', { signal: {} }, 'ERR_INVALID_ARG_TYPE'],
      ['options that are none', 5, 'ERR_INVALID_ARG_TYPE']
    ] as const) {
      it(`refuses ${name}, and maps nothing`, () => {
        expect(() => file.windows(options as never))
          .to.throw()
          .with.property('code', code)
        expectNothingMapped()
      })
    }
  })
}
