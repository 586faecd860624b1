import { expect } from 'chai'
import fc from 'fast-check'
import { Budget } from '../../lib/manager/budget.js'
import { settled } from '../support/fake-mapper.js'

const LIMIT = 12

/** When what is reclaimed comes back: while it is asked for, at a later step, or never. */
type Reclaiming = 'now' | 'later' | 'never'

type Step =
  | { does: 'acquire'; amount: number; granted: 'keep' | 'release' }
  | { does: 'tryAcquire' | 'take'; amount: number }
  | { does: 'release' | 'rest' | 'abort'; which: number }
  | { does: 'reclaim later' | 'turn' | 'close' }

const amount = fc.nat({ max: LIMIT + 1 })
const which = fc.nat({ max: 40 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 60,
    arbitrary: fc.record({
      does: fc.constant('acquire'),
      amount,
      granted: fc.constantFrom('keep', 'release')
    })
  },
  { weight: 20, arbitrary: fc.record({ does: fc.constantFrom('tryAcquire', 'take'), amount }) },
  { weight: 60, arbitrary: fc.record({ does: fc.constantFrom('release', 'rest', 'abort'), which }) },
  { weight: 30, arbitrary: fc.record({ does: fc.constantFrom('reclaim later', 'turn') }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('close') }) }
) as fc.Arbitrary<Step>

/** What a budget promises, said with arrays: who is granted what, and in which order. */
class Model {
  readonly reclaiming: Reclaiming
  queue: { id: number; amount: number }[] = []
  /** Who was granted, in order. */
  readonly granted: number[] = []
  /** What reclaiming was asked for. */
  readonly shorts: number[] = []
  readonly pool: number[] = []
  held = 0
  peak = 0
  waits = 0
  closed = false

  constructor(reclaiming: Reclaiming) {
    this.reclaiming = reclaiming
  }

  get free(): number {
    return LIMIT - this.held
  }

  acquire(id: number, amount: number): 'granted' | 'waiting' | 'refused' {
    if (this.closed || amount > LIMIT) return 'refused'
    if (this.take(amount)) {
      this.granted.push(id)
      return 'granted'
    }
    this.waits++
    this.queue.push({ id, amount })
    return 'waiting'
  }

  take(amount: number): boolean {
    if (this.closed || this.queue.length > 0 || amount > LIMIT) return false
    if (amount > this.free) this.reclaim(amount - this.free)
    return this.tryAcquire(amount)
  }

  tryAcquire(amount: number): boolean {
    if (this.closed || this.queue.length > 0 || amount > this.free) return false
    this.held += amount
    this.peak = Math.max(this.peak, this.held)
    return true
  }

  release(amount: number): void {
    this.held -= amount
    this.serve()
  }

  serve(): void {
    for (let head = this.queue[0]; head; head = this.queue[0]) {
      if (head.amount > this.free) this.reclaim(head.amount - this.free)
      if (head.amount > this.free) return
      this.queue.shift()
      this.tryAcquireFor(head)
    }
  }

  leave(id: number): void {
    this.queue = this.queue.filter(waiter => waiter.id !== id)
    this.serve()
  }

  close(): void {
    this.closed = true
    this.queue = []
  }

  private tryAcquireFor(head: { id: number; amount: number }): void {
    this.held += head.amount
    this.peak = Math.max(this.peak, this.held)
    this.granted.push(head.id)
  }

  private reclaim(short: number): void {
    this.shorts.push(short)
    if (this.reclaiming !== 'now') return
    for (let missing = short; missing > 0 && this.pool.length > 0; ) {
      const amount = this.pool.shift() ?? 0
      missing -= amount
      this.held -= amount
    }
  }
}

/** A budget and its model, in step. */
class World {
  readonly model: Model
  readonly budget: Budget
  readonly granted: number[] = []
  readonly refused: number[] = []
  /** Units held, each a grant that may be given back. */
  readonly grants: number[] = []
  readonly #shorts: number[] = []
  readonly #pool: number[] = []
  readonly #signals = new Map<number, AbortController>()
  readonly #broken: unknown[] = []
  #asked = 0

  constructor(reclaiming: Reclaiming) {
    this.model = new Model(reclaiming)
    this.budget = new Budget({
      limit: LIMIT,
      name: 'units',
      reclaim: short => {
        this.#shorts.push(short)
        if (reclaiming !== 'now') return
        for (let missing = short; missing > 0 && this.#pool.length > 0; ) {
          const amount = this.#pool.shift() ?? 0
          missing -= amount
          this.budget.release(amount)
        }
      }
    })
  }

