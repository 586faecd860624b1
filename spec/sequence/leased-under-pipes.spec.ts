/**
 * What becomes of chunks on their way through pipes: copied ones stay right whatever is done with them; what leased
 * ones bear, and what they do not, is said here, so that the documentation can say it.
 */
import { createHash } from 'node:crypto'
import { PassThrough, Readable, Transform, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import { Transform as StreamxTransform, Writable as StreamxWritable } from 'streamx'
import { MapManager, type MappedFile, type StreamOptions } from '../../lib/index.js'
import { bytesAt, collect, KiB, MiB, tempFile } from '../support/files.js'
import { eventually, realMappers } from '../support/mappers.js'

const turn = () => new Promise<void>(resolve => setImmediate(resolve))
const sha1 = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest('hex')

/** A sink that hashes when `write` is called, or one turn later, when `write` has long returned. */
function hashing(when: 'at once' | 'later') {
  const hash = createHash('sha1')
  const sink = new Writable({
    write(chunk, _, done) {
      if (when === 'at once') {
        hash.update(chunk)
        done()
      } else {
        setImmediate(() => {
          hash.update(chunk)
          done()
        })
      }
    }
  })
  return { sink, digest: () => hash.digest('hex') }
}

for (const mapper of realMappers) {
  describe(`chunks under pipes on the ${mapper} mapper`, () => {
    const content = bytesAt(8, 0, MiB + 4321)
    const whole = sha1(content)
    let manager: MapManager
    let file: MappedFile

    beforeEach(async () => {
      manager = new MapManager({ mapper, maxMappedBytes: 256 * KiB, windowSize: 64 * KiB })
      file = await manager.open(tempFile('pipes.bin', content))
    })

    afterEach(async () => {
      await manager.close()
      expect(manager.stats()).to.include({ mappedBytes: 0, regions: 0, handles: 0, files: 0, waiters: 0 })
    })

    for (const [kind, open] of [
      ['stream()', (o: StreamOptions) => file.stream(o) as unknown as Readable],
      ['nodeStream()', (o: StreamOptions) => file.nodeStream(o)]
    ] as const) {
      describe(`copied, of ${kind}`, () => {
        for (const chunkSize of [KiB, 64 * KiB]) {
          it(`stay right through 1 to 10 PassThroughs, ${chunkSize} bytes each`, async () => {
            for (let length = 1; length <= 10; length++) {
              const { sink, digest } = hashing('later')
              const chain = Array.from({ length }, () => new PassThrough())
              await pipeline([open({ chunkSize }), ...chain, sink])
              expect(digest()).to.equal(whole)
            }
          })
        }

        it('stay right through Readable.from()', async () => {
          expect((await collect(Readable.from(open({ chunkSize: 5000 })))).equals(content)).to.equal(true)
        })

        it('stay right through async functions and generators of a pipeline that keep some for later', async () => {
          const { sink, digest } = hashing('later')
          await pipeline(
            open({ chunkSize: 5000 }),
            async function* (source: AsyncIterable<Buffer>) {
              const kept: Buffer[] = []
              for await (const chunk of source) {
                kept.push(chunk)
                await turn()
                if (kept.length === 20) yield* kept.splice(0)
              }
              yield* kept
            },
            sink
          )
          expect(digest()).to.equal(whole)
        })

        it('stay right when all are kept to the end', async () => {
          const kept: Buffer[] = []
          for await (const chunk of open({ chunkSize: 5000 })) kept.push(chunk)
          expect(sha1(Buffer.concat(kept))).to.equal(whole)
        })
      })

      describe(`leased, of ${kind}`, () => {
        const lifetime = 'leased'

        it("are right for a 'data' handler, a hash and a Writable that are done when they return", async () => {
          const hash = createHash('sha1')
          await pipeline(open({ lifetime }), hash)
          expect(hash.digest('hex')).to.equal(whole)
          const { sink, digest } = hashing('at once')
          await pipeline(open({ lifetime }), sink)
          expect(digest()).to.equal(whole)
        })

        it('are right for a Transform that makes new chunks when it is called', async () => {
          const { sink, digest } = hashing('later')
          const copy = new Transform({ transform: (chunk, _, done) => done(null, Buffer.from(chunk)) })
          await pipeline(open({ lifetime }), copy, sink)
          expect(digest()).to.equal(whole)
        })

        it('are right in the body of a for await loop, and of an async function of a pipeline, awaits included', async () => {
          const hash = createHash('sha1')
          await pipeline(open({ lifetime, chunkSize: 10_000 }), async (source: AsyncIterable<Buffer>) => {
            for await (const chunk of source) {
              await turn()
              hash.update(chunk)
            }
          })
          expect(hash.digest('hex')).to.equal(whole)
        })

        it('are empty when they are kept: no other bytes are ever seen', async () => {
          const kept: Buffer[] = []
          for await (const chunk of open({ lifetime, chunkSize: 16 * KiB })) kept.push(chunk)
          expect(kept.every(chunk => chunk.length === 0)).to.equal(true)
        })

        it('are lost to a sink that is not done when write returns: they are empty when it comes to them', async () => {
          const lengths: number[] = []
          const sink = new Writable({
            highWaterMark: MiB,
            write(chunk, _, done) {
              setImmediate(() => {
                lengths.push(chunk.length)
                done()
              })
            }
          })
          const source = open({ lifetime, size: 64 * KiB, chunkSize: 64 * KiB })
          source.pipe(sink)
          await eventually(() => lengths.length > 3)
          source.destroy()
          sink.destroy()
          expect(lengths).to.include(0)
        })

        it('are lost in a PassThrough before a sink that is not done when write returns', async () => {
          const lengths: number[] = []
          const sink = new Writable({
            highWaterMark: MiB,
            write(chunk, _, done) {
              setImmediate(() => {
                lengths.push(chunk.length)
                done()
              })
            }
          })
          const source = open({ lifetime, size: 64 * KiB, chunkSize: 64 * KiB })
          source.pipe(new PassThrough({ highWaterMark: MiB })).pipe(sink)
          await eventually(() => lengths.length > 3)
          source.destroy()
          sink.destroy()
          expect(lengths).to.include(0)
        })
      })
    }

    describe('of stream() piped into streamx', () => {
      it('stay right, copied, through Transforms into a sink that takes its time', async () => {
        const hash = createHash('sha1')
        const sink = new StreamxWritable({
          write(chunk, done) {
            setImmediate(() => {
              hash.update(chunk as Buffer)
              done(null)
            })
          }
        })
        const through = new StreamxTransform()
        await new Promise<void>((resolve, reject) =>
          file
            .stream({ chunkSize: 5000 })
            .pipe(through)
            .pipe(sink, error => (error ? reject(error) : resolve()))
        )
        expect(hash.digest('hex')).to.equal(whole)
      })
    })

    describe('of pipeTo()', () => {
      it('are right, lent, for whatever sink is done at its callback, however late that is', async () => {
        const { sink, digest } = hashing('later')
        await file.pipeTo(sink, { chunkSize: 5000 })
        expect(digest()).to.equal(whole)
        expect(manager.stats().bytesCopied).to.equal(0)
      })

      it('are right through PassThroughs, for which they are copied', async () => {
        const { sink, digest } = hashing('later')
        const through = new PassThrough()
        const piped = pipeline(through, new PassThrough(), sink)
        await file.pipeTo(through)
        await piped
        expect(digest()).to.equal(whole)
        expect(manager.stats().bytesCopied).to.equal(content.length)
      })

      it('are empty, where they are lent, in a sink that keeps them after it has called back', async () => {
        const kept: Buffer[] = []
        const sink = new Writable({
          write(chunk, _, done) {
            kept.push(chunk)
            done()
          }
        })
        await file.pipeTo(sink)
        expect(kept.every(chunk => chunk.length === 0)).to.equal(true)
        const copies: Buffer[] = []
        const keeping = new Writable({
          write(chunk, _, done) {
            copies.push(chunk)
            done()
          }
        })
        await file.pipeTo(keeping, { lifetime: 'copied' })
        expect(sha1(Buffer.concat(copies))).to.equal(whole)
      })
    })
  })
}
