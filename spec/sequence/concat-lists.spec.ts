import { expect } from 'chai'
import type { MapManager } from '../../lib/index.js'
import { concatSuite, type Failure } from '../support/concat-suite.js'
import { failure } from '../support/failure.js'

concatSuite('by its list of sources', bench => {
  const { content, options, expectNothingHeld, untilFailure } = bench
  let manager: MapManager
  let paths: string[]

  beforeEach(() => {
    ;({ manager, paths } = bench)
  })

  it('rejects with what the list throws, and leaves nothing open', async () => {
    const reason = new Error('no more')
    const failing = function* () {
      yield* paths.slice(0, 3)
      throw reason
    }
    const failingLater = async function* () {
      yield* failing()
    }
    for (const list of [failing(), failingLater()]) {
      const { error, count } = await untilFailure(list)
      expect(error).to.equal(reason)
      expect(error).not.to.have.property('index')
      expect(count).to.equal(3)
    }
  })

  it('does not wait for a list that never answers', async () => {
    const stuck = (): AsyncIterable<string> => ({
      async *[Symbol.asyncIterator]() {
        yield paths[0] as string
        await new Promise(() => {})
      }
    })
    const reason = new Error('enough')
    const stop = new AbortController()
    const aborted = manager.concat(stuck(), options).windows({ signal: stop.signal })
    await aborted.next()
    const pending = aborted.next()
    stop.abort(reason)
    expect(await failure(pending)).to.equal(reason)

    const left = manager.concat(stuck(), options).windows()
    await left.next()
    const waiting = left.next()
    expect(await left.return()).to.deep.equal({ done: true, value: undefined })
    expect(await waiting).to.deep.equal({ done: true, value: undefined })

    const closed = manager.concat(stuck(), options)
    const windows = closed.windows()
    await windows.next()
    const rejected = failure(windows.next())
    await closed.close()
    expect(await rejected).to.include({ code: 'ERR_MAP_CLOSED' })
  })

  it('tells what the list fails with when it is left, and has given back everything by then', async () => {
    const reason = new Error('cannot be left')
    const list = (): Iterable<string> => ({
      [Symbol.iterator]: () => ({
        next: () => ({ done: false, value: paths[0] as string }),
        return: () => {
          throw reason
        }
      })
    })
    const windows = manager.concat(list(), options).windows()
    await windows.next()
    expect(await failure(windows.return())).to.equal(reason)
    expectNothingHeld()
    // A failure of its own comes first.
    const { error } = await untilFailure(
      (function* () {
        try {
          yield '/missing'
        } finally {
          // biome-ignore lint/correctness/noUnsafeFinally: that is what is told, or not
          throw reason
        }
      })()
    )
    expect(error).to.include({ code: 'ENOENT', index: 0 })
  })

  it('bears a list that leaves, aborts and closes from within its own next()', async () => {
    for (const act of ['return', 'abort', 'close'] as const) {
      const stop = new AbortController()
      let left = 0
      const acts = {
        return: () => windows.return(),
        abort: () => stop.abort(new Error('enough')),
        close: () => concatenation.close()
      }
      const list: Generator<string> = (function* () {
        try {
          yield paths[0] as string
          yield paths[1] as string
          void acts[act]()
          yield paths[2] as string
        } finally {
          left++
        }
      })()
      const concatenation = manager.concat(list, { ...options, lookahead: 1 })
      const windows = concatenation.windows({ signal: stop.signal })
      let error: Failure | undefined
      try {
        for await (const _ of windows);
      } catch (reason) {
        error = reason as Failure
      }
      expect(error?.code ?? error?.message).to.equal(
        { return: undefined, abort: 'enough', close: 'ERR_MAP_CLOSED' }[act]
      )
      await concatenation.close()
      expectNothingHeld()
      expect(left).to.equal(1)
    }
  })

  it('hands out no window, and keeps none, where it was left while it looked ahead', async () => {
    const reason = new Error('enough')
    for (const lifetime of ['leased', 'copied'] as const) {
      for (const act of ['return', 'abort', 'close'] as const) {
        for (const at of [1, 2, 3, 5, 8, 40, 41]) {
          const stop = new AbortController()
          let left = false
          const acts = {
            return: () => void windows.return(),
            abort: () => stop.abort(reason),
            close: () => void concatenation.close()
          }
          const list = (function* (): Generator<string> {
            for (let i = 0; i < 100; i++) {
              left ||= i === at
              if (i === at) acts[act]()
              yield paths[0] as string
            }
          })()
          const concatenation = manager.concat(list, { ...options, lookahead: 16 })
          const windows = concatenation.windows({ signal: stop.signal, lifetime })
          const walk = async () => {
            for await (const { bytes } of windows) {
              expect(left, `${act} at ${at}`).to.equal(false)
              expect(bytes.length).to.equal(content.length)
            }
          }
          if (act === 'return') await walk()
          else if (act === 'abort') expect(await failure(walk())).to.equal(reason)
          else expect(await failure(walk())).to.include({ code: 'ERR_MAP_CLOSED' })
          expectNothingHeld()
        }
      }
    }
  })
})