  do(step: Step): void {
    switch (step.does) {
      case 'acquire':
        this.#acquire(step.amount, step.granted)
        break
      case 'tryAcquire':
      case 'take': {
        const expected = this.model[step.does](step.amount)
        expect(this.budget[step.does](step.amount), step.does).to.equal(expected)
        if (expected) this.grants.push(step.amount)
        break
      }
      case 'release':
        this.#release(step.which)
        break
      case 'rest': {
        const amount = this.#pick(step.which)
        if (amount === undefined) break
        this.#pool.push(amount)
        this.model.pool.push(amount)
        this.budget.serve()
        this.model.serve()
        break
      }
      case 'abort': {
        const id = step.which % Math.max(1, this.#asked)
        if (this.model.queue.some(waiter => waiter.id === id)) this.model.leave(id)
        this.#signals.get(id)?.abort(new Error('aborted'))
        break
      }
      case 'reclaim later':
        for (const amount of this.#pool.splice(0)) this.budget.release(amount)
        for (const amount of this.model.pool.splice(0)) this.model.release(amount)
        break
      case 'close':
        this.budget.close(new Error('closed'))
        this.model.close()
    }
    this.check()
  }

  check(): void {
    const { held, peak, waiters, waits } = this.budget
    const { model } = this
    expect({ held, peak, waiters, waits }).to.deep.equal({
      held: model.held,
      peak: model.peak,
      waiters: model.queue.length,
      waits: model.waits
    })
    expect(held).to.be.within(0, LIMIT)
    expect(this.#shorts, 'what reclaiming was asked for').to.deep.equal(model.shorts)
    // No wake-up is lost: who stands first does not fit.
    const [head] = model.queue
    if (head) expect(head.amount).to.be.above(LIMIT - held)
    expect(this.granted, 'the order of grants').to.deep.equal(model.granted.slice(0, this.granted.length))
  }

  /** Give everything back until nothing moves any more. */
  async finish(): Promise<void> {
    for (;;) {
      await settled()
      if (this.grants.length > 0) this.do({ does: 'release', which: 0 })
      else if (this.#pool.length > 0) this.do({ does: 'reclaim later' })
      else break
    }
    if (this.#broken.length > 0) throw this.#broken[0]
    expect([this.budget.held, this.budget.waiters]).to.deep.equal([0, 0])
    expect(this.granted).to.deep.equal(this.model.granted)
    expect(this.granted).to.deep.equal([...this.granted].sort((a, b) => a - b))
    expect(this.granted.length + this.refused.length, 'requests answered').to.equal(this.#asked)
  }

  #acquire(amount: number, granted: 'keep' | 'release'): void {
    const id = this.#asked++
    const stop = new AbortController()
    this.#signals.set(id, stop)
    // The model first: what the budget grants now it tells in a continuation, like all that it grants later.
    this.model.acquire(id, amount)
    this.budget.acquire(amount, stop.signal).then(
      () => {
        this.granted.push(id)
        this.grants.push(amount)
        if (granted === 'release') this.#release(this.grants.length - 1)
        this.#checkQuietly()
      },
      () => this.refused.push(id)
    )
  }

  /** In a continuation nobody would hear it. */
  #checkQuietly(): void {
    try {
      this.check()
    } catch (error) {
      this.#broken.push(error)
    }
  }

  #pick(which: number): number | undefined {
    return this.grants.length === 0 ? undefined : this.grants.splice(which % this.grants.length, 1)[0]
  }

  #release(which: number): void {
    const amount = this.#pick(which)
    if (amount === undefined) return
    this.budget.release(amount)
    this.model.release(amount)
  }
}

describe('a budget, whatever is asked of it', () => {
  for (const reclaiming of ['now', 'later', 'never'] as const) {
    it(`grants in the order of asking, never beyond the limit, and forgets nobody; reclaiming ${reclaiming}`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async steps => {
          const world = new World(reclaiming)
          for (const one of steps) {
            if (one.does === 'turn') await Promise.resolve()
            else world.do(one)
          }
          await world.finish()
        }),
        { numRuns: 400 }
      )
    })
  }
})
