import { createHash } from 'node:crypto'
import { truncateSync } from 'node:fs'
import { ReadableStream } from 'node:stream/web'
import { gunzipSync } from 'node:zlib'
import { expect } from 'chai'
import fc from 'fast-check'
import { MapManager, type MappedFile, type WebStreamOptions } from '../../lib/index.js'
import { failure } from '../support/failure.js'
import { bytesAt, collect, KiB, MiB, tempFile } from '../support/files.js'
import { collectedUntil, eventually, realMappers } from '../support/mappers.js'
import { mappingsOf } from '../support/os.js'

const turn = () => new Promise<void>(resolve => setImmediate(resolve))

for (const mapper of realMappers) {
  describe(`webStream() on the ${mapper} mapper`, () => {
    const content = bytesAt(4, 0, MiB + 4321)
    let path: string
    let manager: MapManager
    let file: MappedFile

    beforeEach(async () => {
      path = tempFile('web-stream.bin', content)
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

    /** Read to the end into one buffer of `size` bytes, again and again. */
    async function readByob(stream: ReadableStream<Uint8Array>, size: number): Promise<Buffer> {
      const reader = stream.getReader({ mode: 'byob' })
      const chunks: Buffer[] = []
      let view = new Uint8Array(size)
      for (;;) {
        const { done, value } = await reader.read(view)
        if (done) break
        expect(value.length).to.be.within(1, size)
        expect(value.buffer.byteLength).to.equal(size)
        chunks.push(Buffer.from(value))
        view = new Uint8Array(value.buffer)
      }
      await reader.closed
      return Buffer.concat(chunks)
    }

    const ranges = fc.record({
      start: fc.nat(content.length),
      length: fc.nat(400_000),
      size: fc.integer({ min: 10_000, max: 128 * KiB }),
      chunkSize: fc.integer({ min: 1000, max: 200_000 })
    })

    it('is a ReadableStream of bytes', async () => {
      const stream = file.webStream()
      expect(stream).to.be.instanceOf(ReadableStream)
      await stream.getReader({ mode: 'byob' }).cancel()
    })

    it('hands any range to a default reader, in chunks of its own of any size', async () => {
      await fc.assert(
        fc.asyncProperty(ranges, async ({ start, length, size, chunkSize }) => {
          const end = Math.min(content.length, start + length)
          const chunks: Uint8Array[] = []
          for await (const chunk of file.webStream({ start, end, size, chunkSize })) {
            expect(chunk.length).to.be.within(1, chunkSize)
            chunks.push(chunk)
          }
          expect(Buffer.concat(chunks).equals(content.subarray(start, end))).to.equal(true)
        }),
        { numRuns: 20 }
      )
      expectNothingMapped()
    })

    it("fills a BYOB reader's own buffer with any range, again and again", async () => {
      await fc.assert(
        fc.asyncProperty(ranges, async ({ start, length, size, chunkSize }) => {
          const end = Math.min(content.length, start + length)
          const bytes = await readByob(file.webStream({ start, end, size }), chunkSize)
          expect(bytes.equals(content.subarray(start, end))).to.equal(true)
        }),
        { numRuns: 20 }
      )
      expectNothingMapped()
    })

    it('fills views of any kind, in whole elements', async () => {
      const reader = file.webStream({ size: 10_001 }).getReader({ mode: 'byob' })
      const first = await reader.read(new Uint32Array(100_000))
      expect(first.value?.length).to.equal(2500)
      const second = await reader.read(new DataView(new ArrayBuffer(33), 1))
      expect(second.value?.byteLength).to.be.within(1, 32)
      await reader.cancel()
      expectNothingMapped()
    })

    it('gives a BYOB reader its buffer back at the end', async () => {
      const reader = file.webStream({ start: content.length }).getReader({ mode: 'byob' })
      const { done, value } = await reader.read(new Uint8Array(100))
      expect([done, value?.length, value?.buffer.byteLength]).to.deep.equal([true, 0, 100])
    })

    it('lets a reader take over from another, of the other kind too', async () => {
      const stream = file.webStream({ chunkSize: 1000 })
      const byob = stream.getReader({ mode: 'byob' })
      const head = await byob.read(new Uint8Array(500))
      byob.releaseLock()
      const reader = stream.getReader()
      const next = await reader.read()
      reader.releaseLock()
      const seen = Buffer.concat([head.value as Uint8Array, next.value as Uint8Array, await collect(stream)])
      expect(seen.equals(content)).to.equal(true)
    })

    it('loses nothing to a reader that leaves while its read waits', async () => {
      for (const mode of [undefined, 'byob'] as const) {
        const stream = file.webStream()
        const reader = stream.getReader(mode && { mode }) as ReadableStreamBYOBReader
        const read = failure(reader.read(new Uint8Array(100)))
        reader.releaseLock()
        expect(await read).to.be.instanceOf(TypeError)
        expect((await collect(stream)).equals(content)).to.equal(true)
      }
    })

    it('works with Response, tee(), pipeThrough() and pipeTo()', async () => {
      expect(
        Buffer.from(await new Response(file.webStream() as never).arrayBuffer()).equals(content)
      ).to.equal(true)
      const [one, two] = file.webStream().tee()
      const [first, second] = await Promise.all([collect(one), collect(two)])
      expect([first.equals(content), second.equals(content)]).to.deep.equal([true, true])
      const zipped = await collect(file.webStream().pipeThrough(new CompressionStream('gzip') as never))
      expect(gunzipSync(zipped).equals(content)).to.equal(true)
      const hash = createHash('sha1')
      await file.webStream().pipeTo(new WritableStream({ write: chunk => void hash.update(chunk) }) as never)
      expect(hash.digest('hex')).to.equal(createHash('sha1').update(content).digest('hex'))
      expectNothingMapped()
    })

    it('maps nothing before it is read, and nothing while its reader rests, beyond the prefetch', async () => {
      const stream = file.webStream({ prefetch: 1, chunkSize: 64 * KiB })
      const reader = stream.getReader()
      for (let i = 0; i < 20; i++) await turn()
      expect(manager.stats().maps).to.equal(0)
      await reader.read()
      await eventually(() => manager.stats().maps === 2)
      for (let i = 0; i < 100; i++) await turn()
      expect(manager.stats()).to.include({ maps: 2, bytesCopied: 64 * KiB })
      await reader.cancel()
    })

    it('copies straight into the reader, and counts it', async () => {
      await readByob(file.webStream(), 50_000)
      expect(manager.stats().bytesCopied).to.equal(content.length)
    })

    it('has nothing mapped once cancel() or a break has settled', async () => {
      const reader = file.webStream().getReader()
      await reader.read()
      await reader.cancel('enough')
      expectNothingMapped()
      expect(await reader.read()).to.deep.equal({ done: true, value: undefined })
      for await (const _ of file.webStream()) break
      expectNothingMapped()
    })

    it('leaves the queue at once when it is cancelled while it waits for budget', async () => {
      const holder = file.windows({ prefetch: 0, size: 512 * KiB })
      await holder.next()
      const reader = file.webStream().getReader({ mode: 'byob' })
      const read = reader.read(new Uint8Array(10))
      await eventually(() => manager.stats().waiters === 1)
      const cancelled = reader.cancel()
      expect(manager.stats().waiters).to.equal(0)
      await cancelled
      expect((await read).done).to.equal(true)
      await holder.return?.()
      expectNothingMapped()
    })

    it('fails with the reason of its signal, also of one aborted before, with nothing mapped', async () => {
      const reason = new Error('enough')
      expect(
        await failure(
          file
            .webStream({ signal: AbortSignal.abort(reason) })
            .getReader()
            .read()
        )
      ).to.equal(reason)
      expectNothingMapped()
      const stop = new AbortController()
      const reader = file.webStream({ signal: stop.signal }).getReader()
      await reader.read()
      stop.abort(reason)
      expect(await failure(reader.read())).to.equal(reason)
      expect(await failure(reader.closed)).to.equal(reason)
      expectNothingMapped()
    })

    it('fails when the file is closed under it', async () => {
      const reader = file.webStream().getReader()
      await reader.read()
      await file.close()
      const read = async () => {
        while (!(await reader.read()).done);
      }
      expect(await failure(read())).to.have.property('code', 'ERR_MAP_CLOSED')
      expectNothingMapped()
    })

    it('never ends as if all were well when the file was cut short', async () => {
      for (const mode of ['byob', undefined] as const) {
        tempFile('web-stream.bin', content)
        const opened = await manager.open(path)
        const reader = opened
          .webStream({ prefetch: 0 })
          .getReader(mode && { mode }) as ReadableStreamBYOBReader
        await reader.read(new Uint8Array(1000))
        truncateSync(path, 200 * KiB)
        const read = async () => {
          while (!(await reader.read(new Uint8Array(KiB))).done);
        }
        expect(await failure(read())).to.have.property('code', 'ERR_MAP_FILE_TRUNCATED')
        await opened.close()
      }
      expectNothingMapped()
    })

    it('is collected with its mappings when it is dropped half way', async () => {
      await (async () => {
        await file.webStream().getReader().read()
      })()
      expect(manager.stats().regions).to.be.at.least(1)
      expect(await collectedUntil(() => manager.stats().regions === 0)).to.equal(true)
    })

    it('cannot lend, and refuses what stream() refuses', () => {
      const code = (options: unknown) => {
        try {
          file.webStream(options as WebStreamOptions)
          return 'none'
        } catch (error) {
          return (error as { code: string }).code
        }
      }
      expect(code({ lifetime: 'leased' })).to.equal('ERR_OUT_OF_RANGE')
      expect(code({ chunkSize: 0 })).to.equal('ERR_OUT_OF_RANGE')
      expect(code({ start: 2 * MiB })).to.equal('ERR_MAP_OUT_OF_RANGE')
      expect(code(null)).to.equal('ERR_INVALID_ARG_TYPE')
    })
  })
}
