import { expect } from 'chai'
import fc from 'fast-check'
import { truncateSync, writeFileSync } from 'node:fs'
import { type LineSyncOptions, MapManager, type MappedFile } from '../../lib/index.js'
import { KiB, MiB, tempFile } from '../support/files.js'
import { realMappers } from '../support/mappers.js'
import { mappingsOf } from '../support/os.js'

/** What the types do not let through. */
const follow = { follow: true } as LineSyncOptions

for (const mapper of realMappers) {
  describe(`linesSync() on the ${mapper} mapper`, () => {
    let manager: MapManager
    beforeEach(() => {
      manager = new MapManager({ mapper, maxMappedBytes: MiB, windowSize: 4 * KiB })
    })
    afterEach(() => manager.close())

    const text = fc
      .array(
        fc.oneof(
          {
            weight: 8,
            arbitrary: fc.string({ unit: fc.constantFrom('a', 'ü', '😀', ' ', '\r', 'xx'), maxLength: 30 })
          },
          { weight: 1, arbitrary: fc.nat(2000).map(length => 'long'.repeat(length)) }
        ),
        { maxLength: 60 }
      )
      .chain(lines => fc.boolean().map(ended => lines.join('\n') + (ended ? '\n' : '')))

    it('yields what lines() yields, whatever the options', async () => {
      await fc.assert(
        fc.asyncProperty(
          text,
          fc.record<LineSyncOptions>(
            {
              size: fc.integer({ min: 400, max: 20_000 }),
              start: fc.nat(2000),
              offsets: fc.boolean(),
              keepDelimiter: fc.boolean(),
              limit: fc.nat(50),
              reverse: fc.boolean(),
              delimiter: fc.constantFrom('\n', 'a', 'xx', '\r\n'),
              encoding: fc.constantFrom('utf8', 'latin1')
            },
            { requiredKeys: [] }
          ),
          fc.nat(3000),
          async (content, options, length) => {
            const path = tempFile('lines-sync.txt', content)
            await using file = await manager.open(path)
            const start = Math.min(options.start ?? 0, file.size)
            const end = start + length
            const overlapping = options.delimiter === 'xx' && { reverse: false }
            for (const given of [
              { ...options, start, ...overlapping },
              { ...options, start, end, ...overlapping }
            ]) {
              const expected: unknown[] = []
              for await (const line of file.lines(given)) expected.push(line)
              expect([...file.linesSync(given)]).to.deep.equal(expected)
              const batches: unknown[][] = [...file.lineBatchesSync(given)]
              expect(batches.every(batch => batch.length > 0)).to.equal(true)
              expect(batches.flat()).to.deep.equal(expected)
            }
          }
        ),
        { numRuns: 100 }
      )
    })

    it('splits as a split of the whole text does', () =>
      fc.assert(
        fc.asyncProperty(text, fc.integer({ min: 50, max: 9000 }), async (content, size) => {
          await using file = await manager.open(tempFile('lines-sync.txt', content))
          const lines = content.split('\n')
          const last = lines.pop() as string
          const expected = [...lines.map(line => line.replace(/\r$/, '')), ...(last === '' ? [] : [last])]
          expect([...file.linesSync({ size })]).to.deep.equal(expected)
        }),
        { numRuns: 100 }
      ))

    describe('half way', () => {
      const content = 'a line of this file\n'.repeat(100_000)
      let path: string
      let file: MappedFile
      beforeEach(async () => {
        path = tempFile('lines-sync.txt', content)
        file = await manager.open(path)
      })

      it('gives everything back where it is left', () => {
        for (const _ of file.linesSync()) break
        for (const _ of file.lineBatchesSync()) break
        {
          using lines = file.linesSync()
          lines.next()
        }
        const lines = file.linesSync()
        lines.next()
        lines.return?.()
        expect(lines.next()).to.deep.equal({ done: true, value: undefined })
        expect(mappingsOf(path)).to.deep.equal([])
        expect(manager.stats().mappedBytes).to.equal(0)
      })

      it('says ERR_MAP_CLOSED once the file is closed, lines at hand included', async () => {
        const [lines, batches] = [file.linesSync(), file.lineBatchesSync()]
        lines.next()
        batches.next()
        await file.close()
        expect(() => lines.next())
          .to.throw()
          .with.property('code', 'ERR_MAP_CLOSED')
        expect(() => batches.next())
          .to.throw()
          .with.property('code', 'ERR_MAP_CLOSED')
        expect(lines.next()).to.deep.equal({ done: true, value: undefined })
        expect(() => file.linesSync())
          .to.throw()
          .with.property('code', 'ERR_MAP_CLOSED')
      })

      it('says ERR_MAP_FILE_TRUNCATED where the file is cut short, and yields no zeros', () => {
        const seen = new Set<string>()
        const read = () => {
          for (const line of file.linesSync()) {
            if (seen.size === 0) truncateSync(path, 50_001)
            seen.add(line)
          }
        }
        expect(read).to.throw().with.property('code', 'ERR_MAP_FILE_TRUNCATED')
        expect([...seen]).to.deep.equal(['a line of this file'])
        writeFileSync(path, content)
      })

      it('refuses to follow', () => {
        for (const call of [() => file.linesSync(follow), () => file.lineBatchesSync(follow)])
          expect(call)
            .to.throw(/options\.follow/)
            .that.includes({ code: 'ERR_MAP_UNSUPPORTED' })
      })

      it('says ERR_MAP_RECORD_TOO_LONG, and gives everything back', () => {
        expect(() => [...file.linesSync({ maxLineBytes: 10 })])
          .to.throw()
          .that.includes({ code: 'ERR_MAP_RECORD_TOO_LONG', path })
        expect(manager.stats().mappedBytes).to.equal(0)
      })
    })
  })
}
