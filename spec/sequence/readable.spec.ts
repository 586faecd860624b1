import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { truncateSync } from 'node:fs'
import { PassThrough, Writable as NodeWritable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import fc from 'fast-check'
import { Writable as StreamxWritable } from 'streamx'
import { MapManager, type MappedFile } from '../../lib/index.js'
import type { MapReadable } from '../../lib/sequence/readable.js'
import { chooseMapper } from '../../lib/mapping/choose.js'
import { bytesAt, collect, KiB, MiB, tempFile } from '../support/files.js'
import { collectedUntil, eventually, realMappers } from '../support/mappers.js'
import { mappingsOf } from '../support/os.js'

const sha1 = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest('hex')

async function failure(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  return promise.then(
    () => Promise.reject(new Error('it did not fail')),
    error => error
  )
}

for (const mapper of realMappers) {
  describe(`stream() on the ${mapper} mapper`, () => {
    const content = bytesAt(2, 0, MiB + 4321)
    let path: string
    let manager: MapManager
    let file: MappedFile

    beforeEach(async () => {
      path = tempFile('stream.bin', content)
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

    for (const lifetime of ['copied', 'leased'] as const) {
      describe(lifetime, () => {
        it('yields the bytes of any range in chunks of any size', async () => {
          await fc.assert(
            fc.asyncProperty(
              fc.record({
                start: fc.nat(content.length),
                length: fc.nat(300_000),
                size: fc.integer({ min: 10_000, max: 128 * KiB }),
                chunkSize: fc.integer({ min: 1000, max: 200_000 })
              }),
              async ({ start, length, size, chunkSize }) => {
                const end = Math.min(content.length, start + length)
                const chunks: Buffer[] = []
                for await (const chunk of file.stream({ start, end, size, chunkSize, lifetime })) {
                  expect(chunk.length).to.be.within(1, chunkSize)
                  chunks.push(Buffer.from(chunk))
                }
                expect(Buffer.concat(chunks).equals(content.subarray(start, end))).to.equal(true)
              }
            ),
            { numRuns: 50 }
          )
          expectNothingMapped()
        })

        it("reaches a 'data' handler, then ends and closes", async () => {
          const hash = createHash('sha1')
          const stream = file.stream({ lifetime })
          const events: string[] = []
          stream.on('data', chunk => hash.update(chunk))
          stream.on('end', () => events.push('end'))
          stream.on('close', () => events.push('close'))
          await once(stream as never, 'close')
          expect(events).to.deep.equal(['end', 'close'])
          expect(hash.digest('hex')).to.equal(sha1(content))
          expectNothingMapped()
        })

        it('pipes into a sink of node:stream that is done when write returns', async () => {
          const hash = createHash('sha1')
          const sink = new NodeWritable({
            write(chunk, _, done) {
              hash.update(chunk)
              done()
            }
          })
          await pipeline(file.stream({ lifetime }) as never, sink)
          expect(hash.digest('hex')).to.equal(sha1(content))
          expectNothingMapped()
        })

        it('pipes into a sink of streamx that is done when write returns', async () => {
          const hash = createHash('sha1')
          const sink = new StreamxWritable({
            write(chunk, done) {
              hash.update(chunk as Buffer)
              done(null)
            }
          })
          file.stream({ lifetime }).pipe(sink)
          await once(sink as never, 'close')
          expect(hash.digest('hex')).to.equal(sha1(content))
          expectNothingMapped()
        })

        it('has nothing mapped after a break', async () => {
          for await (const _ of file.stream({ lifetime })) break
          expectNothingMapped()
        })

        it('leaves the queue at once when it is destroyed while it waits for budget', async () => {
          const holder = file.windows({ prefetch: 0, size: 512 * KiB })
          await holder.next()
          const stream = file.stream({ lifetime })
          const next = stream[Symbol.asyncIterator]().next()
          await eventually(() => manager.stats().waiters === 1)
          const closed = once(stream as never, 'close')
          stream.destroy()
          expect(manager.stats().waiters).to.equal(0)
          await closed
          expect(await next).to.deep.equal({ done: true, value: undefined })
          await holder.return?.()
          expectNothingMapped()
        })

        it('is destroyed with the reason of its signal, also of one aborted before', async () => {
          const reason = new Error('enough')
          const early = file.stream({ lifetime, signal: AbortSignal.abort(reason) })
          expect(await failure(collect(early))).to.equal(reason)
          const stop = new AbortController()
          const read = (async () => {
            for await (const _ of file.stream({ lifetime, signal: stop.signal })) stop.abort(reason)
          })()
          expect(await failure(read)).to.equal(reason)
          expectNothingMapped()
        })

        it('is destroyed with ERR_MAP_CLOSED when the file is closed under it', async () => {
          const stream = file.stream({ lifetime })
          const chunks = stream[Symbol.asyncIterator]()
          await chunks.next()
          await file.close()
          expect(
            await failure(
              (async () => {
                for (;;) await chunks.next()
              })()
            )
          ).to.have.property('code', 'ERR_MAP_CLOSED')
          expectNothingMapped()
        })

        it('may be left unread when the file is closed; who reads it later is told', async () => {
          const streams = Array.from({ length: 4 }, () => file.stream({ lifetime }))
          await file.close()
          const [dropped, iterated, piped, handled] = streams as [
            MapReadable,
            MapReadable,
            MapReadable,
            MapReadable
          ]
          expect(streams.map(stream => stream.destroying)).to.deep.equal([false, false, false, false])
          expect(await failure(collect(iterated))).to.have.property('code', 'ERR_MAP_CLOSED')
          const sink = new NodeWritable({ write: (_, __, done) => done() })
          expect(await failure(pipeline(piped as never, sink))).to.have.property('code', 'ERR_MAP_CLOSED')
          const error = once(handled as never, 'error')
          handled.on('data', () => {})
          expect((await error)[0]).to.have.property('code', 'ERR_MAP_CLOSED')
          dropped.destroy()
          expectNothingMapped()
        })

        it("tells an 'error' listener at once when the file is closed, also before a read", async () => {
          const error = once(file.stream({ lifetime }) as never, 'error')
          await file.close()
          expect((await error)[0]).to.have.property('code', 'ERR_MAP_CLOSED')
        })

        it('never ends as if all were well when the file was cut short', async () => {
          const stream = file.stream({ lifetime, prefetch: 0 })
          const chunks = stream[Symbol.asyncIterator]()
          await chunks.next()
          truncateSync(path, 200 * KiB)
          const error = await failure(
            (async () => {
              while (!(await chunks.next()).done);
            })()
          )
          expect(error).to.have.property('code', 'ERR_MAP_FILE_TRUNCATED')
          expectNothingMapped()
        })

        it('answers overlapping calls of next() in order, and after the end', async () => {
          const chunks = file
            .stream({ lifetime, end: 150 * KiB, chunkSize: 50 * KiB })
            [Symbol.asyncIterator]()
          const results = await Promise.all(Array.from({ length: 6 }, () => chunks.next()))
          expect(results.map(result => !result.done)).to.deep.equal([true, true, true, true, false, false])
          expect(await chunks.next()).to.deep.equal({ done: true, value: undefined })
          expectNothingMapped()
        })

        it('shares its chunks among iterators that are used at once: each goes to one of them, in order', async () => {
          const stream = file.stream({ lifetime, chunkSize: 50 * KiB, size: 64 * KiB })
          const seen: Buffer[] = []
          const read = async () => {
            for await (const chunk of stream) seen.push(Buffer.from(chunk))
          }
          await Promise.all([read(), read(), read()])
          expect(Buffer.concat(seen).equals(content)).to.equal(true)
          expectNothingMapped()
        })
      })
    }

    it("copies chunks that are the consumer's own, however many it keeps", async () => {
      const kept: Buffer[] = []
      for await (const chunk of file.stream({ chunkSize: KiB })) kept.push(chunk)
      expect(kept).to.have.length(1029)
      expectNothingMapped()
      expect(Buffer.concat(kept).equals(content)).to.equal(true)
      expect(kept.every(chunk => chunk.buffer.byteLength === chunk.length)).to.equal(true)
      expect(manager.stats().bytesCopied).to.equal(content.length)
    })

    it('prepares for copies once, and not before the first', async () => {
      const told: number[] = []
      const own = chooseMapper(mapper, () => {})
      own.expectCopies = () => told.push(1)
      const copying = new MapManager({ mapper: own })
      const other = await copying.open(path)
      await collect(other.stream({ lifetime: 'leased' }))
      expect(told).to.have.length(0)
      await collect(other.stream())
      await collect(other.stream())
      expect(told).to.have.length(1)
      await copying.close()
    })

    it('copies chunks that stay right through sinks that queue them and pass them on', async () => {
      const hash = createHash('sha1')
      await pipeline(
        file.stream({ chunkSize: 5000 }) as never,
        new PassThrough(),
        new PassThrough({ highWaterMark: MiB }),
        new NodeWritable({
          write(chunk, _, done) {
            hash.update(chunk)
            setImmediate(done)
          }
        })
      )
      expect(hash.digest('hex')).to.equal(sha1(content))
    })

    it('lends a leased chunk to a for-await loop until that asks for the next', async () => {
      let held: Buffer | undefined
      let offset = 0
      for await (const chunk of file.stream({
        lifetime: 'leased',
        size: 64 * KiB,
        chunkSize: 64 * KiB,
        prefetch: 0
      })) {
        if (held) expect(held.length).to.equal(0)
        for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
        expect(chunk.equals(content.subarray(offset, offset + chunk.length))).to.equal(true)
        offset += chunk.length
        held = chunk
      }
      expect(offset).to.equal(content.length)
    })

    it('maps nothing ahead of a sink that rests, beyond the prefetch', async () => {
      let wake = () => {}
      let writes = 0
      const sink = new NodeWritable({
        highWaterMark: 1,
        write(_, __, done) {
          writes++
          wake = done
        }
      })
      const stream = file.stream({ prefetch: 1, size: 128 * KiB })
      stream.pipe(sink as never)
      await eventually(() => writes === 1)
      for (let turn = 0; turn < 50; turn++) await new Promise(resolve => setImmediate(resolve))
      expect(manager.stats().maps).to.be.at.most(2)
      expect(writes).to.equal(1)
      const end = finished(sink)
      for (let done = false; !done; ) {
        const wakeOnce = wake
        wake = () => {}
        wakeOnce()
        done = await Promise.race([
          end.then(() => true),
          new Promise<false>(resolve => setImmediate(resolve, false))
        ])
      }
      expect(manager.stats().maps).to.equal(9)
    })

    it('is collected with its mappings when it is dropped half way', async () => {
      await (async () => {
        await file.stream({ lifetime: 'leased' })[Symbol.asyncIterator]().next()
      })()
      expect(manager.stats().regions).to.be.at.least(1)
      expect(await collectedUntil(() => manager.stats().regions === 0)).to.equal(true)
    })

    for (const [name, options, code] of [
      ['a chunk size of 0', { chunkSize: 0 }, 'ERR_OUT_OF_RANGE'],
      ['a chunk size of 1.5', { chunkSize: 1.5 }, 'ERR_OUT_OF_RANGE'],
      ['a negative start', { start: -1 }, 'ERR_OUT_OF_RANGE'],
      ['a start past the end', { start: 2 * MiB }, 'ERR_MAP_OUT_OF_RANGE'],
      ['a signal that is none', { signal: 'stop' }, 'ERR_INVALID_ARG_TYPE']
    ] as const) {
      it(`refuses ${name}`, () => {
        expect(() => file.stream(options as never))
          .to.throw()
          .with.property('code', code)
      })
    }
  })
}
