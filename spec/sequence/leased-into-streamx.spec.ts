/**
 * Leased chunks in the queue of a Writable of streamx, which asks a chunk for its length when it leaves the queue, and
 * never comes to the end of its queue where that has changed.
 */
import { type Readable, pipeline } from 'node:stream'
import { expect } from 'chai'
import { PassThrough, Writable } from 'streamx'
import { MapManager, type MappedFile } from '../../lib/index.js'
import { bytesAt, KiB, tempFile } from '../support/files.js'
import { eventually, realMappers } from '../support/mappers.js'

const CHUNK = 1000
const lifetime = 'leased'

/** What a sink was given, byte for byte, as long as it was given anything. */
class Seen {
  readonly chunks: Buffer[] = []
  nothing = 0

  /** @returns whether there was a chunk; who asks for more when there was none may never come to an end */
  add(chunk: unknown): boolean {
    if (chunk instanceof Uint8Array && chunk.length > 0) this.chunks.push(Buffer.from(chunk))
    else this.nothing++
    return this.nothing === 0
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks)
  }
}

const pipes: Record<string, (from: Readable, to: Writable, done: (error?: Error | null) => void) => void> = {
  'pipe()': (from, to, done) => void from.pipe(to as never, done as never),
  'pipeline() of node:stream': (from, to, done) => void pipeline(from, to as never, done)
}

const ends = {
  'destroy()': (_: Scene) => _.stream.destroy(),
  'destroy(error)': (_: Scene) => _.stream.destroy(new Error('enough')),
  'abort()': (_: Scene) => _.stop.abort(),
  'close()': (_: Scene) => void _.file.close(),
  'unmapFile()': (_: Scene) => void _.manager.unmapFile(_.file.path as string)
}

interface Scene {
  readonly stream: Readable
  readonly stop: AbortController
  readonly file: MappedFile
  readonly manager: MapManager
}

