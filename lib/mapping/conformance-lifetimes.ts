/** The part of the conformance suite about lifetimes: of mappings, of descriptors, and of jobs that are aborted. */
import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { getEventListeners } from 'node:events'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { Test } from './conformance.js'
import { assertBytes, assertCode, type Bench, noise, ways } from './conformance-bench.js'

type Way = (typeof ways)[number]

export function lifetimes(test: Test): void {
  for (const way of ways) {
    ofMappings(test, way)
    ofDescriptors(test, way)
  }
  ofJobs(test)
}

function ofMappings(test: Test, way: Way): void {
  test(`${way}: a released mapping is empty if the mapper detaches, and every view of it`, async bench => {
    const path = bench.file('released', noise(40_000))
    const { mapping, bytes } = await bench.map(way, { target: path, length: 40_000 })
    const view = new DataView(mapping.buffer)
    mapping.unmap()
    if (bench.mapper.detaches) {
      assert.equal(mapping.buffer.byteLength, 0)
      assert.equal(bytes.length, 0)
      assert.equal(bytes[0], undefined)
      assert.throws(() => view.getUint8(0), TypeError)
      assert.deepEqual(bench.mappings(), [], 'the OS has it no longer')
    } else {
      assert.equal(bytes.length, 40_000)
    }
  })

  test(`${way}: nothing is lost of a healthy file, before and after unmapping`, async bench => {
    const { mapping } = await bench.map(way, { target: bench.file('healthy', noise(9000)), length: 9000 })
    assert.equal(mapping.fault(), -1)
    assert.equal(mapping.unmap(), -1)
    assert.equal(mapping.fault(), -1)
  })

  test(`${way}: the count of losses, if there is one, moves when bytes are lost, and not before`, async bench => {
    const unit = Math.max(bench.mapper.granularity, bench.mapper.pageSize)
    const content = noise(4 * unit)
    const path = bench.file('lost', content)
    const { fd, mapping, bytes } = await bench.map(way, { target: path, length: content.length })
    const { losses } = mapping
    // Else nobody promised that a loss can be told, nor that looking for one is survived.
    if (losses === undefined) return
    assert.ok(losses instanceof Uint32Array && losses.length > 0, 'a Uint32Array that has a number')
    const count = losses[0]
    const { mapping: other } = await bench.map(way, { target: fd, length: unit })
    assert.deepEqual([mapping.fault(), other.fault(), other.unmap()], [-1, -1, -1])
    assert.equal(losses[0], count, 'nothing was lost')
    // Windows does not cut what is mapped.
    if (process.platform === 'win32') return
    fs.truncateSync(path, unit)
    const isWhole = bytes.equals(content)
    const lost = mapping.fault()
    assert.equal(lost === -1, isWhole, 'a loss is told, and nothing else is')
    assert.equal(losses[0] === count, isWhole, 'a loss is counted, and nothing else is')
    if (mapping.copied) assert.ok(isWhole, 'of a copy nothing is lost')
  })

  test(`${way}: unmapping and forgetting again touches no other mapping`, async bench => {
    const content = noise(30_000)
    const path = bench.file('again', content)
    const { fd, mapping: first } = await bench.map(way, { target: path, length: 30_000 })
    first.unmap()
    const { bytes } = await bench.map(way, { target: fd, length: 30_000 })
    assert.equal(first.unmap(), -1)
    first.forget()
    first.forget()
    bench.mapper.drain()
    assertBytes(bytes, content, 'the mapping made after it')
  })

  test(`${way}: writing into a mapping changes neither the file nor another mapping`, async bench => {
    const content = noise(70_000)
    const path = bench.file('written', content)
    const { fd, bytes: before } = await bench.map(way, { target: path, length: 70_000 })
    const { bytes } = await bench.map(way, { target: fd, length: 70_000 })
    bytes.fill(0x77)
    const { bytes: after } = await bench.map(way, { target: fd, length: 70_000 })
    assertBytes(bytes, Buffer.alloc(70_000, 0x77), 'what was written')
    assertBytes(before, content, 'the mapping from before')
    assertBytes(after, content, 'the mapping from after')
    assertBytes(fs.readFileSync(path), content, 'the file')
  })

  test(`${way}: a mapping outlives its descriptor, and its file's name`, async bench => {
    const content = noise(30_000)
    const path = bench.file('outlived', content)
    const { fd, bytes } = await bench.map(way, { target: path, length: 30_000 })
    await bench.close(fd)
    // Windows does not remove what is mapped.
    if (process.platform !== 'win32') fs.unlinkSync(path)
    assertBytes(bytes, content, 'the mapping')
  })

  test(`${way}: many mappings live at once, and go in any order`, async bench => {
    const step = bench.mapper.granularity
    const count = 300
    const content = noise((count - 1) * step + 100)
    const { fd } = await bench.run(way, { target: bench.file('many', content) })
    const all = []
    for (let i = 0; i < count; i++)
      all.push(await bench.map(way, { target: fd, offset: i * step, length: 100 }))
    assert.equal(new Set(all.map(one => one.mapping.buffer)).size, count, 'one ArrayBuffer each')
    for (let i = 0; i < count; i++) {
      // 7 and 300 have no common divisor: every mapping has its turn.
      const at = (i * 7) % count
      const one = all[at]
      assert.ok(one)
      assertBytes(one.bytes, content.subarray(at * step, at * step + 100), `mapping ${at}`)
      one.mapping.unmap()
    }
  })

  test(`${way}: draining harms no mapping that is alive`, async bench => {
    const content = noise(20_000)
    const path = bench.file('drained', content)
    const { fd, bytes } = await bench.map(way, { target: path, length: 20_000 })
    const { mapping: other } = await bench.map(way, { target: fd, length: 20_000 })
    other.unmap()
    bench.mapper.drain()
    bench.mapper.drain()
    assertBytes(bytes, content, 'the mapping')
  })
}

