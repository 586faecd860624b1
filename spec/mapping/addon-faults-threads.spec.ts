import { expect } from 'chai'
import { truncateSync, writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { crc32, deflate, inflateSync } from 'node:zlib'
import { addon, bytesOf, release, run, runSync } from '../support/addon.js'
import { needsMappings } from '../support/mappers.js'
import { bytesAt, MiB, tempFile } from '../support/files.js'

const { pageSize: page } = addon
const size = 2 * MiB
const content = bytesAt(9, 0, size)

/** One piece of output: for the next, Node asks whether the input is still there. */
const compress = promisify(deflate)
const options = { level: 1, chunkSize: 2 * size }

/** The file's bytes up to somewhere, and zeros from there on. */
function expectCut(seen: Buffer, whole: Buffer): void {
  expect(seen.length).to.equal(whole.length)
  const from = seen.findIndex((byte, i) => byte !== whole[i])
  if (from >= 0)
    expect(
      seen.subarray(from).every(byte => byte === 0),
      `zeros from ${from}`
    ).to.equal(true)
}

describe('Faults on many threads', () => {
  before(needsMappings)

  it('in one mapping are one loss, and each thread reads the file or zeros', async () => {
    const path = tempFile('many threads', content)
    for (let round = 0; round < 10; round++) {
      writeFileSync(path, content)
      const outcome = await run(path, { length: size, populate: false })
      const bytes = bytesOf(outcome)
      const { faults } = addon.counters()
      // The threads begin at different ends, and come upon the hole on their way.
      const starts = [0, size / 2, size / 4, (3 * size) / 4]
      const jobs = starts.map(start => compress(bytes.subarray(start), options))
      truncateSync(path, size / 2 + page)
      const results = await Promise.all(jobs)
      for (const [i, result] of results.entries())
        expectCut(inflateSync(result), content.subarray(starts[i] ?? 0))
      const lost = addon.fault(outcome.slot, outcome.serial)
      if (lost >= 0) expect(lost).to.be.at.least(size / 2 + page)
      expect(addon.counters().faults - faults).to.equal(lost >= 0 ? 1 : 0)
      release(outcome)
    }
  })

  it('in many mappings of one file are a loss of each', async () => {
    const path = tempFile('many mappings', content)
    const outcomes = [0, 1, 2, 3].map(() => runSync(path, { length: size }))
    const { faults } = addon.counters()
    truncateSync(path, 0)
    const results = await Promise.all(outcomes.map(outcome => compress(bytesOf(outcome), options)))
    for (const result of results) expect(inflateSync(result).every(byte => byte === 0)).to.equal(true)
    expect(outcomes.map(outcome => addon.fault(outcome.slot, outcome.serial))).to.deep.equal([0, 0, 0, 0])
    expect(addon.counters().faults - faults).to.equal(4)
    for (const outcome of outcomes) release(outcome)
  })

  it('while the mapping goes crash nothing, and show nothing of what comes after it', async () => {
    const path = tempFile('going', content)
    const others = tempFile('after it', Buffer.alloc(size, 0xee))
    for (let round = 0; round < 40; round++) {
      writeFileSync(path, content)
      const outcome = await run(path, { length: size, populate: round % 2 === 0 })
      const bytes = bytesOf(outcome)
      const late = [bytes, bytes.subarray(size / 2)].map(part => compress(part, options))
      truncateSync(path, round * page)
      // Sooner or later into the compression.
      for (let turn = 0; turn < round % 10; turn++) crc32(content.subarray(0, MiB / 4))
      release(outcome)
      // The slot is used again at once, and would be the addresses, if they did not rest.
      const next = [1, 2, 3, 4].map(() => runSync(others, { length: size }))
      for (const other of next) {
        expect(bytesOf(other)[size - 1]).to.equal(0xee)
        expect(addon.fault(other.slot, other.serial)).to.equal(-1)
        release(other)
      }
      const [first, second] = await Promise.all(late)
      expectCut(inflateSync(first as Buffer), content)
      expectCut(inflateSync(second as Buffer), content.subarray(size / 2))
    }
  })

  it('reach the mapping that has the slot now, never the one that had it', async () => {
    const path = tempFile('slot again', content.subarray(0, 4 * page))
    const healthy = tempFile('healthy', content.subarray(0, 4 * page))
    const seen = new Set<number>()
    for (let round = 0; round < 500; round++) {
      const lossy = runSync(path, { length: 4 * page })
      const whole = runSync(healthy, { length: 4 * page })
      seen.add(lossy.slot)
      truncateSync(path, page)
      expect(bytesOf(lossy)[2 * page]).to.equal(0)
      expect(bytesOf(whole)[2 * page]).to.equal(content[2 * page])
      expect(addon.fault(lossy.slot, lossy.serial)).to.equal(2 * page)
      // A number of before names nothing.
      expect(addon.fault(lossy.slot, lossy.serial - 1)).to.equal(-1)
      expect(release(whole)).to.equal(-1)
      expect(release(lossy)).to.equal(2 * page)
      expect(addon.fault(lossy.slot, lossy.serial)).to.equal(-1)
      writeFileSync(path, content.subarray(0, 4 * page))
      if (round % 50 > 0) continue
      // Slots are used again once nothing rests there, and the collector has their buffers.
      addon.drain()
      globalThis.gc?.()
      await new Promise(resolve => setImmediate(resolve))
    }
    expect(seen.size).to.be.below(250)
  })
})
