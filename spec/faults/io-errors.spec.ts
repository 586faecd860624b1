import { expect } from 'chai'
import { Writable } from 'node:stream'
import { MapManager, type MappedFile, SlidemapError, type Window } from '../../lib/index.js'
import { failure } from '../support/failure.js'
import { bytesAt, KiB, tempFile } from '../support/files.js'
import { mappingMappers, realMappers } from '../support/mappers.js'
import { type FailingFile, mountFailing } from './failing-fs.js'

const page = 4096
const window = 64 * KiB
/** Where the disk fails: in the second window. */
const bad = window + 5 * page
const content = Buffer.from(bytesAt(7, 0, 3 * window + 500).map(byte => (byte % 97 === 0 ? 10 : byte | 32)))

/** Mount, or skip with the reason; in CI as root it has to work. */
async function mountOrSkip(context: Mocha.Context, name: string, bytes: Uint8Array): Promise<FailingFile> {
  try {
    return await mountFailing(name, bytes)
  } catch (error) {
    if (context.test) context.test.title += ` (${(error as Error).message})`
    return context.skip()
  }
}

/** What comes of a file until it fails, and why it does. */
async function until(chunks: AsyncIterable<Uint8Array>): Promise<{ seen: Buffer; error: Error }> {
  const copies: Buffer[] = []
  const error = await failure(
    (async () => {
      for await (const chunk of chunks) copies.push(Buffer.from(chunk))
    })()
  )
  return { seen: Buffer.concat(copies), error }
}

function shown({ value }: IteratorResult<Window>): Window {
  return value as Window
}

async function* bytesOfAll(windows: AsyncIterable<{ bytes: Buffer }>): AsyncGenerator<Buffer> {
  for await (const { bytes } of windows) yield bytes
}

