import { expect } from 'chai'
import fc from 'fast-check'
import type { Cursor } from '../../lib/access/cursor.js'
import type { OpenFile } from '../../lib/manager/open-file.js'
import { cursorOn } from '../support/cursors.js'
import { failure } from '../support/failure.js'
import { FakeManager, map } from '../support/fake-manager.js'
import { FakeMapper, settled } from '../support/fake-mapper.js'
import { bytesAt } from '../support/files.js'

/** Windows of 32 bytes, pages of 16, a budget of 160. */
describe('a cursor that loads', () => {
  const reason = new Error('reason')
  let manager: FakeManager
  let file: OpenFile
  let cursor: Cursor
  beforeEach(async () => {
    manager = new FakeManager()
    file = await manager.with('/a', 1000)
    cursor = cursorOn(file)
  })
  afterEach(async () => {
    manager.fake.resume()
    await manager.closeClean()
  })

  it('shows the same as one that is used, and answers itself', async () => {
    expect(await cursor.load(40, 10)).to.equal(cursor)
    expect([cursor.offset, cursor.length, cursor.bytes]).to.deep.equal([40, 10, bytesAt(1, 40, 10)])
    expect(manager.fake.logged('map')).to.deep.equal(['/a 32+32'])
    expect((await cursor.load(33)).length).to.equal(31)
    expect(manager.counts.maps).to.equal(1)
  })

  it('leaves no region behind that was unmapped, or closed, just as it was there', async () => {
    for (let steps = 0; steps < 20; steps++) {
      for (const end of ['unmapAll', 'close'] as const) {
        const own = new FakeManager()
        const other = await own.with('/b', 100)
        const sent = cursorOn(other)
        own.fake.hold()
        const loaded = sent.load(0).then(
          () => 'loaded',
          (error: { code: string }) => error.code
        )
        await settled()
        own.fake.letGo()
        for (let step = 0; step < steps; step++) await Promise.resolve()
        const ended = other[end]()
        own.fake.resume()
        await ended
        expect(await loaded).to.be.oneOf(['loaded', end === 'close' ? 'ERR_MAP_CLOSED' : 'ERR_MAP_RELEASED'])
        if (end === 'unmapAll') expect(sent.use(0).bytes.equals(bytesAt(1, 0, 32))).to.equal(true)
        sent[Symbol.dispose]()
        await own.closeClean()
        expect([own.cached.size, own.cached.bytes]).to.deep.equal([0, 0])
      }
    }
  })

  it('has its arguments checked as use() has, by a rejection', async () => {
    expect(await failure(cursor.load(1000))).to.include({ code: 'ERR_MAP_OUT_OF_RANGE', offset: 1000 })
    expect(await failure(cursor.load(-1))).to.include({ code: 'ERR_OUT_OF_RANGE' })
    expect(await failure(cursor.load(0, 0))).to.include({ code: 'ERR_OUT_OF_RANGE' })
    const wrong = cursor.load(0, 1, { signal: {} as AbortSignal })
    expect(await failure(wrong)).to.include({ code: 'ERR_INVALID_ARG_TYPE' })
  })

  it('waits in line while the budget is spent, and leases nothing meanwhile', async () => {
    const others = [0, 1, 2, 3, 4].map(number => cursorOn(file).use(number * 32))
    const waiting = cursor.load(500)
    await settled()
    expect([manager.bytes.waiters, cursor.valid]).to.deep.equal([1, false])
    others[2]?.unuse()
    expect((await waiting).bytes).to.deep.equal(bytesAt(1, 500, 12))
  })

  it('gives its own region back before it waits: any number get by with a budget of one region', async () => {
    manager = new FakeManager({ maxMappedBytes: 32 })
    file = await manager.with('/a', 1000)
    const wander = async (seed: number) => {
      const own = cursorOn(file)
      for (let step = 0; step < 20; step++) {
        const offset = (seed * 31 + step * 97) % 1000
        const { bytes } = await own.load(offset, 8)
        expect(bytes).to.deep.equal(bytesAt(1, offset, bytes.length))
        if (step % 5 === 0) await settled()
        own.unuse()
      }
    }
    await Promise.all(Array.from({ length: 20 }, (_, seed) => wander(seed)))
    expect([manager.fake.peakMappedBytes, manager.bytes.waiters]).to.deep.equal([32, 0])
  })

  describe('at one place with others', () => {
    it('shares one mapping with all that want it at the same time, each by a lease of its own', async () => {
      manager.fake.hold()
      const cursors = [40, 33, 63].map(offset => cursorOn(file).load(offset, 1))
      await settled()
      expect(manager.fake.held).to.deep.equal(['map /a 32+32'])
      manager.fake.resume()
      const [first, second, third] = await Promise.all(cursors)
      expect([first?.bytes, second?.bytes, third?.bytes]).to.deep.equal([
        bytesAt(1, 40, 1),
        bytesAt(1, 33, 1),
        bytesAt(1, 63, 1)
      ])
      for (const each of [first, second]) each?.unuse()
      expect([manager.collect(), manager.counts.maps]).to.deep.equal([0, 1])
      third?.unuse()
      expect(manager.collect()).to.equal(1)
    })

    it('goes beside what is being mapped, and does not overlap it', async () => {
      manager.fake.hold()
      const loads = [cursorOn(file).load(50, 20), cursorOn(file).load(30, 10), cursorOn(file).load(80, 10)]
      await settled()
      manager.fake.resume()
      await Promise.all(loads)
      expect(manager.fake.logged('map')).to.deep.equal(['/a 48+32', '/a 16+32', '/a 80+16'])
      expect(file.shared.size).to.equal(3)
    })

    it('is not waited for by one that cannot wait: that maps on its own, and each shows the right bytes', async () => {
      manager.fake.hold()
      const loading = cursor.load(40, 20)
      await settled()
      const other = cursorOn(file).use(50, 4)
      expect(other.bytes).to.deep.equal(bytesAt(1, 50, 4))
      manager.fake.resume()
      await loading
      expect(cursor.bytes).to.deep.equal(bytesAt(1, 40, 20))
      // The place was taken when it arrived: it serves who asked, and goes with them.
      expect([manager.counts.maps, file.shared.size]).to.deep.equal([2, 1])
      cursor.unuse()
      expect([manager.fake.mappings, manager.cached.size]).to.deep.equal([1, 0])
      other.unuse()
      expect(manager.cached.size).to.equal(1)
    })

    it('rejects all of them where it fails', async () => {
      manager.fake.hold()
      const loads = [40, 33].map(offset => failure(cursorOn(file).load(offset)))
      await settled()
      manager.fake.fail(reason)
      for (const load of loads) expect(await load).to.equal(reason)
      expect(manager.bytes.held).to.equal(0)
    })
  })

  describe('and is aborted', () => {
    it('rejects at once, and leaves the queue', async () => {
      const window = await map(file, 0, 150)
      const stop = new AbortController()
      const loading = failure(cursor.load(500, 1, { signal: stop.signal }))
      await settled()
      stop.abort(reason)
      expect([await loading, manager.bytes.waiters, cursor.valid]).to.deep.equal([reason, 0, false])
      expect(await failure(cursor.load(0, 1, { signal: stop.signal }))).to.equal(reason)
      window.release()
    })

    it('leaves the mapping to the others that want it, and ends it when the last one leaves', async () => {
      manager.fake.hold()
      const stops = [0, 1, 2].map(() => new AbortController())
      const [first, second, third] = stops.map(({ signal }) => cursorOn(file).load(0, 1, { signal }))
      await settled()
      stops[0]?.abort(reason)
      expect(await failure(first)).to.equal(reason)
      manager.fake.resume()
      expect((await second)?.valid).to.equal(true)
      await third

      manager.fake.hold()
      const stop = new AbortController()
      const both = [0, 1].map(() => failure(cursorOn(file).load(500, 1, { signal: stop.signal })))
      await settled()
      stop.abort(reason)
      expect(await Promise.all(both)).to.deep.equal([reason, reason])
      await settled()
      expect([manager.bytes.held, manager.fake.mappings]).to.deep.equal([32, 1])
    })

    it('does not take whoever comes next along, while what it wanted is being undone', async () => {
      manager.fake.hold()
      const stop = new AbortController()
      const first = failure(cursor.load(0, 1, { signal: stop.signal }))
      await settled()
      stop.abort(reason)
      const second = cursorOn(file).load(0)
      expect(await first).to.equal(reason)
      manager.fake.resume()
      expect((await second).bytes).to.deep.equal(bytesAt(1, 0, 32))
    })

    it('maps nothing for nobody, also where the job was done already', async () => {
      const stop = new AbortController()
      manager.fake.hold()
      const loading = failure(cursor.load(0, 1, { signal: stop.signal }))
      await settled()
      manager.fake.resume()
      stop.abort(reason)
      expect(await loading).to.equal(reason)
      await settled()
      expect([manager.fake.mappings, manager.bytes.held]).to.deep.equal([0, 0])
    })

    it('has been sent elsewhere meanwhile: then the first call rejects, the last one counts', async () => {
      manager.fake.hold()
      const first = failure(cursor.load(0))
      await settled()
      const second = failure(cursor.load(320))
      await settled()
      cursor.use(640)
      const third = failure(cursor.load(960))
      await settled()
      cursor.unuse()
      for (const call of [first, second, third]) {
        const error = await call
        expect(error).to.include({ code: 'ERR_MAP_RELEASED' })
        expect(error).to.have.property('message').that.includes('sent elsewhere or given back')
      }
      expect(cursor.valid).to.equal(false)
      manager.fake.resume()
      await settled()
      expect(manager.fake.mappings).to.equal(1)
      const last = cursor.load(0, 4)
      cursor[Symbol.dispose]()
      const error = await failure(last)
      expect(error).to.include({ code: 'ERR_MAP_RELEASED' })
      expect(error).to.have.property('message').that.includes('disposed of')
    })
  })

  it('gets what it waited for where the file has changed meanwhile, and nobody else gets that', async () => {
    manager.fake.hold()
    const loading = cursor.load(995)
    await settled()
    manager.fake.disk.file('/a').write(bytesAt(1, 0, 1010))
    const refreshed = file.refresh(new AbortController().signal)
    await settled()
    manager.fake.letGo(2)
    expect([await refreshed, (await loading).length]).to.deep.equal([1010, 5])
    manager.fake.resume()
    const other = await cursorOn(file).load(995, 15)
    expect([other.length, other.bytes]).to.deep.equal([15, bytesAt(1, 995, 15)])
    expect([manager.counts.maps, file.shared.size]).to.deep.equal([2, 1])
    cursor.unuse()
    expect([manager.cached.size, manager.fake.mappings]).to.deep.equal([0, 1])
  })

  it('ends when its file is unmapped meanwhile', async () => {
    manager.fake.hold()
    const loading = failure(cursor.load(0))
    await settled()
    manager.unmap(({ path }) => path === '/a')
    expect(await loading).to.include({ code: 'ERR_MAP_RELEASED', path: '/a' })
    manager.fake.resume()
    expect((await cursor.load(0)).valid).to.equal(true)
  })

  describe('from a region that was mapped without its pages', () => {
    it('has them read by a job of their own first', async () => {
      cursorOn(file).use(32)
      await cursor.load(40, 4)
      expect(manager.fake.logged('map')).to.deep.equal(['/a 32+32', '/a 32+12'])
      expect(manager.fake.logged('unmap')).to.deep.equal(['/a 32+12'])
      expect([cursor.bytes, manager.counts.maps, file.shared.size]).to.deep.equal([bytesAt(1, 40, 4), 2, 1])
    })

    it('does without where the budget is spent, rather than wait for what it has', async () => {
      for (const number of [0, 1, 2, 3, 4]) cursorOn(file).use(number * 32)
      await cursor.load(0)
      expect([manager.counts.maps, manager.bytes.waits]).to.deep.equal([5, 0])
    })

    it('gives its lease back where that fails', async () => {
      cursorOn(file).use(32).unuse()
      manager.fake.failNext(reason)
      expect(await failure(cursor.load(40))).to.equal(reason)
      expect(manager.cached.size).to.equal(1)
    })
  })

  it('is served by the mapper that takes over where the OS will not map the file', async () => {
    const fake = new FakeMapper()
    const reader = new FakeMapper({ disk: fake.disk, name: 'reader', pageSize: 1, servesAnyFile: true })
    manager = new FakeManager({ mapper: fake, reader: () => reader })
    fake.disk.add('/net', 1000, { mappable: false })
    const net = await manager.open('/net', 0)
    expect((await cursorOn(net).load(40, 10)).bytes).to.deep.equal(bytesAt(1, 40, 10))
    await net.close()
    expect(reader.leftovers).to.deep.equal([])
  })

  it('and is used, and scanned, in any order: always the right bytes, and nothing beyond the limits', async () => {
    const action = fc.record({
      cursor: fc.nat(4),
      offset: fc.nat(999),
      size: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
      kind: fc.constantFrom('use', 'load', 'load', 'unuse', 'clone', 'collect', 'scan', 'abort')
    })
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 120, size: 'max' }), async actions => {
        const cursors = Array.from({ length: 5 }, () => cursorOn(file))
        const pending: Promise<unknown>[] = []
        const refused = ['ERR_MAP_LIMIT', 'ERR_MAP_RELEASED', 'AbortError']
        const forgive = (error: Error & { code?: string }) => {
          expect(refused).to.include(error.name === 'AbortError' ? error.name : error.code)
        }
        const check = (each: Cursor) => {
          if (each.valid) expect(each.bytes).to.deep.equal(bytesAt(1, each.offset, each.length))
        }
        for (const { cursor: at, offset, size, kind } of actions) {
          const each = cursors[at] as Cursor
          const stop = new AbortController()
          if (kind === 'use') {
            try {
              expect(each.use(offset, size).includes(offset)).to.equal(true)
            } catch (error) {
              forgive(error as Error)
            }
          } else if (kind === 'load' || kind === 'abort') {
            pending.push(each.load(offset, size, { signal: stop.signal }).then(check, forgive))
            if (kind === 'abort') stop.abort()
          } else if (kind === 'unuse') each.unuse()
          else if (kind === 'clone') each.clone()[Symbol.dispose]()
          else if (kind === 'collect') manager.collect()
          else pending.push(map(file, offset - (offset % 16), 1).then(region => region.release()))
          check(each)
          if (offset % 3 === 0) await settled()
        }
        for (const each of cursors) each[Symbol.dispose]()
        await Promise.all(pending)
        // What was aborted is told at once, and undone when its job has ended.
        await settled()
        manager.collect()
        expect([manager.bytes.held, manager.fake.mappings, manager.bytes.waiters]).to.deep.equal([0, 0, 0])
        expect(manager.fake.peakMappedBytes).to.be.at.most(160)
      }),
      { numRuns: 40 }
    )
  })
})
