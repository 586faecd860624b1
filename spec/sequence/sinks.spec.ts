import { createHash, randomFillSync } from 'node:crypto'
import { createWriteStream, readFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { PassThrough, Writable as NodeWritable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { inspect } from 'node:util'
import { createGzip, gunzipSync } from 'node:zlib'
import { expect } from 'chai'
import { Duplex as StreamxDuplex, Writable as StreamxWritable } from 'streamx'
import { MapManager, type MappedFile, type Sinkable } from '../../lib/index.js'
import { failure } from '../support/failure.js'
import { bytesAt, KiB, MiB, tempFile, tempPath } from '../support/files.js'
import { eventually, realMappers } from '../support/mappers.js'
import { mappingsOf } from '../support/os.js'

/** What a promise was rejected with, where that may be anything. */
async function outcome(promise: Promise<unknown>): Promise<{ reason?: unknown }> {
  return promise.then(
    () => ({}),
    reason => ({ reason })
  )
}

const trap = () => {
  throw new Error('hands off')
}

/** Reasons that nobody can make a text of, or even look at. */
const unspeakable: Record<string, object> = {
  'an object without a prototype': Object.create(null),
  'an object that throws when it is shown': { toString: trap, [inspect.custom]: trap },
  'a proxy that throws': new Proxy({}, { get: trap, has: trap, getPrototypeOf: trap })
}

for (const mapper of realMappers) {
  describe(`the sinks of pipeTo() on the ${mapper} mapper`, () => {
    const content = bytesAt(6, 0, MiB + 4321)
    let path: string
    let manager: MapManager
    let file: MappedFile

    beforeEach(async () => {
      path = tempFile('sinks.bin', content)
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

    it('writes files, of exactly the same bytes', async () => {
      const target = tempPath('pipe-to.out')
      await file.pipeTo(createWriteStream(target))
      expect(readFileSync(target).equals(content)).to.equal(true)
      expect(manager.stats().bytesCopied).to.equal(0)
    })

    it('hashes without a copy', async () => {
      const hash = createHash('sha256')
      await file.pipeTo(hash)
      expect(hash.digest('hex')).to.equal(createHash('sha256').update(content).digest('hex'))
      expect(manager.stats().bytesCopied).to.equal(0)
    })

    it('sends through a socket without a copy', async () => {
      const server = createServer(socket => void file.pipeTo(socket))
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
      const received = await buffer(connect((server.address() as AddressInfo).port, '127.0.0.1'))
      expect(received.equals(content)).to.equal(true)
      expect(manager.stats().bytesCopied).to.equal(0)
      await new Promise(resolve => server.close(resolve))
    })

    it('copies for what can be read as well, which may pass chunks on or keep them', async () => {
      const through = new PassThrough({ highWaterMark: 10 * MiB })
      await file.pipeTo(through)
      expectNothingMapped()
      expect((await buffer(through)).equals(content)).to.equal(true)
      const queue: Buffer[] = []
      await file.pipeTo(
        new StreamxDuplex({
          write(chunk, done) {
            queue.push(chunk as Buffer)
            done(null)
          }
        })
      )
      expect(Buffer.concat(queue).equals(content)).to.equal(true)
      expect(manager.stats().bytesCopied).to.equal(2 * content.length)
    })

    it('goes through gzip, whose output outgrows its buffers again and again, copied and lent', async () => {
      // Incompressible: zlib comes back for more room many times within one chunk.
      const noise = randomFillSync(Buffer.alloc(4 * MiB))
      const opened = await manager.open(tempFile('noise.bin', noise))
      for (const lifetime of ['copied', 'leased'] as const) {
        const gzip = createGzip({ level: 1, chunkSize: 4 * KiB })
        const zipped = buffer(gzip)
        await opened.pipeTo(gzip, { lifetime, chunkSize: 128 * KiB })
        expect(gunzipSync(await zipped).equals(noise)).to.equal(true)
      }
      // Closed in the middle of a chunk that zlib was lent, which it must not come back to.
      const gzip = createGzip({ level: 1, chunkSize: 4 * KiB })
      gzip.on('error', () => {}).once('data', () => void opened.close())
      gzip.resume()
      const piped = opened.pipeTo(gzip, { lifetime: 'leased', preventAbort: true })
      expect(await failure(piped)).to.have.property('code', 'ERR_MAP_CLOSED')
      expect(gzip.destroyed).to.equal(true)
    })

    it('rejects at once where the sink is over, and with what it was closed with later', async () => {
      const ended = new PassThrough()
      ended.end()
      const destroyed = new PassThrough().destroy()
      const endedX = new StreamxWritable()
      endedX.end(undefined)
      const destroyedX = new StreamxWritable()
      destroyedX.destroy()
      for (const sink of [ended, destroyed, endedX, destroyedX] as Sinkable[])
        expect(await failure(file.pipeTo(sink))).to.have.property('code', 'ERR_STREAM_UNABLE_TO_PIPE')
      const locked = new WritableStream()
      locked.getWriter()
      expect(await failure(file.pipeTo(locked as never))).to.have.property('code', 'ERR_INVALID_STATE')
      const closed = new WritableStream()
      await closed.close()
      expect(await failure(file.pipeTo(closed as never))).to.have.property('code')
      const error = new Error('gone')
      const aborted = new WritableStream()
      await aborted.abort(error)
      expect(await failure(file.pipeTo(aborted as never))).to.equal(error)
      expect(manager.stats().files).to.equal(1)
      expectNothingMapped()
    })

    it('ends its wait for budget when the sink goes away meanwhile', async () => {
      const holder = file.windows({ prefetch: 0, size: 512 * KiB })
      await holder.next()
      const sink = new PassThrough()
      const piped = failure(file.pipeTo(sink))
      await eventually(() => manager.stats().waiters === 1)
      sink.destroy(new Error('hung up'))
      expect((await piped).message).to.equal('hung up')
      expect(manager.stats().waiters).to.equal(0)
      await holder.return?.()
    })

    it('rejects when somebody else ends the sink', async () => {
      const sink: NodeWritable = new NodeWritable({
        write(_, __, done) {
          done()
          sink.end()
        }
      })
      const { code } = await failure(file.pipeTo(sink))
      expect(code).to.be.oneOf(['ERR_STREAM_UNABLE_TO_PIPE', 'ERR_STREAM_WRITE_AFTER_END'])
    })

    it("leaves no listeners on a sink that stays its caller's", async () => {
      const sink = new NodeWritable({ write: (_, __, done) => done() })
      const before = sink.eventNames().map(event => [event, sink.listenerCount(event)])
      const stop = new AbortController()
      for (let i = 0; i < 20; i++)
        await file.pipeTo(sink, { preventClose: true, signal: stop.signal, end: 1000 })
      expect(sink.eventNames().map(event => [event, sink.listenerCount(event)])).to.deep.equal(before)
    })

    for (const [what, reason] of Object.entries(unspeakable)) {
      it(`is destroyed, and left, when the signal's reason is ${what}`, async () => {
        for (const kind of [NodeWritable, StreamxWritable]) {
          const stop = new AbortController()
          let writing = false
          // It never calls back.
          const write = () => {
            writing = true
          }
          const sink = new kind({ write }) as NodeWritable
          sink.on('error', () => {})
          const piped = outcome(file.pipeTo(sink, { signal: stop.signal }))
          await eventually(() => writing)
          stop.abort(reason)
          expect((await piped).reason === reason).to.equal(true)
          expect((sink as never as { destroying?: boolean }).destroying ?? sink.destroyed).to.equal(true)
          expectNothingMapped()
        }
        const sink = new NodeWritable({ write: (_, __, done) => done() })
        const onProgress = () => {
          throw reason
        }
        expect((await outcome(file.pipeTo(sink, { onProgress }))).reason === reason).to.equal(true)
        expect(sink.destroyed).to.equal(true)
        expectNothingMapped()
      })
    }

    it('is left, with nothing mapped, when it cannot be destroyed', async () => {
      const stop = new AbortController()
      const sink = new NodeWritable({ write: () => {} })
      const before = sink.eventNames()
      sink.destroy = trap
      const piped = outcome(file.pipeTo(sink, { signal: stop.signal }))
      await eventually(() => sink.writableLength > 0)
      const reason = new Error('enough')
      stop.abort(reason)
      expect(await piped).to.deep.equal({ reason })
      expect(sink.eventNames()).to.deep.equal(before)
      expectNothingMapped()
    })

    it('is waited for where write() was patched, before the pipe, to put it off, or to call back by itself', async () => {
      const { write } = NodeWritable.prototype
      type Call = Parameters<typeof write>
      const patches: ((sink: NodeWritable, ...call: Call) => void)[] = [
        (sink, ...call) => void setImmediate(() => write.apply(sink, call)),
        (sink, ...call) => void queueMicrotask(() => write.apply(sink, call)),
        (sink, chunk, _, called = _ as never) => {
          write.call(sink, chunk, undefined as never)
          called(null)
        }
      ]
      for (const patch of patches) {
        const seen: Buffer[] = []
        const sink = new NodeWritable({
          write(chunk, _, done) {
            seen.push(Buffer.from(chunk))
            done()
          }
        })
        try {
          NodeWritable.prototype.write = function (this: NodeWritable, ...call: Call) {
            if (this === sink) patch(this, ...call)
            else write.apply(this, call)
            return true
          } as never
          await file.pipeTo(sink, { preventClose: true, chunkSize: 8 * KiB })
        } finally {
          NodeWritable.prototype.write = write
        }
        expect(Buffer.concat(seen).equals(content)).to.equal(true)
        expectNothingMapped()
      }
    })

    it('is believed nothing that a subclass answers about itself', async () => {
      class Boastful extends NodeWritable {
        done = 0
        override _write(chunk: Buffer, _: string, done: () => void) {
          setImmediate(() => {
            this.done += chunk.length
            done()
          })
        }
      }
      const answers = { writableLength: 0, destroyed: false, errored: null }
      for (const [name, answer] of Object.entries(answers))
        Object.defineProperty(Boastful.prototype, name, { get: () => answer })
      const sink = new Boastful()
      const onProgress = (bytes: number) => expect(sink.done).to.equal(bytes)
      await file.pipeTo(sink, { chunkSize: 4 * KiB, preventClose: true, onProgress })
      expect(sink.done).to.equal(content.length)
      const full = new Error('full')
      let writes = 0
      class Failing extends Boastful {
        override _write(_: Buffer, __: string, done: (error?: Error) => void) {
          writes++
          done(full)
        }
      }
      expect(await failure(file.pipeTo(new Failing(), { chunkSize: 4 * KiB }))).to.equal(full)
      expect(writes).to.equal(1)
    })
  })
}
