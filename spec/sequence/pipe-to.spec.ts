import { truncateSync } from 'node:fs'
import { PassThrough, Writable as NodeWritable } from 'node:stream'
import { expect } from 'chai'
import fc from 'fast-check'
import { isFinishing, Writable as StreamxWritable } from 'streamx'
import { MapManager, type MappedFile, type PipeToOptions, type Sinkable } from '../../lib/index.js'
import { failure } from '../support/failure.js'
import { bytesAt, KiB, MiB, tempFile } from '../support/files.js'
import { eventually, realMappers } from '../support/mappers.js'
import { mappingsOf } from '../support/os.js'

const turn = () => new Promise<void>(resolve => setImmediate(resolve))

/** What a sink does with a chunk. */
type Take = (chunk: Uint8Array) => void | Promise<void>

interface Kind {
  make(take: Take, flush?: () => Promise<void>): Sinkable
  /** Whether it was ended, or destroyed. */
  isOver(sink: Sinkable): boolean
}

const isNodeOver = (sink: Sinkable) =>
  (sink as NodeWritable).writableEnded || (sink as NodeWritable).destroyed

/** The kinds of sink, each made of one function. */
const kinds: Record<string, Kind> = {
  'a Writable of node:stream': {
    make: (take, flush = async () => {}) =>
      new NodeWritable({
        write: (chunk, _, done) => void Promise.resolve(take(chunk)).then(() => done(), done),
        final: done => void flush().then(() => done(), done)
      }),
    isOver: isNodeOver
  },
  'a Writable of node:stream that calls back at once': {
    make: (take, flush = async () => {}) =>
      new NodeWritable({
        write: (chunk, _, done) => {
          let taken: void | Promise<void>
          try {
            taken = take(chunk)
          } catch (error) {
            return done(error as Error)
          }
          if (taken === undefined) done()
          else taken.then(() => done(), done)
        },
        final: done => void flush().then(() => done(), done)
      }),
    isOver: isNodeOver
  },
  'a Writable of streamx': {
    make: (take, flush = async () => {}) =>
      new StreamxWritable({
        write: (chunk, done) => void Promise.resolve(take(chunk as Buffer)).then(() => done(null), done),
        final: done => void flush().then(() => done(null), done)
      }),
    isOver: sink =>
      isFinishing(sink as StreamxWritable) || (sink as unknown as { destroying: boolean }).destroying
  },
  'a WritableStream': {
    make: (take, flush = async () => {}) => new WritableStream({ write: take, close: flush }) as never,
    isOver: sink => {
      const writer = (sink as WritableStream).getWriter()
      // An open one has room for one chunk.
      const over = writer.desiredSize !== 1
      writer.releaseLock()
      return over
    }
  }
}

