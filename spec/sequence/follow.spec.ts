import { expect } from 'chai'
import fc from 'fast-check'
import {
  appendFileSync,
  closeSync,
  openSync,
  renameSync,
  truncateSync,
  unlinkSync,
  writeFileSync
} from 'node:fs'
import { MapManager, type Window } from '../../lib/index.js'
import type { OpenFile } from '../../lib/manager/open-file.js'
import { FollowedWindows, planFollow } from '../../lib/sequence/follow.js'
import type { View, WindowOptions } from '../../lib/sequence/windows.js'
import { failure } from '../support/failure.js'
import { FakeManager } from '../support/fake-manager.js'
import { settled } from '../support/fake-mapper.js'
import { bytesAt, tempFile } from '../support/files.js'
import { HandWatch } from '../support/hand-watch.js'
import { collectedUntil, realMappers } from '../support/mappers.js'

/** What `next()` answered, as text. */
function text({ value }: IteratorResult<Window, undefined>): string | undefined {
  return value && `${value.offset}:${value.bytes}`
}

describe('windows that follow a file', () => {
  let manager: FakeManager
  let file: OpenFile
  let watch: HandWatch
  beforeEach(async () => {
    manager = new FakeManager()
    watch = new HandWatch(manager.fake.disk)
    file = await manager.with('/log', 'one')
  })
  afterEach(async () => {
    await manager.closeClean()
    await settled()
    expect(watch.alarms).to.equal(0)
  })

  const log = () => manager.fake.disk.file('/log')

  function follow(options: WindowOptions = {}, limit = Number.POSITIVE_INFINITY, base = 0): FollowedWindows {
    const view: View = { file, base, size: file.size - base, windowSize: 8, prefetch: 0 }
    return new FollowedWindows(view, planFollow(view, { follow: true, ...options }, limit), watch)
  }

  /** Take the window that there is; `next` waits for another. */
  async function waiting(windows: FollowedWindows): Promise<{ next: ReturnType<FollowedWindows['next']> }> {
    expect(text(await windows.next())).to.equal('0:one')
    const next = windows.next()
    await settled()
    expect(watch.alarms).to.equal(1)
    return { next }
  }

  it('come as the file grows, each byte once', async () => {
    const windows = follow()
    const { next } = await waiting(windows)
    log().write('onetwo')
    await watch.ring()
    expect(text(await next)).to.equal('3:two')
    log().write('onetwothreefourfive')
    expect(text(await windows.next())).to.equal('6:threefou')
    expect(text(await windows.next())).to.equal('14:rfive')
    await windows.return()
  })

  it('wait again where nothing has come, with nothing mapped and no descriptor in use', async () => {
    const windows = follow({ follow: { intervalMs: 5 } })
    const { next } = await waiting(windows)
    for (let i = 0; i < 3; i++) {
      await watch.ring()
      expect([watch.alarms, manager.bytes.held, manager.fake.mappings, manager.fake.jobs]).to.deep.equal([
        1, 0, 0, 0
      ])
      expect(file.handle.users).to.equal(0)
    }
    expect(watch.requests).to.deep.equal(Array(5).fill('/log 5'))
    await windows.return()
    expect(await next).to.deep.equal({ done: true, value: undefined })
  })

  it('begin with an empty file, and with the end of one', async () => {
    log().write('')
    file = await manager.open('/log', 0)
    const empty = follow()
    const first = empty.next()
    await settled()
    log().write('one')
    await watch.ring()
    expect(text(await first)).to.equal('0:one')
    file = await manager.open('/log', 0)
    const tail = follow({ start: 3 })
    const next = tail.next()
    await settled()
    log().write('onetwo')
    await watch.ring()
    expect(text(await next)).to.equal('3:two')
    await Promise.all([empty.return(), tail.return()])
  })

  it('end at `end`, wherever the file ended when it was opened', async () => {
    const windows = follow({ end: 5 })
    const { next } = await waiting(windows)
    log().write('onetwo')
    await watch.ring()
    expect(text(await next)).to.equal('3:tw')
    expect(await windows.next()).to.deep.equal({ done: true, value: undefined })
    expect(await follow({ end: 0 }).next()).to.deep.equal({ done: true, value: undefined })
  })

  it('end where a range ends that lies within the file', async () => {
    const windows = follow({}, 2)
    expect(text(await windows.next())).to.equal('0:on')
    expect(await windows.next()).to.deep.equal({ done: true, value: undefined })
  })

  it('count offsets from where their range begins', async () => {
    const windows = follow({}, undefined, 1)
    expect(text(await windows.next())).to.equal('0:ne')
    log().write('onetwo')
    expect(text(await windows.next())).to.equal('2:two')
    await windows.return()
  })

  it('repeat the overlap, as far as there is something to repeat', async () => {
    const windows = follow({ overlap: 4, start: 1 })
    expect(text(await windows.next())).to.equal('1:ne')
    log().write('onetwothree')
    expect(text(await windows.next())).to.equal('1:netwothr')
    expect(text(await windows.next())).to.equal('5:othree')
    log().write('onetwothreefour')
    expect(text(await windows.next())).to.equal('7:hreefour')
    await windows.return()
  })

  it('answer calls that overlap in order', async () => {
    const windows = follow({ lifetime: 'copied' })
    const calls = [windows.next(), windows.next(), windows.next()]
    await settled()
    log().write('onetwo')
    await watch.ring()
    await windows.return()
    const answers = await Promise.all(calls)
    expect(answers.map(text)).to.deep.equal(['0:one', '3:two', undefined])
  })

  it('hand over every byte in order, however the file grows', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(60), { maxLength: 12 }),
        fc.integer({ min: 1, max: 40 }),
        fc.nat(39),
        fc.nat(2),
        fc.constantFrom('leased' as const, 'copied' as const),
        async (steps, size, wanted, prefetch, lifetime) => {
          manager.fake.disk.add('/log', 5)
          file = await manager.open('/log', 0)
          const { ino } = log()
          const overlap = Math.min(wanted, size - 1)
          const end = 5 + steps.reduce((sum, step) => sum + step, 0)
          const windows = follow({ size, overlap, end, prefetch, lifetime })
          let reached = 0
          const reader = (async () => {
            for await (const { offset, bytes } of windows) {
              expect(offset).to.equal(Math.max(0, reached - overlap))
              expect(offset + bytes.length).to.be.above(reached)
              expect(bytes.equals(bytesAt(ino, offset, bytes.length))).to.equal(true)
              reached = offset + bytes.length
            }
          })()
          for (const step of steps) {
            log().write(log().size + step)
            await watch.ring()
          }
          while (reached < end) await watch.ring()
          await reader
          expect(reached).to.equal(end)
          await file.close()
        }
      ),
      { numRuns: 200 }
    )
  })

  describe('are left', () => {
    const reason = new Error('reason')

    it('by their signal: what waits rejects with its reason, and nothing comes after', async () => {
      const stop = new AbortController()
      const windows = follow({ signal: stop.signal })
      const told: unknown[] = []
      windows.onEnded(error => told.push(error))
      const { next } = await waiting(windows)
      stop.abort(reason)
      expect(await failure(next)).to.equal(reason)
      expect(told).to.deep.equal([reason])
      expect(await windows.next()).to.deep.equal({ done: true, value: undefined })
      expect([file.consumers.size, watch.alarms]).to.deep.equal([0, 0])
    })

    it('by their signal between two calls, and before the first', async () => {
      const stop = new AbortController()
      const windows = follow({ signal: stop.signal })
      expect(text(await windows.next())).to.equal('0:one')
      stop.abort(reason)
      expect(await failure(windows.next())).to.equal(reason)
      expect(await failure(follow({ signal: stop.signal }).next())).to.equal(reason)
      expect([file.consumers.size, manager.bytes.held]).to.deep.equal([0, 0])
    })

    it('by return(), dispose and throw()', async () => {
      for (const leave of ['return', 'dispose', 'throw']) {
        const windows = follow()
        const { next } = await waiting(windows)
        if (leave === 'return') await windows.return()
        else if (leave === 'dispose') await windows[Symbol.asyncDispose]()
        else expect(await failure(windows.throw(reason))).to.equal(reason)
        expect(await next).to.deep.equal({ done: true, value: undefined })
        expect([file.consumers.size, watch.alarms, manager.bytes.held]).to.deep.equal([0, 0, 0])
      }
    })

    it('by a break with a window at hand', async () => {
      for await (const _ of follow()) break
      expect([file.consumers.size, manager.bytes.held]).to.deep.equal([0, 0])
    })

    it('by closing the file: what waits rejects with ERR_MAP_CLOSED', async () => {
      const next = failure((await waiting(follow())).next)
      await file.close()
      expect((await next).code).to.equal('ERR_MAP_CLOSED')
    })

    it('while they look: by return()', async () => {
      const windows = follow()
      expect(text(await windows.next())).to.equal('0:one')
      manager.fake.hold()
      const next = windows.next()
      await settled()
      expect(manager.fake.held).to.deep.equal(['stat /log'])
      const left = windows.return()
      await settled()
      manager.fake.resume()
      await left
      expect(await next).to.deep.equal({ done: true, value: undefined })
    })

    it('by nobody at all: they are collected', async () => {
      await (async () => void (await follow().next()))()
      expect(await collectedUntil(() => file.consumers.size === 0)).to.equal(true)
    })
  })

  describe('of a file that does not only grow', () => {
    it('reject with ERR_MAP_FILE_TRUNCATED where it is cut short', async () => {
      const next = failure((await waiting(follow())).next)
      log().resize(2)
      await watch.ring()
      expect(await next).to.include({ code: 'ERR_MAP_FILE_TRUNCATED', path: '/log', offset: 2, length: 1 })
      expect(file.consumers.size).to.equal(0)
    })

    it('reject with ERR_MAP_FILE_CHANGED where another is at its path, once they have handed over what it held', async () => {
      const windows = follow()
      const { next } = await waiting(windows)
      log().write('onetwo')
      manager.fake.disk.add('/log', 'other')
      await watch.ring()
      expect(text(await next)).to.equal('3:two')
      expect(await failure(windows.next())).to.include({ code: 'ERR_MAP_FILE_CHANGED', path: '/log' })
    })

    it('reject with ERR_MAP_FILE_CHANGED where none is at its path', async () => {
      const next = failure((await waiting(follow())).next)
      manager.fake.disk.remove('/log')
      await watch.ring()
      expect((await next).code).to.equal('ERR_MAP_FILE_CHANGED')
    })

    it('do not look at any path where the file was opened by a descriptor', async () => {
      const fd = manager.fake.disk.open('/log')
      file = await manager.open(() => fd, 0)
      const before = log()
      const windows = follow()
      const { next } = await waiting(windows)
      manager.fake.disk.add('/log', 'other')
      before.write('onetwo')
      await watch.ring()
      expect(text(await next)).to.equal('3:two')
      await windows.return()
      manager.fake.disk.close(fd)
    })

    it('go on where its descriptor was closed for another file meanwhile', async () => {
      const windows = follow()
      const { next } = await waiting(windows)
      const others = ['/a', '/b', '/c', '/d'].map(path => manager.with(path, 'other'))
      await Promise.all(others)
      expect(file.handle.fd).to.equal(-1)
      log().write('onetwo')
      await watch.ring()
      expect(text(await next)).to.equal('3:two')
      await windows.return()
    })
  })

  describe('that may begin again', () => {
    const restart = { follow: { restart: true } }

    it('do so at the first byte of a file that was cut short', async () => {
      const windows = follow({ ...restart, overlap: 2, start: 1 })
      expect(text(await windows.next())).to.equal('1:ne')
      const next = windows.next()
      await settled()
      log().write('N')
      await watch.ring()
      expect(text(await next)).to.equal('0:N')
      log().write('New')
      expect(text(await windows.next())).to.equal('0:New')
      await windows.return()
    })

    it('do so with the file that is at the path now, after what the one before still held', async () => {
      const windows = follow(restart)
      const { next } = await waiting(windows)
      log().write('onetwo')
      manager.fake.disk.add('/log', 'other')
      await watch.ring()
      expect(text(await next)).to.equal('3:two')
      expect(text(await windows.next())).to.equal('0:other')
      manager.fake.disk.add('/log', 'third')
      expect(text(await windows.next())).to.equal('0:third')
      // The one that the caller opened, and the last of those that were found.
      expect(manager.files.size).to.equal(2)
      await windows.return()
      expect(manager.files.size).to.equal(1)
    })

    it('wait for a file where none is at the path', async () => {
      const { next } = await waiting(follow(restart))
      manager.fake.disk.remove('/log')
      await watch.ring()
      await watch.ring()
      expect(watch.alarms).to.equal(1)
      manager.fake.disk.add('/log', 'other')
      await watch.ring()
      expect(text(await next)).to.equal('0:other')
    })

    it('keep a window of the file they opened as long as somebody has its bytes', async () => {
      manager.fake.disk.add('/log', 'other')
      const bytes = await (async () => {
        const windows = follow(restart)
        expect(text(await windows.next())).to.equal('0:one')
        const { value } = await windows.next()
        return value?.retain().bytes
      })()
      await collectedUntil(() => false, 20)
      expect(`${bytes}`).to.equal('other')
    })

    it('close the file they opened with the one that the caller opened', async () => {
      manager.fake.disk.add('/log', 'other')
      const windows = follow(restart)
      await windows.next()
      expect(text(await windows.next())).to.equal('0:other')
      await file.close()
      expect(manager.files.size).to.equal(0)
      expect((await failure(windows.next())).code).to.equal('ERR_MAP_CLOSED')
    })

    it('are left while they open the file: nothing of it stays', async () => {
      for (const leave of ['return', 'close']) {
        file = await manager.open('/log', 0)
        const leaving = follow(restart)
        const { next } = await waiting(leaving)
        const { ino } = manager.fake.disk.add('/log', 'new')
        manager.fake.hold()
        await watch.ring()
        manager.fake.letGo()
        await settled()
        expect(manager.fake.held).to.deep.equal(['open /log'])
        const answer = next.catch(error => error.code)
        const left = leave === 'return' ? leaving.return() : file.close()
        await settled()
        manager.fake.resume()
        await left
        expect(await answer).to.deep.equal(
          leave === 'return' ? { done: true, value: undefined } : 'ERR_MAP_CLOSED'
        )
        expect([...manager.files].filter(({ handle }) => handle.info?.ino === BigInt(ino))).to.deep.equal([])
        await file.close()
        manager.fake.disk.add('/log', 'one')
      }
    })

    it('hand over nothing of a file that was cut short while they copied it', async () => {
      log().write(32)
      file = await manager.open('/log', 0)
      const { ino } = log()
      const windows = follow({ ...restart, size: 32 })
      manager.fake.hold()
      const next = windows.next()
      await settled()
      manager.fake.letGo()
      await settled()
      expect(manager.fake.held).to.deep.equal(['map /log 0+32'])
      manager.fake.letGo()
      // Within its last page, which no fault tells of.
      log().resize(20)
      await settled()
      manager.fake.resume()
      const { value } = await next
      expect(value?.bytes).to.deep.equal(bytesAt(ino, 0, 20))
      await windows.return()
    })
  })

  it('refuse options that make no sense', () => {
    const code = (options: object) => {
      try {
        follow(options)
      } catch (error) {
        return (error as { code?: string }).code
      }
      return 'none'
    }
    expect(code({ follow: 1 })).to.equal('ERR_INVALID_ARG_TYPE')
    expect(code({ follow: { restart: 1 } })).to.equal('ERR_INVALID_ARG_TYPE')
    expect(code({ follow: { intervalMs: 0 } })).to.equal('ERR_OUT_OF_RANGE')
    expect(code({ follow: { intervalMs: 86_400_001 } })).to.equal('ERR_OUT_OF_RANGE')
    expect(code({ start: 2, end: 1 })).to.equal('ERR_OUT_OF_RANGE')
    expect(code({ start: 4 })).to.equal('ERR_MAP_OUT_OF_RANGE')
    expect(file.consumers.size).to.equal(0)
  })
})

