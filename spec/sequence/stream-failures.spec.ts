import { once } from 'node:events'
import { type Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import { MapManager, type MappedFile } from '../../lib/index.js'
import { failure } from '../support/failure.js'
import { bytesAt, collect, KiB, tempFile } from '../support/files.js'
import { realMappers } from '../support/mappers.js'

/** How a promise settled, where what it is rejected with may be anything. */
async function outcome(promise: Promise<unknown>): Promise<{ value: unknown } | { reason: unknown }> {
  return promise.then(
    value => ({ value }),
    reason => ({ reason })
  )
}

const DONE = { done: true, value: undefined }

for (const mapper of realMappers) {
  describe(`a stream that fails never looks like the end of the file, on the ${mapper} mapper`, () => {
    let manager: MapManager
    let file: MappedFile

    beforeEach(async () => {
      const path = tempFile('failures.bin', bytesAt(2, 0, 300 * KiB))
      manager = new MapManager({ mapper, maxMappedBytes: 512 * KiB, windowSize: 64 * KiB })
      file = await manager.open(path)
    })

    afterEach(async () => {
      await manager.close()
      expect(manager.stats()).to.include({ mappedBytes: 0, regions: 0, handles: 0, files: 0, waiters: 0 })
    })

    for (const reason of [null, 0, '', false, 'enough', new Error('enough')]) {
      const said = reason instanceof Error ? 'an error' : JSON.stringify(reason)

      it(`rejects a loop over stream() with the reason of its signal, ${said}`, async () => {
        const stop = new AbortController()
        const read = async () => {
          for await (const _ of file.stream({ signal: stop.signal })) stop.abort(reason)
        }
        expect(await outcome(read())).to.deep.equal({ reason })
      })

      it(`rejects a loop over stream() that was aborted before it, with ${said}`, async () => {
        const stop = new AbortController()
        const stream = file.stream({ signal: stop.signal })
        const error = once(stream as never, 'error')
        stop.abort(reason)
        const [told] = await error
        expect(told).to.be.instanceOf(Error)
        if (told !== reason)
          expect(told).to.deep.include({ name: 'AbortError', code: 'ABORT_ERR', cause: reason })
        expect(await outcome(collect(stream))).to.deep.equal({ reason })
        // Whoever comes next, too.
        expect(await outcome(collect(stream))).to.deep.equal({ reason })
      })

      it(`tells whoever pipes, and who loops over nodeStream(), of an error when the reason is ${said}`, async () => {
        const expectTold = (error: unknown) => {
          if (reason instanceof Error) expect(error).to.equal(reason)
          else expect(error).to.deep.include({ name: 'AbortError', code: 'ABORT_ERR', cause: reason })
        }
        for (const kind of ['nodeStream', 'stream'] as const) {
          const stop = new AbortController()
          const write = (_: unknown, __: unknown, done: () => void) => {
            stop.abort(reason)
            done()
          }
          const stream = file[kind]({ signal: stop.signal }) as Readable
          expectTold(await failure(pipeline(stream, new Writable({ write }))))
        }
        const stop = new AbortController()
        const read = async () => {
          for await (const _ of file.nodeStream({ signal: stop.signal })) stop.abort(reason)
        }
        expectTold(await failure(read()))
      })
    }

    it('tells of an AbortError when the reason of its signal may not be looked at', async () => {
      const getPrototypeOf = () => {
        throw new Error('hands off')
      }
      const reason = new Proxy({}, { getPrototypeOf })
      for (const kind of ['nodeStream', 'stream'] as const) {
        const stop = new AbortController()
        const stream = file[kind]({ signal: stop.signal }) as Readable
        const told = new Promise<Error>(resolve => stream.on('error', resolve))
        stop.abort(reason)
        const error = await told
        expect(error).to.have.property('code', 'ABORT_ERR')
        expect(error.cause === reason).to.equal(true)
      }
    })

    it('may be left unread when its signal is aborted; who reads it later is told', async () => {
      for (const kind of ['nodeStream', 'stream'] as const) {
        for (const reason of [null, new Error('enough')]) {
          const stop = new AbortController()
          const make = () => file[kind]({ signal: stop.signal }) as Readable
          const [iterated, piped, handled, dropped] = [make(), make(), make(), make()] as const
          stop.abort(reason)
          const late = make()
          // Nobody listens: an 'error' would be uncaught by now.
          for (let i = 0; i < 5; i++) await new Promise(resolve => setImmediate(resolve))
          const expectTold = (error: Error) => expect(reason === null ? error.cause : error).to.equal(reason)
          for (const stream of [iterated, late]) {
            const told = await outcome(collect(stream))
            if (kind === 'stream') expect(told).to.deep.equal({ reason })
            else expectTold((told as { reason: Error }).reason)
          }
          expectTold(await failure(pipeline(piped, new Writable({ write: (_, __, done) => done() }))))
          const error = once(handled, 'error')
          handled.on('data', () => {})
          expectTold((await error)[0])
          dropped.destroy()
        }
      }
    })

    it('tells at once whoever listens in the turn in which it was made, with its signal aborted', async () => {
      const reason = new Error('enough')
      for (const kind of ['nodeStream', 'stream'] as const) {
        const [error] = await once(
          file[kind]({ signal: AbortSignal.abort(reason) }) as Readable,
          'close'
        ).then(
          () => [undefined],
          error => [error]
        )
        expect(error).to.equal(reason)
      }
    })

    it('rejects once in an iteration, and then answers done', async () => {
      const stop = new AbortController()
      const chunks = file.stream({ signal: stop.signal })[Symbol.asyncIterator]()
      await chunks.next()
      stop.abort(null)
      expect(await outcome(chunks.next())).to.deep.equal({ reason: null })
      expect(await chunks.next()).to.deep.equal(DONE)
      expect(await chunks.return?.()).to.deep.equal(DONE)
    })

    it('answers done in an iteration that was left after its signal was aborted', async () => {
      const stop = new AbortController()
      const chunks = file.stream({ signal: stop.signal })[Symbol.asyncIterator]()
      await chunks.next()
      stop.abort(new Error('enough'))
      const left = chunks.return?.()
      expect(await chunks.next()).to.deep.equal(DONE)
      expect(await left).to.deep.equal(DONE)
      expect(await chunks.next()).to.deep.equal(DONE)
    })

    it('rejects, once, in an iteration of a concatenation whose file was unmapped', async () => {
      const path = file.path as string
      const chunks = manager.concat([path]).stream()[Symbol.asyncIterator]()
      await chunks.next()
      manager.unmapFile(path)
      expect(await failure(chunks.next())).to.include({ code: 'ERR_MAP_RELEASED' })
      expect(await chunks.next()).to.deep.equal(DONE)
    })

    it('leaves the next() that waits to tell what ended it, when return() meets it', async () => {
      const stop = new AbortController()
      const chunks = file.stream({ signal: stop.signal })[Symbol.asyncIterator]()
      const reason = new Error('enough')
      const next = outcome(chunks.next())
      stop.abort(reason)
      expect(await chunks.return?.()).to.deep.equal(DONE)
      expect(await next).to.deep.equal({ reason })
    })

    for (const listening of [true, false]) {
      it(`tells whoever iterates later that the file was closed, ${listening ? 'with' : 'without'} an 'error' listener`, async () => {
        const stream = file.stream()
        const errors: Error[] = []
        if (listening) stream.on('error', error => errors.push(error))
        await file.close()
        await new Promise(resolve => setImmediate(resolve))
        expect(errors).to.have.length(listening ? 1 : 0)
        expect(await failure(collect(stream))).to.have.property('code', 'ERR_MAP_CLOSED')
        expect(await failure(collect(stream))).to.have.property('code', 'ERR_MAP_CLOSED')
      })
    }

    it('tells whoever iterates later what it was destroyed with, if it was with an error', async () => {
      const reason = new Error('mine')
      for (const begin of [() => {}, (stream: ReturnType<MappedFile['stream']>) => void stream.read()]) {
        const stream = file.stream()
        begin(stream)
        const error = once(stream as never, 'error')
        stream.destroy(reason)
        await error
        expect(await failure(collect(stream))).to.equal(reason)
      }
    })

    it('ends quietly when its consumer destroys it', async () => {
      const before = file.stream()
      before.destroy()
      expect(await collect(before)).to.have.length(0)
      const during = file.stream()
      for await (const _ of during) during.destroy()
      const after = file.stream()
      const length = (await collect(after)).length
      after.destroy(new Error('late'))
      expect(length).to.equal(300 * KiB)
      expect(await collect(after)).to.have.length(0)
    })
  })
}