for (const mapper of realMappers) {
  describe(`leased chunks in the queue of a Writable of streamx on the ${mapper} mapper`, () => {
    const content = bytesAt(5, 0, 600_000)
    let manager: MapManager
    let file: MappedFile

    beforeEach(async () => {
      manager = new MapManager({ mapper, maxMappedBytes: 256 * KiB, windowSize: 64 * KiB })
      file = await manager.open(tempFile('queued.bin', content))
    })

    afterEach(async () => {
      await manager.close()
      expect(manager.stats()).to.include({ mappedBytes: 0, regions: 0, handles: 0, files: 0, waiters: 0 })
    })

    for (const [way, pipe] of Object.entries(pipes)) {
      for (const [what, end] of Object.entries(ends)) {
        for (const when of ['at once', 'later'] as const) {
          it(`are written no more after a call of ${what} from within a write that calls back ${when}, by ${way}`, async () => {
            const stop = new AbortController()
            const stream = file.stream({
              lifetime,
              chunkSize: CHUNK,
              signal: stop.signal
            }) as never as Readable
            stream.on('error', () => {})
            const seen = new Seen()
            /** What the chunk under way is after that. */
            let after: Buffer | undefined
            const sink = new Writable({
              write(chunk, done) {
                if (!seen.add(chunk)) return
                if (seen.chunks.length === 3) {
                  end({ stream, stop, file, manager })
                  after = Buffer.from(chunk as Buffer)
                }
                if (when === 'at once') done(null)
                else setImmediate(done, null)
              }
            })
            sink.on('error', () => {})
            const closed = new Promise<void>(resolve => sink.on('close', resolve))
            const error = await new Promise<Error | null | undefined>(done => pipe(stream, sink, done))
            await closed
            expect(error).to.be.instanceOf(Error)
            expect(seen.nothing).to.equal(0)
            expect(seen.bytes.equals(content.subarray(0, 3 * CHUNK))).to.equal(true)
            // What the program takes away itself goes at once; else the chunk is good until the write has returned.
            const taken = what === 'close()' || what === 'unmapFile()'
            expect(after?.length).to.equal(taken ? 0 : CHUNK)
            await eventually(() => manager.stats().mappedBytes === 0)
          })
        }
      }

      for (const when of ['at once', 'later'] as const) {
        it(`are all written, right and without a copy, where windows are shorter than the queue, called back ${when}, by ${way}`, async () => {
          const seen = new Seen()
          const sink = new Writable({
            highWaterMark: 100 * KiB,
            // What is queued before it opens is there when it has opened.
            open: done => void setImmediate(done, null),
            write(chunk, done) {
              if (!seen.add(chunk)) return
              if (when === 'at once') done(null)
              else setImmediate(done, null)
            }
          })
          const stream = file.stream({ lifetime, chunkSize: CHUNK, size: 8192 }) as never as Readable
          const error = await new Promise<Error | null | undefined>(done => pipe(stream, sink, done))
          expect(error ?? undefined).to.equal(undefined)
          expect(seen.nothing).to.equal(0)
          expect(seen.bytes.equals(content)).to.equal(true)
          expect(manager.stats().bytesCopied).to.equal(0)
        })
      }
    }

    it('do not keep a stream that waits for its queue from being destroyed', async () => {
      let wake = () => {}
      const stream = file.stream({ lifetime, chunkSize: CHUNK, size: 8192, prefetch: 0 })
      const sink = new Writable({
        highWaterMark: 100 * KiB,
        write: (_, done) => {
          wake = () => done(null)
        }
      })
      const piped = new Promise<Error | null>(done => stream.pipe(sink, done))
      // All of the window is queued, and the sink at work on its first chunk: the next one is not mapped.
      await eventually(() => manager.stats().maps === 1 && Writable.isBackpressured(sink) === false)
      for (let i = 0; i < 20; i++) await new Promise(resolve => setImmediate(resolve))
      expect(manager.stats().maps).to.equal(1)
      stream.destroy()
      await eventually(() => manager.stats().mappedBytes === 0)
      wake()
      expect(await piped).to.have.property('code', 'PREMATURE_CLOSE')
    })

    it('are copies where what is piped to can be read as well', async () => {
      const seen = new Seen()
      const through = new PassThrough({ highWaterMark: 100 * KiB })
      const sink = new Writable({
        write(chunk, done) {
          if (seen.add(chunk)) setImmediate(done, null)
        }
      })
      await new Promise<void>((resolve, reject) =>
        file
          .stream({ lifetime, chunkSize: CHUNK, size: 8192 })
          .pipe(through)
          .pipe(sink, error => (error ? reject(error) : resolve()))
      )
      expect(seen.nothing).to.equal(0)
      expect(seen.bytes.equals(content)).to.equal(true)
      expect(manager.stats().bytesCopied).to.equal(content.length)
    })

    it('are copies of a concatenation, whose files may go without a word', async () => {
      const path = tempFile('queued too.bin', content)
      const seen = new Seen()
      const sink = new Writable({
        write(chunk, done) {
          if (!seen.add(chunk)) return
          if (seen.chunks.length === 3) manager.unmapFile(path)
          done(null)
        }
      })
      const error = await new Promise<Error | null>(done =>
        manager.concat([path, path]).stream({ lifetime, chunkSize: CHUNK }).pipe(sink, done)
      )
      expect(error).to.have.property('code', 'ERR_MAP_RELEASED')
      expect(seen.nothing).to.equal(0)
      expect(seen.bytes.equals(content.subarray(0, seen.bytes.length))).to.equal(true)
    })

    it('leave the queue of the stream itself when they have gone there', async () => {
      const path = tempFile('queued too.bin', content)
      const stream = manager.concat([path, path]).stream({ lifetime, chunkSize: CHUNK })
      const seen = new Seen()
      await new Promise<void>(resolve => stream.once('readable', () => resolve()))
      manager.unmapFile(path)
      const error = new Promise(resolve => stream.on('error', resolve))
      stream.on('data', chunk => {
        seen.add(chunk)
        if (seen.nothing > 10) stream.destroy()
      })
      expect(await error).to.have.property('code', 'ERR_MAP_RELEASED')
      expect(seen.nothing).to.be.lessThan(2)
    })

    it('are copies of nodeStream(), whose sink stays open when the stream is destroyed', async () => {
      const stream = file.nodeStream({ lifetime, chunkSize: CHUNK })
      const seen = new Seen()
      const sink = new Writable({
        write(chunk, done) {
          if (!seen.add(chunk)) return
          if (seen.chunks.length === 3) stream.destroy()
          done(null)
        }
      })
      stream.pipe(sink as never)
      await new Promise(resolve => stream.on('close', resolve))
      const finished = new Promise<void>(resolve => sink.on('finish', () => resolve()))
      sink.end(undefined)
      await finished
      expect(seen.nothing).to.equal(0)
      expect(seen.bytes.equals(content.subarray(0, seen.bytes.length))).to.equal(true)
    })

    for (const kind of ['stream', 'nodeStream'] as const) {
      it(`are copies of ${kind}(), also what was read before it is piped, where they may go on to other queues`, async () => {
        const stream = file[kind]({ lifetime, chunkSize: 8192, size: 8192 }) as never as Readable
        await new Promise<void>(resolve => stream.once('readable', resolve))
        const seen = new Seen()
        const passing = new PassThrough({ highWaterMark: 100 * KiB })
        const sink = new Writable({
          write(chunk, done) {
            // Who goes on for ever is not to keep this from failing.
            if (seen.add(chunk)) setImmediate(done, null)
            else sink.destroy(new Error('nothing was written'))
          }
        })
        const over = new Promise(resolve => sink.on('finish', () => resolve('finished')).on('error', resolve))
        passing.on('error', () => {})
        stream.pipe(passing as never)
        passing.pipe(sink)
        expect(await over).to.equal('finished')
        expect(seen.bytes.equals(content)).to.equal(true)
      })
    }
  })
}