for (const mapper of realMappers) {
  describe(`pipeTo() on the ${mapper} mapper`, () => {
    const content = bytesAt(6, 0, MiB + 4321)
    let path: string
    let manager: MapManager
    let file: MappedFile

    beforeEach(async () => {
      path = tempFile('pipe-to.bin', content)
      manager = new MapManager({ mapper, maxMappedBytes: 512 * KiB, windowSize: 128 * KiB })
      file = await manager.open(path)
    })

    afterEach(async () => {
      await manager.close()
      expect(manager.stats()).to.include({ mappedBytes: 0, regions: 0, handles: 0, files: 0, waiters: 0 })
    })

    function expectNothingMapped() {
      expect(mappingsOf(path)).to.deep.equal([])
      expect(manager.stats()).to.include({ mappedBytes: 0, regions: 0, waiters: 0 })
    }

    for (const [name, { make, isOver }] of Object.entries(kinds)) {
      describe(`to ${name}`, () => {
        for (const lifetime of ['leased', 'copied'] as const) {
          it(`writes every byte in order, ${lifetime}, flushes, and ends it`, async () => {
            const chunks: Buffer[] = []
            let flushed = false
            const sink = make(
              async chunk => {
                await turn()
                chunks.push(Buffer.from(chunk))
              },
              async () => {
                await turn()
                flushed = true
              }
            )
            await file.pipeTo(sink, { lifetime, chunkSize: 50_000 })
            expect(flushed).to.equal(true)
            expect(isOver(sink)).to.equal(true)
            expect(Buffer.concat(chunks).equals(content)).to.equal(true)
            expectNothingMapped()
          })
        }

        it('writes a range, window by window, and an empty one', async () => {
          const chunks: Buffer[] = []
          const take = (chunk: Uint8Array) => void chunks.push(Buffer.from(chunk))
          await file.pipeTo(make(take), { start: 100_001, end: 500_003, size: 70_000 })
          expect(Buffer.concat(chunks).equals(content.subarray(100_001, 500_003))).to.equal(true)
          await file.pipeTo(
            make(() => expect.fail('nothing to write')),
            { start: content.length }
          )
        })

        it('advances when a write has called back, and maps nothing meanwhile beyond the prefetch', async () => {
          const wakes: (() => void)[] = []
          const sink = make(() => new Promise(resolve => wakes.push(resolve)))
          const piped = file.pipeTo(sink, { prefetch: 1, chunkSize: 128 * KiB })
          await eventually(() => wakes.length === 1 && manager.stats().maps === 2)
          for (let i = 0; i < 100; i++) await turn()
          expect([wakes.length, manager.stats().maps]).to.deep.equal([1, 2])
          for (let i = 0; i < 9; i++) {
            await eventually(() => wakes.length > i)
            wakes[i]?.()
          }
          await piped
          expect(manager.stats().maps).to.equal(9)
        })

        it('tells how far the sink is', async () => {
          const told: number[] = []
          await file.pipeTo(
            make(() => {}),
            { chunkSize: 128 * KiB, onProgress: bytes => told.push(bytes) }
          )
          expect(told).to.deep.equal([
            ...Array.from({ length: 8 }, (_, i) => (i + 1) * 128 * KiB),
            content.length
          ])
        })

        it('leaves it open with preventClose, for what comes next', async () => {
          let seen = 0
          const sink = make(chunk => {
            seen += chunk.length
          })
          await file.pipeTo(sink, { preventClose: true })
          expect(isOver(sink)).to.equal(false)
          await file.pipeTo(sink)
          expect(seen).to.equal(2 * content.length)
          expect(isOver(sink)).to.equal(true)
        })

        it('rejects with what the sink fails with, in a write or at the end', async () => {
          const error = new Error('full')
          const failing = make(() => Promise.reject(error))
          expect(await failure(file.pipeTo(failing))).to.equal(error)
          const unflushed = make(
            () => {},
            () => Promise.reject(error)
          )
          expect(await failure(file.pipeTo(unflushed))).to.equal(error)
          expectNothingMapped()
        })

        it('destroys it when the file fails, or with preventAbort does not', async () => {
          for (const preventAbort of [false, true]) {
            tempFile('pipe-to.bin', content)
            const opened = await manager.open(path)
            const sink = make(() => truncateSync(path, 200 * KiB))
            const error = await failure(opened.pipeTo(sink, { prefetch: 0, preventAbort }))
            expect(error).to.have.property('code', 'ERR_MAP_FILE_TRUNCATED')
            expect(isOver(sink)).to.equal(!preventAbort)
            await opened.close()
          }
        })

        it('rejects at once with the reason of its signal, before the start, in a write and in the flush', async () => {
          const reason = new Error('enough')
          const early = make(() => expect.fail('it was aborted before'))
          expect(await failure(file.pipeTo(early, { signal: AbortSignal.abort(reason) }))).to.equal(reason)
          expect(isOver(early)).to.equal(true)
          const stop = new AbortController()
          // These never call back.
          const stuck = make(() => {
            setImmediate(() => stop.abort(reason))
            return new Promise(() => {})
          })
          expect(await failure(file.pipeTo(stuck, { signal: stop.signal }))).to.equal(reason)
          const again = new AbortController()
          const unflushed = make(
            () => {},
            () => {
              setImmediate(() => again.abort(reason))
              return new Promise(() => {})
            }
          )
          expect(await failure(file.pipeTo(unflushed, { signal: again.signal }))).to.equal(reason)
          expectNothingMapped()
        })

        it('waits for the write under way when it is aborted with preventAbort', async () => {
          const stop = new AbortController()
          const reason = new Error('enough')
          let done = () => {}
          let seen: Buffer | undefined
          const sink = make(async chunk => {
            await new Promise<void>(resolve => {
              done = resolve
              setImmediate(() => stop.abort(reason))
            })
            seen ??= Buffer.from(chunk)
          })
          const piped = file.pipeTo(sink, { signal: stop.signal, preventAbort: true, lifetime: 'leased' })
          let settled = false
          const rejected = failure(piped).finally(() => {
            settled = true
          })
          await eventually(() => stop.signal.aborted)
          for (let i = 0; i < 20; i++) await turn()
          expect(settled).to.equal(false)
          done()
          expect(await rejected).to.equal(reason)
          expect(seen?.equals(content.subarray(0, seen.length))).to.equal(true)
          expect(isOver(sink)).to.equal(false)
          expectNothingMapped()
        })

        it('rejects when the file or the manager is closed under it, however the sink hangs', async () => {
          for (const preventAbort of [false, true]) {
            const opened = await manager.open(path)
            let writing = false
            const sink = make(() => {
              writing = true
              return new Promise(() => {})
            })
            const piped = failure(opened.pipeTo(sink, { preventAbort, lifetime: 'leased' }))
            await eventually(() => writing)
            await opened.close()
            expect(await piped).to.have.property('code', 'ERR_MAP_CLOSED')
          }
          expectNothingMapped()
        })

        it('fails by what onProgress throws', async () => {
          const error = new Error('no bar')
          const sink = make(() => {})
          const onProgress = () => {
            throw error
          }
          expect(await failure(file.pipeTo(sink, { onProgress }))).to.equal(error)
          expect(isOver(sink)).to.equal(true)
          expectNothingMapped()
        })

        it('leaves the queue at once when it is aborted while it waits for budget', async () => {
          const holder = file.windows({ prefetch: 0, size: 512 * KiB })
          await holder.next()
          const stop = new AbortController()
          const piped = failure(
            file.pipeTo(
              make(() => {}),
              { signal: stop.signal }
            )
          )
          await eventually(() => manager.stats().waiters === 1)
          stop.abort()
          expect(manager.stats().waiters).to.equal(0)
          expect(await piped).to.have.property('name', 'AbortError')
          await holder.return?.()
          expectNothingMapped()
        })
      })
    }

    it('lends a chunk until the write of it has called back: at once, soon or late', async () => {
      const soon = [(call: () => void) => call(), queueMicrotask, process.nextTick, setImmediate]
      const ways = fc.array(fc.constantFrom(...soon), { minLength: 1 })
      await fc.assert(
        fc.asyncProperty(ways, async ways => {
          let writes = 0
          let bytes = 0
          let atWork = false
          const sink = new NodeWritable({
            write(chunk: Buffer, _, done) {
              expect(atWork, 'one chunk at a time').to.equal(false)
              atWork = true
              ways[writes++ % ways.length]?.(() => {
                expect(chunk.equals(content.subarray(bytes, bytes + chunk.length))).to.equal(true)
                bytes += chunk.length
                atWork = false
                done()
              })
            }
          })
          await file.pipeTo(sink, { chunkSize: 8 * KiB, size: 32 * KiB, lifetime: 'leased' })
          expect(bytes).to.equal(content.length)
        }),
        { numRuns: 20 }
      )
      expectNothingMapped()
    })

    for (const [what, leave, code] of [
      ['fails', (_: NodeWritable, done: (error?: Error) => void) => done(new Error('full')), undefined],
      ['is destroyed', (sink: NodeWritable) => void sink.destroy(), 'ERR_STREAM_PREMATURE_CLOSE'],
      [
        'is destroyed and calls back',
        (sink: NodeWritable, done: () => void) => {
          sink.destroy()
          done()
        },
        'ERR_STREAM_PREMATURE_CLOSE'
      ],
      ['closes the file', () => void file.close(), 'ERR_MAP_CLOSED'],
      [
        'closes the file and calls back',
        (_: NodeWritable, done: () => void) => {
          void file.close()
          done()
        },
        'ERR_MAP_CLOSED'
      ]
    ] as const) {
      it(`writes no more to a sink that ${what} within a write, after some that were done at once`, async () => {
        let writes = 0
        const sink = new NodeWritable({
          write(_chunk, _encoding, done) {
            if (++writes < 3) done()
            else leave(this, done)
          }
        })
        const error = await failure(file.pipeTo(sink, { chunkSize: 8 * KiB, lifetime: 'leased' }))
        if (code === undefined) expect(error).to.have.property('message', 'full')
        else expect(error).to.have.property('code', code)
        expect(writes).to.equal(3)
        expect(sink.destroyed).to.equal(true)
        expectNothingMapped()
      })
    }

    it('waits for a sink whose write() is wrapped on the way to put it off', async () => {
      const seen: Buffer[] = []
      const sink = new NodeWritable({
        write(chunk: Buffer, _, done) {
          seen.push(Buffer.from(chunk))
          done()
        }
      })
      const write = sink.write.bind(sink) as (chunk: Buffer, done: () => void) => boolean
      const putOff = (chunk: Buffer, done: () => void) => {
        setImmediate(write, chunk, done)
        return true
      }
      const piped = file.pipeTo(sink, { chunkSize: 8 * KiB, lifetime: 'leased' })
      sink.write = putOff as never
      await piped
      expect(Buffer.concat(seen).equals(content)).to.equal(true)
    })

    it('serves many sinks on a budget of one window, each its turn', async () => {
      const tight = new MapManager({ mapper, maxMappedBytes: 128 * KiB, windowSize: 128 * KiB })
      const opened = await tight.open(path)
      const order: number[] = []
      await Promise.all(
        [0, 1, 2].map(i =>
          opened.pipeTo(
            new NodeWritable({
              write(_, __, done) {
                order.push(i)
                setImmediate(done)
              }
            })
          )
        )
      )
      // The last windows are small: they fit together.
      expect(order).to.have.length(27)
      expect(order.slice(0, 24)).to.deep.equal(Array.from({ length: 24 }, (_, i) => i % 3))
      expect(tight.stats()).to.include({ peakMappedBytes: 128 * KiB, bytesCopied: 0 })
      await tight.close()
    })

    for (const [name, sink, options, code] of [
      ['no sink', undefined, {}, 'ERR_INVALID_ARG_TYPE'],
      ['an object that only writes', { write() {} }, {}, 'ERR_INVALID_ARG_TYPE'],
      ['a lifetime that is none', new PassThrough(), { lifetime: 'lent' }, 'ERR_OUT_OF_RANGE'],
      ['a start past the end', new PassThrough(), { start: 9 * MiB }, 'ERR_MAP_OUT_OF_RANGE'],
      ['options that are none', new PassThrough(), 5, 'ERR_INVALID_ARG_TYPE']
    ] as const) {
      it(`refuses ${name}, and leaves the sink alone`, async () => {
        const error = await failure(file.pipeTo(sink as never, options as PipeToOptions))
        expect(error).to.have.property('code', code)
        if (sink instanceof PassThrough) expect(sink.destroyed).to.equal(false)
      })
    }
  })
}
