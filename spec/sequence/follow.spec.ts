import { expect } from 'chai'
import fc from 'fast-check'
import type { OpenFile } from '../../lib/manager/open-file.js'
import { failure } from '../support/failure.js'
import type { FakeManager } from '../support/fake-manager.js'
import { settled } from '../support/fake-mapper.js'
import { bytesAt } from '../support/files.js'
import type { HandWatch } from '../support/hand-watch.js'
import { collectedUntil } from '../support/mappers.js'
import { FollowBench, text } from './follow-bench.js'

type Follow = (
  options?: Parameters<FollowBench['follow']>[1],
  place?: { limit?: number; base?: number }
) => ReturnType<FollowBench['follow']>

describe('windows that follow a file', () => {
  let bench: FollowBench
  let manager: FakeManager
  let watch: HandWatch
  let file: OpenFile
  beforeEach(async () => {
    bench = new FollowBench()
    ;({ manager, watch } = bench)
    file = await manager.with('/log', 'one')
  })
  afterEach(() => bench.closeClean())

  const follow: Follow = (options, place) => bench.follow(file, options, place)

  it('come as the file grows, each byte once', async () => {
    const windows = follow()
    const { next } = await bench.waiting(windows)
    bench.log.write('onetwo')
    await watch.ring()
    expect(text(await next)).to.equal('3:two')
    bench.log.write('onetwothreefourfive')
    expect(text(await windows.next())).to.equal('6:threefou')
    expect(text(await windows.next())).to.equal('14:rfive')
    await windows.return()
  })

  it('wait again where nothing has come, with nothing mapped and no descriptor in use', async () => {
    const windows = follow({ follow: { intervalMs: 5 } })
    const { next } = await bench.waiting(windows)
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
    bench.log.write('')
    file = await bench.open()
    const empty = follow()
    const first = empty.next()
    await settled()
    bench.log.write('one')
    await watch.ring()
    expect(text(await first)).to.equal('0:one')
    file = await bench.open()
    const tail = follow({ start: 3 })
    const next = tail.next()
    await settled()
    bench.log.write('onetwo')
    await watch.ring()
    expect(text(await next)).to.equal('3:two')
    await Promise.all([empty.return(), tail.return()])
  })

  it('end at `end`, wherever the file ended when it was opened', async () => {
    const windows = follow({ end: 5 })
    const { next } = await bench.waiting(windows)
    bench.log.write('onetwo')
    await watch.ring()
    expect(text(await next)).to.equal('3:tw')
    expect(await windows.next()).to.deep.equal({ done: true, value: undefined })
    expect(await follow({ end: 0 }).next()).to.deep.equal({ done: true, value: undefined })
  })

  it('end where a range ends that lies within the file', async () => {
    const windows = follow({}, { limit: 2 })
    expect(text(await windows.next())).to.equal('0:on')
    expect(await windows.next()).to.deep.equal({ done: true, value: undefined })
  })

  it('count offsets from where their range begins', async () => {
    const windows = follow({}, { base: 1 })
    expect(text(await windows.next())).to.equal('0:ne')
    bench.log.write('onetwo')
    expect(text(await windows.next())).to.equal('2:two')
    await windows.return()
  })

  it('repeat the overlap, as far as there is something to repeat', async () => {
    const windows = follow({ overlap: 4, start: 1 })
    expect(text(await windows.next())).to.equal('1:ne')
    bench.log.write('onetwothree')
    expect(text(await windows.next())).to.equal('1:netwothr')
    expect(text(await windows.next())).to.equal('5:othree')
    bench.log.write('onetwothreefour')
    expect(text(await windows.next())).to.equal('7:hreefour')
    await windows.return()
  })

  it('answer calls that overlap in order', async () => {
    const windows = follow({ lifetime: 'copied' })
    const calls = [windows.next(), windows.next(), windows.next()]
    await settled()
    bench.log.write('onetwo')
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
          bench.replace(5)
          file = await bench.open()
          const { ino } = bench.log
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
            bench.log.write(bench.log.size + step)
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
      const { next } = await bench.waiting(windows)
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
        const { next } = await bench.waiting(windows)
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
      const next = failure((await bench.waiting(follow())).next)
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
