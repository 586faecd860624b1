import { expect } from 'chai'
import { MapManager } from '../../lib/index.js'
import { failure } from '../support/failure.js'
import { KiB, MiB, tempFile, tempPath } from '../support/files.js'
import { realMappers } from '../support/mappers.js'
import { PulledList } from '../support/pulled-list.js'

/** Walks of it are counted; each begins anew. */
class CountedList extends PulledList<string> {
  walks = 0

  override *[Symbol.iterator](): Generator<string> {
    this.walks++
    yield* super[Symbol.iterator]()
  }
}

for (const mapper of realMappers) {
  for (const smallFileSize of [undefined, 0]) {
    const kind = smallFileSize === 0 ? 'mapped' : 'small'

    describe(`lines() of a concatenation of ${kind} files on the ${mapper} mapper`, () => {
      const texts = ['one\ntwo\nthr', 'ee\n', '', 'four', '\nfive\nsix']
      const text = texts.join('')
      let manager: MapManager
      let paths: string[]

      beforeEach(() => {
        manager = new MapManager({ mapper, windowSize: 64 * KiB })
        paths = texts.map((content, i) => tempFile(`lines/${i}`, content))
      })

      afterEach(async () => {
        await manager.close()
        expect(manager.stats()).to.include({ mappedBytes: 0, handles: 0, waiters: 0 })
      })

      const options = { smallFileSize, lookahead: 0 }

      /** Every line that begins in the range, whole. */
      const expected = (start: number, end: number): string[] => {
        let at = 0
        return text.split('\n').filter(line => {
          const from = at
          at += line.length + 1
          return from >= start && from < end
        })
      }

      it('end with the line that the range ends in, in one walk of a list that can be walked once', async () => {
        for (let end = 0; end <= text.length + 3; end++) {
          const once = new PulledList(paths)[Symbol.iterator]()
          const got: string[] = []
          for await (const line of manager.concat(once, options).lines({ end })) got.push(line)
          expect(got, `end ${end}`).to.deep.equal(expected(0, end))
        }
      })

      it('walk a list that can be iterated anew but once, whatever range they are of', async () => {
        for (let start = 0; start < text.length; start++) {
          for (let end = start; end <= text.length; end++) {
            const list = new CountedList(paths)
            const got: string[] = []
            for await (const batch of manager.concat(list.async, options).lineBatches({ start, end }))
              got.push(...batch)
            expect(got, `${start} to ${end}`).to.deep.equal(expected(start, end))
            expect(list.walks).to.be.at.most(1)
          }
        }
      })

      it('pull no source after the one that the last line ends in, and leave the list', async () => {
        const needed = { 0: 0, 3: 1, 8: 1, 9: 2, 13: 2, 14: 2, 15: 5, 20: 5 }
        for (const [end, pulled] of Object.entries(needed)) {
          const list = new PulledList(paths)
          for await (const _ of manager.concat(list.async, options).lines({ end: Number(end) }));
          expect(list.pulled, `end ${end}`).to.equal(pulled)
          expect(list).to.include({ left: pulled > 0 ? 1 : 0, exhausted: false })
        }
        const missing = manager.concat([paths[0] as string, tempPath('lines/none')], options)
        const got: string[] = []
        for await (const line of missing.lines({ end: 7 })) got.push(line)
        expect(got).to.deep.equal(['one', 'two'])
        expect(await failure(missing.lines({ start: 8, end: 9 }).next())).to.include({ code: 'ENOENT' })
      })

      it('do not go on to look for a line that begins in the range where none does', async () => {
        const list = new PulledList([tempFile('lines/long', 'x'.repeat(300)), ...paths])
        for await (const _ of manager.concat(list.async, options).lines({ start: 100, end: 200 }))
          throw new Error('no line begins there')
        expect(list).to.include({ pulled: 1, left: 1 })
      })
    })
  }

  describe(`lines() of a range of a concatenation on the ${mapper} mapper`, () => {
    it('map little more of a large file than the range', async () => {
      const manager = new MapManager({ mapper, windowSize: 16 * MiB, prefetch: 0 })
      const line = `${'x'.repeat(1023)}\n`
      const large = tempFile('lines/large', line.repeat(8 * KiB))
      for (const size of [undefined, 128 * KiB, 1 * MiB]) {
        let lines = 0
        for await (const each of manager.concat([large]).lines({ end: 200 * KiB, size })) lines += each.length
        expect(lines).to.equal(200 * 1023)
      }
      expect(manager.stats().peakMappedBytes).to.be.at.most(MiB)
      await manager.close()
    })

    it('refuse windows of a wrong size, in a range too', async () => {
      const manager = new MapManager({ mapper })
      for (const size of [0, -1, 1.5, Number.NaN, null, '65536', 65_536n] as never[]) {
        for (const end of [undefined, 1]) {
          expect(() => manager.concat([]).lines({ size, end }))
            .to.throw()
            .with.property('code')
            .that.matches(/^ERR_(INVALID_ARG_TYPE|OUT_OF_RANGE)$/)
        }
      }
      await manager.close()
    })

    it('take an end as large as there can be', async () => {
      const manager = new MapManager({ mapper, windowSize: Number.POSITIVE_INFINITY })
      const path = tempFile('lines/end', 'one\ntwo')
      for (const end of [Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY]) {
        const got: string[] = []
        for await (const line of manager.concat([path]).lines({ end })) got.push(line)
        expect(got).to.deep.equal(['one', 'two'])
      }
      await manager.close()
    })
  })
}
