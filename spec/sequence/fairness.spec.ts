import { Writable } from 'node:stream'
import { expect } from 'chai'
import { type MappedFile, MapManager } from '../../lib/index.js'
import { Batches } from '../../lib/sequence/batches.js'
import { Chunks } from '../../lib/sequence/chunks.js'
import { Fairness } from '../../lib/sequence/fairness.js'
import { lineSplitter } from '../../lib/sequence/lines.js'
import { KiB, tempFile } from '../support/files.js'

/** An event loop that turns when it is told to. */
class DrivenLoop {
  time = 0
  #calls: (() => void)[] = []

  now(): number {
    return this.time
  }

  later(call: () => void): void {
    this.#calls.push(call)
  }

  get waiting(): number {
    return this.#calls.length
  }

  turn(): void {
    for (const call of this.#calls.splice(0)) call()
  }
}

/** More than a slice. */
const LONG = 1000

/** Everything that promises can do without a turn of the loop has been done. */
async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) await undefined
}

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let is = false
  const note = () => {
    is = true
  }
  promise.then(note, note)
  await settled()
  return is
}

describe('fairness', () => {
  let loop: DrivenLoop
  let fairness: Fairness

  beforeEach(() => {
    loop = new DrivenLoop()
    fairness = new Fairness(loop)
  })

  it('counts anew from a clock that was set back', () => {
    loop.time = 10 * LONG
    expect(fairness.isDue()).to.equal(false)
    loop.time = 0
    expect(fairness.isDue()).to.equal(false)
    loop.time = LONG
    expect(fairness.isDue()).to.equal(true)
  })

  it('lets the loop turn when somebody has been served for long enough, and only then', async () => {
    loop.time = 5 * LONG
    expect(fairness.isDue(), 'before anything was asked for, no time has passed').to.equal(false)
    loop.time += 1
    expect(fairness.isDue()).to.equal(false)
    loop.time += LONG
    expect(fairness.isDue()).to.equal(true)
    const turn = fairness.turn()
    expect(await isSettled(turn)).to.equal(false)
    loop.time += LONG
    loop.turn()
    expect(await isSettled(turn)).to.equal(true)
    expect(fairness.isDue(), 'what the turn took does not count').to.equal(false)
    loop.time += LONG
    expect(fairness.isDue(), 'what is done with the first item counts').to.equal(true)
  })

  it('spares looks at the clock while items take no time, eight at the most', () => {
    let looks = 0
    const now = loop.now.bind(loop)
    loop.now = () => {
      looks++
      return now()
    }
    for (let i = 0; i < 900; i++) expect(fairness.isDue()).to.equal(false)
    expect(looks).to.be.within(100, 110)
    loop.time += LONG
    let late = 0
    while (!fairness.isDue()) late++
    expect(late).to.be.at.most(8)
    for (let i = 0; i < 7; i++) expect(fairness.isDue(), 'it looks each time from then on').to.equal(true)
  })

  it('keeps nobody waiting who leaves', async () => {
    const turn = fairness.turn()
    fairness.end()
    expect(await isSettled(turn)).to.equal(true)
    loop.time += LONG
    expect(fairness.isDue()).to.equal(false)
    expect(await isSettled(fairness.turn())).to.equal(true)
  })

  const content = Buffer.from(Array.from({ length: 40_000 }, (_, i) => `line number ${i}\n`).join(''))

  class ChunkWalk {
    readonly #chunks: Chunks

    constructor(file: MappedFile) {
      const options = { chunkSize: 16 * KiB, leased: false, onCopy: () => {} }
      this.#chunks = new Chunks(file.windows(), options, fairness)
    }

    async next(): Promise<IteratorResult<Buffer, undefined>> {
      for (;;) {
        const value = this.#chunks.take()
        if (value !== undefined) return { done: false, value }
        if (!(await this.#chunks.advance())) return { done: true, value: undefined }
      }
    }

    async return(): Promise<void> {
      await this.#chunks.end()
    }
  }

  const lineBatches = (file: MappedFile) =>
    new Batches(stretch => file.windows(stretch), lineSplitter({}, file.size), fairness)

  for (const [what, open] of [
    ['batches', lineBatches],
    ['chunks', (file: MappedFile) => new ChunkWalk(file)]
  ] as const) {
    describe(`of ${what}`, () => {
      let manager: MapManager
      let items: ReturnType<typeof open>

      beforeEach(async () => {
        manager = new MapManager()
        items = open(await manager.open(tempFile('lines.txt', content)))
        // What has to be mapped is, from here on.
        expect((await items.next()).done).to.equal(false)
      })

      afterEach(() => manager.close())

      it('answers from what is ready until the slice is over, then in a later turn, and so on', async () => {
        for (let slice = 0; slice < 3; slice++) {
          expect((await items.next()).done).to.equal(false)
          expect(loop.waiting, 'what notes the next turn').to.equal(1)
          loop.time += LONG
          const next = items.next()
          expect(await isSettled(next)).to.equal(false)
          expect(loop.waiting, 'one turn').to.equal(1)
          loop.turn()
          expect((await next).done).to.equal(false)
        }
        await items.return()
      })

      it('leaves at once, though a turn is being waited for', async () => {
        loop.time += LONG
        const next = items.next()
        await settled()
        expect(loop.waiting).to.equal(1)
        await items.return()
        expect((await next).done).to.equal(true)
        expect((await items.next()).done).to.equal(true)
        expect(manager.stats().mappedBytes).to.equal(0)
      })
    })
  }

  it('answers calls that overlap in order, with one turn for all', async () => {
    const manager = new MapManager()
    const batches = lineBatches(await manager.open(tempFile('lines.txt', content)))
    const lines = (await batches.next()).value as string[]
    loop.time += LONG
    const answers = [batches.next(), batches.next(), batches.next(), batches.next(), batches.next()]
    await settled()
    expect(loop.waiting).to.equal(1)
    loop.turn()
    for (const answer of answers) lines.push(...((await answer).value as string[]))
    // Every line is another one: in any other order this would be no beginning of the file.
    expect(content.toString().startsWith(`${lines.join('\n')}\n`)).to.equal(true)
    await manager.close()
  })

  it('holds for everything that is iterated, and for streams', async () => {
    const manager = new MapManager()
    const file = await manager.open(tempFile('lines.txt', content))
    let served = new Set<number>()
    /** As a consumer that works for longer than a slice, and never waits. */
    const work = () => {
      served.add(turns)
      for (const start = performance.now(); performance.now() - start < 10; );
    }
    let turns = 0
    let counting = true
    const count = () => {
      turns++
      if (counting) setImmediate(count)
    }
    count()
    const iterate = async (items: AsyncIterable<unknown>) => {
      for await (const _ of items) work()
    }
    const listen = (stream: NodeJS.EventEmitter) =>
      new Promise((resolve, reject) => stream.on('data', work).on('end', resolve).on('error', reject))
    const atOnce = () =>
      new Writable({
        write(_chunk, _encoding, done) {
          work()
          done()
        }
      })
    const chunkSize = 64 * KiB
    for (const [way, consume] of [
      ['lineBatches()', () => iterate(file.lineBatches())],
      ['recordBatches()', () => iterate(file.recordBatches({ delimiter: '\n', lifetime: 'copied' }))],
      ['stream()', () => iterate(file.stream({ chunkSize }))],
      ["'data' of stream()", () => listen(file.stream({ chunkSize }))],
      ['a sink that calls back at once', () => file.pipeTo(atOnce(), { chunkSize })],
      ["'data' of nodeStream()", () => listen(file.nodeStream({ chunkSize }))],
      ['webStream()', () => iterate(file.webStream({ chunkSize }))]
    ] as const) {
      served = new Set()
      await consume()
      // All of them, 10 or 11, are in one window.
      expect(served.size, `turns of the loop in which ${way} gave items`).to.be.at.least(10)
    }
    counting = false
    await manager.close()
  })
})
