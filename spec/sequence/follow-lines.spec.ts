import { expect } from 'chai'
import fc from 'fast-check'
import { appendFileSync, renameSync, writeFileSync } from 'node:fs'
import { MapManager } from '../../lib/index.js'
import type { OpenFile } from '../../lib/manager/open-file.js'
import { Items } from '../../lib/sequence/batches.js'
import { scanBytes } from '../../lib/sequence/delimiter.js'
import type { Line, LineOptions } from '../../lib/sequence/line-plan.js'
import { batchesOfLines } from '../../lib/sequence/lines.js'
import { failure } from '../support/failure.js'
import { settled } from '../support/fake-mapper.js'
import { tempFile } from '../support/files.js'
import { realMappers } from '../support/mappers.js'
import { FollowBench } from './follow-bench.js'

describe('lines that follow a file', () => {
  let bench: FollowBench
  let file: OpenFile
  beforeEach(async () => {
    bench = new FollowBench()
    file = await bench.manager.with('/log', 'one\ntw')
  })
  afterEach(() => bench.closeClean())

  function lines(options: LineOptions = {}): Items<string | Line> {
    const windowed = {
      windows: (given: object) => bench.follow(file, given),
      windowSize: 8,
      onCopy: () => {},
      knownSize: file.size,
      scan: scanBytes,
      overlaps: true,
      path: '/log'
    }
    return new Items<string | Line>(batchesOfLines(windowed, { follow: true, ...options }))
  }

  /** All that comes, as it comes. */
  function collecting(from: AsyncIterable<string | Line>): { seen: (string | Line)[]; over: Promise<void> } {
    const seen: (string | Line)[] = []
    const over = (async () => {
      for await (const line of from) seen.push(line)
    })()
    return { seen, over }
  }

  async function grow(text: string): Promise<void> {
    const { size } = bench.log
    bench.log.write(Buffer.concat([bench.log.read(0, size), Buffer.from(text)]))
    await bench.watch.ring()
  }

  it('come once they are ended, and not before', async () => {
    const all = lines()
    const { seen, over } = collecting(all)
    await settled()
    expect(seen).to.deep.equal(['one'])
    await grow('')
    await grow('o')
    expect(seen).to.deep.equal(['one'])
    expect([bench.manager.bytes.held, bench.manager.fake.mappings]).to.deep.equal([0, 0])
    await grow('\n')
    expect(seen).to.deep.equal(['one', 'two'])
    await grow('\nthree, which is longer than a window\nfour')
    expect(seen).to.deep.equal(['one', 'two', '', 'three, which is longer than a window'])
    await all.return()
    await over
  })

  it('know where they are', async () => {
    const { seen, over } = collecting(lines({ offsets: true, limit: 2 }))
    await settled()
    await grow('ö\r')
    await grow('\n')
    await over
    expect(seen).to.deep.equal([
      { line: 'one', offset: 0, length: 3 },
      { line: 'twö', offset: 4, length: 4 }
    ])
  })

  it('end with the line that holds the last byte before `end`, once that has come', async () => {
    const { seen, over } = collecting(lines({ start: 1, end: 7 }))
    await settled()
    await grow('o and')
    expect(seen).to.deep.equal([])
    await grow(' more\nthree\n')
    await over
    expect(seen).to.deep.equal(['two and more'])
  })

  it('are those of the whole text, however it comes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: fc.constantFrom('a', 'ü', '\r', '\n', '😀'), maxLength: 20 }), {
          maxLength: 10
        }),
        fc.integer({ min: 1, max: 64 }),
        async (pieces, size) => {
          bench.replace('')
          file = await bench.open()
          const all = lines({ size })
          const { seen, over } = collecting(all)
          await settled()
          for (const piece of [...pieces, '\n']) await grow(piece)
          const expected = `${pieces.join('')}\n`.split('\n').map(line => line.replace(/\r$/, ''))
          while (seen.length < expected.length - 1) await settled()
          await all.return()
          await over
          expect(seen).to.deep.equal(expected.slice(0, -1))
          await file.close()
        }
      ),
      { numRuns: 100 }
    )
  })

  it('are those of one file after the other, the rest of each its last line, where they may begin again', async () => {
    const piece = fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(piece, { maxLength: 4 }), { minLength: 1, maxLength: 4 }),
        async logs => {
          bench.replace('')
          file = await bench.open()
          const all = lines({ follow: { restart: true }, size: 16 })
          const { seen, over } = collecting(all)
          await settled()
          const expected: string[] = []
          for (const [i, pieces] of [...logs, ['the end\n']].entries()) {
            if (i > 0) bench.replace('')
            for (const text of pieces) {
              await grow(text)
              for (let turns = 0; turns < 5; turns++) await settled()
            }
            const found = pieces.join('').split('\n')
            if (found.at(-1) === '') found.pop()
            expected.push(...found)
          }
          for (let turns = 0; seen.at(-1) !== 'the end' && turns < 1000; turns++) await bench.watch.ring()
          await all.return()
          await over
          expect(seen).to.deep.equal(expected)
          await file.close()
        }
      ),
      { numRuns: 100 }
    )
  })

  it('count to their limit over files that take the place of one another', async () => {
    const { seen, over } = collecting(lines({ follow: { restart: true }, limit: 3 }))
    await settled()
    bench.replace('x\ny\nz\n')
    await bench.watch.ring()
    await over
    expect(seen).to.deep.equal(['one', 'tw', 'x'])
  })

  it('reject where the file is cut short or replaced', async () => {
    const cut = failure(collecting(lines()).over)
    await settled()
    bench.log.resize(1)
    await bench.watch.ring()
    expect((await cut).code).to.equal('ERR_MAP_FILE_TRUNCATED')
    bench.replace('one\n')
    file = await bench.open()
    const replaced = failure(collecting(lines()).over)
    await settled()
    bench.replace('two\n')
    await bench.watch.ring()
    expect((await replaced).code).to.equal('ERR_MAP_FILE_CHANGED')
    await file.close()
  })

  it('reject with the reason of their signal, and end where they are left', async () => {
    const stop = new AbortController()
    const { seen, over } = collecting(lines({ signal: stop.signal }))
    await settled()
    stop.abort(new Error('reason'))
    expect((await failure(over)).message).to.equal('reason')
    expect(seen).to.deep.equal(['one'])
    for await (const _ of lines()) break
    const all = lines()
    await all.next()
    const next = all.next()
    await settled()
    await all.return()
    expect(await next).to.deep.equal({ done: true, value: undefined })
    expect([file.consumers.size, bench.watch.alarms, bench.manager.bytes.held]).to.deep.equal([0, 0, 0])
  })

  it('refuse what makes no sense', () => {
    for (const [options, code] of [
      [{ reverse: true }, 'ERR_OUT_OF_RANGE'],
      [{ start: 7 }, 'ERR_MAP_OUT_OF_RANGE'],
      [{ follow: { restart: true }, end: 100 }, 'ERR_OUT_OF_RANGE'],
      [{ follow: { interval: 1, intervalMs: 'x' } as object }, 'ERR_INVALID_ARG_TYPE']
    ] as const) {
      expect(() => lines(options))
        .to.throw()
        .with.property('code', code)
    }
  })
})

for (const mapper of realMappers) {
  it(`lines({ follow }) tails a log that is rotated, on the ${mapper} mapper`, async () => {
    const path = tempFile('tail.log', 'one\n')
    await using manager = new MapManager({ mapper })
    await using file = await manager.open(path)
    const seen: string[] = []
    for await (const line of file.lines({ follow: { restart: true, intervalMs: 10 } })) {
      seen.push(line)
      if (line === 'one') appendFileSync(path, 'two\nthr')
      if (line === 'two') {
        renameSync(path, `${path}.1`)
        writeFileSync(path, 'four\n')
      }
      if (line === 'four') break
    }
    expect(seen).to.deep.equal(['one', 'two', 'thr', 'four'])
  })

  it(`a concatenation cannot be followed, on the ${mapper} mapper`, async () => {
    await using manager = new MapManager({ mapper })
    const all = manager.concat([tempFile('tail.log')])
    expect(() => all.windows({ follow: true }))
      .to.throw()
      .with.property('code', 'ERR_MAP_UNSUPPORTED')
    expect(() => all.lines({ follow: true }))
      .to.throw()
      .with.property('code', 'ERR_MAP_UNSUPPORTED')
  })
}