function ofDescriptors(test: Test, way: Way): void {
  test(`${way}: a descriptor that is given stays as it is and open, whatever the job comes to`, async bench => {
    const path = bench.file('given', noise(10_000))
    const fd = fs.openSync(path, 'r')
    try {
      fs.readSync(fd, Buffer.alloc(10))
      assert.equal((await bench.map(way, { target: fd, length: 10_000 })).fd, fd)
      assert.equal((await bench.run(way, { target: fd, length: 10_001 })).fd, fd)
      await assertCode(bench.run(way, { target: fd, offset: -1 }), 'ERR_OUT_OF_RANGE')
      const next = Buffer.alloc(10)
      fs.readSync(fd, next)
      assertBytes(next, noise(10_000).subarray(10, 20), 'the next bytes of the descriptor')
    } finally {
      fs.closeSync(fd)
    }
  })

  test(`${way}: closing gives the descriptor back, and closing what is not open rejects`, async bench => {
    const path = bench.file('closed', 'x')
    const first = await bench.run(way, { target: path })
    await bench.close(first.fd)
    assert.deepEqual(bench.descriptors(), [])
    const second = await bench.run(way, { target: path })
    bench.closeSync(second.fd)
    assert.throws(() => bench.mapper.closeSync(second.fd), { code: 'EBADF', syscall: 'close' })
    await assertCode(bench.mapper.close(0x7ffffffe), 'EBADF')
  })

  test(`${way}: a job that fails leaves no descriptor`, async bench => {
    await assertCode(bench.run(way, { target: bench.folder, length: 1 }), 'EISDIR')
    assert.deepEqual(bench.descriptors(), [])
  })
}

function ofJobs(test: Test): void {
  test('many jobs under way at once each come to their own bytes', async bench => {
    const jobs = Array.from({ length: 64 }, async (_, i) => {
      const content = noise(1000 + i * 997, i + 1)
      const { fd, bytes } = await bench.map('run', {
        target: bench.file(`file ${i}`, content),
        length: content.length
      })
      await bench.close(fd)
      assertBytes(bytes, content, `file ${i}`)
    })
    await Promise.all(jobs)
  })

  test('an aborted signal rejects with its reason before anything is opened', async bench => {
    const reason = new Error('no')
    const task = { target: join(bench.folder, 'missing'), length: 1 }
    await assert.rejects(bench.run('run', task, AbortSignal.abort(reason)), error => error === reason)
    await assert.rejects(bench.run('run', task, AbortSignal.abort()), { name: 'AbortError' })
  })

  test('an abort rejects with its reason and leaves neither descriptor nor mapping', async bench => {
    const task = { target: bench.sparse('aborted', 64 * 2 ** 20), length: 64 * 2 ** 20 }
    const controller = new AbortController()
    const reason = { any: 'value' }
    const job = bench.run('run', task, controller.signal)
    controller.abort(reason)
    await assert.rejects(job, error => error === reason)
    bench.assertNothingLeft()
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0, 'listeners left on the signal')
  })

  test('an abort at any moment leaves nothing behind, or comes too late', async bench => {
    const length = 24 * 2 ** 20
    const task = { target: bench.sparse('moments', length), length }
    for (let turns = 1; turns <= 24; turns++) {
      const controller = new AbortController()
      const job = bench.run('run', task, controller.signal).then(
        ({ fd, mapping }) => ({ fd, mapping }),
        (error: unknown) => error
      )
      for (let i = 0; i < turns; i++) await turn()
      controller.abort(turns)
      const result = await job
      if (result !== turns) await assertComplete(bench, result, length)
      bench.assertNothingLeft()
    }
  })

  test('an abort leaves a descriptor open that was given', async bench => {
    const fd = fs.openSync(bench.sparse('given', 32 * 2 ** 20), 'r')
    try {
      const controller = new AbortController()
      const job = bench.run('run', { target: fd, length: 32 * 2 ** 20 }, controller.signal)
      controller.abort('enough')
      await assert.rejects(job, error => error === 'enough')
      assert.equal(fs.fstatSync(fd).size, 32 * 2 ** 20)
    } finally {
      fs.closeSync(fd)
    }
  })

  test('a job that is done leaves no listener on its signal, nor does one that failed', async bench => {
    const { signal } = new AbortController()
    await bench.run('run', { target: bench.file('done', 'x'), length: 1 }, signal)
    await assertCode(bench.run('run', { target: join(bench.folder, 'missing') }, signal), 'ENOENT')
    assert.equal(getEventListeners(signal, 'abort').length, 0)
  })
}

/** What won the race against an abort is an outcome as any other. */
async function assertComplete(bench: Bench, result: unknown, length: number): Promise<void> {
  const { fd, mapping } = result as Awaited<ReturnType<Bench['run']>>
  assert.equal(mapping?.buffer.byteLength, length, String(result))
  mapping.unmap()
  await bench.close(fd)
}
