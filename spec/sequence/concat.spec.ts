import { closeSync, openSync } from 'node:fs'
import { open as openHandle } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import fc from 'fast-check'
import { concat, MapManager, type Source, type SourceWindow } from '../../lib/index.js'
import { bytesAt, collect, KiB, MiB, tempFile, temporaryFolder } from '../support/files.js'
import { failure } from '../support/failure.js'
import { realMappers } from '../support/mappers.js'
import { descriptorsBelow, descriptorsOf, mappingsBelow } from '../support/os.js'
import { PulledList } from '../support/pulled-list.js'

/** Bytes of windows, compared to what they should be as they pass. */
async function walk<S>(windows: AsyncIterable<SourceWindow<S>>, expected: Buffer, from = 0) {
  const seen: { source: S; index: number; offset: number; sourceOffset: number; length: number }[] = []
  let offset = from
  for await (const window of windows) {
    expect(window.offset).to.equal(offset)
    expect(window.bytes.length).to.equal(window.length)
    expect(window.lost).to.equal(-1)
    const right = expected.subarray(offset, offset + window.length)
    if (!window.bytes.equals(right)) throw new Error(`wrong bytes at ${offset}`)
    const { source, index, sourceOffset, length } = window
    seen.push({ source, index, offset, sourceOffset, length })
    offset += length
  }
  return { seen, end: offset }
}

