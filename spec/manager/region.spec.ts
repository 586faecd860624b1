import { expect } from 'chai'
import fc from 'fast-check'
import { Budget } from '../../lib/manager/budget.js'
import { Ledger, Region } from '../../lib/manager/region.js'
import type { Mapping } from '../../lib/mapping/mapper.js'
import type { Range } from '../../lib/range.js'
import { FakeMapper, settled } from '../support/fake-mapper.js'
import { collectedUntil } from '../support/mappers.js'

/** A ledger over a file of 64 bytes that are their own offsets, and what it tells. */
class Bench {
  readonly mapper = new FakeMapper()
  readonly file = this.mapper.disk.add('/a', Buffer.from(Array.from({ length: 64 }, (_, offset) => offset)))
  readonly budget = new Budget({ limit: 1000, name: 'maxMappedBytes' })
  readonly told: string[] = []
  readonly ledger = new Ledger(this.budget, {
    fault: () => this.told.push('fault'),
    collected: () => this.told.push('collected')
  })
  readonly #fd = this.mapper.disk.open('/a')

  enter(range: Range, keep?: object): Region {
    return this.ledger.enter(this.#map(range), range, range.length, keep)
  }

  hold(range: Range): Region {
    return this.ledger.hold(new Region(this.ledger, this.#map(range), range, range.length))
  }

  #map(range: Range): Mapping {
    const { mapping } = this.mapper.runSync({ target: this.#fd, ...range })
    if (!mapping) throw new Error('not mapped')
    expect(this.budget.tryAcquire(range.length)).to.equal(true)
    return mapping
  }

  expectNothingHeld(): void {
    expect(this.mapper.leftovers).to.deep.equal([])
    expect([this.budget.held, this.ledger.size]).to.deep.equal([0, 0])
  }
}

describe('a region', () => {
  let bench: Bench
  beforeEach(() => {
    bench = new Bench()
  })

  it('shows the bytes of any range inside it, at their place in the file, without a copy', () => {
    const region = bench.enter({ offset: 16, length: 40 })
    expect([region.offset, region.length, region.released]).to.deep.equal([16, 40, false])
    expect([...region.view({ offset: 20, length: 3 })]).to.deep.equal([20, 21, 22])
    expect([...region.view({ offset: 55, length: 1 })]).to.deep.equal([55])
    expect(region.view({ offset: 56, length: 0 })).to.have.length(0)
    const [first, second] = [region.view({ offset: 16, length: 40 }), region.view({ offset: 17, length: 1 })]
    first[1] = 99
    expect(second[0]).to.equal(99)
    expect(first.buffer).to.equal(second.buffer)
    region.release()
    bench.expectNothingHeld()
  })

  it('is unmapped at once when it is released, its views are empty, and its budget is free', () => {
    const region = bench.enter({ offset: 0, length: 16 })
    const view = region.view({ offset: 4, length: 8 })
    expect([bench.ledger.size, bench.budget.held]).to.deep.equal([1, 16])
    region.release()
    expect([region.released, view.length, view[0]]).to.deep.equal([true, 0, undefined])
    bench.expectNothingHeld()
  })

  it('is released once, however often that is asked for', () => {
    const region = bench.enter({ offset: 0, length: 16 })
    const other = bench.enter({ offset: 16, length: 16 })
    region.release()
    region.release()
    bench.ledger.releaseAll()
    region.release()
    expect([other.released, bench.mapper.logged('unmap')]).to.deep.equal([true, ['/a 0+16', '/a 16+16']])
    bench.expectNothingHeld()
  })

  it('serves who waits for its budget when it is released', async () => {
    const region = bench.enter({ offset: 0, length: 16 })
    const waiting = bench.budget.acquire(1000)
    await settled()
    expect(bench.budget.waiters).to.equal(1)
    region.release()
    await waiting
    bench.budget.release(1000)
  })

  describe('under which bytes are lost', () => {
    it('tells the first of them by its offset in the file, and the ledger once', () => {
      const region = bench.enter({ offset: 16, length: 48 })
      const healthy = bench.enter({ offset: 0, length: 16 })
      expect(region.lost).to.equal(-1)
      bench.file.lose(40)
      expect([region.lost, region.lost, healthy.lost]).to.deep.equal([40, 40, -1])
      region.release()
      healthy.release()
      expect([region.lost, healthy.lost]).to.deep.equal([40, -1])
      expect(bench.told).to.deep.equal(['fault'])
    })

    it('tells it after the release as well, where nobody asked before', () => {
      const region = bench.enter({ offset: 16, length: 48 })
      bench.file.resize(16)
      region.release()
      expect([region.lost, bench.told]).to.deep.equal([16, ['fault']])
    })

    it('tells of an earlier one that is lost later, and the ledger once', () => {
      const region = bench.enter({ offset: 0, length: 64 })
      bench.file.lose(40)
      expect(region.lost).to.equal(40)
      bench.file.lose(20)
      expect(region.lost).to.equal(20)
      region.release()
      expect([region.lost, bench.told]).to.deep.equal([20, ['fault']])
    })
  })

  it('is released with all others, whoever has it, when its file is closed', () => {
    const regions = [0, 16, 32].map(offset => bench.enter({ offset, length: 16 }))
    regions[1]?.release()
    bench.ledger.releaseAll()
    expect(regions.map(region => region.released)).to.deep.equal([true, true, true])
    bench.ledger.releaseAll()
    bench.expectNothingHeld()
    expect(bench.told).to.deep.equal([])
  })
})

describe('regions that are held', () => {
  /** What becomes of one in a step: it joins, is released, or is left to the collector, and released all the same. */
  const steps = fc.array(fc.record({ at: fc.nat(7), what: fc.constantFrom('hold', 'release', 'loosen') }), {
    maxLength: 60
  })

  it('go in any order, loosened or not, and those that are left go with their file', () => {
    fc.assert(
      fc.property(steps, taken => {
        const bench = new Bench()
        const alive = new Map<number, Region>()
        for (const { at, what } of taken) {
          const region = alive.get(at)
          if (region === undefined) alive.set(at, bench.hold({ offset: (at % 4) * 16, length: 8 }))
          else if (what === 'loosen') region.loosen()
          else if (what === 'release') {
            region.release()
            alive.delete(at)
          }
          expect([bench.ledger.size, bench.budget.held]).to.deep.equal([alive.size, alive.size * 8])
          for (const [place, { released }] of alive) expect(released, `at ${place}`).to.equal(false)
        }
        bench.ledger.releaseAll()
        for (const [place, { released }] of alive) expect(released, `at ${place}`).to.equal(true)
        bench.expectNothingHeld()
        expect(bench.told).to.deep.equal([])
      })
    )
  })
})

/** Functions of their own, so that no local variable of a test keeps what is to be dropped. */
describe('a region that was dropped without being released', () => {
  let bench: Bench
  beforeEach(() => {
    bench = new Bench()
  })

  function drop(): void {
    bench.enter({ offset: 0, length: 16 }).view({ offset: 0, length: 4 })
  }

  it('is unmapped when it is collected, its budget is free again, and the ledger tells of it', async () => {
    drop()
    expect([bench.mapper.mappings, bench.budget.held]).to.deep.equal([1, 16])
    expect(await collectedUntil(() => bench.told.length > 0)).to.equal(true)
    expect(bench.told).to.deep.equal(['collected'])
    bench.expectNothingHeld()
  })

  it('serves who waits for its budget', async () => {
    drop()
    let served = false
    const waiting = bench.budget.acquire(1000).then(() => {
      served = true
    })
    await collectedUntil(() => served)
    expect(served).to.equal(true)
    await waiting
    bench.budget.release(1000)
    bench.expectNothingHeld()
  })

  it('lives as long as somebody holds a view of it, and so does what it keeps alive', async () => {
    const held: { view: Buffer | undefined } = { view: undefined }
    const kept = (() => {
      const keep = { a: 'file' }
      held.view = bench.enter({ offset: 16, length: 16 }, keep).view({ offset: 20, length: 4 })
      return new WeakRef(keep)
    })()
    expect(await collectedUntil(() => bench.told.length > 0, 20)).to.equal(false)
    expect([...(held.view ?? [])]).to.deep.equal([20, 21, 22, 23])
    expect(kept.deref()).to.deep.equal({ a: 'file' })
    held.view = undefined
    expect(await collectedUntil(() => bench.told.length > 0)).to.equal(true)
    // Asking a WeakRef keeps what it refers to until the next turn: ask once, after the collections.
    await collectedUntil(() => false, 5)
    expect(kept.deref()).to.equal(undefined)
    bench.expectNothingHeld()
  })

  it('lives as long as somebody holds no more than a part of a view', async () => {
    const held: { part: Uint8Array | undefined } = { part: undefined }
    ;(() => {
      held.part = new Uint8Array(
        bench.enter({ offset: 0, length: 16 }).view({ offset: 0, length: 16 }).buffer,
        3,
        2
      )
    })()
    expect(await collectedUntil(() => bench.told.length > 0, 20)).to.equal(false)
    expect([...(held.part ?? [])]).to.deep.equal([3, 4])
    held.part = undefined
    expect(await collectedUntil(() => bench.told.length > 0)).to.equal(true)
  })

  it('is unmapped when its file is closed before the collector tells, and is not told of then', async () => {
    drop()
    await settled()
    global.gc?.()
    bench.ledger.releaseAll()
    bench.expectNothingHeld()
    await collectedUntil(() => bench.told.length > 0, 10)
    expect(bench.told).to.deep.equal([])
    bench.expectNothingHeld()
  })

  it('is not told of where it was released before', async () => {
    ;(() => bench.enter({ offset: 0, length: 16 }).release())()
    expect(await collectedUntil(() => bench.told.length > 0, 20)).to.equal(false)
    bench.expectNothingHeld()
  })
})
