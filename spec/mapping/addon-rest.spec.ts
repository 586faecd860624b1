import { expect } from 'chai'
import { addon, bytesOf, collectUntil, release, runSync } from '../support/addon.js'
import { needsMappings } from '../support/mappers.js'
import { tempFile, temporaryFolder } from '../support/files.js'
import { mappingsBelow, mappingsOf } from '../support/os.js'

const page = addon.pageSize

/** More than rest, so that the first of them have rested. */
const MANY = 1024 + 64

describe('an address that was released', () => {
  before(needsMappings)

  const other = () => runSync(tempFile('other', 'o'.repeat(4 * page)), { length: 0 }).fd

  it('is nobody else’s as long as its ArrayBuffer is there: who took it from a Buffer keeps that', async () => {
    const path = tempFile('seen', 's'.repeat(4 * page))
    const outcome = runSync(path, { length: 4 * page })
    const bytes = bytesOf(outcome)
    const [range] = mappingsOf(path)
    release(outcome)
    const fd = other()
    const taken = []
    for (let i = 0; i < MANY; i++) {
      release(runSync(fd, { length: 4 * page }), true)
      // What is given back is taken at once.
      if (i > 1000) taken.push(runSync(fd, { length: 4 * page }))
    }
    const there = mappingsBelow(temporaryFolder).filter(
      ({ start, end }) => range && start < range.end && end > range.start
    )
    expect(there).to.deep.equal([])
    for (const each of taken) release(each, true)
    addon.closeSync(fd)
    expect(bytes.length).to.equal(0)
  })

  it('goes back to the system once its ArrayBuffer has been collected', async () => {
    addon.drain()
    const fd = other()
    for (let i = 0; i < MANY; i++) release(runSync(fd), true)
    expect(addon.counters().resting).to.equal(1024)
    expect(await collectUntil(() => addon.counters().outlasting === 0)).to.equal(true)
    expect(addon.counters()).to.include({ resting: 1024, outlastingBytes: 0 })
    addon.closeSync(fd)
  })

  it('is one of a bounded number, and goes with all others where the system is short of them', () => {
    const fd = other()
    for (let i = 0; i < 20_000; i++) release(runSync(fd), true)
    const { outlasting, outlastingBytes } = addon.counters()
    expect(outlasting).to.equal(16_384)
    expect(outlastingBytes).to.equal(16_384 * page)
    addon.drain()
    expect(addon.counters()).to.include({ resting: 0, outlasting: 0, outlastingBytes: 0 })
    addon.closeSync(fd)
  })
})
