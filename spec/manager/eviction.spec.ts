import { expect } from 'chai'
import fc from 'fast-check'
import { MappedBuffer } from '../../lib/access/buffer.js'
import type { Cursor } from '../../lib/access/cursor.js'
import { ERRNO, systemError } from '../../lib/errors.js'
import type { OpenFile } from '../../lib/manager/open-file.js'
import { cursorOn } from '../support/cursors.js'
import { failure } from '../support/failure.js'
import { FakeManager, map, never } from '../support/fake-manager.js'
import { FakeMapper, settled } from '../support/fake-mapper.js'
import { bytesAt } from '../support/files.js'

/** The budget holds 160 bytes: five regions of 32. */
describe('eviction', () => {
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

  /** Use the regions with these numbers, one after the other, and nothing in the end. */
  function touch(...numbers: number[]): void {
    for (const number of numbers) {
      expect(cursor.use(number * 32, 32).bytes).to.deep.equal(bytesAt(1, number * 32, 32))
    }
    cursor.unuse()
  }

  /** The numbers of the regions of `/a` that were unmapped, in that order. */
  function evicted(): number[] {
    const ofThis = manager.fake.logged('unmap').filter(entry => entry.startsWith('/a '))
    return ofThis.map(entry => Number(/ (\d+)\+/.exec(entry)?.[1]) / 32)
  }

  it('unmaps nothing as long as the budget lasts', () => {
    touch(0, 1, 2, 3, 4)
    expect(evicted()).to.deep.equal([])
    expect([manager.cached.size, manager.cached.bytes, manager.bytes.held]).to.deep.equal([5, 160, 160])
    expect(manager.counts.evictions).to.equal(0)
  })

  it('unmaps the region used longest ago, in this order', () => {
    touch(0, 1, 2, 3, 4, 5, 6, 7)
    expect(evicted()).to.deep.equal([0, 1, 2])
    expect(manager.counts.evictions).to.equal(3)
  })

  it('counts using a region again as use, not the mapping of it', () => {
    touch(0, 1, 2, 3, 4)
    touch(2, 0, 4)
    touch(5, 6, 7, 8, 9)
    expect(evicted()).to.deep.equal([1, 3, 2, 0, 4])
  })

  it('counts the end of a lease as use: what was looked at longest goes last', () => {
    const other = cursorOn(file)
    other.use(0)
    touch(1, 2, 3, 4)
    other.unuse()
    touch(5, 6, 7, 8, 9)
    expect(evicted()).to.deep.equal([1, 2, 3, 4, 0])
  })

  it('is in the order of use across all files', async () => {
    const [second, third] = [await manager.with('/b', 1000), await manager.with('/c', 1000)]
    const others = [cursorOn(second), cursorOn(third)]
    touch(0)
    for (const [at, offset] of [
      [0, 0],
      [1, 64],
      [0, 32]
    ] as const)
      others[at]?.use(offset).unuse()
    touch(1)
    touch(0)
    touch(2, 3, 4, 5, 6)
    expect(manager.fake.logged('unmap')).to.deep.equal([
      '/b 0+32',
      '/c 64+32',
      '/b 32+32',
      '/a 32+32',
      '/a 0+32'
    ])
  })

  it('never touches a leased region, however long it was not moved', () => {
    const others = [0, 1, 2].map(number => cursorOn(file).use(number * 32))
    touch(3, 4, 5, 6, 7, 8)
    expect(evicted()).to.deep.equal([3, 4, 5, 6])
    expect(others.every(each => each.valid)).to.equal(true)
    expect(manager.cached.size).to.equal(2)
  })

  it('unmaps as many as the new region is large, and no more', () => {
    touch(0, 1, 2, 3, 4)
    const wide = cursorOn(file, { windowSize: 64 })
    wide.use(512, 64)
    expect(evicted()).to.deep.equal([0, 1])
    wide.unuse()
    touch(5)
    expect(evicted()).to.deep.equal([0, 1, 2])
  })

  it('makes room for scans too, and for no more than the window they ask for', async () => {
    touch(0, 1, 2, 3, 4)
    const window = await map(file, 320, 48)
    expect(evicted()).to.deep.equal([0, 1])
    window.release()
    expect(manager.cached.size).to.equal(3)
  })

  it('lets what was mapped ahead go first', async () => {
    touch(0, 1, 2)
    const given: number[] = []
    const ahead = await map(file, 320, 64)
    manager.spares.push({
      previous: undefined,
      next: undefined,
      list: undefined,
      giveUp: bytes => {
        given.push(bytes)
        ahead.release()
        return 64
      }
    })
    touch(3)
    expect(given).to.deep.equal([32])
    expect(manager.fake.logged('unmap')).to.deep.equal(['/a 320+64'])
    for (const spares of manager.spares) manager.spares.remove(spares)
  })

  it('does not count on what was mapped ahead and is still under way: who cannot wait gets a region of others', () => {
    touch(0, 1, 2, 3, 4)
    manager.spares.push({ previous: undefined, next: undefined, list: undefined, giveUp: bytes => bytes })
    touch(5)
    expect(evicted()).to.deep.equal([0])
    for (const spares of manager.spares) manager.spares.remove(spares)
  })

  it('moves the queue when the last lease of a region ends', async () => {
    const others = [0, 1, 2, 3, 4].map(number => cursorOn(file).use(number * 32))
    const waiting = map(file, 320, 32)
    await settled()
    expect(manager.bytes.waiters).to.equal(1)
    others[3]?.unuse()
    const window = await waiting
    expect(evicted()).to.deep.equal([3])
    window.release()
  })

  it('is told of in the count of evictions, and collect() is not', () => {
    touch(0, 1, 2, 3, 4, 5)
    expect(manager.collect()).to.equal(5)
    expect(evicted()).to.deep.equal([0, 1, 2, 3, 4, 5])
    expect([manager.counts.evictions, manager.cached.size, manager.bytes.held]).to.deep.equal([1, 0, 0])
    expect(manager.collect()).to.equal(0)
  })

  it('keeps to the order of a model, whatever is used, read, held and let go', () => {
    const what = fc.constantFrom('use', 'unuse', 'read')
    const action = fc.record({ cursor: fc.nat(3), region: fc.nat(29), what })
    const bytes = new MappedBuffer({ file, base: 0, limit: 1000, windowSize: 32, keep: file })
    fc.assert(
      fc.property(fc.array(action, { maxLength: 300, size: 'max' }), actions => {
        manager.collect()
        const from = manager.fake.log.length
        const cursors = [0, 1, 2, 3].map(() => cursorOn(file))
        const holds: (number | undefined)[] = [undefined, undefined, undefined, undefined]
        let cached: number[] = []
        const expected: number[] = []
        const letGo = (at: number) => {
          const region = holds[at]
          holds[at] = undefined
          if (region !== undefined && !holds.includes(region)) cached.push(region)
        }
        for (const { cursor: at, region, what } of actions) {
          if (what === 'unuse') cursors[at]?.unuse()
          else if (what === 'use') cursors[at]?.use(region * 32)
          else expect(bytes.readUInt8(region * 32)).to.equal(bytesAt(1, region * 32, 1)[0])
          if (what === 'use' && holds[at] === region) continue
          if (what !== 'read') letGo(at)
          if (what === 'unuse') continue
          if (!cached.includes(region) && !holds.includes(region)) {
            const leased = new Set(holds.filter(each => each !== undefined)).size
            if (leased + cached.length === 5) expected.push(cached.shift() ?? -1)
          }
          cached = cached.filter(each => each !== region)
          if (what === 'use') holds[at] = region
          else if (!holds.includes(region)) cached.push(region)
        }
        const log = manager.fake.log.slice(from).filter(entry => entry.startsWith('unmap'))
        expect(log.map(entry => Number(/ (\d+)\+/.exec(entry)?.[1]) / 32)).to.deep.equal(expected)
        expect(manager.bytes.peak).to.be.at.most(160)
        for (const each of cursors) each[Symbol.dispose]()
      }),
      { numRuns: 50 }
    )
  })

  describe('for a call that cannot wait', () => {
    it('throws where leases leave no room, after nothing is left to evict', () => {
      const others = [0, 1, 2, 3].map(number => cursorOn(file).use(number * 32))
      touch(4)
      const wide = cursorOn(file, { windowSize: 64 })
      expect(() => wide.use(512, 64))
        .to.throw()
        .that.includes({ code: 'ERR_MAP_LIMIT', length: 64 })
      expect(evicted()).to.deep.equal([4])
      expect([wide.valid, others.every(each => each.valid)]).to.deep.equal([false, true])
      others[0]?.unuse()
      expect(wide.use(512, 64).length).to.equal(64)
    })

    it('throws where others wait already: it does not overtake them', async () => {
      const window = await map(file, 0, 150)
      const waiting = map(file, 320, 32)
      await settled()
      expect(() => cursor.use(900, 1))
        .to.throw(/and 1 wait for more/)
        .that.includes({ code: 'ERR_MAP_LIMIT' })
      window.release()
      await waiting
    })

    it('throws at once what can never fit, and evicts nothing for it', async () => {
      touch(0, 1)
      const large = await manager.with('/b', 1000)
      const whole = cursorOn(large, { windowSize: file.mapper.maxLength })
      expect(() => whole.use(0))
        .to.throw(/can never fit/)
        .that.includes({ code: 'ERR_MAP_LIMIT', length: 1008 })
      expect(evicted()).to.deep.equal([])
    })

    it('throws where all handles are at work', async () => {
      manager = new FakeManager({ maxHandles: 1 })
      const [busy, idle] = [await manager.with('/a', 1000), await manager.with('/b', 1000)]
      manager.fake.hold()
      const mapping = map(busy, 0, 16)
      await settled()
      expect(() => cursorOn(idle).use(0))
        .to.throw()
        .that.includes({ code: 'ERR_MAP_LIMIT' })
      expect(manager.bytes.held).to.equal(16)
      manager.fake.resume()
      await mapping
      expect(cursorOn(idle).use(0).valid).to.equal(true)
      expect(manager.handles.budget.held).to.equal(1)
    })
  })

  describe('when the OS is out of something', () => {
    const shortages = [
      ['ENOMEM', 'mmap'],
      ['EMFILE', 'open'],
      ['ENFILE', 'open']
    ] as const
    for (const [code, syscall] of shortages) {
      const refusal = () => systemError(ERRNO[code], syscall, '/a', 'a hint')

      it(`gives back all that nobody uses on ${code}, and tries once more`, async () => {
        touch(0, 1)
        const held = cursorOn(file).use(64)
        const other = await manager.with('/b', 1000)
        manager.fake.failNext(refusal())
        expect(cursorOn(other).use(0).valid).to.equal(true)
        expect([evicted(), held.valid]).to.deep.equal([[0, 1], true])
        expect(manager.fake.logged('close')).to.deep.equal(['/a', '/b'])

        manager.fake.failNext(refusal())
        expect((await cursor.load(500)).valid).to.equal(true)
        manager.fake.failNext(refusal())
        expect((await map(file, 0, 16)).length).to.equal(16)
        manager.fake.failNext(refusal())
        manager.fake.disk.add('/c', 'content')
        expect((await manager.open('/c', 0)).size).to.equal(7)
      })

      it(`passes ${code} on, hint included, where that did not help`, async () => {
        const twice = () => [0, 1].map(() => manager.fake.failNext(refusal()))
        twice()
        expect(() => cursor.use(0))
          .to.throw(/a hint/)
          .that.includes({ code, syscall })
        twice()
        expect(await failure(cursor.load(0))).to.include({ code, syscall })
        twice()
        expect(await failure(map(file, 0, 16))).to.include({ code, syscall })
        expect([manager.bytes.held, manager.fake.mappings]).to.deep.equal([0, 0])
      })
    }

    it('tries nothing twice for other errors', () => {
      touch(0)
      manager.fake.failNext(systemError(ERRNO.EACCES, 'mmap', '/a'))
      expect(() => cursor.use(500))
        .to.throw()
        .that.includes({ code: 'EACCES' })
      expect([manager.cached.size, manager.counts.evictions]).to.deep.equal([1, 0])
    })
  })

  describe('of a file that the OS will not map', () => {
    it('is read from the first refusal on, also where that comes to a call that cannot wait', async () => {
      const fake = new FakeMapper()
      const reader = new FakeMapper({ disk: fake.disk, name: 'reader', pageSize: 1, servesAnyFile: true })
      manager = new FakeManager({ mapper: fake, reader: () => reader })
      fake.disk.add('/net', 1000, { mappable: false })
      const net = await manager.open('/net', 0)
      expect(cursorOn(net).use(40, 10).bytes).to.deep.equal(bytesAt(1, 40, 10))
      expect(fake.log).to.deep.equal(['open /net', 'map /net 32+32', 'close /net'])
      expect(reader.log).to.deep.equal(['open /net', 'map /net 32+32'])
      await net.close()
      expect(reader.leftovers).to.deep.equal([])
    })

    it('is refused where the caller insists on the mapper', async () => {
      manager.fake.disk.add('/net', 1000, { mappable: false })
      const net = await manager.open('/net', 0)
      expect(() => cursorOn(net).use(0))
        .to.throw()
        .that.includes({ code: 'ERR_MAP_UNSUPPORTED', path: '/net' })
      expect(await failure(cursorOn(net).load(0))).to.include({ code: 'ERR_MAP_UNSUPPORTED' })
      expect(manager.bytes.held).to.equal(0)
    })
  })

  it('leaves a handle alone that a job runs on, and closes it when the file is mapped as a whole', async () => {
    const small = await manager.with('/small', 100)
    const whole = cursorOn(small, { windowSize: small.mapper.maxLength })
    expect(whole.use(40, 8).bytes).to.deep.equal(bytesAt(2, 40, 8))
    expect([manager.fake.logged('close'), small.handle.fd]).to.deep.equal([['/small'], -1])
    expect([whole.use(0).length, manager.counts.maps]).to.deep.equal([100, 1])

    manager.fake.hold()
    const busy = small.verify(100, never)
    await settled()
    whole.unuse()
    manager.collect()
    expect(whole.use(0).length).to.equal(100)
    manager.fake.resume()
    await busy
    expect(manager.fake.misuses).to.deep.equal([])
  })
})
