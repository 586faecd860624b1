import { expect } from 'chai'
import { constants as os } from 'node:os'
import { ADVICE, type AddonOutcome } from '../../lib/mapping/addon.js'
import { addon, bytesOf, collectUntil, release, run, runSync } from '../support/addon.js'
import { needsMappings } from '../support/mappers.js'
import { bytesAt, tempFile } from '../support/files.js'
import { mappedBytesOf, mappingsOf } from '../support/os.js'

const { pageSize: page } = addon
const { EBADF } = os.errno

describe('the addon', () => {
  describe('unmap', () => {
    before(needsMappings)

    it('unmaps at once and leaves no view of the bytes', async () => {
      const path = tempFile('seen', bytesAt(1, 0, 3 * page))
      const outcome = await run(path, { length: 3 * page })
      const views = [bytesOf(outcome), new Uint32Array(outcome.buffer as ArrayBuffer)]
      expect(mappedBytesOf(path)).to.equal(3 * page)
      expect(addon.unmap(outcome.slot, outcome.serial, outcome.buffer as ArrayBuffer)).to.equal(-1)
      expect(mappingsOf(path)).to.deep.equal([])
      expect(outcome.buffer?.byteLength).to.equal(0)
      for (const view of views) {
        expect(view.length).to.equal(0)
        expect(view[0]).to.equal(undefined)
      }
      addon.closeSync(outcome.fd)
    })

    it('does nothing for a mapping that is gone, also when its slot is in use again', async () => {
      const path = tempFile('again', bytesAt(1, 0, page))
      const first = await run(path)
      release(first, true)
      // The slot is free when the range was given back, and its ArrayBuffer has been collected.
      delete first.buffer
      const seen: AddonOutcome[] = []
      const sameSlot = await collectUntil(() => {
        addon.drain()
        const outcome = runSync(first.fd)
        seen.push(outcome)
        return outcome.slot === first.slot
      })
      expect(sameSlot, 'the slot came again').to.equal(true)
      const last = seen.at(-1) as AddonOutcome
      expect(addon.unmap(first.slot, first.serial, new ArrayBuffer(0))).to.equal(-1)
      expect(addon.unmap(first.slot, first.serial, null)).to.equal(-1)
      expect(addon.fault(first.slot, first.serial)).to.equal(-1)
      expect(addon.advise(first.slot, first.serial, 0, 1, ADVICE.normal)).to.equal(EBADF)
      expect(addon.resident(first.slot, first.serial, new Uint8Array(1))).to.equal(EBADF)
      expect(bytesOf(last).equals(bytesAt(1, 0, page))).to.equal(true)
      for (const outcome of seen) release(outcome, true)
      addon.closeSync(first.fd)
    })

    it('never gives one serial twice', () => {
      const { fd } = runSync(tempFile('serials', 'x'.repeat(page)), { length: 0 })
      const serials = new Set<number>()
      for (let i = 0; i < 2000; i++) {
        const outcome = runSync(fd)
        serials.add(outcome.serial)
        release(outcome, true)
      }
      expect(serials.size).to.equal(2000)
      addon.closeSync(fd)
    })

    it('refuses the ArrayBuffer of another mapping, and neither is harmed', () => {
      const one = runSync(tempFile('one', bytesAt(1, 0, page)))
      const two = runSync(tempFile('two', bytesAt(2, 0, page)))
      for (const wrong of [two.buffer as ArrayBuffer, new ArrayBuffer(page)])
        expect(() => addon.unmap(one.slot, one.serial, wrong)).to.throw(TypeError, /"buffer"/)
      expect(bytesOf(one).equals(bytesAt(1, 0, page))).to.equal(true)
      expect(bytesOf(two).equals(bytesAt(2, 0, page))).to.equal(true)
      release(one)
      release(two)
    })

    it('happens by itself when the bytes are collected unreleased', async () => {
      const path = tempFile('dropped', 'x'.repeat(5 * page))
      const { fd } = runSync(path, { length: 0 })
      // In a function of its own: this one's frame would keep the last one alive.
      await (async () => {
        for (let i = 0; i < 10; i++) await run(fd, { length: 5 * page })
      })()
      expect(await collectUntil(() => mappingsOf(path).length === 0)).to.equal(true)
      expect(addon.counters()).to.include({ mappings: 0, mappedBytes: 0 })
      addon.closeSync(fd)
    })

    it('works without the buffer, before and after its finalizer has run', async () => {
      const path = tempFile('null', 'x'.repeat(page))
      const { fd } = runSync(path, { length: 0 })
      const early = runSync(fd)
      expect(addon.unmap(early.slot, early.serial, null)).to.equal(-1)
      expect(mappingsOf(path)).to.deep.equal([])
      // The bytes can still be reached, so they must still be there: as zeros, for as long as they can.
      addon.drain()
      expect(bytesOf(early).every(byte => byte === 0)).to.equal(true)
      const names = ((): { slot: number; serial: number } => {
        const { slot, serial } = runSync(fd)
        return { slot, serial }
      })()
      expect(await collectUntil(() => mappingsOf(path).length === 0)).to.equal(true)
      expect(addon.unmap(names.slot, names.serial, null)).to.equal(-1)
      addon.closeSync(fd)
    })

    it('covers bytes that were transferred to another ArrayBuffer, until that one is gone', async function () {
      type Transferable = ArrayBuffer & { transfer?: () => ArrayBuffer }
      const path = tempFile('transferred', bytesAt(9, 0, page))
      const outcome = runSync(path)
      const buffer = outcome.buffer as Transferable
      if (buffer.transfer === undefined) {
        release(outcome)
        return this.skip()
      }
      const moved = new Uint8Array(buffer.transfer())
      release(outcome)
      addon.drain()
      expect(mappingsOf(path)).to.deep.equal([])
      expect(moved.every(byte => byte === 0)).to.equal(true)
    })
  })
})
