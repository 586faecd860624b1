import { expect } from 'chai'
import { growthOf } from '../../prove/soak/growth.js'
import { soak } from '../../prove/soak/soak.js'
import { Random } from '../../prove/random.js'

describe('The judge of growth', () => {
  const random = new Random(5)
  const series = (value: (at: number) => number) =>
    Array.from({ length: 60 }, (_, at) => ({ at, value: value(at) }))

  it('lets noise, a spike and the teeth of a saw pass', () => {
    expect(
      growthOf(
        series(() => 100),
        1
      ).grew
    ).to.equal(false)
    expect(
      growthOf(
        series(() => 100 + 10 * random.next()),
        1
      ).grew
    ).to.equal(false)
    expect(
      growthOf(
        series(at => (at === 50 ? 5000 : 100)),
        1
      ).grew
    ).to.equal(false)
    expect(
      growthOf(
        series(at => 100 + 3 * (at % 10)),
        1
      ).grew
    ).to.equal(false)
    expect(
      growthOf(
        series(at => 100 - at),
        1
      ).grew
    ).to.equal(false)
  })

  it('sees a slow leak through the noise', () => {
    const { growth, grew } = growthOf(
      series(at => 100 + at / 4 + 6 * random.next()),
      1
    )
    expect(grew).to.equal(true)
    expect(growth).to.be.within(12, 18)
  })

  it('takes growth below the floor, or below a twentieth of what is usual, for chance', () => {
    expect(
      growthOf(
        series(at => 10 + at / 60),
        2
      ).grew
    ).to.equal(false)
    expect(
      growthOf(
        series(at => 10 + at / 60),
        0.5
      ).grew
    ).to.equal(true)
    expect(
      growthOf(
        series(at => 1000 + at / 2),
        1
      ).grew
    ).to.equal(false)
  })

  it('wants three samples', () => {
    expect(() => growthOf([{ at: 0, value: 1 }], 1)).to.throw(RangeError, /three samples/)
  })
})

describe('A soak', () => {
  it('has every consumer see the right bytes, within the limit, and leaves nothing', async () => {
    const { signal } = new AbortController()
    const progress = () => {}
    const result = await soak({ consumers: 40, bytes: 2 ** 28, minutes: 0, seed: 1, progress, signal })
    expect(result.tally.bytes).to.be.at.least(2 ** 28)
    expect(result.tally).to.include({ wrong: 0 })
    expect(result.left).to.equal(0)
    expect(result.peakMappedBytes).to.be.within(1, result.maxMappedBytes)
    expect(Object.keys(result.growth)).to.deep.equal(['rss', 'heap', 'maps', 'fds'])
  })
})
