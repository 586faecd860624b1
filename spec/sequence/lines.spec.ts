import { createReadStream, readFileSync, truncateSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { expect } from 'chai'
import fc from 'fast-check'
import { type Line, type LineOptions, type MappedFile, MapManager, SlidemapError } from '../../lib/index.js'
import { failure } from '../support/failure.js'
import { KiB, MiB, tempFile } from '../support/files.js'
import { collectedUntil, eventually, realMappers } from '../support/mappers.js'
import { mappingsOf } from '../support/os.js'
import { plainLines } from '../support/splitting.js'

/** Lines of 0 to about 300 bytes, some of them with CRLF, characters of several bytes, and bytes that are none. */
function text(lines: number): Buffer {
  const odd = [Buffer.from('\r'), Buffer.from('€😀'), Buffer.of(0xff, 0xe2, 0x82), Buffer.from('\ufeff')]
  return Buffer.concat(
    Array.from({ length: lines }, (_, i) => {
      const words = `line ${i} ${'of some words '.repeat((i * 7) % 23)}`
      const line =
        i % 13 === 0 ? [] : [Buffer.from(words), i % 5 === 0 ? (odd[(i / 5) % 4] as Buffer) : Buffer.alloc(0)]
      return Buffer.concat([...line, Buffer.from(i % 3 === 0 ? '\r\n' : '\n')])
    })
  )
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

for (const mapper of realMappers) {
  describe(`lines() on the ${mapper} mapper`, () => {
    const content = Buffer.concat([text(2000), Buffer.from('the last one')])
    let path: string
    let manager: MapManager
    let file: MappedFile

    beforeEach(async () => {
      path = tempFile('lines.txt', content)
      manager = new MapManager({ mapper, maxMappedBytes: 256 * KiB, windowSize: 64 * KiB })
      file = await manager.open(path)
    })

    afterEach(async () => {
      await manager.close()
      const { mappedBytes, regions, handles, waiters } = manager.stats()
      expect({ mappedBytes, regions, handles, waiters }).to.deep.equal({
        mappedBytes: 0,
        regions: 0,
        handles: 0,
        waiters: 0
      })
    })

    /** Nothing of this file is held, though it is still open. */
    function expectNothingMapped() {
      expect(mappingsOf(path)).to.deep.equal([])
      const { mappedBytes, regions, waiters } = manager.stats()
      expect({ mappedBytes, regions, waiters }).to.deep.equal({ mappedBytes: 0, regions: 0, waiters: 0 })
    }

    it('yields the lines of any range, in windows of any size, forwards and backwards', async () => {
      const { size } = file
      await fc.assert(
        fc.asyncProperty(
          fc.record({
            range: fc
              .tuple(fc.nat(size), fc.nat(size))
              .map(([a, b]) => ({ start: Math.min(a, b), end: Math.max(a, b) })),
            size: fc.oneof(fc.constantFrom(4096, 8192, 64 * KiB), fc.integer({ min: 100, max: 64 * KiB })),
            encoding: fc.constantFrom('utf8' as const, 'latin1' as const),
            prefetch: fc.nat(2),
            reverse: fc.boolean(),
            limit: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.nat(50))
          }),
          async ({ range, encoding, reverse, limit, ...rest }) => {
            const expected = plainLines(content, { encoding }).filter(
              ({ offset }) => offset >= range.start && offset < range.end
            )
            if (reverse) expected.reverse()
            const lines = await all(
              file.lines({ ...range, ...rest, encoding, reverse, limit, offsets: true })
            )
            expect(lines).to.deep.equal(expected.slice(0, limit))
          }
        ),
        { numRuns: 40 }
      )
      expectNothingMapped()
    })

    it('yields strings, or lines whose bytes can be read where they say', async () => {
      const lines = await all(file.lines({ offsets: true }))
      expect(lines.map(({ line }) => line)).to.deep.equal(await all(file.lines()))
      const whole = readFileSync(path)
      for (const { line, offset, length } of lines)
        if (whole.toString('utf8', offset, offset + length) !== line) throw new Error(`wrong at ${offset}`)
      expect(lines.at(-1)).to.deep.equal({ line: 'the last one', offset: content.length - 12, length: 12 })
    })

    it('yields batches of the same lines, none of them empty', async () => {
      const batches = await all(file.lineBatches())
      expect(batches.map(({ length }) => length)).to.not.include(0)
      expect(batches.flat()).to.deep.equal(await all(file.lines()))
      expect((await all(file.lineBatches({ offsets: true }))).flat()).to.deep.equal(plainLines(content))
    })

    it('reads text in UTF-16, also where windows cut its characters', async () => {
      const words = content.toString('utf8')
      const utf16 = await manager.open(tempFile('utf16.txt', Buffer.from(`\ufeff${words}`, 'utf16le')))
      const lines = await all(utf16.lines({ encoding: 'utf16le', size: 4099 }))
      expect(lines).to.deep.equal(`\ufeff${words}`.split(/\r?\n/))
    })

    it('has no lines in an empty file, one in a file of one byte, and as many as delimiters where there is nothing else', async () => {
      const lines = async (name: string, bytes: string) =>
        all((await manager.open(tempFile(name, bytes))).lines())
      expect(await lines('empty', '')).to.deep.equal([])
      expect(await lines('one', 'a')).to.deep.equal(['a'])
      expect(await lines('return', '\r')).to.deep.equal(['\r'])
      expect(await lines('newline', '\n')).to.deep.equal([''])
      expect(await lines('newlines', '\n'.repeat(70_000))).to.deep.equal(new Array(70_000).fill(''))
    })

    it('assembles a line longer than its windows', async function () {
      const megabytes = process.env.SLIDEMAP_LONG ? 100 : 4
      this.timeout(60_000)
      const long = 'é'.repeat((megabytes * MiB) / 2)
      const big = await manager.open(tempFile('long.txt', `first\n${long}\r\nlast`))
      for (const reverse of [false, true]) {
        const lines = await all(big.lines({ reverse, offsets: true }))
        if (reverse) lines.reverse()
        expect(lines.map(({ length }) => length)).to.deep.equal([5, megabytes * MiB, 4])
        expect(lines[1]?.line === long).to.equal(true)
      }
      const error = await failure(all(big.lines({ maxLineBytes: MiB })))
      expect(error).to.include({ code: 'ERR_MAP_RECORD_TOO_LONG', offset: 6, path: big.path })
      expectNothingMapped()
    })

    it('reads no more than it takes for the last lines, and for the first', async () => {
      const large = await manager.open(tempFile('large.txt', Buffer.concat(new Array(30).fill(content))))
      const maps = manager.stats().maps
      const tail = await all(large.lines({ reverse: true, limit: 10 }))
      expect(tail).to.deep.equal(
        plainLines(content)
          .slice(-10)
          .reverse()
          .map(({ line }) => line)
      )
      expect(manager.stats().maps - maps).to.be.at.most(2)
      expect(manager.stats().peakMappedBytes).to.be.at.most(64 * KiB)
      const more = manager.stats().maps
      await all(large.lines({ limit: 10, prefetch: 0 }))
      expect(manager.stats().maps - more).to.equal(1)
    })

    it('reads past the end of a range only to the end of its last line', async () => {
      const large = await manager.open(tempFile('large.txt', Buffer.concat(new Array(30).fill(content))))
      const lines = await all(large.lines({ start: 1000, end: 1001, offsets: true }))
      expect(lines).to.deep.equal(plainLines(content).filter(({ offset }) => offset === 1000))
      expect(manager.stats().maps).to.be.at.most(2)
    })

    it('finishes under a limit of one window, however many read at once', async () => {
      const small = new MapManager({ mapper, maxMappedBytes: 64 * KiB, windowSize: 64 * KiB })
      const one = await small.open(path)
      const expected = await all(file.lines())
      const read = await Promise.all([all(one.lines()), all(one.lines()), all(one.lines({ reverse: true }))])
      expect(read[0]).to.deep.equal(expected)
      expect(read[1]).to.deep.equal(expected)
      expect(read[2]?.reverse()).to.deep.equal(expected)
      expect(small.stats().peakMappedBytes).to.be.at.most(64 * KiB)
      await small.close()
    })

    describe('however they are left', () => {
      it('have nothing mapped after a break, a throw, the limit, or disposal', async () => {
        for await (const _ of file.lines()) break
        expectNothingMapped()
        for await (const _ of file.lineBatches({ reverse: true })) break
        expectNothingMapped()
        const thrown = (async () => {
          for await (const _ of file.lines()) throw new Error('mine')
        })()
        expect((await failure(thrown)).message).to.equal('mine')
        expectNothingMapped()
        await all(file.lines({ limit: 3 }))
        expectNothingMapped()
        const lines = file.lines()
        await lines.next()
        await lines[Symbol.asyncDispose]()
        expect(await lines.next()).to.deep.equal({ done: true, value: undefined })
        expectNothingMapped()
      })

      it('answer calls that overlap in order, and what comes after the end with the end', async () => {
        const lines = file.lines()
        const expected = plainLines(content).map(({ line }) => line)
        const many = await Promise.all(Array.from({ length: expected.length + 3 }, () => lines.next()))
        expect(many.slice(0, -3).map(({ value }) => value)).to.deep.equal(expected)
        expect(many.slice(-3).every(({ done }) => done)).to.equal(true)
      })

      it('cancel a wait for budget when they are returned from', async () => {
        const holder = file.windows({ prefetch: 0, size: 256 * KiB })
        await holder.next()
        const lines = file.lines()
        const next = lines.next()
        await eventually(() => manager.stats().waiters === 1)
        await lines.return?.()
        expect(await next).to.deep.equal({ done: true, value: undefined })
        expect(manager.stats().waiters).to.equal(0)
        await holder.return?.()
        expectNothingMapped()
      })

      it('reject with the signal’s reason, in the middle of a batch too', async () => {
        for (const reverse of [false, true]) {
          const stop = new AbortController()
          const lines = file.lines({ signal: stop.signal, reverse })
          await lines.next()
          stop.abort(new Error('enough'))
          expect((await failure(lines.next())).message).to.equal('enough')
          expect(await lines.next()).to.deep.equal({ done: true, value: undefined })
          expectNothingMapped()
          const before = file.lines({ signal: AbortSignal.abort(new Error('before')), reverse })
          expect((await failure(before.next())).message).to.equal('before')
        }
      })

      it('reject when the file is closed under them', async () => {
        const lines = file.lines()
        await lines.next()
        const batches = file.lineBatches()
        await batches.next()
        await file.close()
        expect(await failure(lines.next())).to.have.property('code', 'ERR_MAP_CLOSED')
        expect(await failure(batches.next())).to.have.property('code', 'ERR_MAP_CLOSED')
        expect(() => file.lines())
          .to.throw(SlidemapError)
          .with.property('code', 'ERR_MAP_CLOSED')
      })

      it('reject when their windows were unmapped by others', async () => {
        const lines = file.lineBatches()
        const records = file.recordBatches({ recordSize: 1000 })
        await lines.next()
        const batch = (await records.next()).value
        manager.unmapFile(path)
        expect(() => batch?.at(0)?.bytes)
          .to.throw(SlidemapError)
          .with.property('code', 'ERR_MAP_RELEASED')
        expect(await failure(lines.next())).to.have.property('code', 'ERR_MAP_RELEASED')
        expect(await failure(records.next())).to.have.property('code', 'ERR_MAP_RELEASED')
        expectNothingMapped()
      })

      it('are collected when they are dropped half way, with what they had mapped', async () => {
        await (async () => {
          await file.lines().next()
          await file.lineBatches().next()
        })()
        expect(manager.stats().regions).to.be.at.least(2)
        expect(await collectedUntil(() => manager.stats().regions === 0)).to.equal(true)
      })
    })

    it('fail instead of taking zeros for text when the file is cut short', async () => {
      const bytes = Buffer.concat(new Array(20).fill(content))
      const shrinking = tempFile('shrinking.txt', bytes)
      const cut = await manager.open(shrinking)
      const expected = plainLines(bytes)
      let seen = 0
      const reading = (async () => {
        for await (const { line } of cut.lines({ offsets: true, prefetch: 1 })) {
          expect(line).to.equal(expected[seen++]?.line)
          if (seen === 1000) truncateSync(shrinking, 8 * KiB)
        }
      })()
      expect(await failure(reading)).to.have.property('code', 'ERR_MAP_FILE_TRUNCATED')
      expect(seen).to.be.at.least(1000)
    })

    it('refuse wrong options', () => {
      const options = (o: object) => () => file.lines(o as LineOptions)
      expect(options({ start: file.size + 1 }))
        .to.throw(SlidemapError)
        .with.property('code', 'ERR_MAP_OUT_OF_RANGE')
      for (const o of [
        { encoding: 'utf-9' },
        { delimiter: '' },
        { delimiter: '\ufffd' },
        { delimiter: '\ud800' },
        { delimiter: '€', encoding: 'latin1' },
        { delimiter: '--', reverse: true },
        { limit: -1 },
        { limit: 0.5 },
        { maxLineBytes: 0 },
        { start: 2, end: 1 },
        { size: 0 }
      ])
        expect(options(o), JSON.stringify(o)).to.throw(RangeError).with.property('code', 'ERR_OUT_OF_RANGE')
      for (const o of [{ encoding: 8 }, { delimiter: 10 }, { reverse: 1 }, { offsets: 'yes' }, { signal: 1 }])
        expect(options(o), JSON.stringify(o))
          .to.throw(TypeError)
          .with.property('code', 'ERR_INVALID_ARG_TYPE')
      for (const name of [
        'encoding',
        'delimiter',
        'start',
        'end',
        'limit',
        'maxLineBytes',
        'size',
        'prefetch'
      ])
        expect(options({ [name]: null }), name).to.throw(TypeError, `"options.${name}"`)
      expect(options({ delimiter: '' })).to.throw(RangeError, 'must be not empty')
      expect(options({ lifetime: 'leased' }))
        .to.throw(SlidemapError)
        .with.property('code', 'ERR_MAP_UNSUPPORTED')
      expect(options({ lifetime: 'copied' })).not.to.throw()
    })

    it('equal what readline makes of a log, and know where each is', async function () {
      this.timeout(600_000)
      const megabytes = Number(process.env.SLIDEMAP_LOG_MIB ?? 4)
      // No '\r' on its own, which readline takes for the end of a line.
      const block = plainLines(text(5000)).map(({ line }) => line.replaceAll('\r', ''))
      const log = tempFile('log.txt', Buffer.from(`${block.join('\n')}\n`))
      const piece = readFileSync(log)
      const times = Math.ceil((megabytes * MiB) / piece.length)
      const { appendFileSync } = await import('node:fs')
      for (let i = 1; i < times; i++) appendFileSync(log, piece)
      const whole = await manager.open(log)
      const theirs = createInterface({ input: createReadStream(log), crlfDelay: Number.POSITIVE_INFINITY })[
        Symbol.asyncIterator
      ]()
      let count = 0
      for await (const lines of whole.lineBatches({ offsets: true })) {
        for (const line of lines) {
          checkLine(line, (await theirs.next()).value as string, piece)
          count++
        }
      }
      expect(await theirs.next()).to.have.property('done', true)
      expect(count).to.equal(times * block.length)
    })
  })
}

/** @param piece what the file repeats */
function checkLine({ line, offset, length }: Line, expected: string, piece: Buffer): void {
  if (line !== expected) throw new Error(`another line at ${offset}: ${line}, not ${expected}`)
  const at = offset % piece.length
  if (piece.toString('utf8', at, at + length) !== line) throw new Error(`wrong bytes at ${offset}`)
}