for (const mapper of realMappers) {
  describe(`A disk that fails, on the ${mapper} mapper,`, () => {
    let disk: FailingFile
    let manager: MapManager
    let file: MappedFile

    before(async function () {
      disk = await mountOrSkip(this, `failing-${mapper}`, content)
    })
    after(() => disk?.unmount())

    beforeEach(async () => {
      await disk.heal()
      await disk.forget()
      manager = new MapManager({ mapper, windowSize: window })
      file = await manager.open(disk.path)
      await disk.fail(bad)
    })
    afterEach(async () => {
      await manager.close()
      const { mappedBytes, handles, regions, waiters } = manager.stats()
      expect({ mappedBytes, handles, regions, waiters }).to.deep.equal({
        mappedBytes: 0,
        handles: 0,
        regions: 0,
        waiters: 0
      })
    })

    /** Says so, says where, and says what the OS said. */
    function expectIoError(error: Error, offset = bad): void {
      expect(error).to.be.instanceOf(SlidemapError)
      expect(error).to.include({ code: 'ERR_MAP_IO', path: disk.path, offset })
      expect(error.message).to.equal(`reading '${disk.path}' failed at offset ${offset}`)
      expect(error.cause).to.include({ code: 'EIO' })
    }

    for (const [name, walk] of [
      ['windows()', () => bytesOfAll(file.windows())],
      ['windows() that are copied', () => bytesOfAll(file.windows({ lifetime: 'copied' }))],
      ['stream()', () => file.stream()],
      ['nodeStream()', () => file.nodeStream()],
      ['webStream()', () => file.webStream()],
      ['records()', () => bytesOfAll(file.records({ recordSize: 500 }))]
    ] satisfies [string, () => AsyncIterable<Uint8Array>][]) {
      it(`${name} has the bytes before it, and ERR_MAP_IO in the place of the end`, async () => {
        const { seen, error } = await until(walk())
        expectIoError(error)
        expect(seen.equals(content.subarray(0, seen.length))).to.equal(true)
        expect(seen.length).to.be.within(window - 500, bad)
      })
    }

    it('pipeTo() rejects, and the writable never finishes', async () => {
      const seen: Buffer[] = []
      let finished = false
      const sink = new Writable({
        write(chunk: Buffer, _encoding, done) {
          seen.push(Buffer.from(chunk))
          done()
        },
        final(done) {
          finished = true
          done()
        }
      })
      expectIoError(await failure(file.pipeTo(sink)))
      expect(finished).to.equal(false)
      const whole = Buffer.concat(seen)
      expect(whole.equals(content.subarray(0, whole.length))).to.equal(true)
    })

    it('lines() ends with ERR_MAP_IO after lines that are all in the file', async () => {
      const lines: string[] = []
      const error = await failure(
        (async () => {
          for await (const line of file.lines({ encoding: 'latin1' })) lines.push(line)
        })()
      )
      expectIoError(error)
      const right = content.toString('latin1').split('\n')
      expect(lines).to.deep.equal(right.slice(0, lines.length))
      expect(lines.length).to.be.greaterThan(100)
    })

    it('read() and load() reject where they reach it, and answer elsewhere', async () => {
      expect((await file.read(100, 5000)).equals(content.subarray(100, 5100))).to.equal(true)
      expectIoError(await failure(file.read(bad - 10, 20)))
      using cursor = file.cursor()
      await cursor.load(0)
      expect(cursor.bytes.equals(content.subarray(0, window))).to.equal(true)
      expectIoError(await failure(cursor.load(bad)))
      expect(cursor.valid).to.equal(false)
    })

    it('concat() says which of the files it was', async () => {
      const whole = manager.concat([tempFile('whole-one', 'whole'), disk.path])
      const { seen, error } = await until(whole.stream())
      expect(error).to.include({ code: 'ERR_MAP_IO', path: disk.path, index: 1 })
      expect(seen.subarray(0, 5).toString()).to.equal('whole')
      expect(seen.subarray(5).equals(content.subarray(0, seen.length - 5))).to.equal(true)
      await whole.close()
    })

    it('goes on from where it failed once the disk works again', async () => {
      const { seen } = await until(bytesOfAll(file.windows()))
      await disk.heal()
      const rest: Buffer[] = [seen]
      for await (const { bytes } of file.windows({ start: seen.length })) rest.push(Buffer.from(bytes))
      expect(Buffer.concat(rest).equals(content)).to.equal(true)
    })

    if (mappingMappers.includes(mapper)) {
      describe('when it fails under what is mapped already,', () => {
        beforeEach(() => disk.heal())

        /** From now on nothing of the file can be had. */
        async function lose(): Promise<void> {
          await disk.fail(0)
          await disk.forget()
        }

        it('a window reads as zeros, and the next one is ERR_MAP_IO', async () => {
          const windows = file.windows({ prefetch: 0 })
          const value = shown(await windows.next())
          await lose()
          expect(value.bytes[3 * page]).to.equal(0)
          expect(value.lost).to.equal(3 * page)
          const error = await failure(windows.next())
          expect(error).to.include({ code: 'ERR_MAP_IO', path: disk.path, offset: 3 * page })
        })

        it('the last window is followed by ERR_MAP_IO, not by the end', async () => {
          const windows = file.windows({ start: 3 * window })
          const value = shown(await windows.next())
          await lose()
          expect(value.bytes.indexOf(1)).to.equal(-1)
          expect(await failure(windows.next())).to.include({ code: 'ERR_MAP_IO', offset: 3 * window })
        })

        it('windowsSync() throws it at the next window', async () => {
          const windows = file.windowsSync()
          const value = shown(windows.next())
          await lose()
          expect(value.bytes[page]).to.equal(0)
          expect(() => windows.next())
            .to.throw(SlidemapError)
            .that.includes({ code: 'ERR_MAP_IO', path: disk.path, offset: page })
        })

        it('a cursor throws it when it moves on, also what is lost before what was lost first', async () => {
          const [early, late] = [file.cursor().use(0, page), file.cursor().use(5 * page, page)]
          await lose()
          expect(late.bytes[0]).to.equal(0)
          expect(late.lost).to.equal(5 * page)
          expect(early.lost).to.equal(-1)
          expect(early.bytes[0]).to.equal(0)
          expect(early.lost).to.equal(0)
          for (const [cursor, offset] of [[early, 0] as const, [late, 0] as const]) {
            expect(() => cursor.unuse())
              .to.throw(SlidemapError)
              .that.includes({ code: 'ERR_MAP_IO', path: disk.path, offset })
          }
        })

        it('a buffer throws it at the read itself', async () => {
          const buffer = file.buffer()
          expect(buffer.at(0)).to.equal(content[0])
          await lose()
          expect(() => buffer.readUInt32LE(2 * page))
            .to.throw(SlidemapError)
            .that.includes({ code: 'ERR_MAP_IO', path: disk.path, offset: 2 * page })
          expect(() => buffer.indexOf('nowhere')).to.throw(SlidemapError, /failed at offset/)
          await disk.heal()
          buffer[Symbol.dispose]()
          expect(file.buffer().readUInt32LE(2 * page)).to.equal(content.readUInt32LE(2 * page))
        })
      })
    }
  })
}
