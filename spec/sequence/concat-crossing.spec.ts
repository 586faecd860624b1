import { readFileSync } from 'node:fs'
import { createWriteStream } from 'node:fs'
import { PassThrough } from 'node:stream'
import { expect } from 'chai'
import fc from 'fast-check'
import { MapManager } from '../../lib/index.js'
import { collect, tempFile, tempPath } from '../support/files.js'
import { realMappers } from '../support/mappers.js'

for (const mapper of realMappers) {
  for (const smallFileSize of [0, 128 * 1024]) {
    describe(`concat() on the ${mapper} mapper, small up to ${smallFileSize}, as lines, records and streams`, () => {
      let manager: MapManager
      let number = 0

      before(() => {
        manager = new MapManager({ mapper })
      })

      after(() => manager.close())

      afterEach(() => {
        expect(manager.stats()).to.include({ mappedBytes: 0, regions: 0, handles: 0, files: 0, waiters: 0 })
      })

      /** A concatenation of files with these contents. */
      function files(...contents: string[]) {
        const folder = `crossing/${mapper}-${smallFileSize}-${number++}`
        const paths = contents.map((content, i) => tempFile(`${folder}/${i}`, content))
        return manager.concat(paths, { smallFileSize })
      }

      it('lines cross files', async () => {
        const found: string[] = []
        for await (const line of files('one\ntwo\nthr', '', 'ee', '\nfour', '\nfi', 've').lines())
          found.push(line)
        expect(found).to.deep.equal(['one', 'two', 'three', 'four', 'five'])
      })

      it('lines are those of the whole, wherever it is cut into files', async function () {
        this.timeout(120_000)
        await fc.assert(
          fc.asyncProperty(
            fc.array(fc.string({ unit: fc.constantFrom('a', 'é', '\n', '\r\n', '日'), maxLength: 30 }), {
              maxLength: 6
            }),
            async contents => {
              const found: string[] = []
              for await (const line of files(...contents).lines()) found.push(line)
              const whole = contents.join('')
              const expected = whole.split(/\r?\n/)
              if (expected.at(-1) === '') expected.pop()
              expect(found).to.deep.equal(expected)
            }
          ),
          { numRuns: 40 }
        )
      })

      it('records cross files, and have their offsets in the whole', async () => {
        const found: [number, string][] = []
        for await (const { offset, bytes } of files('0123', '45', '', '6789ab', 'cdef').records({
          recordSize: 4
        })) {
          found.push([offset, bytes.toString()])
        }
        expect(found).to.deep.equal([
          [0, '0123'],
          [4, '4567'],
          [8, '89ab'],
          [12, 'cdef']
        ])
      })

      it('streams of every kind carry all of it', async () => {
        const sequence = files('one, ', '', 'two, ', 'three')
        const expected = 'one, two, three'
        expect((await collect(sequence.stream())).toString()).to.equal(expected)
        expect((await collect(sequence.nodeStream())).toString()).to.equal(expected)
        expect(await new Response(sequence.webStream() as never).text()).to.equal(expected)
        const path = tempPath(`crossing/out-${mapper}-${smallFileSize}`)
        await sequence.pipeTo(createWriteStream(path))
        expect(readFileSync(path, 'utf8')).to.equal(expected)
        expect(
          (await collect(sequence.stream().pipe(new PassThrough() as never) as never)).toString()
        ).to.equal(expected)
      })

      it('lines of a part of the whole are those of the same part of one file', async () => {
        const contents = ['one\ntwo\n', 'thr', 'ee\n', 'four\n']
        for (let start = 0; start <= 19; start++) {
          for (const end of [start, start + 3, start + 8, 19].filter(end => end >= start)) {
            const [found, expected]: string[][] = [[], []]
            for await (const line of files(...contents).lines({ start, end })) found?.push(line)
            for await (const line of files(contents.join('')).lines({ start, end })) expected?.push(line)
            expect(found, `${start}..${end}`).to.deep.equal(expected)
          }
        }
      })

      it('maps small files too where the page cache is to be left as it was', async () => {
        const mapped: number[] = []
        for await (const { length } of files('one', 'two').windows({ dropBehind: true })) {
          mapped.push(length)
          expect(manager.stats().files).to.be.at.least(1)
        }
        expect(mapped).to.deep.equal([3, 3])
      })
    })
  }
}
