import { expect } from 'chai'
import { Handle } from '../../lib/manager/handles.js'
import { failure } from '../support/failure.js'
import { settled } from '../support/fake-mapper.js'
import { HandleBench } from './handle-bench.js'

const reason = new Error('reason')

describe('a handle', () => {
  it('is opened by the first job, and used by the next', async () => {
    const bench = new HandleBench(1, '/a')
    const a = bench.handle('/a')
    const [first, second] = [await bench.use(a), await bench.use(a)]
    expect(first.fd).to.equal(second.fd)
    expect(bench.mapper.log).to.deep.equal(['open /a', 'stat /a'])
    await bench.closeAll(a)
  })

  it('opens by the bytes of a path, and is named by its text', async () => {
    const bench = new HandleBench(1, '/ä')
    const handle = new Handle(bench.mapper, Buffer.from('/ä'))
    await bench.use(handle)
    expect(handle.path).to.equal('/ä')
    await bench.closeAll(handle)
  })

  it('is one descriptor where two jobs open it at the same time', async () => {
    const bench = new HandleBench(2, '/a')
    bench.mapper.hold()
    const a = bench.handle('/a')
    const both = [bench.use(a), bench.use(a)]
    await settled()
    expect(bench.mapper.handles).to.equal(2)
    bench.mapper.resume()
    await Promise.all(both)
    expect([bench.mapper.handles, bench.handles.budget.held]).to.deep.equal([1, 1])
    await bench.use(a)
    await bench.closeAll(a)
  })

  it('is not opened by whoever got room for it when another has just opened it', async () => {
    const bench = new HandleBench(2, '/a', '/b')
    const b = await bench.opened('/b')
    bench.mapper.hold()
    const a = bench.handle('/a')
    const jobs = [bench.use(b), bench.use(a), bench.use(a)]
    await settled()
    bench.mapper.letGo(2)
    await settled()
    expect(bench.mapper.log.slice(1)).to.deep.equal(['stat /b', 'open /a', 'close /b', 'stat /a'])
    bench.mapper.resume()
    await Promise.all(jobs)
    await bench.closeAll(a, b)
  })

  it('gives its room back where opening fails, and the next gets it', async () => {
    const bench = new HandleBench(1, '/a')
    const missing = failure(bench.use(bench.handle('/missing')))
    const a = bench.handle('/a')
    const next = bench.use(a)
    expect(await missing).to.include({ code: 'ENOENT' })
    await next
    bench.mapper.failNext(reason)
    const b = bench.handle('/a')
    expect(await failure(bench.use(b))).to.equal(reason)
    expect([bench.handles.budget.held, b.fd]).to.deep.equal([0, -1])
    await bench.closeAll(a, b)
  })

  it('stays open where a job on it fails', async () => {
    const bench = new HandleBench(1, '/a')
    const a = await bench.opened('/a')
    bench.mapper.failNext(reason)
    expect(await failure(bench.use(a))).to.equal(reason)
    await bench.use(a)
    expect(bench.mapper.logged('open')).to.deep.equal(['/a'])
    await bench.closeAll(a)
  })

  describe('that is the caller’s own', () => {
    it('is neither counted, nor closed, nor waited for', async () => {
      const bench = new HandleBench(1, '/a', '/b')
      const fd = bench.mapper.disk.open('/a')
      const lent = new Handle(bench.mapper, () => fd)
      const b = await bench.opened('/b')
      bench.mapper.hold()
      const busy = bench.use(b)
      const outcome = bench.use(lent)
      await settled()
      expect(bench.mapper.held).to.deep.equal(['stat /b', 'stat /a'])
      bench.mapper.resume()
      await busy
      expect((await outcome).fd).to.equal(fd)
      expect(bench.handles.budget.held).to.equal(1)
      await bench.closeAll(lent, b)
      expect(bench.mapper.disk.descriptor(fd).path).to.equal('/a')
    })

    it('is refused as the OS would where it says that it is closed', async () => {
      const { handles, mapper } = new HandleBench(1)
      const closed = new Handle(mapper, () => -1)
      const use = handles.use(closed, target => mapper.run({ target }))
      expect(await failure(use)).to.include({ code: 'EBADF', syscall: 'fstat' })
      expect(() => handles.useSync(closed, target => mapper.runSync({ target }))).to.throw(/EBADF/)
      await handles.close(closed)
    })

    it('is asked for anew by each job', async () => {
      const bench = new HandleBench(1, '/a', '/b')
      const lent = [bench.mapper.disk.open('/a'), bench.mapper.disk.open('/b')]
      const handle = new Handle(bench.mapper, () => lent.shift() ?? -1)
      await bench.use(handle)
      await bench.use(handle)
      expect(bench.mapper.log).to.deep.equal(['stat /a', 'stat /b'])
    })
  })
})

