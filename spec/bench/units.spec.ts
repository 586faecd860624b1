import { expect } from 'chai'
import { formatFigure, formatNumber, formatRate, formatSize, parseSize } from '../../bench/harness/units.mjs'

describe('units of the bench', () => {
  it('reads sizes with and without a unit', () => {
    expect(parseSize('4096')).to.equal(4096)
    expect(parseSize('1.5MiB')).to.equal(1572864)
    expect(parseSize('4 gib')).to.equal(2 ** 32)
    expect(parseSize('1TiB')).to.equal(2 ** 40)
  })

  it('refuses what is no size', () => {
    for (const text of ['', 'many', '4GB', '-1', '1e3'])
      expect(() => parseSize(text), text).to.throw(RangeError)
  })

  it('writes sizes in the largest unit that they fill', () => {
    expect([1023, 1024, 1.5 * 2 ** 20, 2 ** 40, -2048].map(formatSize)).to.deep.equal([
      '1023 B',
      '1 KiB',
      '1.5 MiB',
      '1 TiB',
      '-2 KiB'
    ])
  })

  it('writes rates of bytes in decimal gigabytes, and others with a prefix', () => {
    expect(formatRate(12.34e9)).to.equal('12.3 GB/s')
    expect(formatRate(4.5e6, 'line')).to.equal('4.5 million lines/s')
    expect(formatRate(29_837, 'file')).to.equal('29.8 thousand files/s')
    expect(formatRate(12, 'file')).to.equal('12 files/s')
  })

  it('writes three digits that count', () => {
    expect([0, 0.012345, 1.999, 12.34, 1234.5].map(formatNumber)).to.deep.equal([
      '0',
      '0.0123',
      '2',
      '12.3',
      '1,235'
    ])
  })

  it('writes figures with their unit', () => {
    expect(formatFigure('loopP99', 1.2345)).to.equal('1.23 ms')
    expect(formatFigure('rssGrowth', 64 * 2 ** 20)).to.equal('64 MiB')
    expect(formatFigure('collections', 3)).to.equal('3')
  })
})
