import { expect } from 'chai'
import { ERRNO, systemError } from '../../lib/errors.js'
import type { OpenFile } from '../../lib/manager/open-file.js'
import { failure } from '../support/failure.js'
import { FakeManager, map, never } from '../support/fake-manager.js'
import { FakeMapper, settled } from '../support/fake-mapper.js'
import { bytesAt } from '../support/files.js'

describe('an open file', () => {
  const reason = new Error('reason')
  let manager: FakeManager
  let file: OpenFile
  beforeEach(async () => {
    manager = new FakeManager()
    file = await manager.with('/a', 1000)
  })
  afterEach(async () => {
    manager.fake.resume()
    await manager.closeClean()
  })

  it('maps a region that holds the range, from a multiple of the granularity, and pays for whole pages', async () => {
    expect(file.cost({ offset: 20, length: 30 })).to.equal(48)
    const region = await map(file, 20, 30)
    expect([region.offset, region.length, manager.bytes.held]).to.deep.equal([16, 34, 48])
    expect(manager.fake.logged('map')).to.deep.equal(['/a 16+34'])
    expect(region.view({ offset: 20, length: 30 })).to.deep.equal(bytesAt(1, 20, 30))
    expect([file.regions.size, manager.counts.maps]).to.deep.equal([1, 1])
    region.release()
    expect([file.regions.size, manager.bytes.held]).to.deep.equal([0, 0])
  })

  it('maps the last bytes that a file can have', async () => {
    const end = Number.MAX_SAFE_INTEGER
    const huge = await manager.with('/huge', end)
    const region = await map(huge, end - 20, 20)
    expect(region.view({ offset: end - 20, length: 20 })).to.deep.equal(bytesAt(2, end - 20, 20))
    region.release()
  })

  it('keeps what the consumer opened alive by each of its regions', async () => {
    const facade = { the: 'file' }
    file.facade = new WeakRef(facade)
    expect((await map(file, 0, 1)).keep).to.equal(facade)
    file.facade = undefined
    expect((await map(file, 0, 1)).keep).to.equal(undefined)
  })

  it('waits in line while the budget is spent', async () => {
    const first = await map(file, 0, 160)
    const large = map(file, 0, 100)
    const small = map(file, 0, 16)
    await settled()
    expect([manager.bytes.waiters, manager.fake.mappings]).to.deep.equal([2, 1])
    first.release()
    expect([(await large).length, (await small).length]).to.deep.equal([100, 16])
    expect(manager.fake.logged('map')).to.deep.equal(['/a 0+160', '/a 0+100', '/a 0+16'])
  })

  it('refuses at once what can never fit', async () => {
    await map(file, 0, 160)
    expect(await failure(map(file, 15, 160))).to.include({ code: 'ERR_MAP_LIMIT', length: 176 })
    expect(manager.bytes.waits).to.equal(0)
  })

  it('leaves the queue when it is aborted', async () => {
    const first = await map(file, 0, 160)
    const stop = new AbortController()
    const second = failure(map(file, 0, 16, stop.signal))
    stop.abort(reason)
    expect(await second).to.equal(reason)
    first.release()
    expect(manager.bytes.held).to.equal(0)
  })

  it('gives the budget back where mapping fails or is aborted', async () => {
    manager.fake.failNext(systemError(ERRNO.EACCES, 'mmap', '/a'))
    expect(await failure(map(file, 0, 160))).to.include({ code: 'EACCES' })
    manager.fake.hold()
    const stop = new AbortController()
    const aborted = failure(map(file, 0, 160, stop.signal))
    await settled()
    expect(manager.bytes.held).to.equal(160)
    stop.abort(reason)
    expect(await aborted).to.equal(reason)
    expect([manager.bytes.held, manager.fake.mappings]).to.deep.equal([0, 0])
  })

  describe('that was cut short', () => {
    it('rejects with where it ends now, and how much is missing', async () => {
      manager.fake.disk.file('/a').resize(40)
      const error = await failure(map(file, 20, 30))
      expect(error).to.include({ code: 'ERR_MAP_FILE_TRUNCATED', path: '/a', offset: 40, length: 10 })
      expect(error.message).to.equal("'/a' ends at 40 now, short of 50")
      expect([manager.bytes.held, manager.fake.mappings]).to.deep.equal([0, 0])
      expect((await map(file, 20, 20)).length).to.equal(24)
    })

    it('rejects also where that happens while the job runs', async () => {
      manager.fake.hold()
      const mapping = failure(map(file, 0, 41))
      await settled()
      manager.fake.disk.file('/a').resize(40)
      manager.fake.resume()
      expect(await mapping).to.include({ code: 'ERR_MAP_FILE_TRUNCATED', offset: 40, length: 1 })
      expect(manager.bytes.held).to.equal(0)
    })

    it('is found out by looking once more', async () => {
      await file.verify(1000, never)
      manager.fake.disk.file('/a').resize(999)
      await file.verify(999, never)
      expect(await failure(file.verify(1000, never))).to.include({
        code: 'ERR_MAP_FILE_TRUNCATED',
        offset: 999
      })
    })
  })

  it('explains lost bytes by the end of the file where that is before them, else by the disk', async () => {
    const error = await file.explainLoss(40, never)
    expect(error).to.include({ code: 'ERR_MAP_IO', path: '/a', offset: 40 })
    manager.fake.disk.file('/a').resize(40)
    expect(await file.explainLoss(40, never)).to.include({ code: 'ERR_MAP_FILE_TRUNCATED', offset: 40 })
    expect(await file.explainLoss(39, never)).to.include({ code: 'ERR_MAP_IO', offset: 39 })
  })

  describe('on a descriptor of the caller’s own', () => {
    let fd: number
    let lent: OpenFile
    beforeEach(async () => {
      manager.fake.disk.add('/b', 'other')
      fd = manager.fake.disk.open('/a')
      lent = await manager.open(() => fd, 0)
    })

    it('has no path, and errors say so', async () => {
      expect([lent.path, lent.size]).to.deep.equal([undefined, 1000])
      manager.fake.disk.file('/a').resize(1)
      const error = await failure(map(lent, 0, 2))
      expect(error.message).to.equal('the file ends at 1 now, short of 2')
      expect(error).to.not.have.property('path')
    })

    it('rejects when the descriptor is on another file by now, be that longer or shorter', async () => {
      fd = manager.fake.disk.open('/b')
      for (const length of [5, 6]) {
        expect(await failure(map(lent, 0, length))).to.include({ code: 'ERR_MAP_FILE_CHANGED' })
      }
      expect(await failure(lent.verify(1, never))).to.include({ code: 'ERR_MAP_FILE_CHANGED' })
      expect(await failure(lent.verify(1000, never))).to.include({ code: 'ERR_MAP_FILE_CHANGED' })
      expect([manager.bytes.held, manager.fake.mappings]).to.deep.equal([0, 0])
    })
  })

  describe('mapped ahead', () => {
    function ahead(offset: number, length: number) {
      return file.tryMap({ offset, length }, never)
    }

    it('is mapped where a job may start and the budget is free', async () => {
      expect((await ahead(16, 16))?.length).to.equal(16)
    })

    it('is not mapped where all jobs are at work', async () => {
      manager.fake.hold()
      const all = [ahead(0, 16), ahead(16, 16)]
      expect(ahead(32, 16)).to.equal(undefined)
      await settled()
      expect(manager.fake.held).to.have.length(2)
      manager.fake.resume()
      await Promise.all(all)
    })

    it('is not mapped where the budget does not hold it, or others wait for it', async () => {
      const first = await map(file, 0, 144)
      expect(ahead(0, 17)).to.equal(undefined)
      const waiting = map(file, 0, 32)
      await settled()
      expect(ahead(0, 16)).to.equal(undefined)
      first.release()
      await waiting
    })

    it('is not mapped where its handle is closed and none is free: it would wait, and others behind it', async () => {
      manager = new FakeManager({ maxHandles: 1 })
      file = await manager.with('/a', 1000)
      const other = await manager.with('/b', 'other')
      manager.fake.hold()
      const busy = map(other, 0, 5)
      await settled()
      expect(ahead(0, 16)).to.equal(undefined)
      expect([manager.handles.budget.waiters, manager.bytes.held]).to.deep.equal([0, 16])
      manager.fake.resume()
      await busy
    })

    it('is not mapped where the file is closed', async () => {
      await file.close()
      expect(ahead(0, 16)).to.equal(undefined)
    })
  })

  describe('that the OS will not map', () => {
    let reader: FakeMapper
    let net: OpenFile
    beforeEach(async () => {
      const fake = new FakeMapper()
      reader = new FakeMapper({ disk: fake.disk, name: 'reader', pageSize: 1, servesAnyFile: true })
      manager = new FakeManager({ mapper: fake, reader: () => reader })
      fake.disk.add('/net', 1000, { mappable: false })
      net = await manager.open('/net', 0)
    })

    it('is read from the first refusal on', async () => {
      expect(manager.fake.logged('open')).to.deep.equal(['/net'])
      const region = await map(net, 20, 30)
      expect(region.view({ offset: 20, length: 30 })).to.deep.equal(bytesAt(1, 20, 30))
      await map(net, 100, 10)
      expect(manager.fake.log).to.deep.equal(['open /net', 'map /net 16+34', 'close /net'])
      expect(reader.log).to.deep.equal(['open /net', 'map /net 20+30', 'map /net 100+10'])
      await net.close()
      expect(reader.leftovers).to.deep.equal([])
    })

    it('is read by all whose jobs were refused at the same time, and is open once', async () => {
      manager.fake.hold()
      const both = [map(net, 20, 30), map(net, 50, 30)]
      await settled()
      manager.fake.resume()
      const [first, second] = await Promise.all(both)
      expect(first?.view({ offset: 20, length: 30 })).to.deep.equal(bytesAt(1, 20, 30))
      expect(second?.view({ offset: 50, length: 30 })).to.deep.equal(bytesAt(1, 50, 30))
      expect([reader.handles, manager.handles.budget.held]).to.deep.equal([1, 1])
      await net.close()
      expect(reader.leftovers).to.deep.equal([])
    })

    it('gives right bytes where one job was refused and another was not', async () => {
      // On a descriptor of the caller's own nothing has to be closed: the reader takes over soonest there.
      manager.fake.disk.add('/half', 1000)
      const fd = manager.fake.disk.open('/half')
      const half = await manager.open(() => fd, 0)
      manager.fake.hold()
      const refused = map(half, 100, 20)
      await settled()
      const mapped = map(half, 20, 30)
      await settled()
      manager.fake.fail(systemError(ERRNO.ENODEV, 'mmap'))
      await settled()
      manager.fake.resume()
      expect((await mapped).view({ offset: 20, length: 30 })).to.deep.equal(bytesAt(2, 20, 30))
      expect((await refused).view({ offset: 100, length: 20 })).to.deep.equal(bytesAt(2, 100, 20))
    })

    it('is not asked for again where the reader is refused too', async () => {
      await map(net, 0, 10)
      reader.failNext(systemError(ERRNO.ENODEV, 'read'))
      expect(await failure(map(net, 0, 10))).to.include({ code: 'ENODEV' })
    })

    it('is refused where the caller insists on the mapper', async () => {
      manager = new FakeManager({ mapper: new FakeMapper({ disk: manager.fake.disk }) })
      net = await manager.open('/net', 0)
      const error = await failure(map(net, 0, 10))
      expect(error).to.include({ code: 'ERR_MAP_UNSUPPORTED', path: '/net' })
      expect([manager.bytes.held, manager.fake.mappings]).to.deep.equal([0, 0])
    })
  })

  describe('on close', () => {
    it('ends its consumers, releases its regions at once, and is closed when they have ended', async () => {
      const region = await map(file, 0, 16)
      const view = region.view({ offset: 0, length: 16 })
      let ended: (() => void) | undefined
      const told: unknown[] = []
      file.consumers.add({
        destroy: error => {
          told.push(error)
          return new Promise(resolve => {
            ended = resolve
          })
        }
      })
      const closing = file.close()
      expect(told[0]).to.include({ code: 'ERR_MAP_CLOSED', path: '/a', message: "'/a' is closed" })
      expect([view.length, region.released, manager.bytes.held]).to.deep.equal([0, true, 0])
      await settled()
      expect(manager.fake.handles).to.equal(1)
      ended?.()
      await closing
      expect(manager.fake.handles).to.equal(0)
      expect(manager.files.has(file)).to.equal(false)
    })

    it('happens once, and says so once', async () => {
      let told = 0
      file.onClose = () => told++
      expect(file.closed).to.equal(false)
      await Promise.all([file.close(), file.close()])
      await file.close()
      expect([told, file.closed, manager.fake.logged('close')]).to.deep.equal([1, true, ['/a']])
    })

    it('happens once also where a consumer closes it in turn', async () => {
      let told = 0
      file.onClose = () => told++
      file.consumers.add({ destroy: async () => void file.close() })
      await file.close()
      expect([told, manager.fake.logged('close')]).to.deep.equal([1, ['/a']])
    })

    it('lets nobody map any more', async () => {
      await file.close()
      expect(await failure(map(file, 0, 16))).to.include({ code: 'ERR_MAP_CLOSED', path: '/a' })
      expect(() => file.throwIfClosed()).to.throw("'/a' is closed")
    })

    it('waits for jobs under way, and what they map goes at once', async () => {
      manager.fake.hold()
      const mapping = failure(map(file, 0, 16))
      await settled()
      const closing = file.close()
      await settled()
      expect(manager.fake.held).to.deep.equal(['map /a 0+16'])
      manager.fake.resume()
      expect(await mapping).to.include({ code: 'ERR_MAP_CLOSED' })
      await closing
      manager.expectNothingHeld()
    })

    it('leaves no region of a job that came out in that moment', async () => {
      for (let turns = 0; turns < 30; turns++) {
        const late = await manager.with('/late', 1000)
        manager.fake.hold()
        const mapping = Promise.allSettled([map(late, 0, 16)])
        await settled()
        manager.fake.letGo()
        for (let turn = 0; turn < turns; turn++) await Promise.resolve()
        const closing = late.close()
        manager.fake.resume()
        await closing
        for (const result of await mapping) {
          if (result.status === 'fulfilled') expect(result.value.released).to.equal(true)
          else expect(result.reason).to.include({ code: 'ERR_MAP_CLOSED' })
        }
        expect([manager.fake.mappings, manager.bytes.held, manager.handles.budget.held]).to.deep.equal([
          0, 0, 1
        ])
      }
    })

    it('leaves nothing of who waits for the budget or a handle and hears of it too late', async () => {
      manager = new FakeManager({ maxHandles: 1 })
      file = await manager.with('/a', 1000)
      const other = await manager.with('/b', 1000)
      manager.fake.hold()
      const holding = map(other, 0, 80)
      const forHandle = failure(map(file, 0, 80))
      const forBytes = failure(map(file, 0, 16))
      await settled()
      expect([manager.bytes.waiters, manager.handles.budget.waiters]).to.deep.equal([1, 1])
      await file.close()
      manager.fake.resume()
      await holding
      expect(await forHandle).to.include({ code: 'ERR_MAP_CLOSED' })
      expect(await forBytes).to.include({ code: 'ERR_MAP_CLOSED' })
      await other.close()
      manager.expectNothingHeld()
      expect(manager.fake.logged('open')).to.deep.equal(['/a', '/b'])
    })

    it('leaves nothing also where closing the descriptor fails, and says so', async () => {
      manager.fake.failNextClose(reason)
      expect(await failure(file.close())).to.equal(reason)
      manager.expectNothingHeld()
    })
  })
})