describe('handles', () => {
  it('wait while all that are allowed are in use, and are served in the order of asking', async () => {
    const bench = new HandleBench(2, '/a', '/b', '/c', '/d')
    bench.mapper.hold()
    const all = ['/a', '/b', '/c', '/d'].map(path => bench.handle(path))
    const jobs = all.map(handle => bench.use(handle))
    await settled()
    expect(bench.mapper.held).to.deep.equal(['open /a', 'open /b'])
    expect([bench.handles.budget.waiters, bench.handles.budget.waits]).to.deep.equal([2, 2])
    bench.mapper.letGo()
    await settled()
    expect(bench.mapper.log).to.deep.equal(['open /a', 'open /b', 'close /a', 'open /c'])
    bench.mapper.letGo()
    await settled()
    expect(bench.mapper.log.slice(4)).to.deep.equal(['close /b', 'open /d'])
    bench.mapper.resume()
    await Promise.all(jobs)
    expect(bench.mapper.peakHandles).to.equal(2)
    await bench.closeAll(...all)
  })

  it('that are idle are closed in the order of least recent use, no more of them than needed', async () => {
    const bench = new HandleBench(4, '/a', '/b', '/c', '/d', '/e', '/f', '/g')
    const [a, b, c, d] = [
      await bench.opened('/a'),
      await bench.opened('/b'),
      await bench.opened('/c'),
      await bench.opened('/d')
    ]
    await bench.use(b)
    await bench.use(a)
    const others = [await bench.opened('/e'), await bench.opened('/f'), await bench.opened('/g')]
    expect(bench.mapper.logged('close')).to.deep.equal(['/c', '/d', '/b'])
    expect([a.fd === -1, b.fd, c.fd, d.fd]).to.deep.equal([false, -1, -1, -1])
    await bench.closeAll(a, b, c, d, ...others)
  })

  it('in use are not closed, however long ago their jobs began', async () => {
    const bench = new HandleBench(2, '/a', '/b', '/c')
    const [a, b] = [await bench.opened('/a'), await bench.opened('/b')]
    bench.mapper.hold()
    const slow = bench.use(a)
    await settled()
    const c = bench.handle('/c')
    const other = bench.use(c)
    await settled()
    expect(bench.mapper.logged('close')).to.deep.equal(['/b'])
    bench.mapper.resume()
    await Promise.all([slow, other])
    await bench.closeAll(a, b, c)
  })

  it('rest when the last of their jobs ends, and go to who waits then', async () => {
    const bench = new HandleBench(1, '/a', '/b')
    const a = await bench.opened('/a')
    bench.mapper.hold()
    const jobs = [bench.use(a), bench.use(a)]
    const b = bench.handle('/b')
    const other = bench.use(b)
    await settled()
    bench.mapper.letGo()
    await settled()
    expect(bench.mapper.logged('close')).to.deep.equal([])
    bench.mapper.letGo()
    await settled()
    expect(bench.mapper.held).to.deep.equal(['open /b'])
    bench.mapper.resume()
    await Promise.all([...jobs, other])
    await bench.closeAll(a, b)
  })

  it('are closed for others even where closing says that it failed', async () => {
    const bench = new HandleBench(1, '/a', '/b')
    const a = await bench.opened('/a')
    bench.mapper.failNextClose(reason)
    const b = await bench.opened('/b')
    expect([a.fd, bench.handles.budget.held]).to.deep.equal([-1, 1])
    await bench.closeAll(a, b)
  })

  it('are opened again on need', async () => {
    const bench = new HandleBench(1, '/a', '/b')
    const a = await bench.opened('/a')
    const b = await bench.opened('/b')
    const { mapping } = await bench.use(a, 7)
    expect(Buffer.from(mapping?.buffer ?? new ArrayBuffer(0)).toString()).to.equal('content')
    mapping?.unmap()
    expect(bench.mapper.logged('open')).to.deep.equal(['/a', '/b', '/a'])
    await bench.closeAll(a, b)
  })

  describe('opened again on another file than before', () => {
    const changes: [string, (bench: HandleBench) => void][] = [
      ['put in its place', bench => bench.mapper.disk.add('/a', 'content')],
      ['written to meanwhile', bench => bench.mapper.disk.file('/a').write('CONTENT')],
      ['cut short meanwhile', bench => bench.mapper.disk.file('/a').resize(3)],
      ['grown meanwhile', bench => bench.mapper.disk.file('/a').resize(300)]
    ]
    for (const [change, make] of changes) {
      it(`reject with ERR_MAP_FILE_CHANGED and leave nothing: ${change}`, async () => {
        const bench = new HandleBench(1, '/a', '/b')
        const a = await bench.opened('/a')
        const b = await bench.opened('/b')
        make(bench)
        for (const length of [0, 2]) {
          const error = await failure(bench.use(a, length))
          expect(error).to.include({ code: 'ERR_MAP_FILE_CHANGED', path: '/a' })
          expect(error.message).to.include("'/a'")
          expect(bench.mapper.leftovers).to.deep.equal([])
          expect(bench.handles.budget.held).to.equal(0)
        }
        await bench.use(b)
        await bench.closeAll(a, b)
      })
    }

    it('leave nothing where closing it fails, either', async () => {
      const bench = new HandleBench(1, '/a', '/b')
      const a = await bench.opened('/a')
      const b = await bench.opened('/b')
      bench.mapper.disk.add('/a', 'content')
      await bench.handles.close(b)
      bench.mapper.failNextClose(reason)
      expect(await failure(bench.use(a, 2))).to.include({ code: 'ERR_MAP_FILE_CHANGED' })
      await bench.closeAll(a, b)
    })
  })

  it('leave no mapping where closing the second descriptor of two fails', async () => {
    const bench = new HandleBench(2, '/a')
    bench.mapper.hold()
    const a = bench.handle('/a')
    const both = [bench.use(a, 3), bench.use(a, 3)]
    await settled()
    bench.mapper.failNextClose(reason)
    bench.mapper.resume()
    for (const result of await Promise.allSettled(both)) {
      if (result.status === 'fulfilled') result.value.mapping?.unmap()
    }
    await bench.closeAll(a)
  })

  describe('under a signal', () => {
    it('leave the queue at once, and let those behind them pass', async () => {
      const bench = new HandleBench(1, '/a', '/b', '/c')
      bench.mapper.hold()
      const [a, b, c] = [bench.handle('/a'), bench.handle('/b'), bench.handle('/c')]
      const stop = new AbortController()
      const first = bench.use(a)
      const second = failure(bench.use(b, 0, stop.signal))
      const third = bench.use(c)
      stop.abort(reason)
      expect(bench.handles.budget.waiters, 'at once').to.equal(1)
      expect(await second).to.equal(reason)
      bench.mapper.resume()
      await Promise.all([first, third])
      expect(bench.mapper.logged('open')).to.deep.equal(['/a', '/c'])
      await bench.closeAll(a, b, c)
    })

    it('give their room back where the job is aborted', async () => {
      const bench = new HandleBench(1, '/a')
      bench.mapper.hold()
      const a = bench.handle('/a')
      const stop = new AbortController()
      const job = failure(bench.use(a, 2, stop.signal))
      await settled()
      stop.abort(reason)
      expect(await job).to.equal(reason)
      expect(bench.handles.budget.held).to.equal(0)
      await bench.closeAll(a)
    })
  })

  describe('on close', () => {
    it('are closed at once where they are idle, and once only', async () => {
      const bench = new HandleBench(1, '/a')
      const a = await bench.opened('/a')
      await Promise.all([bench.handles.close(a), bench.handles.close(a)])
      await bench.handles.close(a)
      expect(bench.mapper.logged('close')).to.deep.equal(['/a'])
      await bench.closeAll()
    })

    it('need nothing where they were never opened', async () => {
      const bench = new HandleBench(1)
      await bench.closeAll(bench.handle('/a'))
      expect(bench.mapper.log).to.deep.equal([])
    })

    it('wait for the jobs that run on them, the one that opens them included', async () => {
      const bench = new HandleBench(1, '/a')
      bench.mapper.hold()
      const a = bench.handle('/a')
      const job = bench.use(a)
      await settled()
      const closing = bench.handles.close(a)
      await settled()
      expect(bench.mapper.log).to.deep.equal(['open /a'])
      bench.mapper.letGo()
      await Promise.all([job, closing])
      expect(bench.mapper.log).to.deep.equal(['open /a', 'close /a'])
      await bench.closeAll()
    })

    it('give their room back when the OS has closed them, not before, and also where that fails', async () => {
      const bench = new HandleBench(1, '/a', '/b')
      const a = await bench.opened('/a')
      bench.mapper.hold('and closes')
      bench.mapper.failNextClose(reason)
      const closing = failure(bench.handles.close(a))
      const b = bench.handle('/b')
      const next = bench.use(b)
      await settled()
      expect(bench.mapper.held).to.deep.equal(['close /a'])
      bench.mapper.letGo()
      expect(await closing).to.equal(reason)
      await settled()
      bench.mapper.resume()
      await next
      expect(bench.mapper.peakHandles).to.equal(1)
      await bench.closeAll(b)
    })

    it('never go under a job, whenever that begins', async () => {
      for (let turns = 0; turns < 20; turns++) {
        const bench = new HandleBench(2, '/a')
        const a = await bench.opened('/a')
        bench.mapper.hold()
        const first = bench.use(a)
        const closing = bench.handles.close(a)
        await settled()
        bench.mapper.letGo()
        for (let turn = 0; turn < turns; turn++) await Promise.resolve()
        const late = bench.use(a)
        await settled()
        expect(bench.mapper.misuses, `begun after ${turns} turns`).to.deep.equal([])
        bench.mapper.resume()
        await Promise.all([first, late, closing])
        await bench.closeAll(a)
      }
    })
  })
})
