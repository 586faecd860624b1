import { expect } from 'chai'
import { mappedOf, rssOf, thin } from '../../bench/harness/memory-samples.mjs'

const MAPS = `55d0c0000000-55d0c0001000 r-xp 00000000 fe:00 11 /usr/bin/node
7f0000000000-7f0001000000 rw-p 00000000 fe:00 22 /tmp/work
7f0002000000-7f0002800000 rw-p 01000000 fe:00 22 /tmp/work
7f0003000000-7f0004000000 ---p 00000000 00:00 0
`

describe('samples of memory', () => {
  it('add up what is mapped of one file', () => {
    expect(mappedOf(MAPS, '/tmp/work')).to.equal(0x1000000 + 0x800000)
    expect(mappedOf(MAPS, '/tmp/other')).to.equal(0)
  })

  it('take RSS in bytes, 0 of a process that has ended', () => {
    expect(rssOf('Name:\tnode\nVmRSS:\t   51200 kB\n')).to.equal(51200 * 1024)
    expect(rssOf('Name:\tnode\nState:\tZ (zombie)\n')).to.equal(0)
  })

  it('become fewer without losing a peak', () => {
    const samples = Array.from({ length: 1000 }, (_, ms) => ({ ms, mapped: ms === 501 ? 9 : 1, rss: ms }))
    const kept = thin(samples, 100)
    expect(kept).to.have.length(100)
    expect(Math.max(...kept.map(({ mapped }) => mapped))).to.equal(9)
    expect(kept.at(-1)?.rss).to.equal(999)
  })

  it('stay as they are where they are few', () => {
    expect(thin([{ ms: 1, mapped: 2, rss: 3 }], 100)).to.deep.equal([{ ms: 1, mapped: 2, rss: 3 }])
    expect(thin([], 100)).to.deep.equal([])
  })
})
