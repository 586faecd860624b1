import { expect } from 'chai'
import { judge } from '../../bench/harness/judge.mjs'
import { summarize } from '../../bench/harness/statistics.mjs'

interface Run {
  bytes: number
  ns: number
  figures?: Record<string, number>
}

interface Ratio {
  against: string
  median: number
}

/** A contestant's rounds: one second each, for so many bytes. */
const rounds = (...bytes: number[]): Run[] => bytes.map(each => ({ bytes: each, ns: 1e9 }))

const roleOf = (name: string) =>
  name.startsWith('our') ? 'ours' : name.startsWith('C') ? 'limit' : name === 'idle' ? 'baseline' : 'peer'

/** The result of a table whose contestants have run so; a text is why one has failed. */
function judged(entries: Record<string, Run[] | string>, goals: object[], table = {}, fixture = {}) {
  const entered = Object.keys(entries).map(name => ({ name, role: roleOf(name) }))
  const ran = Object.entries(entries).filter((entry): entry is [string, Run[]] => Array.isArray(entry[1]))
  const failed = Object.entries(entries).filter(([, value]) => typeof value === 'string')
  return judge(
    { name: 'table', title: 'a title', goals, ...table },
    { runs: new Map(ran), entered, failed: new Map(failed), othersBusy: summarize([0]) },
    { size: 100, ...fixture }
  )
}

/** The one goal, judged. */
const goalOf = (entries: Record<string, Run[] | string>, goal: object, table = {}) =>
  judged(entries, [goal], table).goals[0]

describe('the judge', () => {
  it('gives rates in bytes a second', () => {
    const { contestants } = judged({ ours: [{ bytes: 100, ns: 5e8 }] }, [])
    expect(contestants[0]).to.include({ name: 'ours', role: 'ours' })
    expect(contestants[0]?.rate?.median).to.equal(200)
  })

  it('gives rates in whatever else is counted', () => {
    const { contestants } = judged({ ours: rounds(50) }, [], { unit: 'line' }, { items: 10 })
    expect(contestants[0]?.rate?.median).to.equal(5)
  })

  it('gives the ratios of each of ours to each limit and peer, round by round', () => {
    const { ratios } = judged({ ours: rounds(10, 20, 60), C: rounds(10, 10, 10), peer: rounds(1, 2, 3) }, [])
    expect(ratios.map(({ against, median }: Ratio) => [against, median])).to.deep.equal([
      ['C', 2],
      ['peer', 10]
    ])
  })

  it('competes with nobody that is there for comparison', () => {
    expect(judged({ ours: rounds(1), idle: rounds(1) }, []).ratios).to.deep.equal([])
  })

  it('judges a ratio of rates by the median of the rounds', () => {
    const goal = { ours: 'ours', against: 'peer', atLeast: 2 }
    expect(goalOf({ ours: rounds(1, 4, 6), peer: rounds(1, 2, 2) }, goal)).to.include({ value: 2, met: true })
    expect(goalOf({ ours: rounds(1, 3, 6), peer: rounds(1, 2, 2) }, goal)).to.include({
      value: 1.5,
      met: false
    })
  })

  it('judges against the best of several', () => {
    const goal = { ours: 'ours', against: ['slow peer', 'fast peer'], atLeast: 2 }
    const entries = { ours: rounds(6), 'slow peer': rounds(1), 'fast peer': rounds(4) }
    expect(goalOf(entries, goal)).to.include({ best: 'fast peer', value: 1.5, met: false })
  })

  it('judges against those of several that did not fail', () => {
    const goal = { ours: 'ours', against: ['slow peer', 'fast peer'], atLeast: 2 }
    const entries = { ours: rounds(6), 'slow peer': rounds(1), 'fast peer': 'no memory' }
    expect(goalOf(entries, goal)).to.include({ best: 'slow peer', met: true })
  })

  it('judges a rate', () => {
    const goal = { ours: 'ours', rateAtLeast: 10 }
    expect(goalOf({ ours: rounds(10) }, goal)).to.include({ value: 10, met: true })
    expect(goalOf({ ours: rounds(9) }, goal)).to.include({ value: 9, met: false })
  })

  const figures = (...values: number[]) =>
    values.map(rssGrowth => ({ bytes: 1, ns: 1, figures: { rssGrowth } }))

  it('judges a figure by its median, or by its worst run', () => {
    const goal = { ours: 'ours', figure: 'rssGrowth', atMost: 10 }
    const entries = { ours: figures(9, 10, 11) }
    expect(goalOf(entries, goal)).to.include({ value: 10, met: true })
    expect(goalOf(entries, { ...goal, worst: true })).to.include({ value: 11, met: false })
  })

  it('judges a figure beside that of another', () => {
    const goal = { ours: 'ours', figure: 'rssGrowth', notAbove: 'idle' }
    expect(goalOf({ ours: figures(3), idle: figures(3) }, goal)).to.include({ value: 3, bound: 3, met: true })
    expect(goalOf({ ours: figures(4), idle: figures(3) }, goal)).to.include({ met: false })
  })

  it('judges milliseconds more than another, round by round', () => {
    const took = (...ms: number[]) => ms.map(each => ({ bytes: 1, ns: each * 1e6 }))
    const goal = { ours: 'ours', over: 'idle', atMost: 20 }
    expect(goalOf({ ours: took(60, 160, 61), idle: took(40, 140, 40) }, goal)).to.include({
      value: 20,
      met: true
    })
    expect(goalOf({ ours: took(61), idle: took(40) }, goal)).to.include({ value: 21, met: false })
  })

  it('misses the goals of a contestant that failed, on either side', () => {
    const goal = { ours: 'ours', against: 'peer', atLeast: 0 }
    expect(goalOf({ ours: 'no memory', peer: rounds(1) }, goal)).to.include({
      met: false,
      failed: 'ours: no memory'
    })
    expect(goalOf({ ours: rounds(1), peer: 'gone' }, goal)).to.include({ met: false, failed: 'peer: gone' })
    expect(goalOf({ ours: rounds(1), peer: 'gone' }, { ...goal, against: ['peer'] })).to.include({
      met: false
    })
  })

  it('leaves out goals of contestants that have not entered', () => {
    const goals = [
      { ours: 'ours', against: 'peer', atLeast: 1 },
      { ours: 'others', rateAtLeast: 1 },
      { ours: 'ours', over: 'idle', atMost: 1 },
      { ours: 'ours', against: ['peer', 'C'], atLeast: 1 }
    ]
    const result = judged({ ours: rounds(1), C: rounds(1) }, goals)
    expect(result.goals.map(({ against }: { against: string[] }) => against)).to.deep.equal([['C']])
  })

  it('says that the machine was busy', () => {
    const table = { name: 'table', title: 'a title', contestants: [], goals: [] }
    const outcome = { runs: new Map(), entered: [], failed: new Map() }
    const busy = (share: number) =>
      judge(table, { ...outcome, othersBusy: summarize([share]) }, { size: 1 }).busy
    expect(busy(0.05)).to.equal(false)
    expect(busy(0.5)).to.equal(true)
  })
})