for (const mapper of realMappers) {
  describe(`concat() on the ${mapper} mapper`, () => {
    // Empty, small, just the threshold, above it, of several windows.
    const lengths = [
      0,
      1,
      5000,
      0,
      128 * KiB,
      128 * KiB + 1,
      8 * KiB,
      300 * KiB,
      3,
      0,
      70 * KiB,
      200 * KiB,
      0
    ]
    const contents = lengths.map((length, i) => bytesAt(i + 1, 0, length))
    const whole = Buffer.concat(contents)
    let paths: string[]
    let manager: MapManager

    before(() => {
      paths = contents.map((content, i) => tempFile(`concat/${i}`, content))
    })

    beforeEach(() => {
      manager = new MapManager({ mapper, maxMappedBytes: MiB, windowSize: 128 * KiB, maxHandles: 4 })
    })

    afterEach(async () => {
      try {
        expectNothingHeld()
      } finally {
        await manager.close()
      }
      expectNothingHeld()
    })

    /** Said by the manager and by the OS, before and after closing. */
    function expectNothingHeld() {
      const { mappedBytes, regions, handles, files, waiters } = manager.stats()
      expect({ mappedBytes, regions, handles, files, waiters }).to.deep.equal({
        mappedBytes: 0,
        regions: 0,
        handles: 0,
        files: 0,
        waiters: 0
      })
      expect(mappingsBelow(temporaryFolder)).to.deep.equal([])
      expect(descriptorsBelow(temporaryFolder)).to.deep.equal([])
    }

    it('hands over the bytes of all files in order, each window of one file, and says which', async () => {
      const { seen, end } = await walk(manager.concat(paths).windows(), whole)
      expect(end).to.equal(whole.length)
      let before = 0
      for (const [i, length] of lengths.entries()) {
        const own = seen.filter(({ index }) => index === i)
        expect(own.map(({ source }) => source)).to.deep.equal(own.map(() => paths[i]))
        expect(own.map(({ sourceOffset }) => sourceOffset)).to.deep.equal(
          own.map((_, k) => k * 128 * KiB),
          `of source ${i}`
        )
        for (const { offset, sourceOffset } of own) expect(offset).to.equal(before + sourceOffset)
        expect(own.reduce((sum, window) => sum + window.length, 0)).to.equal(length)
        before += length
      }
    })

    it('does so for any range, size, lookahead, threshold and lifetime', async function () {
      this.timeout(60_000)
      await fc.assert(
        fc.asyncProperty(
          fc.record({
            start: fc.nat(whole.length),
            length: fc.oneof(fc.nat(10_000), fc.nat(whole.length), fc.constant(Number.POSITIVE_INFINITY)),
            size: fc.integer({ min: 4 * KiB, max: 256 * KiB }),
            lookahead: fc.constantFrom(0, 1, 2, 5, 64),
            smallFileSize: fc.constantFrom(0, 1, 8 * KiB, 128 * KiB, MiB),
            prefetch: fc.nat(2),
            lifetime: fc.constantFrom('leased' as const, 'copied' as const),
            asynchronous: fc.boolean()
          }),
          async ({ start, length, lookahead, smallFileSize, asynchronous, ...options }) => {
            const list = new PulledList(paths)
            const concatenation = manager.concat(asynchronous ? list.async : list.sync, {
              lookahead,
              smallFileSize
            })
            const end = start + length
            const { end: reached } = await walk(
              concatenation.windows({ ...options, start, end }),
              whole,
              start
            )
            expect(reached).to.equal(Math.min(end, whole.length))
            expectNothingHeld()
            // An empty range asks for none of it: what nobody began cannot be left.
            expect(list.left).to.equal(list.exhausted || list.pulled === 0 ? 0 : 1)
          }
        ),
        { numRuns: 150 }
      )
    })

    it('takes paths, Buffers, URLs, descriptors, FileHandles, open files and ranges, and closes what it opened', async () => {
      const [path = ''] = paths.slice(5)
      const content = contents[5] as Buffer
      const fd = openSync(path, 'r')
      const handle = await openHandle(path)
      const file = await manager.open(path)
      const sources: Source[] = [
        path,
        Buffer.from(path),
        pathToFileURL(path),
        fd,
        handle,
        file,
        { source: path, start: 10, end: 5000 },
        { source: file, start: 100_000 },
        { source: { source: fd, start: 5 }, start: 5, end: 20 },
        { source: handle, start: content.length },
        await manager.open({ source: path, start: 7, end: 9 })
      ]
      const expected = Buffer.concat([
        ...Array(6).fill(content),
        content.subarray(10, 5000),
        content.subarray(100_000),
        content.subarray(10, 25),
        content.subarray(7, 9)
      ])
      const { seen, end } = await walk(manager.concat(sources).windows(), expected)
      expect(end).to.equal(expected.length)
      for (const { source, index } of seen) expect(source).to.equal(sources[index])
      expect(seen.filter(({ index }) => index === 6).map(({ sourceOffset }) => sourceOffset)).to.deep.equal([
        0
      ])
      // What was open stays open.
      expect((await collect(file.stream())).equals(content)).to.equal(true)
      for (const source of sources) if (source instanceof Object && 'windows' in source) await source.close()
      expect(descriptorsOf(path).sort()).to.deep.equal([fd, handle.fd].sort())
      closeSync(fd)
      await handle.close()
    })

    it('releases a window when the next is asked for, and keeps one that was retained beyond its file', async () => {
      const kept: SourceWindow<string>[] = []
      let last: SourceWindow<string> | undefined
      let stale: Buffer | undefined
      for await (const window of manager.concat(paths).windows()) {
        if (last && !kept.includes(last)) {
          expect(stale?.length).to.equal(0)
          const { offset, length } = last
          expect(() => last?.bytes)
            .to.throw(`the window at ${offset} was released`)
            .that.includes({
              code: 'ERR_MAP_RELEASED',
              offset,
              length
            })
          expect(() => last?.retain())
            .to.throw()
            .with.property('code', 'ERR_MAP_RELEASED')
        }
        if (window.index % 2 === 0) kept.push(window.retain())
        last = window
        stale = window.bytes
      }
      expect(stale?.length).to.be.oneOf([0, last?.length])
      expect(manager.stats()).to.include({ handles: 0, regions: kept.length })
      for (const { offset, length, bytes } of kept) {
        expect(bytes.equals(whole.subarray(offset, offset + length))).to.equal(true)
      }
      for (const window of kept) {
        window.release()
        window.release()
        expect(() => window.bytes)
          .to.throw()
          .with.property('code', 'ERR_MAP_RELEASED')
      }
      // The file of the last one is closed off the event loop.
      await manager.close()
    })

    it('streams chunks that never cross files', async () => {
      for (const lifetime of ['copied', 'leased'] as const) {
        const sizes: number[] = []
        const chunks: Buffer[] = []
        for await (const chunk of manager.concat(paths).stream({ lifetime, chunkSize: 50_000 })) {
          sizes.push(chunk.length)
          chunks.push(Buffer.from(chunk))
        }
        expect(Buffer.concat(chunks).equals(whole)).to.equal(true)
        // A file of 128 KiB + 1 has windows of 128 KiB and 1.
        const windows = lengths.flatMap(length =>
          length > 128 * KiB
            ? [...Array(Math.floor(length / (128 * KiB))).fill(128 * KiB), length % (128 * KiB)]
            : [length]
        )
        const expected = windows.flatMap(length =>
          Array.from({ length: Math.ceil(length / 50_000) }, (_, i) => Math.min(50_000, length - i * 50_000))
        )
        expect(sizes).to.deep.equal(expected)
      }
    })

    it('is empty without sources, and of empty files', async () => {
      expect(await manager.concat([]).windows().next()).to.deep.equal({ done: true, value: undefined })
      const empty = [paths[0] as string, paths[3] as string]
      expect(await manager.concat(empty).windows().next()).to.deep.equal({ done: true, value: undefined })
      expect(await manager.concat(empty, { smallFileSize: 0 }).windows().next()).to.have.property(
        'done',
        true
      )
    })

    it('says at the end that a start lies past it', async () => {
      const concatenation = manager.concat(paths)
      expect(await failure(concatenation.windows({ start: whole.length + 1 }).next())).to.include({
        code: 'ERR_MAP_OUT_OF_RANGE',
        offset: whole.length + 1
      })
      const end = await concatenation.windows({ start: whole.length }).next()
      expect(end).to.deep.equal({ done: true, value: undefined })
    })

    it('does not look at the files after the end', async () => {
      const list = new PulledList([paths[2] as string, '/missing', '/missing too'])
      const windows = manager.concat(list.sync, { lookahead: 0 }).windows({ end: 5000 })
      expect((await walk(windows, contents[2] as Buffer)).end).to.equal(5000)
      expect(list).to.include({ pulled: 1, left: 1, exhausted: false })
    })

    it('walks an array as often as one likes, also at the same time, and a generator once', async () => {
      const array = manager.concat(paths)
      const walks = await Promise.all([1, 2, 3].map(() => walk(array.windows(), whole)))
      for (const { end } of walks) expect(end).to.equal(whole.length)
      for (const generator of [
        new PulledList(paths)[Symbol.iterator](),
        new PulledList(paths)[Symbol.asyncIterator]()
      ]) {
        const once = manager.concat(generator)
        expect((await walk(once.windows(), whole)).end).to.equal(whole.length)
        expect(() => once.windows())
          .to.throw(/once only/)
          .with.property('code', 'ERR_MAP_UNSUPPORTED')
        expect(() => once.stream()).to.throw(/once only/)
      }
    })

    it('refuses what is no list, and wrong options, at once', () => {
      for (const sources of [
        undefined,
        null,
        7,
        'path',
        Buffer.from('path'),
        new Uint8Array(1),
        {},
        () => []
      ]) {
        expect(() => manager.concat(sources as never))
          .to.throw(TypeError, 'sources')
          .with.property('code', 'ERR_INVALID_ARG_TYPE')
      }
      for (const options of [{ lookahead: -1 }, { lookahead: 0.5 }, { smallFileSize: -1 }]) {
        expect(() => manager.concat(paths, options))
          .to.throw(RangeError)
          .with.property('code', 'ERR_OUT_OF_RANGE')
      }
      for (const options of [{ lookahead: '1' }, { smallFileSize: '1' }, 1]) {
        expect(() => manager.concat(paths, options as never)).to.throw(/options/)
      }
      const concatenation = manager.concat(paths)
      for (const options of [
        { start: -1 },
        { size: 0 },
        { end: 1, start: 2 },
        { prefetch: -1 },
        { overlap: -1 }
      ]) {
        expect(() => concatenation.windows(options))
          .to.throw(RangeError, 'options.')
          .with.property('code', 'ERR_OUT_OF_RANGE')
      }
      expect(() => concatenation.windows({ overlap: 1 }))
        .to.throw(/do not overlap/)
        .with.property('code', 'ERR_MAP_UNSUPPORTED')
      expect(() => concatenation.windows({ lifetime: 'mine' as never })).to.throw(RangeError)
      expect(() => concatenation.windows({ signal: 1 as never })).to.throw(TypeError)
    })
  })
}

describe('concat()', () => {
  it('works on the manager of the process', async () => {
    const parts = ['one ', 'two ', 'three'].map((text, i) => tempFile(`parts/${i}`, text))
    expect((await collect(concat(parts).stream())).toString()).to.equal('one two three')
  })
})
