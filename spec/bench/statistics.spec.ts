import { expect } from 'chai'
import fc from 'fast-check'
import { BUSY, difference, isBusy, NOISY, ratio, summarize } from '../../bench/harness/statistics.mjs'

describe('statistics of the bench', () => {
  it('takes the one in the middle as the median', () => {
    expect(summarize([3, 1, 2]).median).to.equal(2)
  })

  it('takes the mean of the two in the middle of an even number', () => {
    expect(summarize([4, 1, 3, 2]).median).to.equal(2.5)
  })

  it('has the median of one run', () => {
    expect(summarize([7])).to.deep.equal({
      median: 7,
      min: 7,
      max: 7,
      spread: 0,
      noisy: false,
      values: [7]
    })
  })

  it('orders by value, not by text', () => {
    expect(summarize([9, 10, 100]).median).to.equal(10)
  })

  it('keeps the runs in the order that they came in', () => {
    expect(summarize([3, 1, 2]).values).to.deep.equal([3, 1, 2])
  })

  it('gives the spread in medians', () => {
    expect(summarize([8, 10, 12]).spread).to.be.closeTo(0.4, 1e-12)
  })

  it('has no spread of what is 0, and a positive one of what is below', () => {
    expect(summarize([0, 0, 5]).spread).to.equal(0)
    expect(summarize([-12, -10, -8]).spread).to.be.closeTo(0.4, 1e-12)
  })

  it('calls noisy what lies further apart than it allows', () => {
    const apart = (share: number) => summarize([1, 1, 1 + share]).noisy
    expect(apart(NOISY - 0.01)).to.equal(false)
    expect(apart(NOISY + 0.01)).to.equal(true)
  })

  it('compares within each round, so that a slow one weighs on both sides alike', () => {
    const { median, noisy } = ratio([10, 2, 10], [5, 1, 5])
    expect(median).to.equal(2)
    expect(noisy).to.equal(false)
  })

  it('subtracts within each round', () => {
    expect(difference([60, 160, 61], [40, 140, 40]).values).to.deep.equal([20, 20, 21])
  })

  it('calls a machine busy by what others used most of the time', () => {
    const others = (...shares: number[]) => isBusy(summarize(shares))
    expect(others(0, 0, 1)).to.equal(false)
    expect(others(0, BUSY + 0.01, BUSY + 0.01)).to.equal(true)
  })

  it('finds the same median in any order, between the lowest and the highest', () => {
    const runs = fc.array(fc.double({ min: -1e9, max: 1e9, noNaN: true }), { minLength: 1 })
    fc.assert(
      fc.property(runs, values => {
        const { median, min, max } = summarize(values)
        expect(summarize([...values].reverse()).median).to.equal(median)
        expect(median).to.be.within(min, max)
        expect(values.filter(value => value <= median).length * 2).to.be.at.least(values.length)
      })
    )
  })
})
