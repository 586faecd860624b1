import { getEventListeners } from 'node:events'
import { expect } from 'chai'
import { ERRNO, systemError } from '../../lib/errors.js'
import type { Spares } from '../../lib/manager/manager.js'
import type { LinkedList } from '../../lib/manager/linked-list.js'
import type { Region } from '../../lib/manager/region.js'
import { failure } from '../support/failure.js'
import { FakeManager, map } from '../support/fake-manager.js'
import { FakeMapper, settled } from '../support/fake-mapper.js'

const reason = new Error('reason')

describe('a region manager', () => {
  let manager: FakeManager
  beforeEach(() => {
    manager = new FakeManager()
  })
  afterEach(async () => {
    manager.fake.resume()
    await manager.closeClean()
  })

  describe('opening a file', () => {
    it('has its size, and the descriptor that it was opened by', async () => {
      const file = await manager.with('/a', 'content')
      expect([file.size, file.path, manager.files.size, manager.handles.budget.held]).to.deep.equal([
        7,
        '/a',
        1,
        1
      ])
      expect(manager.fake.log).to.deep.equal(['open /a'])
    })

    it('takes a path in bytes, and the flags', async () => {
      manager.fake.disk.add('/ä', 'content')
      const tasks: unknown[] = []
      const { run } = manager.fake
      manager.fake.run = (task, signal) => {
        tasks.push(task)
        return run.call(manager.fake, task, signal)
      }
      const file = await manager.open(Buffer.from('/ä'), 7)
      expect(file.path).to.equal('/ä')
      expect(tasks).to.deep.equal([{ target: Buffer.from('/ä'), flags: 7 }])
    })

    it('leaves nothing on the signal', async () => {
      manager.fake.disk.add('/a', 'content')
      const { signal } = new AbortController()
      await manager.open('/a', 0, signal)
      await failure(manager.open('/missing', 0, signal))
      expect(getEventListeners(signal, 'abort')).to.have.length(0)
    })

    it('opens one file as often as it is asked to, each on its own', async () => {
      const [first, second] = [await manager.with('/a', 'content'), await manager.open('/a', 0)]
      await first.close()
      expect((await map(second, 0, 7)).length).to.equal(7)
    })

    it('waits for a handle, in line', async () => {
      manager = new FakeManager({ maxHandles: 1 })
      manager.fake.disk.add('/a', 'a')
      manager.fake.disk.add('/b', 'b')
      manager.fake.hold()
      const both = [manager.open('/a', 0), manager.open('/b', 0)]
      await settled()
      expect(manager.fake.held).to.deep.equal(['open /a'])
      manager.fake.letGo()
      await settled()
      expect(manager.fake.held).to.deep.equal(['open /b'])
      manager.fake.letGo()
      await Promise.all(both)
    })

    describe('leaves nothing behind', () => {
      const failures: [string, () => unknown, object][] = [
        ['where there is none', () => '/missing', { code: 'ENOENT', path: '/missing' }],
        ['where it is a directory', () => '/folder', { code: 'EISDIR', syscall: 'read', path: '/folder' }],
        ['where it is a FIFO', () => '/fifo', { code: 'ERR_MAP_UNSUPPORTED', path: '/fifo' }],
        [
          'where it cannot be mapped and has to',
          () => '/proc',
          { code: 'ERR_MAP_UNSUPPORTED', path: '/proc' }
        ],
        ['where its descriptor is closed', () => () => 99, { code: 'EBADF' }],
        [
          'where its descriptor is on a directory',
          () => () => manager.fake.disk.open('/folder'),
          { code: 'EISDIR' }
        ],
        [
          'where its descriptor is on a FIFO',
          () => () => manager.fake.disk.open('/fifo'),
          {
            code: 'ERR_MAP_UNSUPPORTED',
            message: 'the descriptor is a pipe, a socket or a device: it has no bytes at offsets'
          }
        ]
      ]
      for (const [when, source, expected] of failures) {
        it(when, async () => {
          manager.fake.disk.add('/folder', '', { kind: 'directory' })
          manager.fake.disk.add('/fifo', '', { kind: 'other' })
          manager.fake.disk.add('/proc', 'content', { kind: 'pseudo' })
          expect(await failure(manager.open(source() as string, 0))).to.include(expected)
          manager.expectNothingHeld()
        })
      }

      it('where closing it fails too, and tells why it could not be opened', async () => {
        manager.fake.disk.add('/folder', '', { kind: 'directory' })
        manager.fake.failNextClose(reason)
        expect(await failure(manager.open('/folder', 0))).to.include({ code: 'EISDIR' })
        manager.expectNothingHeld()
      })

      it('where the job fails', async () => {
        manager.fake.disk.add('/a', 'content')
        manager.fake.failNext(systemError(ERRNO.EACCES, 'open', '/a'))
        expect(await failure(manager.open('/a', 0))).to.include({ code: 'EACCES' })
        manager.expectNothingHeld()
      })

      it('where it is aborted before', async () => {
        expect(await failure(manager.open('/a', 0, AbortSignal.abort(reason)))).to.equal(reason)
        expect(manager.fake.log).to.deep.equal([])
        manager.expectNothingHeld()
      })

      it('where it is aborted while it waits for a handle, for its turn, or for the job', async () => {
        manager = new FakeManager({ maxHandles: 2, concurrency: 1 })
        for (const path of ['/a', '/b', '/c']) manager.fake.disk.add(path, 'content')
        manager.fake.hold()
        const stops = [1, 2, 3].map(() => new AbortController())
        const all = ['/a', '/b', '/c'].map((path, index) =>
          failure(manager.open(path, 0, stops[index]?.signal))
        )
        await settled()
        expect([manager.fake.held, manager.handles.budget.held]).to.deep.equal([['open /a'], 2])
        for (const stop of stops.reverse()) {
          stop.abort(reason)
          await settled()
        }
        expect(await Promise.all(all)).to.deep.equal([reason, reason, reason])
        manager.expectNothingHeld()
        expect(manager.fake.logged('open')).to.deep.equal(['/a'])
      })

      it('where it is aborted in the moment that the job has come out', async () => {
        for (let turns = 0; turns < 20; turns++) {
          manager.fake.disk.add('/a', 'content')
          manager.fake.hold()
          const stop = new AbortController()
          const opening = manager.open('/a', 0, stop.signal).then(
            file => file.close(),
            error => expect(error).to.equal(reason)
          )
          await settled()
          manager.fake.letGo()
          for (let turn = 0; turn < turns; turn++) await Promise.resolve()
          stop.abort(reason)
          await opening
          manager.expectNothingHeld()
        }
      })
    })

    describe('that has no size of its own', () => {
      it('leaves it to the reader, made once, and asks it for the size', async () => {
        const fake = new FakeMapper()
        const readers: FakeMapper[] = []
        const reader = () => {
          const made = new FakeMapper({ disk: fake.disk, name: 'reader', servesAnyFile: true })
          readers.push(made)
          return made
        }
        manager = new FakeManager({ mapper: fake, reader })
        fake.disk.add('/proc', 'content', { kind: 'pseudo' })
        const [first, second] = [await manager.open('/proc', 0), await manager.open('/proc', 0)]
        expect([first.size, readers.length, fake.handles, readers[0]?.handles]).to.deep.equal([7, 1, 0, 2])
        const region = await map(second, 1, 3)
        expect(region.view({ offset: 1, length: 3 }).toString()).to.equal('ont')
        // There is nothing to look at again: its size says nothing.
        await first.verify(1000, new AbortController().signal)
        await manager.closeClean()
        expect(readers[0]?.leftovers).to.deep.equal([])
      })

      it('needs no reader where the mapper serves any file', async () => {
        manager = new FakeManager({ mapper: new FakeMapper({ servesAnyFile: true }) })
        manager.fake.disk.add('/proc', 'content', { kind: 'pseudo' })
        const file = await manager.open('/proc', 0)
        expect((await map(file, 0, 7)).length).to.equal(7)
      })
    })
  })

  describe('that needs room', () => {
    /** Somebody with regions mapped ahead. */
    class Hoard implements Spares {
      previous: Spares | undefined
      next: Spares | undefined
      list: LinkedList<Spares> | undefined
      readonly name: string
      readonly #regions: Region[]
      readonly #log: string[]

      constructor(name: string, regions: Region[], log: string[]) {
        this.name = name
        this.#regions = regions
        this.#log = log
      }

      giveUp(bytes: number): number {
        this.#log.push(`${this.name}: ${bytes}`)
        let given = 0
        while (given < bytes && this.#regions.length > 0) {
          const region = this.#regions.pop()
          given += region?.length ?? 0
          region?.release()
        }
        if (this.#regions.length === 0) manager.spares.remove(this)
        return given
      }
    }

    it('asks those who mapped ahead longest ago first, and no more of them than it has to', async () => {
      const file = await manager.with('/a', 1000)
      const log: string[] = []
      for (const name of ['a', 'b', 'c']) {
        const regions = [await map(file, 0, 16), await map(file, 16, 16)]
        manager.spares.push(new Hoard(name, regions, log))
      }
      // 64 of 160 are free.
      await map(file, 0, 112)
      expect(log).to.deep.equal(['a: 48', 'b: 16'])
      expect([manager.bytes.held, manager.bytes.waits]).to.deep.equal([160, 0])
      // One of b and two of c are left; now somebody waits, and is served when all have given.
      const waiting = map(file, 0, 64)
      await settled()
      expect(log).to.deep.equal(['a: 48', 'b: 16', 'b: 64', 'c: 48'])
      expect(manager.bytes.waiters).to.equal(1)
      await file.close()
      expect(await failure(waiting)).to.include({ code: 'ERR_MAP_CLOSED' })
    })

    it('takes nothing from anybody for what can never fit', async () => {
      const file = await manager.with('/a', 1000)
      const log: string[] = []
      manager.spares.push(new Hoard('a', [await map(file, 0, 16)], log))
      expect(await failure(map(file, 0, 161))).to.include({ code: 'ERR_MAP_LIMIT' })
      expect(log).to.deep.equal([])
    })
  })

  it('warns once of windows that were dropped, and counts what was lost under others', () => {
    manager.collected()
    manager.collected()
    manager.fault()
    expect(manager.warnings).to.have.length(1)
    expect(manager.warnings[0]).to.match(/dropped without release\(\)/)
    expect(manager.counts.faults).to.equal(1)
  })

  describe('on close', () => {
    it('closes every file and releases every region, and lets what rests go on resting', async () => {
      const [a, b] = [await manager.with('/a', 1000), await manager.with('/b', 1000)]
      const regions = [await map(a, 0, 16), await map(b, 0, 16)]
      await manager.close()
      expect(regions.map(region => region.released)).to.deep.equal([true, true])
      expect([a.closed, b.closed, manager.closed]).to.deep.equal([true, true, true])
      expect(manager.fake.log.slice(-2).sort()).to.deep.equal(['close /a', 'close /b'])
      expect(manager.fake.log).not.to.include('drain')
      manager.expectNothingHeld()
    })

    it('happens once, however often it is asked for', async () => {
      await manager.with('/a', 1000)
      await Promise.all([manager.close(), manager.close()])
      await manager.close()
      expect(manager.fake.log.filter(entry => entry === 'close /a')).to.have.length(1)
    })

    it('lets nobody open any more', async () => {
      const closing = manager.close()
      expect(await failure(manager.open('/a', 0))).to.include({
        code: 'ERR_MAP_CLOSED',
        message: 'the manager is closed'
      })
      await closing
      expect(await failure(manager.open('/a', 0))).to.include({ code: 'ERR_MAP_CLOSED' })
    })

    it('turns away who waits for bytes, and who waits for a handle', async () => {
      manager = new FakeManager({ maxHandles: 1 })
      const file = await manager.with('/a', 1000)
      manager.fake.disk.add('/b', 1000)
      const first = await map(file, 0, 160)
      manager.fake.hold()
      const forBytes = failure(map(file, 0, 16))
      const busy = file.verify(1, new AbortController().signal)
      const forHandle = failure(manager.open('/b', 0))
      await settled()
      expect([manager.bytes.waiters, manager.handles.budget.waiters]).to.deep.equal([1, 1])
      const closing = manager.close()
      expect([manager.bytes.waiters, manager.handles.budget.waiters, first.released]).to.deep.equal([
        0,
        0,
        true
      ])
      manager.fake.resume()
      for (const turnedAway of [forBytes, forHandle]) {
        expect(await turnedAway).to.include({ code: 'ERR_MAP_CLOSED', message: 'the manager is closed' })
      }
      await Promise.all([busy, closing])
      manager.expectNothingHeld()
    })

    for (const abortsLate of [false, true]) {
      it(`waits for jobs under way, of files and of those being opened; abortsLate: ${abortsLate}`, async () => {
        manager = new FakeManager({ mapper: new FakeMapper({ abortsLate }) })
        const file = await manager.with('/a', 1000)
        manager.fake.disk.add('/b', 1000)
        manager.fake.hold()
        const mapping = failure(map(file, 0, 16))
        const opening = failure(manager.open('/b', 0))
        await settled()
        expect(manager.fake.jobs).to.equal(2)
        let over = false
        const closing = manager.close().then(() => {
          over = true
        })
        await settled()
        expect(over).to.equal(false)
        manager.fake.resume()
        await closing
        manager.expectNothingHeld()
        expect(await mapping).to.include({ code: 'ERR_MAP_CLOSED' })
        expect(await opening).to.include({ code: 'ERR_MAP_CLOSED' })
      })
    }

    it('waits for files being opened alone', async () => {
      manager = new FakeManager({ mapper: new FakeMapper({ abortsLate: true }) })
      manager.fake.disk.add('/a', 1000)
      manager.fake.hold()
      const opening = failure(manager.open('/a', 0))
      await settled()
      const closing = manager.close()
      await settled()
      expect(manager.fake.log).to.deep.equal(['open /a'])
      manager.fake.resume()
      await closing
      manager.expectNothingHeld()
      expect(await opening).to.include({ code: 'ERR_MAP_CLOSED' })
    })

    it('leaves no file open that came out in that moment', async () => {
      for (let turns = 0; turns < 20; turns++) {
        const other = new FakeManager()
        other.fake.disk.add('/a', 'content')
        other.fake.hold()
        const opening = Promise.allSettled([other.open('/a', 0)])
        await settled()
        other.fake.letGo()
        for (let turn = 0; turn < turns; turn++) await Promise.resolve()
        await other.closeClean()
        for (const result of await opening) {
          if (result.status === 'fulfilled') expect(result.value.closed).to.equal(true)
          else expect(result.reason).to.include({ code: 'ERR_MAP_CLOSED' })
        }
      }
    })

    it('closes all files where closing one of them fails, and says so', async () => {
      await manager.with('/a', 1000)
      await manager.with('/b', 1000)
      manager.fake.hold('and closes')
      manager.fake.failNextClose(reason)
      const closing = failure(manager.close())
      await settled()
      manager.fake.letGo()
      await settled()
      expect(manager.fake.log.at(-1), 'before all are closed').to.equal('close /a')
      manager.fake.resume()
      expect(await closing).to.equal(reason)
      expect(manager.fake.log.at(-1)).to.equal('close /b')
      manager.expectNothingHeld()
      // Said once, and there is nothing more to say.
      manager = new FakeManager()
    })
  })
})
