import { once } from 'node:events'
import { Writable } from 'node:stream'
import { expect } from 'chai'
import { concatSuite } from '../support/concat-suite.js'
import { failure } from '../support/failure.js'

const reason = new Error('enough')
const mine = new Error('mine')

/** Rejections that nobody handles fail a spec; by then they have been seen. */
async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise(resolve => setImmediate(resolve))
}

concatSuite('streamed, by a list that cannot be left', bench => {
  function* list(): Generator<string> {
    try {
      yield* bench.paths
    } finally {
      // biome-ignore lint/correctness/noUnsafeFinally: that is what is told, or not
      throw mine
    }
  }
  const concat = () => bench.manager.concat(list(), { ...bench.options, lookahead: 1 })

  for (const kind of ['stream', 'nodeStream'] as const) {
    it(`is the error of a ${kind}() that is destroyed without one`, async () => {
      const stream = concat()[kind]()
      await once(stream as never, 'readable')
      const error = once(stream as never, 'error')
      stream.destroy()
      expect((await error)[0]).to.equal(mine)
      await settle()
    })

    it(`comes after the error that a ${kind}() is destroyed with, and the reason of its signal`, async () => {
      for (const end of ['destroy', 'abort'] as const) {
        const stop = new AbortController()
        const stream = concat()[kind]({ signal: stop.signal })
        await once(stream as never, 'readable')
        const error = once(stream as never, 'error')
        if (end === 'abort') stop.abort(reason)
        else stream.destroy(reason)
        expect((await error)[0]).to.equal(reason)
        await settle()
      }
    })

    it(`comes after the reason of the signal in a loop over a ${kind}()`, async () => {
      const stop = new AbortController()
      const read = async () => {
        for await (const _ of concat()[kind]({ signal: stop.signal })) stop.abort(reason)
      }
      expect(await failure(read())).to.equal(reason)
      await settle()
    })
  }

  it('is what leaving a loop over a stream() rejects with', async () => {
    const read = async () => {
      for await (const _ of concat().stream()) break
    }
    expect(await failure(read())).to.equal(mine)
    const stream = concat().stream()
    const chunks = stream[Symbol.asyncIterator]()
    await chunks.next()
    expect(await failure(chunks.throw?.(reason))).to.equal(reason)
    await settle()
  })

  it('fails a webStream() with the reason of its signal, and every read of it', async () => {
    const stop = new AbortController()
    const reader = concat().webStream({ signal: stop.signal }).getReader()
    await reader.read()
    stop.abort(reason)
    expect(await failure(reader.read())).to.equal(reason)
    expect(await failure(reader.closed)).to.equal(reason)
    await settle()
    const left = concat().webStream().getReader()
    await left.read()
    expect(await failure(left.cancel())).to.equal(mine)
    await settle()
  })

  it('rejects pipeTo() with the reason of its signal, or what the sink fails with', async () => {
    for (const preventAbort of [false, true]) {
      const stop = new AbortController()
      const { signal } = stop
      const write = (_: unknown, __: unknown, done: () => void) => {
        stop.abort(reason)
        done()
      }
      expect(await failure(concat().pipeTo(new Writable({ write }), { signal, preventAbort }))).to.equal(
        reason
      )
      const between = new AbortController()
      const sink = new Writable({ write: (_, __, done) => done() })
      const onProgress = () => between.abort(reason)
      expect(
        await failure(concat().pipeTo(sink, { signal: between.signal, preventAbort, onProgress }))
      ).to.equal(reason)
      const failing = new Writable({ write: (_, __, done) => done(reason) })
      expect(await failure(concat().pipeTo(failing, { preventAbort }))).to.equal(reason)
      await settle()
    }
  })

  it('rejects pipeTo() by itself where nothing else does', async () => {
    const sink = new Writable({ write: (_, __, done) => done() })
    expect(await failure(concat().pipeTo(sink, { end: 1000 }))).to.equal(mine)
    await settle()
  })
})
