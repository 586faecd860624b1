import { expect } from 'chai'
import fc from 'fast-check'
import { MapManager, type MappedFile, type Window } from '../lib/index.js'
import { FakeMapper, settled } from './support/fake-mapper.js'
import { bytesAt } from './support/files.js'

const SIZE = 700
const reason = new Error('the consumer gave up')

/** Somebody who walks a part of a file, and how it leaves. */
const consumer = fc.record({
  file: fc.nat(2),
  start: fc.nat(SIZE),
  length: fc.nat(SIZE),
  size: fc.integer({ min: 1, max: 64 }),
  overlap: fc.nat(63),
  prefetch: fc.nat(3),
  reads: fc.constantFrom('windows', 'windows', 'copied windows', 'stream', 'leased stream'),
  /** After so many windows or chunks, if there are as many. */
  leaves: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.nat(12)),
  by: fc.constantFrom('break', 'throw', 'abort', 'abort later', 'closing the file'),
  retains: fc.constantFrom(0, 0, 0, 1, 3),
  /** Turns of the event loop that it takes over each window or chunk. */
  dawdles: fc.nat(4)
})
type Consumer = typeof consumer extends fc.Arbitrary<infer T> ? T : never

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await settled()
}

/** A manager with ten pages and two handles, three files, and consumers that all walk at once. */
class World {
  readonly mapper: FakeMapper
  readonly manager: MapManager
  readonly files: MappedFile[] = []
  readonly retained: Window[] = []
  readonly wrong: string[] = []
  /** Bytes handed over so far. */
  seen = 0
  #over = 0
  #closing = false
  readonly #brisk: boolean

  /** @param brisk all jobs end at each turn; else one does */
  constructor({
    abortsLate,
    brisk,
    concurrency
  }: { abortsLate: boolean; brisk: boolean; concurrency: number }) {
    this.mapper = new FakeMapper({ abortsLate })
    this.#brisk = brisk
    this.manager = new MapManager({ mapper: this.mapper, maxMappedBytes: 160, maxHandles: 2, concurrency })
  }

  async begin(): Promise<void> {
    for (const path of ['/a', '/b', '/c']) {
      this.mapper.disk.add(path, SIZE)
      this.files.push(await this.manager.open(path))
    }
    this.mapper.hold('and closes')
  }

  /** Walk; resolves however it ends, unless that is no way to end. */
  async walk(consumer: Consumer): Promise<void> {
    const stop = new AbortController()
    try {
      await this.#walk(consumer, stop)
    } catch (error) {
      const { code } = error as { code?: string }
      // Another consumer closed the file, before this one asked for its next window or before it looked at this one.
      const closed = code === 'ERR_MAP_CLOSED' || code === 'ERR_MAP_RELEASED'
      if (error !== reason && !(closed && this.#closing)) throw error
    } finally {
      this.#over++
    }
  }

  /** Let jobs end until all consumers have, whatever they retain; answers whether they have. */
  async finish(consumers: number): Promise<boolean> {
    let idle = 0
    while (this.#over < consumers && idle < 20) {
      const before = this.seen + this.#over + this.mapper.log.length
      if (this.mapper.held.length > 0) this.mapper.letGo(this.#brisk ? this.mapper.held.length : 1)
      await settled()
      this.check()
      const moved = before !== this.seen + this.#over + this.mapper.log.length
      if (!moved) this.retained.shift()?.release()
      idle = moved || this.retained.length > 0 ? 0 : idle + 1
    }
    return this.#over === consumers
  }

  check(): void {
    const { mappedBytes, handles } = this.manager.stats()
    expect(this.mapper.mappedBytes, 'mapped').to.be.at.most(mappedBytes)
    expect(this.mapper.handles, 'open').to.be.at.most(handles)
    expect(this.mapper.peakMappedBytes).to.be.at.most(160)
    expect(this.mapper.peakHandles).to.be.at.most(2)
    expect(this.wrong, 'bytes').to.deep.equal([])
  }

  async end(): Promise<void> {
    let closed = false
    const closing = this.manager.close()
    void closing.then(() => {
      closed = true
    })
    for (let turn = 0; turn < 50 && !closed; turn++) {
      this.mapper.resume()
      await settled()
    }
    expect(closed, 'closed').to.equal(true)
    await closing
    expect(this.mapper.leftovers).to.deep.equal([])
    const { mappedBytes, regions, handles, files, waiters } = this.manager.stats()
    expect([mappedBytes, regions, handles, files, waiters]).to.deep.equal([0, 0, 0, 0, 0])
  }

  async #walk(
    { file: which, start, length, size, overlap, prefetch, ...how }: Consumer,
    stop: AbortController
  ) {
    const file = this.files[which] as MappedFile
    const end = Math.min(SIZE, start + length)
    const part = { start, end, size, overlap: Math.min(overlap, size - 1), prefetch, signal: stop.signal }
    let place = start
    let count = 0
    if (how.reads.endsWith('stream')) {
      const lifetime = how.reads === 'stream' ? 'copied' : 'leased'
      for await (const chunk of file.stream({ ...part, overlap: 0, lifetime, chunkSize: 20 })) {
        this.#compare(which, place, chunk as Buffer)
        place += (chunk as Buffer).length
        await turns(how.dawdles)
        if (count++ >= how.leaves && (await this.#leave(how.by, file, stop))) return
      }
    } else {
      const lifetime = how.reads === 'windows' ? 'leased' : 'copied'
      for await (const window of file.windows({ ...part, lifetime })) {
        expect(window.offset).to.equal(place)
        this.#compare(which, window.offset, window.bytes)
        if (how.retains > 0 && count % how.retains === 0) this.retained.push(window.retain())
        await turns(how.dawdles)
        place = window.offset + window.length < end ? window.offset + window.length - part.overlap : end
        if (count++ >= how.leaves && (await this.#leave(how.by, file, stop))) return
      }
    }
    expect(place, 'the end').to.equal(end)
  }

  async #leave(by: string, file: MappedFile, stop: AbortController): Promise<boolean> {
    if (by === 'throw') throw reason
    if (by === 'abort') stop.abort(reason)
    else if (by === 'abort later') setImmediate(() => stop.abort(reason))
    else if (by === 'closing the file') {
      this.#closing = true
      void file.close()
    }
    return by === 'break'
  }

  #compare(which: number, offset: number, bytes: Buffer): void {
    this.seen += bytes.length
    if (!bytes.equals(bytesAt(which + 1, offset, bytes.length))) this.wrong.push(`/${which} at ${offset}`)
  }
}

describe('a manager, whoever walks its files', () => {
  it('hands over right bytes to all of them under its limits, and has nothing left', async () => {
    const consumers = fc.array(consumer, { minLength: 1, maxLength: 8, size: 'max' })
    const conditions = fc.record({
      abortsLate: fc.boolean(),
      brisk: fc.boolean(),
      concurrency: fc.integer({ min: 1, max: 3 })
    })
    await fc.assert(
      fc.asyncProperty(consumers, conditions, async (all, given) => {
        const world = new World(given)
        await world.begin()
        const walks = Promise.allSettled(
          // One that is opened as the file is being closed is refused at once.
          all.map(async one => world.walk(one))
        )
        expect(await world.finish(all.length), 'all consumers ended').to.equal(true)
        for (const result of await walks) if (result.status === 'rejected') throw result.reason
        for (const window of world.retained) window.release()
        await world.end()
      }),
      { numRuns: 150 }
    )
  })
})
