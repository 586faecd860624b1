import { expect } from 'chai'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { truncateSync, writeFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { promisify } from 'node:util'
import { deflate, inflateSync } from 'node:zlib'
import { ADVICE } from '../../lib/mapping/addon.js'
import { addon, addonPath, bytesOf, nextJob, release, run, runSync } from '../support/addon.js'
import { needsMappings } from '../support/mappers.js'
import { bytesAt, GiB, MiB, sparseFile, tempFile } from '../support/files.js'
import { descriptorsOf, mappingsOf } from '../support/os.js'

const { pageSize: page } = addon

describe('the fault guard', () => {
  before(needsMappings)

  it('makes zeros of what a truncated file lost, and says where they begin', async () => {
    const content = bytesAt(1, 0, 10 * page)
    const path = tempFile('truncated', content)
    const outcome = await run(path, { length: 10 * page })
    const bytes = bytesOf(outcome)
    const { faults } = addon.counters()
    truncateSync(path, 4 * page + 100)
    expect(addon.fault(outcome.slot, outcome.serial), 'nothing was touched yet').to.equal(-1)
    expect(bytes.subarray(0, 4 * page).equals(content.subarray(0, 4 * page))).to.equal(true)
    expect(bytes[7 * page]).to.equal(0)
    expect(addon.fault(outcome.slot, outcome.serial)).to.equal(7 * page)
    // A page before it that is lost, too: the first one counts.
    expect(bytes[6 * page - 1]).to.equal(0)
    expect(addon.fault(outcome.slot, outcome.serial)).to.equal(5 * page)
    expect(bytes.indexOf(content.subarray(8 * page, 8 * page + 64))).to.equal(-1)
    expect(addon.counters().faults, 'one mapping').to.equal(faults + 1)
    expect(release(outcome), 'what unmap answers').to.equal(5 * page)
  })

  it('keeps what was lost as it is when the file grows again', async () => {
    const path = tempFile('regrown', bytesAt(1, 0, 4 * page))
    const outcome = await run(path, { length: 4 * page })
    truncateSync(path, page)
    expect(bytesOf(outcome)[page]).to.equal(0)
    writeFileSync(path, bytesAt(2, 0, 4 * page))
    expect(
      bytesOf(outcome)
        .subarray(page)
        .every(byte => byte === 0)
    ).to.equal(true)
    expect(release(outcome)).to.equal(page)
  })

  it('counts each loss of this environment where JavaScript reads it without a call', async () => {
    const path = tempFile('counted', bytesAt(1, 0, 10 * page))
    const outcome = await run(path, { length: 10 * page })
    const before = addon.losses[0] as number
    truncateSync(path, 0)
    expect(addon.losses[0], 'nothing was touched yet').to.equal(before)
    expect(bytesOf(outcome)[7 * page]).to.equal(0)
    expect(addon.losses[0]).to.equal(before + 1)
    // Lost already, then lost from an earlier page on.
    expect(bytesOf(outcome)[8 * page]).to.equal(0)
    expect(addon.losses[0]).to.equal(before + 1)
    expect(bytesOf(outcome)[3 * page]).to.equal(0)
    expect(addon.losses[0]).to.equal(before + 2)
    release(outcome)

    writeFileSync(path, bytesAt(1, 0, 2 * page))
    const worker = new Worker(
      `const { parentPort, workerData: { addonPath, path } } = require('node:worker_threads')
       const addon = require(addonPath)
       const { buffer, slot, serial, fd } = addon.runSync(-1, Buffer.from(path), 0, 0, ${2 * page}, false)
       require('node:fs').truncateSync(path, 0)
       const before = addon.losses[0]
       Buffer.from(buffer)[0]
       parentPort.postMessage(addon.losses[0] - before)
       addon.unmap(slot, serial, buffer)
       addon.closeSync(fd)`,
      { eval: true, execArgv: [], workerData: { addonPath, path } }
    )
    const [counted] = await once(worker, 'message')
    await once(worker, 'exit')
    expect(counted).to.equal(1)
    expect(addon.losses[0], "not the Worker's").to.equal(before + 2)
  })

  it('serves native code on this thread, threads of the pool, and Workers', async () => {
    const path = tempFile('threads', bytesAt(1, 0, 2 * MiB))
    for (const read of [
      async (bytes: Buffer) => {
        const zeros = createHash('sha256').update(Buffer.alloc(bytes.length)).digest('hex')
        expect(createHash('sha256').update(bytes).digest('hex')).to.equal(zeros)
      },
      async (bytes: Buffer) => {
        const deflated = await promisify(deflate)(bytes)
        expect(inflateSync(deflated).equals(Buffer.alloc(bytes.length))).to.equal(true)
      }
    ]) {
      writeFileSync(path, bytesAt(1, 0, 2 * MiB))
      const outcome = await run(path, { length: 2 * MiB })
      truncateSync(path, 0)
      await read(bytesOf(outcome))
      expect(addon.fault(outcome.slot, outcome.serial)).to.equal(0)
      release(outcome)
    }
    writeFileSync(path, bytesAt(1, 0, 2 * MiB))
    const worker = new Worker(
      `const { parentPort, workerData: { addonPath, path } } = require('node:worker_threads')
       const addon = require(addonPath)
       const outcome = addon.runSync(-1, Buffer.from(path), 0, 0, 2 ** 21, false)
       require('node:fs').truncateSync(path, 2 ** 20)
       const zero = Buffer.from(outcome.buffer)[2 ** 20]
       parentPort.postMessage([zero, addon.unmap(outcome.slot, outcome.serial, outcome.buffer)])
       addon.closeSync(outcome.fd)`,
      { eval: true, execArgv: [], workerData: { addonPath, path } }
    )
    const message = await new Promise((resolve, reject) =>
      worker.once('message', resolve).once('error', reject)
    )
    expect(message).to.deep.equal([0, 2 ** 20])
    await worker.terminate()
  })

  it('tells a truncation before the pages were there by the size, without a mapping', async () => {
    // Truncated while the job populates, or before, or after: whenever it is, no zeros pass for data.
    const size = 64 * MiB
    for (let round = 0; round < 40; round++) {
      const path = sparseFile('racing', size)
      const { fd } = runSync(path, { length: 0 })
      const jobs = [run(fd, { length: size }), run(fd, { length: size })]
      for (let turn = 0; turn < round; turn++) addon.counters()
      truncateSync(path, size / 2 + 1)
      for (const outcome of await Promise.all(jobs)) {
        expect(outcome).to.include({ errno: 0, syscall: '' })
        if (outcome.buffer === undefined) expect(outcome.size).to.equal(size / 2 + 1)
        else {
          // It had been mapped whole before; the loss shows when it is touched.
          expect(outcome.size).to.equal(size)
          expect(bytesOf(outcome)[size - 1]).to.equal(0)
          expect(addon.fault(outcome.slot, outcome.serial)).to.be.greaterThan(0)
        }
        release(outcome, true)
      }
      addon.closeSync(fd)
    }
  })

  it('answers EFAULT to the advice to populate what is gone', async () => {
    const { EFAULT } = (await import('node:os')).constants.errno
    const path = tempFile('advised and gone', 'x'.repeat(4 * page))
    const outcome = runSync(path, { length: 4 * page })
    truncateSync(path, page)
    expect(addon.advise(outcome.slot, outcome.serial, 0, page, ADVICE.populate)).to.equal(0)
    expect(addon.advise(outcome.slot, outcome.serial, 0, 4 * page, ADVICE.populate)).to.equal(EFAULT)
    release(outcome)
  })

  it('leaves a SIGBUS that is not about a mapping to kill the process', () => {
    const path = tempFile('killed', 'x'.repeat(page))
    const program = `
      const addon = require(${JSON.stringify(addonPath)})
      const outcome = addon.runSync(-1, Buffer.from(${JSON.stringify(path)}), 0, 0, 1, false)
      process.kill(process.pid, 'SIGBUS')
      setInterval(() => outcome, 1000)`
    expect(spawnSync(process.execPath, ['-e', program]).signal).to.equal('SIGBUS')
  })
})

describe('resting addresses', () => {
  before(needsMappings)

  it('give a late reader zeros: none of the file, none of another, and no crash', async () => {
    const content = bytesAt(5, 0, 4 * MiB)
    const path = tempFile('late', content)
    const { fd } = runSync(path, { length: 0 })
    for (let round = 0; round < 10; round++) {
      const outcome = await run(fd, { length: content.length })
      // In one piece of output: for the next one, Node asserts that the input has not been detached meanwhile.
      const late = promisify(deflate)(bytesOf(outcome), { level: 1, chunkSize: 2 * content.length })
      release(outcome, true)
      expect(mappingsOf(path)).to.deep.equal([])
      // As the consumer goes on.
      for (let window = 0; window < 100; window++) release(runSync(fd, { length: 4 * MiB }), true)
      const seen = inflateSync(await late)
      expect(seen.length).to.equal(content.length)
      const from = seen.findIndex((byte, i) => byte !== content[i])
      expect(seen.subarray(from < 0 ? seen.length : from).every(byte => byte === 0)).to.equal(true)
    }
    addon.closeSync(fd)
  })

  it('are bounded in number, and all given back by drain()', () => {
    const { fd } = runSync(tempFile('resting', 'x'.repeat(page)), { length: 0 })
    let most = 0
    for (let i = 0; i < 5000; i++) {
      release(runSync(fd), true)
      most = Math.max(most, addon.counters().resting)
    }
    expect(most).to.equal(1024)
    expect(addon.counters().restingBytes).to.equal(1024 * page)
    addon.drain()
    expect(addon.counters()).to.include({ resting: 0, restingBytes: 0 })
    addon.closeSync(fd)
  })

  it('are bounded in bytes of address space', () => {
    const path = sparseFile('long rest', 3 * GiB)
    const { fd } = runSync(path, { length: 0 })
    for (let i = 0; i < 100; i++) {
      release(runSync(fd, { length: 3 * GiB }), true)
      expect(addon.counters().restingBytes).to.be.at.most(64 * GiB)
    }
    addon.drain()
    addon.closeSync(fd)
  })
})

describe('a terminated Worker', () => {
  const program = `
    const { parentPort, workerData: { addonPath, path, moment } } = require('node:worker_threads')
    const addon = require(addonPath)
    const file = Buffer.from(path)
    const kept = []
    let steps = 0
    // Shows how far it is, and hangs in JavaScript where it is to be terminated.
    const step = () => {
      if (++steps < moment) return
      parentPort.postMessage('now')
      for (;;);
    }
    const own = addon.runSync(-1, file, 0, 0, 0, false)
    step()
    for (let job = 1; job <= 8; job++) {
      addon.run(job, job % 2 ? own.fd : -1, file, 0, 0, 2 ** 26, true).then(outcome => {
        kept.push(outcome)
        step()
      })
      step()
    }
    kept.push(addon.runSync(own.fd, null, 0, 0, 4096, false))
    const released = addon.runSync(own.fd, null, 0, 0, 4096, false)
    addon.unmap(released.slot, released.serial, released.buffer)
    step()
    addon.close(addon.runSync(-1, file, 0, 0, 0, false).fd)
    step()`

  it('leaves no mapping, no descriptor and no job, whatever it was doing', async () => {
    const path = sparseFile('worker', 64 * MiB)
    for (let moment = 1; moment <= 19; moment++) {
      const worker = new Worker(program, {
        eval: true,
        execArgv: [],
        workerData: { addonPath, path, moment }
      })
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
      await worker.terminate()
      expect(mappingsOf(path), `at step ${moment}`).to.deep.equal([])
      expect(descriptorsOf(path), `at step ${moment}`).to.deep.equal([])
    }
    const own = await run(path, {}, nextJob())
    expect(bytesOf(own)[0], 'the main thread goes on').to.equal(0)
    release(own)
  })
})