for (const mapper of realMappers) {
  describe(`windows({ follow }) of a real file on the ${mapper} mapper`, () => {
    // Longer than any spec: what wakes it is the OS.
    const never = { intervalMs: 24 * 60 * 60 * 1000 }

    it('hear from the OS that the file grows, is replaced and is cut short', async function () {
      if (process.platform !== 'linux') return this.skip()
      const path = tempFile('follow.log', 'one')
      await using manager = new MapManager({ mapper })
      await using file = await manager.open(path)
      const windows = file.windows({ follow: { ...never, restart: true } })
      const seen: (string | undefined)[] = []
      const next = async (change?: () => void) => {
        const answer = windows.next()
        change?.()
        seen.push(text(await answer))
      }
      await next()
      await next(() => appendFileSync(path, 'two'))
      await next(() => {
        writeFileSync(`${path}.new`, 'three')
        renameSync(`${path}.new`, path)
      })
      await next(() => appendFileSync(path, 'four'))
      await next(() => {
        truncateSync(path, 0)
        appendFileSync(path, 'five')
      })
      expect(seen).to.deep.equal(['0:one', '3:two', '0:three', '5:four', '0:five'])
      unlinkSync(path)
    })

    it('look by themselves where the OS tells nothing', async () => {
      const path = tempFile('follow.log', 'one')
      const fd = openSync(path, 'r')
      await using manager = new MapManager({ mapper })
      await using file = await manager.open(fd)
      const stream = file.stream({ follow: { intervalMs: 1 }, end: 9 })
      const chunks: string[] = []
      for await (const chunk of stream) {
        chunks.push(`${chunk}`)
        if (chunks.length < 3) appendFileSync(path, ['two', 'three'][chunks.length - 1] as string)
      }
      expect(chunks).to.deep.equal(['one', 'two', 'thr'])
      closeSync(fd)
    })

    it('leave nothing when the manager is closed while they wait', async () => {
      const path = tempFile('follow.log', 'one')
      const manager = new MapManager({ mapper })
      const file = await manager.open(path)
      const windows = file.windows({ follow: true })
      await windows.next()
      const next = failure(windows.next())
      await manager.close()
      expect((await next).code).to.equal('ERR_MAP_CLOSED')
    })
  })
}
