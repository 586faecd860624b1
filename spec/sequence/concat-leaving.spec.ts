import { mkdirSync, renameSync, rmSync, truncateSync, writeFileSync, chmodSync } from 'node:fs'
import { once } from 'node:events'
import { expect } from 'chai'
import { MapManager, SlidemapError, type SourceWindow } from '../../lib/index.js'
import type { Mapper } from '../../lib/mapping/mapper.js'
import { readMapper } from '../../lib/mapping/read.js'
import { concatSuite } from '../support/concat-suite.js'
import { settled } from '../support/fake-mapper.js'
import { KiB, tempFile, tempPath, temporaryFolder } from '../support/files.js'
import { failure } from '../support/failure.js'
import { collectedUntil, eventually } from '../support/mappers.js'
import { PulledList } from '../support/pulled-list.js'

const root = process.getuid?.() === 0

/** Run `body` without the rights of the superuser, who may read everything. */
async function unprivileged(body: () => Promise<void>): Promise<void> {
  process.seteuid?.(65534)
  try {
    await body()
  } finally {
    process.seteuid?.(0)
  }
}

concatSuite('left early', bench => {
  const { content, options, mapper, expectNothingHeld, untilFailure } = bench
  let manager: MapManager
  let paths: string[]

  beforeEach(() => {
    ;({ manager, paths } = bench)
  })

  for (const asynchronous of [false, true]) {
    const list = asynchronous ? 'an async list' : 'a list'
    const listOf = (sources: string[]) => {
      const pulled = new PulledList(sources)
      return { pulled, given: asynchronous ? pulled.async : pulled.sync }
    }

    it(`leaves nothing open after a break in the third file, and tells ${list}`, async () => {
      const { pulled, given } = listOf(paths)
      for await (const window of manager.concat(given, options).windows()) if (window.index === 2) break
      expectNothingHeld()
      expect(pulled).to.include({ left: 1, exhausted: false })
    })

    it(`leaves nothing open after a throw, and tells ${list}`, async () => {
      const { pulled, given } = listOf(paths)
      const reason = new Error('mine')
      const error = await failure(
        (async () => {
          for await (const _ of manager.concat(given, options).windows()) throw reason
        })()
      )
      expect(error).to.equal(reason)
      expectNothingHeld()
      expect(pulled.left).to.equal(1)
    })

    it(`leaves nothing open after a stream was destroyed, and tells ${list}`, async () => {
      const { pulled, given } = listOf(paths)
      const stream = manager.concat(given, options).stream()
      await once(stream, 'data')
      stream.destroy()
      await once(stream, 'close')
      expectNothingHeld()
      expect(pulled.left).to.equal(1)
    })

    it(`pulls no more than the lookahead ahead of ${list}`, async () => {
      for (const lookahead of [0, 1, 2, 3, 7]) {
        const { pulled, given } = listOf(paths)
        for await (const { index } of manager.concat(given, { ...options, lookahead }).windows()) {
          for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
          expect(pulled.pulled).to.be.at.most(index + 1 + lookahead)
          expect(manager.stats().handles).to.be.at.most(2)
        }
        expect(pulled).to.include({ pulled: paths.length, exhausted: true, left: 0 })
      }
    })

    it(`names the source that is missing when its turn comes, and tells ${list}`, async () => {
      const { pulled, given } = listOf(paths.with(5, tempPath('left/missing')))
      const { error, count } = await untilFailure(given)
      expect(error).to.include({
        code: 'ENOENT',
        syscall: 'open',
        path: tempPath('left/missing'),
        index: 5
      })
      expect(error.message).to.match(/ENOENT.*left.missing.*source 5/)
      expect(count).to.equal(5)
      expect(pulled.left).to.equal(pulled.exhausted ? 0 : 1)
    })
  }

  it('names a folder, and what is no source', async () => {
    mkdirSync(tempPath('left/folder'))
    const folder = await untilFailure(paths.with(3, tempPath('left/folder')))
    expect(folder.error).to.include({ code: 'EISDIR', path: tempPath('left/folder'), index: 3 })
    expect(folder.count).to.equal(3)
    const none = await untilFailure([...paths.slice(0, 2), { no: 'source' } as never])
    expect(none.error).to.be.instanceOf(TypeError).and.include({ code: 'ERR_INVALID_ARG_TYPE', index: 2 })
    expect(none.count).to.equal(2)
    const promised = await untilFailure([paths[0] as string, Promise.resolve(paths[1]) as never])
    expect(promised.error).to.include({ code: 'ERR_INVALID_ARG_TYPE', index: 1 })
    const past = await untilFailure([{ source: paths[0] as string, start: 50 * KiB }])
    expect(past.error).to.be.instanceOf(SlidemapError)
    expect(past.error).to.include({ code: 'ERR_MAP_OUT_OF_RANGE', index: 0, path: paths[0] })
  })

  it('names a file that may not be read', async function () {
    if (process.platform === 'win32') this.skip()
    const secret = paths[4] as string
    chmodSync(secret, 0)
    const attempt = async () => {
      const { error, count } = await untilFailure(paths)
      expect(error).to.include({ code: 'EACCES', syscall: 'open', path: secret, index: 4 })
      expect(count).to.equal(4)
    }
    if (root) chmodSync(temporaryFolder, 0o755)
    await (root ? unprivileged(attempt) : attempt())
  })

  it('takes a file as it is when it is opened, cut short or replaced before', async () => {
    truncateSync(paths[1] as string, 10_000)
    renameSync(paths[2] as string, paths[3] as string)
    writeFileSync(paths[2] as string, content.subarray(0, 20_000))
    let bytes = 0
    for await (const window of manager.concat(paths, options).windows()) bytes += window.length
    expect(bytes).to.equal(10 * content.length + 30_000)
  })

  it('does not open a file that appears in time before its turn as missing', async () => {
    const late = paths[6] as string
    rmSync(late)
    let bytes = 0
    for await (const { index, length } of manager.concat(paths, options).windows()) {
      if (index === 5) writeFileSync(late, content)
      bytes += length
    }
    expect(bytes).to.equal(12 * content.length)
  })

  it('ends with the reason of its signal, wherever it was, and tells the list', async () => {
    const reason = new Error('enough')
    for (let at = 0; at < 4; at++) {
      const stop = new AbortController()
      const list = new PulledList(paths)
      const windows = manager.concat(list.async, options).windows({ signal: stop.signal })
      for (let i = 0; i < at; i++) await windows.next()
      const pending = at > 0 ? undefined : windows.next()
      stop.abort(reason)
      expect(await failure(pending ?? windows.next())).to.equal(reason)
      expect(await windows.next()).to.deep.equal({ done: true, value: undefined })
      expectNothingHeld()
      // One that was never asked has no `finally` to run.
      expect(list.left).to.equal(list.pulled > 0 ? 1 : 0)
    }
    const aborted = manager.concat(paths, options).windows({ signal: AbortSignal.abort(reason) })
    expect(await failure(aborted.next())).to.equal(reason)
  })

  it('gives back what it holds when the signal says so, not when the consumer comes by', async () => {
    const stop = new AbortController()
    const windows = manager.concat(paths, options).windows({ signal: stop.signal })
    const { value } = await windows.next()
    stop.abort()
    await eventually(() => manager.stats().handles === 0)
    await eventually(() => manager.stats().regions <= 1)
    // The window in hand is the consumer's until it goes on.
    expect(value?.bytes.equals(content)).to.equal(true)
    await failure(windows.next())
    expect(() => value?.bytes)
      .to.throw()
      .with.property('code', 'ERR_MAP_RELEASED')
    expectNothingHeld()
  })

  it('answers overlapping calls in order', async () => {
    const windows = manager.concat(paths, options).windows()
    const answers = await Promise.all(Array.from({ length: 14 }, () => windows.next()))
    expect(answers.map(({ value }) => value?.index)).to.deep.equal([...paths.keys(), undefined, undefined])
  })

  it('is done after return(), with a next() that waits too, and rejects throw()', async () => {
    const windows = manager.concat(paths, options).windows()
    await windows.next()
    const pending = windows.next()
    const over = { done: true, value: undefined }
    expect(await windows.return()).to.deep.equal(over)
    expect([over, (await pending).done ? await pending : over]).to.deep.equal([over, over])
    expect(await windows.next()).to.deep.equal(over)
    expect(await windows.return()).to.deep.equal(over)
    const reason = new Error('mine')
    expect(await failure(windows.throw(reason))).to.equal(reason)
    await using unasked = manager.concat(paths, options).windows()
    expect(unasked[Symbol.asyncIterator]()).to.equal(unasked)
  })

  it('close() ends walks under way, releases retained windows, and refuses new walks', async () => {
    const concatenation = manager.concat(paths, options)
    const kept: SourceWindow<string>[] = []
    const windows = concatenation.windows()
    for (let i = 0; i < 3; i++) kept.push(((await windows.next()).value as SourceWindow<string>).retain())
    const waiting = concatenation.windows()
    const pending = failure(waiting.next())
    await Promise.all([concatenation.close(), concatenation.close()])
    for (const window of kept) {
      expect(() => window.bytes)
        .to.throw()
        .with.property('code', 'ERR_MAP_RELEASED')
      window.release()
    }
    expectNothingHeld()
    expect(await pending).to.include({ code: 'ERR_MAP_CLOSED', message: 'the concatenation is closed' })
    expect(await failure(windows.next())).to.include({ code: 'ERR_MAP_CLOSED' })
    expect(() => concatenation.windows())
      .to.throw('closed')
      .with.property('code', 'ERR_MAP_CLOSED')
    await manager.concat(paths, options)[Symbol.asyncDispose]()
  })

  it('ends when the manager is closed, between two files too', async () => {
    const own = new MapManager({ mapper })
    const windows = own.concat(paths, options).windows()
    const { value } = await windows.next()
    const kept = value?.retain()
    const never = own
      .concat(
        (async function* () {
          await new Promise(() => {})
          yield paths[0] as string
        })(),
        options
      )
      .windows()
    const pending = failure(never.next())
    await own.close()
    expect(await pending).to.include({ code: 'ERR_MAP_CLOSED', message: 'the manager is closed' })
    expect(await failure(windows.next())).to.include({ code: 'ERR_MAP_CLOSED' })
    expect(() => kept?.bytes)
      .to.throw()
      .with.property('code', 'ERR_MAP_RELEASED')
    expect(own.stats()).to.include({ mappedBytes: 0, regions: 0, handles: 0, files: 0 })
    expect(() => own.concat(paths).windows())
      .to.throw('the manager is closed')
      .with.property('code', 'ERR_MAP_CLOSED')
  })

  it('is cleaned up when it was dropped half way, and leaves the window in hand alone', async () => {
    const list = new PulledList(paths)
    const held = await (async () => (await manager.concat(list.sync, options).windows().next()).value)()
    expect(await collectedUntil(() => list.left === 1)).to.equal(true)
    await eventually(() => manager.stats().handles === 0)
    expect(held?.bytes.equals(content)).to.equal(true)
    held?.release()
    await eventually(() => manager.stats().files === 0)
  })

  it('finishes on the budget of one window and one handle', async () => {
    const tight = new MapManager({
      mapper,
      maxMappedBytes: 40 * KiB,
      maxHandles: 1,
      windowSize: 40 * KiB
    })
    const bytes = await Promise.all(
      [1, 2, 3, 4].map(async () => {
        let sum = 0
        for await (const window of tight.concat(paths, options).windows()) {
          expect(window.bytes.equals(content.subarray(0, window.length))).to.equal(true)
          sum += window.length
        }
        return sum
      })
    )
    expect(bytes).to.deep.equal(Array(4).fill(12 * content.length))
    expect(tight.stats()).to.include({ peakHandles: 1, handles: 0, mappedBytes: 0, waiters: 0 })
    expect(tight.stats().peakMappedBytes).to.be.at.most(40 * KiB)
    await tight.close()
  })
})

describe('a concatenation that was left while it read ahead', () => {
  it('is waited for by the close() of its manager', async () => {
    const paths = [1, 2, 3].map(i => tempFile(`ahead/${i}`, 'content'))
    const real = readMapper()
    let jobs = 0
    let open = () => {}
    const gate = new Promise<void>(resolve => {
      open = resolve
    })
    const readSmall: Mapper['readSmall'] = async (task, signal) => {
      // What is read ahead is the second.
      if (jobs++ > 0) await gate
      return (await real.readSmall?.(task, signal)) ?? []
    }
    const slow = new Proxy(real, {
      get(target, key) {
        const value = target[key as keyof Mapper]
        return key === 'readSmall' ? readSmall : typeof value === 'function' ? value.bind(target) : value
      }
    })
    const manager = new MapManager({ mapper: slow })
    const windows = manager.concat(paths).windows()
    await windows.next()
    const left = windows.return()
    await settled()
    expect(jobs).to.equal(2)
    let closed = false
    const closing = manager.close().then(() => {
      closed = true
    })
    await settled()
    expect(closed).to.equal(false)
    open()
    await closing
    expect(manager.stats()).to.include({ mappedBytes: 0, handles: 0 })
    await left
  })
})
