import { getEventListeners } from 'node:events'
import { expect } from 'chai'
import { SlidemapError } from '../../lib/errors.js'
import { Budget } from '../../lib/manager/budget.js'
import { failure } from '../support/failure.js'
import { settled } from '../support/fake-mapper.js'

/** Ask for units and write down when they are granted or refused. */
function recorder(budget: Budget) {
  const log: string[] = []
  return {
    log,
    ask(name: string, amount: number, signal?: AbortSignal): void {
      budget.acquire(amount, signal).then(
        () => log.push(name),
        error => log.push(`${name}: ${error.message}`)
      )
    }
  }
}

describe('a budget', () => {
  const closed = new Error('closed')

  it('grants at once what is free, to the last unit', async () => {
    const budget = new Budget({ limit: 10, name: 'units' })
    await budget.acquire(4)
    await budget.acquire(6)
    await budget.acquire(0)
    const { held, peak, waiters, waits } = budget
    expect({ held, peak, waiters, waits }).to.deep.equal({ held: 10, peak: 10, waiters: 0, waits: 0 })
    expect(budget.tryAcquire(1)).to.equal(false)
    expect(budget.tryAcquire(0)).to.equal(true)
  })

  it('remembers the most that was held at a time, and who had to wait', async () => {
    const budget = new Budget({ limit: 10, name: 'units' })
    await budget.acquire(7)
    budget.release(7)
    await budget.acquire(2)
    expect([budget.held, budget.peak, budget.waits]).to.deep.equal([2, 7, 0])
    const waiting = budget.acquire(9)
    expect([budget.held, budget.waiters, budget.waits]).to.deep.equal([2, 1, 1])
    budget.release(2)
    await waiting
    expect([budget.held, budget.peak, budget.waiters, budget.waits]).to.deep.equal([9, 9, 0, 1])
  })

  it('serves first come first served: small requests do not overtake a large one', async () => {
    const budget = new Budget({ limit: 10, name: 'units' })
    await budget.acquire(8)
    const { log, ask } = recorder(budget)
    ask('large', 10)
    ask('small', 1)
    ask('none', 0)
    await settled()
    expect(log).to.deep.equal([])
    expect([budget.tryAcquire(0), budget.tryAcquire(1), budget.take(1)]).to.deep.equal([false, false, false])
    budget.release(8)
    await settled()
    expect(log).to.deep.equal(['large'])
    budget.release(10)
    await settled()
    expect(log).to.deep.equal(['large', 'small', 'none'])
  })

  it('grants as many as fit when much is given back at once', async () => {
    const budget = new Budget({ limit: 10, name: 'units' })
    await budget.acquire(10)
    const { log, ask } = recorder(budget)
    for (const [name, amount] of [
      ['a', 3],
      ['b', 3],
      ['c', 3],
      ['d', 3]
    ] as const)
      ask(name, amount)
    budget.release(10)
    expect([budget.held, budget.waiters], 'at once').to.deep.equal([9, 1])
    await settled()
    expect(log).to.deep.equal(['a', 'b', 'c'])
  })

  it('refuses at once what can never fit, and names the limit', async () => {
    const budget = new Budget({ limit: 10, name: 'maxMappedBytes' })
    await budget.acquire(10)
    const error = await failure(budget.acquire(11))
    expect(error).to.be.an.instanceof(SlidemapError)
    expect(error).to.include({ code: 'ERR_MAP_LIMIT', length: 11 })
    expect(error.message).to.equal('11 can never fit: maxMappedBytes is 10')
    const counting = new Budget({ limit: 1, name: 'maxHandles', unit: 'handles' })
    expect(() => counting.demand(2, '/a'))
      .to.throw('2 handles can never fit: maxHandles is 1')
      .that.includes({ code: 'ERR_MAP_LIMIT', path: '/a' })
      .and.not.property('length')
    expect([budget.take(11), budget.tryAcquire(11), budget.waits]).to.deep.equal([false, false, 0])
  })

  describe('under a signal', () => {
    it('refuses at once what is aborted already', async () => {
      const budget = new Budget({ limit: 10, name: 'units' })
      expect(await failure(budget.acquire(1, AbortSignal.abort(closed)))).to.equal(closed)
      expect([budget.held, budget.waits]).to.deep.equal([0, 0])
    })

    it('lets a waiter leave at once, with the reason, and serves those behind it', async () => {
      const budget = new Budget({ limit: 10, name: 'units' })
      await budget.acquire(5)
      const { log, ask } = recorder(budget)
      const stop = new AbortController()
      ask('large', 6, stop.signal)
      ask('small', 5)
      stop.abort(new Error('reason'))
      expect([budget.held, budget.waiters], 'at once').to.deep.equal([10, 0])
      await settled()
      expect(log).to.deep.equal(['large: reason', 'small'])
    })

    it('rejects with the reason whatever it is, undefined and null included', async () => {
      const budget = new Budget({ limit: 1, name: 'units' })
      await budget.acquire(1)
      for (const reason of [null, 0, '', Symbol('left')]) {
        const stop = new AbortController()
        const waiting = failure(budget.acquire(1, stop.signal))
        stop.abort(reason)
        expect(await waiting).to.equal(reason)
      }
      expect(budget.waiters).to.equal(0)
    })

    it('ends all waiters of one signal, from wherever they stand', async () => {
      const budget = new Budget({ limit: 2, name: 'units' })
      await budget.acquire(2)
      const { log, ask } = recorder(budget)
      const stop = new AbortController()
      ask('a', 1, stop.signal)
      ask('b', 1)
      ask('c', 2, stop.signal)
      ask('d', 1)
      stop.abort(new Error('reason'))
      budget.release(2)
      await settled()
      expect(log).to.deep.equal(['a: reason', 'c: reason', 'b', 'd'])
    })

    it('leaves no listener behind, however the wait ends', async () => {
      const budget = new Budget({ limit: 1, name: 'units' })
      const [granted, aborted, turnedAway] = [1, 2, 3].map(() => new AbortController())
      await budget.acquire(1)
      const waits = [granted, aborted, turnedAway].map(stop =>
        budget.acquire(1, stop?.signal).catch(() => {})
      )
      budget.release(1)
      aborted?.abort()
      budget.close(closed)
      await Promise.all(waits)
      for (const stop of [granted, aborted, turnedAway]) {
        expect(getEventListeners(stop?.signal as AbortSignal, 'abort')).to.have.length(0)
      }
    })

    it('takes nothing back from whom it granted before the abort', async () => {
      const budget = new Budget({ limit: 1, name: 'units' })
      await budget.acquire(1)
      const stop = new AbortController()
      const waiting = budget.acquire(1, stop.signal)
      budget.release(1)
      stop.abort(closed)
      await waiting
      expect(budget.held).to.equal(1)
    })
  })

  describe('once closed', () => {
    it('turns all waiters away in order, and whoever comes later', async () => {
      const budget = new Budget({ limit: 1, name: 'units' })
      await budget.acquire(1)
      const { log, ask } = recorder(budget)
      ask('a', 1)
      ask('b', 0)
      budget.close(closed)
      expect(budget.waiters, 'at once').to.equal(0)
      ask('c', 1)
      ask('d', 0)
      expect([budget.take(0), budget.tryAcquire(0)]).to.deep.equal([false, false])
      await settled()
      expect(log).to.deep.equal(['a: closed', 'b: closed', 'c: closed', 'd: closed'])
    })

    it('takes back what is held', async () => {
      const budget = new Budget({ limit: 3, name: 'units' })
      await budget.acquire(3)
      budget.close(closed)
      expect(budget.held).to.equal(3)
      budget.release(3)
      expect(budget.held).to.equal(0)
    })
  })

  describe('that can reclaim', () => {
    /** A budget of 10 whose units are all in use; `reclaim` answers for them. */
    async function full(reclaim: (budget: Budget, short: number) => void) {
      const asked: number[] = []
      const budget: Budget = new Budget({
        limit: 10,
        name: 'units',
        reclaim: short => {
          asked.push(short)
          reclaim(budget, short)
        }
      })
      expect(budget.tryAcquire(10)).to.equal(true)
      return { budget, asked }
    }

    it('asks for exactly what is short before anybody waits', async () => {
      const { budget, asked } = await full((self, short) => self.release(short))
      await budget.acquire(3)
      expect(budget.take(2)).to.equal(true)
      expect([asked, budget.held, budget.waits]).to.deep.equal([[3, 2], 10, 0])
    })

    it('does not ask for anything where enough is free, nor on tryAcquire', async () => {
      const { budget, asked } = await full(self => self.release(10))
      expect(budget.tryAcquire(1)).to.equal(false)
      budget.release(5)
      await budget.acquire(5)
      expect(asked).to.deep.equal([])
    })

    it('lets the request wait where too little comes back, and asks again for the rest', async () => {
      const { budget, asked } = await full((self, short) => {
        if (short > 1) self.release(1)
      })
      const { log, ask } = recorder(budget)
      ask('a', 4)
      expect([asked, budget.held, budget.waits]).to.deep.equal([[4], 9, 1])
      expect(budget.take(2), 'while somebody waits').to.equal(false)
      budget.release(1)
      // 3, then 2 were short of the 4; what came back of itself counts.
      expect(asked).to.deep.equal([4, 2])
      expect(budget.held).to.equal(7)
      budget.release(1)
      await settled()
      expect([log, budget.held]).to.deep.equal([['a'], 10])
    })

    it('grants when what it asked for comes later', async () => {
      let later: (() => void) | undefined
      const { budget } = await full((self, short) => {
        later = () => self.release(short)
      })
      const { log, ask } = recorder(budget)
      ask('a', 4)
      ask('b', 2)
      later?.()
      await settled()
      expect(log).to.deep.equal(['a'])
      later?.()
      await settled()
      expect([log, budget.held]).to.deep.equal([['a', 'b'], 10])
    })

    it('asks for the head of the queue alone, and again whenever the queue moves', async () => {
      const { budget, asked } = await full(() => {})
      const stop = new AbortController()
      const first = failure(budget.acquire(5, stop.signal))
      const second = budget.acquire(4)
      expect(asked).to.deep.equal([5])
      budget.release(1)
      expect(asked).to.deep.equal([5, 4])
      stop.abort(closed)
      expect(asked).to.deep.equal([5, 4, 3])
      budget.release(3)
      await Promise.all([first, second])
      expect(asked).to.deep.equal([5, 4, 3])
    })

    it('reclaims more where who hears of it takes what there was, for whoever waits in the queue', async () => {
      let takes = 1
      const { budget } = await full((whole, short) => {
        for (let missing = short; missing > 0; missing--) {
          whole.release(1)
          if (takes-- > 0) whole.demand(1)
        }
      })
      await budget.acquire(3)
      expect([budget.held, budget.waiters]).to.deep.equal([10, 0])
    })

    it('may be closed by the reclaiming, and grants nobody then', async () => {
      const { budget } = await full(self => {
        self.close(closed)
        self.release(10)
      })
      expect(await failure(budget.acquire(1))).to.equal(closed)
      expect([budget.held, budget.waiters]).to.deep.equal([0, 0])
    })

    it('may abort the request that it reclaims for', async () => {
      const stop = new AbortController()
      const { budget } = await full(() => stop.abort(closed))
      expect(await failure(budget.acquire(1, stop.signal))).to.equal(closed)
      expect([budget.held, budget.waiters]).to.deep.equal([10, 0])
    })

    it('grants nothing to a waiter whom the reclaiming turned away', async () => {
      let act = (_: Budget) => {}
      const { budget } = await full(self => act(self))
      const stop = new AbortController()
      const waiting = failure(budget.acquire(1, stop.signal))
      act = self => {
        stop.abort(closed)
        self.release(10)
      }
      budget.serve()
      expect(await waiting).to.equal(closed)
      expect([budget.held, budget.waiters]).to.deep.equal([0, 0])
    })

    it('forgets no waiter when reclaiming throws', async () => {
      let broken = true
      const { budget } = await full((self, short) => {
        if (broken) throw new Error('broken')
        self.release(short)
      })
      expect((await failure(Promise.resolve().then(() => budget.acquire(1)))).message).to.equal('broken')
      expect(budget.waiters).to.equal(0)
      broken = false
      await budget.acquire(1)
      expect(budget.held).to.equal(10)
    })
  })

  it('may be given back to by whoever it has just granted to', async () => {
    const budget = new Budget({ limit: 1, name: 'units' })
    const order: number[] = []
    await Promise.all(
      [0, 1, 2, 3, 4].map(async name => {
        await budget.acquire(1)
        order.push(name)
        budget.release(1)
      })
    )
    expect([order, budget.held, budget.peak]).to.deep.equal([[0, 1, 2, 3, 4], 0, 1])
  })

  it('tells when a request starts to wait', async () => {
    const told: number[] = []
    const budget = new Budget({ limit: 2, name: 'units', onWait: amount => told.push(amount) })
    await budget.acquire(2)
    const waiting = budget.acquire(2)
    expect(told).to.deep.equal([2])
    budget.release(2)
    await waiting
    expect(told).to.deep.equal([2])
  })
})
