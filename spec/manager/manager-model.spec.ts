import { expect } from 'chai'
import fc from 'fast-check'
import type { OpenFile } from '../../lib/manager/open-file.js'
import type { Region } from '../../lib/manager/region.js'
import { stopOfMany } from '../support/failure.js'
import type { FakeFile } from '../support/fake-disk.js'
import { FakeManager, map } from '../support/fake-manager.js'
import { FakeMapper, settled } from '../support/fake-mapper.js'
import { bytesAt } from '../support/files.js'

const reason = new Error('reason')

describe('a region manager, whatever is asked of it', () => {
  const step = fc.record({
    does: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom('map', 'map', 'map ahead', 'release', 'let go', 'let go') },
      { weight: 1, arbitrary: fc.constantFrom('open', 'close', 'abort', 'fail', 'cut short', 'replace') }
    ),
    which: fc.nat(20),
    length: fc.integer({ min: 1, max: 80 }),
    before: fc.constantFrom('nothing', 'a microtask', 'all that can happen', 'all that can happen')
  })
  const options = fc.record({
    maxHandles: fc.integer({ min: 1, max: 3 }),
    concurrency: fc.integer({ min: 1, max: 3 }),
    abortsLate: fc.boolean()
  })

  /** A manager with three files open, and all that was got from it. */
  class World {
    readonly manager: FakeManager
    readonly fake: FakeMapper
    readonly files: OpenFile[] = []
    readonly regions: Region[] = []
    readonly pending: Promise<unknown>[] = []
    readonly wrong: string[] = []
    readonly #concurrency: number
    readonly #inodes = new Map<number, FakeFile>()
    #stop = stopOfMany()

    constructor({ abortsLate, ...limits }: { abortsLate: boolean; maxHandles: number; concurrency: number }) {
      this.manager = new FakeManager({ ...limits, mapper: new FakeMapper({ abortsLate }) })
      this.#concurrency = limits.concurrency
      this.fake = this.manager.fake
    }

    async begin(): Promise<void> {
      for (const path of ['/a', '/b', '/c']) {
        this.#put(path)
        this.files.push(await this.manager.open(path, 0))
      }
      this.fake.hold('and closes')
    }

    do(does: string, which: number, length: number): void {
      const { fake } = this
      const path = ['/a', '/b', '/c'][which % 3] ?? ''
      const file = this.files[which % this.files.length] as OpenFile
      const { signal } = this.#stop
      switch (does) {
        case 'open':
          this.pending.push(
            this.manager.open(path, 0, signal).then(
              opened => this.files.push(opened),
              () => {}
            )
          )
          break
        case 'map':
          this.#keep(map(file, which * 19, length, signal), file, which * 19, length)
          break
        case 'map ahead': {
          const ahead = file.tryMap({ offset: which * 19, length }, signal)
          if (ahead) this.#keep(ahead, file, which * 19, length)
          break
        }
        case 'release':
          this.regions[which % this.regions.length]?.release()
          break
        case 'let go':
          if (fake.held.length > 0) fake.letGo()
          break
        case 'fail':
          if (fake.held.length > 0) fake.fail(reason)
          break
        case 'abort':
          this.#stop.abort(reason)
          this.#stop = stopOfMany()
          break
        case 'close':
          this.pending.push(file.close().catch(() => {}))
          break
        case 'cut short':
          fake.disk.file(path).resize(300)
          break
        case 'replace':
          this.#put(path)
      }
    }

    check(): void {
      const { bytes, handles } = this.manager
      expect(this.fake.mappedBytes, 'mapped').to.be.at.most(bytes.held)
      expect(this.fake.handles, 'open').to.be.at.most(handles.budget.held)
      expect(this.fake.peakJobs, 'jobs').to.be.at.most(this.#concurrency)
      for (const budget of [bytes, handles.budget]) expect(budget.held).to.be.within(0, budget.limit)
    }

    /** Close while jobs are held; they are let go until all is over. */
    async end(): Promise<void> {
      let over = false
      // It rejects where closing a file fails, having closed all.
      const closing = this.manager.close().catch(error => expect(error).to.equal(reason))
      void closing.then(() => {
        over = true
      })
      for (let turn = 0; turn < 100 && !over; turn++) {
        this.fake.resume()
        await settled()
      }
      expect(over, 'closed').to.equal(true)
      this.manager.expectNothingHeld()
      await closing
      await Promise.all(this.pending)
      this.manager.expectNothingHeld()
      await this.manager.close().catch(() => {})
      expect(this.fake.peakMappedBytes).to.be.at.most(this.manager.bytes.limit)
      expect(this.fake.peakHandles).to.be.at.most(this.manager.handles.budget.limit)
      expect(this.regions.filter(region => !region.released)).to.deep.equal([])
      expect(this.wrong, 'bytes').to.deep.equal([])
    }

    #put(path: string): void {
      const file = this.fake.disk.add(path, 500)
      this.#inodes.set(file.ino, file)
    }

    #sizeOf(ino: number): number {
      return this.#inodes.get(ino)?.size ?? 0
    }

    #keep(mapping: Promise<Region>, file: OpenFile, offset: number, length: number): void {
      const ino = Number(file.handle.info?.ino)
      const checked = mapping.then(region => {
        this.regions.push(region)
        // Cut short since: told by the region for whole pages, by verify() for the rest.
        if (region.released || region.lost >= 0 || this.#sizeOf(ino) < offset + length) return
        if (!region.view({ offset, length }).equals(bytesAt(ino, offset, length)))
          this.wrong.push(`${ino} at ${offset}`)
      })
      this.pending.push(checked.catch(() => {}))
    }
  }

  it('keeps its limits, hands over right bytes, and has nothing left in the end', async () => {
    let mapped = 0
    await fc.assert(
      fc.asyncProperty(options, fc.array(step, { maxLength: 60, size: 'max' }), async (limits, steps) => {
        const world = new World(limits)
        await world.begin()
        for (const { does, which, length, before } of steps) {
          if (before === 'a microtask') await Promise.resolve()
          else if (before !== 'nothing') await settled()
          world.do(does, which, length)
          world.check()
        }
        await world.end()
        mapped += world.regions.length
      }),
      { numRuns: 500 }
    )
    expect(mapped, 'regions that were mapped').to.be.above(500)
  })
})
