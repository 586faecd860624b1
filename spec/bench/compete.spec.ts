import { expect } from 'chai'
import { compete } from '../../bench/harness/compete.mjs'
import { summarize } from '../../bench/harness/statistics.mjs'

interface Contestant {
  name: string
  variant?: number
  variants?: number[]
}

/** Runs contestants that are not there: each takes as long as `ns` says, or fails. */
async function race(
  contestants: Contestant[],
  ns: (contestant: Contestant, turn: number) => number,
  rounds = 3
) {
  const order: string[] = []
  const said: string[] = []
  const outcome = await compete(
    { work: 'work', contestants },
    {
      rounds,
      fixture: { file: 'file', size: 1 },
      limit: 'limit',
      run: async (_table: unknown, contestant: Contestant) => {
        order.push(contestant.name)
        return { bytes: 1, ns: ns(contestant, order.length) }
      },
      measure: async () => 0.25,
      say: (line: string) => said.push(line)
    }
  )
  const runs = outcome.runs as Map<string, { ns: number }[]>
  return { ...outcome, runs, order, said }
}

const named = (...names: string[]) => names.map(name => ({ name }))

describe('a competition', () => {
  it('runs each contestant once a round, and begins each round with the next one', async () => {
    const { order } = await race(named('a', 'b', 'c'), () => 1)
    expect(order.join('')).to.equal('abcbcacab')
  })

  it('has the runs of each in the order of the rounds', async () => {
    const { runs } = await race(named('a', 'b'), (_contestant, turn) => turn)
    expect(runs.get('a')?.map(({ ns }) => ns)).to.deep.equal([1, 4, 5])
    expect(runs.get('b')?.map(({ ns }) => ns)).to.deep.equal([2, 3, 6])
  })

  it('measures before each run what others use', async () => {
    const { othersBusy } = await race(named('a', 'b'), () => 1)
    expect(othersBusy).to.deep.equal(summarize(Array(6).fill(0.25)))
  })

  it('goes on without a contestant that fails, in any round, and says why', async () => {
    const { runs, failed, order, said } = await race(named('a', 'b', 'c'), ({ name }, turn) => {
      if (name === 'b' && turn > 3) throw new Error('no memory')
      return 1
    })
    expect(order.join('')).to.equal('abcbcaca')
    expect([...runs.keys()]).to.deep.equal(['a', 'c'])
    expect([...failed]).to.deep.equal([['b', 'no memory']])
    expect(said).to.deep.equal(['work: b FAILED: no memory'])
  })

  it('comes to an end where all fail', async () => {
    const { runs, failed } = await race(named('a', 'b'), () => {
      throw new Error('no')
    })
    expect(runs.size).to.equal(0)
    expect(failed.size).to.equal(2)
  })

  it('finds the fastest variant in heats: each once, the two best again', async () => {
    const variants = [64, 256, 1024]
    const seen: (number | undefined)[] = []
    const { entered, runs } = await race([{ name: 'a', variants }], ({ variant }) => {
      seen.push(variant)
      // 256 is unlucky once.
      return variant === 64 ? 20 : variant === 1024 ? 30 : seen.length < 4 ? 21 : 10
    })
    expect(seen).to.deep.equal([64, 256, 1024, 64, 256, 256, 256, 256])
    expect(entered[0]?.variant).to.equal(256)
    expect(runs.get('a')).to.have.length(3)
  })

  it('leaves out who fails in the heats', async () => {
    const { failed, runs } = await race([{ name: 'a', variants: [1, 2] }, { name: 'b' }], ({ variant }) => {
      if (variant === 2) throw new Error('too large')
      return 1
    })
    expect([...failed]).to.deep.equal([['a', 'too large']])
    expect([...runs.keys()]).to.deep.equal(['b'])
  })
})
