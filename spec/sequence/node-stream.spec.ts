import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { truncateSync } from 'node:fs'
import { PassThrough, Readable, Transform, Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { finished, pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { expect } from 'chai'
import fc from 'fast-check'
import { MapManager, type MappedFile, type StreamOptions } from '../../lib/index.js'
import { failure } from '../support/failure.js'
import { bytesAt, collect, KiB, MiB, tempFile } from '../support/files.js'
import { collectedUntil, eventually, realMappers } from '../support/mappers.js'
import { mappingsOf } from '../support/os.js'

const turn = () => new Promise<void>(resolve => setImmediate(resolve))

for (const mapper of realMappers) {
  describe(`nodeStream() on the ${mapper} mapper`, () => {
    const content = bytesAt(3, 0, MiB + 4321)
    let path: string
    let manager: MapManager
    let file: MappedFile

    beforeEach(async () => {
      path = tempFile('node-stream.bin', content)
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

    it('is a Readable of node:stream', () => {
      const stream = file.nodeStream()
      expect(stream).to.be.instanceOf(Readable)
      stream.destroy()
    })

    /** Every way of Node's to consume a Readable, each answering the bytes it saw. */
    const ways: Record<string, (stream: Readable) => Promise<Buffer>> = {
      'for await': stream => collect(stream),
      "'data'": async stream => {
        const chunks: Buffer[] = []
        stream.on('data', chunk => chunks.push(Buffer.from(chunk)))
        await once(stream, 'close')
        return Buffer.concat(chunks)
      },
      "'readable' and read()": async stream => {
        const chunks: Buffer[] = []
        stream.on('readable', () => {
          for (let chunk = stream.read(); chunk !== null; chunk = stream.read())
            chunks.push(Buffer.from(chunk))
        })
        await once(stream, 'close')
        return Buffer.concat(chunks)
      },
      "'readable' and a single read() each time": async stream => {
        const chunks: Buffer[] = []
        stream.on('readable', () => {
          const chunk = stream.read()
          if (chunk !== null) chunks.push(Buffer.from(chunk))
        })
        await once(stream, 'close')
        return Buffer.concat(chunks)
      },
      "'readable' and read(777), across windows": async stream => {
        const chunks: Buffer[] = []
        stream.on('readable', () => {
          for (let chunk = stream.read(777); chunk !== null; chunk = stream.read(777))
            chunks.push(Buffer.from(chunk))
        })
        await once(stream, 'close')
        return Buffer.concat(chunks)
      },
      "'data', paused after each chunk": async stream => {
        const chunks: Buffer[] = []
        stream.on('data', chunk => {
          chunks.push(Buffer.from(chunk))
          stream.pause()
          setImmediate(() => stream.resume())
        })
        await once(stream, 'close')
        return Buffer.concat(chunks)
      },
      'a pipeline to a sink that is done when write returns': async stream => {
        const chunks: Buffer[] = []
        const write = (chunk: Buffer, _: unknown, done: () => void) => {
          chunks.push(Buffer.from(chunk))
          done()
        }
        await pipeline(stream, new Writable({ write }))
        return Buffer.concat(chunks)
      },
      forEach: async stream => {
        const chunks: Buffer[] = []
        await stream.forEach(async chunk => {
          await turn()
          chunks.push(Buffer.from(chunk))
        })
        return Buffer.concat(chunks)
      },
      'an async function in a pipeline': async stream => {
        const chunks: Buffer[] = []
        await pipeline(stream, async source => {
          for await (const chunk of source) {
            await turn()
            chunks.push(Buffer.from(chunk))
          }
        })
        return Buffer.concat(chunks)
      }
    }

    for (const lifetime of ['copied', 'leased'] as const) {
      for (const [name, consume] of Object.entries(ways)) {
        it(`hands the right bytes, ${lifetime}, to ${name}`, async () => {
          await fc.assert(
            fc.asyncProperty(
              fc.record({
                start: fc.nat(content.length),
                length: fc.nat(400_000),
                size: fc.integer({ min: 10_000, max: 128 * KiB }),
                chunkSize: fc.integer({ min: 1000, max: 200_000 })
              }),
              async ({ start, length, ...options }) => {
                const end = Math.min(content.length, start + length)
                const bytes = await consume(file.nodeStream({ ...options, start, end, lifetime }))
                expect(bytes.equals(content.subarray(start, end))).to.equal(true)
              }
            ),
            { numRuns: 10 }
          )
          expectNothingMapped()
        })
      }

      it(`has nothing mapped after a break, ${lifetime}`, async () => {
        const stream = file.nodeStream({ lifetime })
        for await (const _ of stream) break
        // Node leaves the loop before the stream has closed.
        await eventually(() => stream.closed)
        expectNothingMapped()
      })

      it(`leaves the queue at once when it is destroyed while it waits for budget, ${lifetime}`, async () => {
        const holder = file.windows({ prefetch: 0, size: 512 * KiB })
        await holder.next()
        const stream = file.nodeStream({ lifetime })
        stream.resume()
        await eventually(() => manager.stats().waiters === 1)
        const closed = once(stream, 'close')
        stream.destroy()
        expect(manager.stats().waiters).to.equal(0)
        await closed
        await holder.return?.()
        expectNothingMapped()
      })

      it(`never ends as if all were well when the file was cut short, ${lifetime}`, async () => {
        const stream = file.nodeStream({ lifetime, prefetch: 0 })
        const chunks = stream[Symbol.asyncIterator]()
        await chunks.next()
        truncateSync(path, 200 * KiB)
        const read = async () => {
          while (!(await chunks.next()).done);
        }
        expect(await failure(read())).to.have.property('code', 'ERR_MAP_FILE_TRUNCATED')
        expectNothingMapped()
      })
    }

    it("copies chunks that are the consumer's own", async () => {
      const kept = await file.nodeStream({ chunkSize: 10 * KiB }).toArray()
      expectNothingMapped()
      expect(Buffer.concat(kept).equals(content)).to.equal(true)
      expect(manager.stats().bytesCopied).to.equal(content.length)
    })

    it('composes, and works with the iterator helpers', async () => {
      const upper = new Transform({ transform: (chunk, _, done) => done(null, Buffer.from(chunk).fill(7)) })
      const sevens = await buffer(file.nodeStream().compose(upper))
      expect(sevens.equals(Buffer.alloc(content.length, 7))).to.equal(true)
      const lengths = await file
        .nodeStream({ chunkSize: 64 * KiB })
        .map(async chunk => chunk.length, { concurrency: 4 })
        .filter(length => length === 64 * KiB)
        .toArray()
      expect(lengths).to.have.length(16)
      const first = file.nodeStream()
      expect(await first.take(1).toArray()).to.have.length(1)
      await eventually(() => first.closed)
      expectNothingMapped()
    })

    it('goes through gzip and back', async () => {
      const hash = createHash('sha1')
      await pipeline(file.nodeStream(), createGzip({ level: 1 }), createGunzip(), hash)
      expect(hash.digest('hex')).to.equal(createHash('sha1').update(content).digest('hex'))
    })

    it('answers Readable.toWeb, Readable.from and Readable.wrap as any Readable does', async () => {
      expect((await collect(Readable.toWeb(file.nodeStream()) as never)).equals(content)).to.equal(true)
      expect((await collect(Readable.from(file.nodeStream()))).equals(content)).to.equal(true)
      expect((await collect(new Readable().wrap(file.nodeStream()))).equals(content)).to.equal(true)
    })

    it('maps nothing before it is read, and nothing ahead of a sink that rests, beyond the prefetch', async () => {
      let wake = () => {}
      const sink = new Writable({
        highWaterMark: 1,
        write(_, __, done) {
          wake = done
        }
      })
      const stream = file.nodeStream({ prefetch: 1, chunkSize: 128 * KiB })
      for (let i = 0; i < 20; i++) await turn()
      expect(manager.stats().maps).to.equal(0)
      stream.pipe(sink)
      // One with the sink, one chunk in the queue, and what is mapped ahead of that.
      await eventually(() => manager.stats().maps === 3)
      for (let i = 0; i < 100; i++) await turn()
      expect(manager.stats().maps).to.equal(3)
      expect(stream.readableLength).to.be.at.most(stream.readableHighWaterMark)
      wake()
      await eventually(() => manager.stats().maps > 3)
      const closed = once(stream, 'close')
      stream.destroy()
      await closed
    })

    it('is destroyed with the reason of its signal, whatever it is, also of one aborted before', async () => {
      const reason = new Error('enough')
      const early = file.nodeStream({ signal: AbortSignal.abort(reason) })
      expect(await failure(collect(early))).to.equal(reason)
      const stop = new AbortController()
      const late = file.nodeStream({ signal: stop.signal })
      const read = async () => {
        for await (const _ of late) stop.abort(reason)
      }
      expect(await failure(read())).to.equal(reason)
      expect(await failure(finished(file.nodeStream({ signal: AbortSignal.abort() })))).to.have.property(
        'name',
        'AbortError'
      )
      expectNothingMapped()
    })

    it('may be left unread when the file is closed; who reads it later is told', async () => {
      const dropped = file.nodeStream()
      const iterated = file.nodeStream()
      const handled = file.nodeStream()
      await file.close()
      expect([dropped, iterated, handled].map(stream => stream.destroyed)).to.deep.equal([
        false,
        false,
        false
      ])
      expect(await failure(collect(iterated))).to.have.property('code', 'ERR_MAP_CLOSED')
      const error = once(handled, 'error')
      handled.on('data', () => {})
      expect((await error)[0]).to.have.property('code', 'ERR_MAP_CLOSED')
      dropped.destroy()
      expectNothingMapped()
    })

    it("tells an 'error' listener at once when the file is closed, also before a read", async () => {
      const error = once(file.nodeStream(), 'error')
      await file.close()
      expect((await error)[0]).to.have.property('code', 'ERR_MAP_CLOSED')
    })

    it('is destroyed with ERR_MAP_CLOSED when the file is closed under it, and refused afterwards', async () => {
      const stream = file.nodeStream()
      const chunks = stream[Symbol.asyncIterator]()
      await chunks.next()
      await file.close()
      const read = async () => {
        while (!(await chunks.next()).done);
      }
      expect(await failure(read())).to.have.property('code', 'ERR_MAP_CLOSED')
      expect(() => file.nodeStream())
        .to.throw()
        .with.property('code', 'ERR_MAP_CLOSED')
      expectNothingMapped()
    })

    for (const [kind, stream] of [
      ['nodeStream()', (o?: StreamOptions) => file.nodeStream(o)],
      ['stream()', (o?: StreamOptions) => file.stream(o) as unknown as Readable]
    ] as const) {
      describe(`${kind}, used as one should not`, () => {
        it('answers overlapping calls of next() in order, then with done', async () => {
          const chunks = stream({ end: 150 * KiB, chunkSize: 50 * KiB })[Symbol.asyncIterator]()
          const results = await Promise.all(Array.from({ length: 7 }, () => chunks.next()))
          const bytes = Buffer.concat(results.flatMap(({ done, value }) => (done ? [] : [value])))
          expect(bytes.equals(content.subarray(0, 150 * KiB))).to.equal(true)
          expect(results.at(-1)).to.deep.equal({ done: true, value: undefined })
          expect((await chunks.next()).done).to.equal(true)
          expectNothingMapped()
        })

        it('settles return() and the next() that it meets', async () => {
          const holder = file.windows({ prefetch: 0, size: 512 * KiB })
          await holder.next()
          const waiting = stream()
          const chunks = waiting[Symbol.asyncIterator]()
          const next = chunks.next().catch(error => error.code)
          await eventually(() => manager.stats().waiters === 1)
          const left = chunks.return?.()
          // An async generator answers in order: Node's own return() waits for the next() before it.
          if (kind === 'nodeStream()') waiting.destroy()
          await Promise.all([next, left])
          await holder.return?.()
          expectNothingMapped()
        })

        it('yields each byte once to two iterators, or ends the second', async () => {
          const twice = stream({ chunkSize: 100 * KiB })
          const seen: number[] = []
          for await (const chunk of twice) seen.push(chunk.length)
          expect(seen.reduce((sum, length) => sum + length, 0)).to.equal(content.length)
          const again = (async () => {
            for await (const _ of twice) throw new Error('it ended before')
          })()
          await again.catch(error => expect(error.code).to.equal('ERR_STREAM_PREMATURE_CLOSE'))
          expectNothingMapped()
        })

        it('closes once, however often it is destroyed', async () => {
          const stopped = stream()
          let closes = 0
          const errors: Error[] = []
          stopped.on('close', () => closes++)
          stopped.on('error', error => errors.push(error))
          await stopped[Symbol.asyncIterator]().next()
          const first = new Error('first')
          stopped.destroy(first)
          stopped.destroy(new Error('second'))
          await eventually(() => closes > 0)
          stopped.destroy()
          await turn()
          expect(closes).to.equal(1)
          expect(errors).to.deep.equal([first])
          expectNothingMapped()
        })

        it('closes when it is destroyed before anything was read', async () => {
          const unread = stream()
          const closed = once(unread, 'close')
          unread.destroy()
          await closed
          expectNothingMapped()
        })
      })
    }

    it('is disposed of by await using', async () => {
      const stream = file.nodeStream()
      await stream[Symbol.asyncIterator]().next()
      await (stream as never as AsyncDisposable)[Symbol.asyncDispose]()
      await eventually(() => stream.closed)
      expectNothingMapped()
    })

    it('is collected with its mappings when it is dropped half way', async () => {
      await (async () => {
        await file.nodeStream({ lifetime: 'leased' })[Symbol.asyncIterator]().next()
      })()
      expect(manager.stats().regions).to.be.at.least(1)
      expect(await collectedUntil(() => manager.stats().regions === 0)).to.equal(true)
    })

    it('refuses what stream() refuses', () => {
      const code = (options: unknown) => {
        try {
          file.nodeStream(options as StreamOptions).destroy()
          return 'none'
        } catch (error) {
          return (error as { code: string }).code
        }
      }
      expect(code({ chunkSize: 0 })).to.equal('ERR_OUT_OF_RANGE')
      expect(code({ chunkSize: '1' })).to.equal('ERR_INVALID_ARG_TYPE')
      expect(code({ lifetime: 'lent' })).to.equal('ERR_OUT_OF_RANGE')
      expect(code({ start: 2 * MiB })).to.equal('ERR_MAP_OUT_OF_RANGE')
      expect(code(null)).to.equal('ERR_INVALID_ARG_TYPE')
    })

    it('pipes through PassThroughs that queue', async () => {
      const last = file.nodeStream({ chunkSize: 5000 }).pipe(new PassThrough()).pipe(new PassThrough())
      expect((await buffer(last)).equals(content)).to.equal(true)
    })
  })
}
