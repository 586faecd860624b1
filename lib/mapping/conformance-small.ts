/** The part of the conformance suite about small files read whole, for mappers that do that. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { Buffer } from 'node:buffer'
import { getEventListeners } from 'node:events'
import * as fs from 'node:fs'
import { join } from 'node:path'
import type { Test } from './conformance.js'
import { assertBytes, type Bench, noise } from './conformance-bench.js'
import type { Mapping, SmallTask } from './mapper.js'

type Read = (task: SmallTask, signal?: AbortSignal) => Promise<readonly (Mapping | undefined)[]>

const plenty = { limit: 2 ** 20, room: 2 ** 24 }

export function smallFiles(declare: Test): void {
  /** A test of what is optional: nothing to say of a mapper without it. */
  const test = (title: string, body: (read: Read, bench: Bench) => Promise<void>) =>
    declare(`readSmall ${title}`, async bench => {
      const { mapper } = bench
      if (mapper.readSmall) await body((task, signal) => readSmall(bench, task, signal), bench)
    })

  test('reads files whole, in order, by paths as string and as Buffer', async (read, bench) => {
    const contents = [1, 4096, 0, 8192, 70_001].map((length, i) => noise(length, i + 1))
    const paths = contents.map((content, i) => bench.file(`small ü ${i}`, content))
    for (const given of [paths, paths.map(path => Buffer.from(path)), paths.map(mixed)]) {
      assertRead(await read({ paths: given, ...plenty }), contents)
      assert.deepEqual(bench.descriptors(), [])
    }
  })

  test('gives each file a buffer of its own, which is empty once it is unmapped', async (read, bench) => {
    const paths = [bench.file('one', noise(9000, 1)), bench.file('two', noise(9000, 2))]
    const [one, two] = await read({ paths, ...plenty })
    assert.ok(one && two)
    const view = Buffer.from(one.buffer)
    assert.equal(one.fault(), -1)
    assert.equal(one.unmap(), -1)
    assert.equal(one.unmap(), -1)
    if (bench.mapper.detaches) assert.equal(view.length, 0)
    assertBytes(Buffer.from(two.buffer), noise(9000, 2), 'the other file')
    two.forget()
  })

  test('passes by what is larger than the limit, and reads what is just as large', async (read, bench) => {
    const contents = [noise(1000), noise(1001), noise(3)]
    const paths = contents.map((content, i) => bench.file(`limit ${i}`, content))
    const answer = await read({ paths, limit: 1000, room: 5000 })
    assertRead(answer, [noise(1000), undefined, noise(3)])
  })

  test('ends before the file that finds no room', async (read, bench) => {
    const paths = [4000, 4000, 2000, 4000, 1].map((length, i) => bench.file(`room ${i}`, noise(length)))
    const { length } = await read({ paths, limit: 4000, room: 10_000 })
    assert.equal(length, 3)
    assert.equal((await read({ paths, limit: 4000, room: 4000 })).length, 1)
  })

  test('passes by what is missing, a folder, and what is no file, and says nothing of it', async (read, bench) => {
    const paths = [join(bench.folder, 'missing'), bench.folder, bench.file('there', noise(10)), '']
    const expected = [undefined, undefined, noise(10), undefined]
    if (process.platform !== 'win32') {
      const fifo = join(bench.folder, 'fifo')
      execFileSync('mkfifo', [fifo])
      paths.push(fifo, '/dev/zero')
      expected.push(undefined, undefined)
    }
    if (process.platform === 'linux') {
      paths.push('/proc/self/status', '/sys/kernel/mm/transparent_hugepage/enabled')
      expected.push(undefined, undefined)
    }
    assertRead(await read({ paths, ...plenty }), expected)
    assert.deepEqual(bench.descriptors(), [])
  })

  test('reads holes as zeros', async (read, bench) => {
    assertRead(await read({ paths: [bench.sparse('hole', 50_000)], ...plenty }), [Buffer.alloc(50_000)])
  })

  test('shows nothing of what happens to a file later', async (read, bench) => {
    const path = bench.file('later', noise(20_000))
    const [mapping] = await read({ paths: [path], ...plenty })
    fs.truncateSync(path, 0)
    assertRead([mapping], [noise(20_000)])
  })

  test('refuses what is wrong', async read => {
    const wrong: [Partial<SmallTask>, string][] = [
      [{ paths: [] }, 'ERR_OUT_OF_RANGE'],
      [{ paths: ['a\0b'] }, 'ERR_OUT_OF_RANGE'],
      [{ paths: [7 as never] }, 'ERR_INVALID_ARG_TYPE'],
      [{ paths: 'path' as never }, 'ERR_INVALID_ARG_TYPE'],
      [{ limit: -1 }, 'ERR_OUT_OF_RANGE'],
      [{ limit: plenty.room + 1 }, 'ERR_OUT_OF_RANGE'],
      [{ room: 0.5 }, 'ERR_OUT_OF_RANGE'],
      [{ room: 2 ** 30 + 1 }, 'ERR_OUT_OF_RANGE'],
      [{ room: '1' as never }, 'ERR_INVALID_ARG_TYPE']
    ]
    for (const [part, code] of wrong) {
      await assert.rejects(read({ paths: ['x'], ...plenty, ...part }), { code }, JSON.stringify(part))
    }
  })

  test("rejects with the signal's reason, and leaves nothing behind", async (read, bench) => {
    const paths = Array.from({ length: 200 }, (_, i) => bench.file(`${i}`, noise(5000)))
    const reason = new Error('enough')
    await assert.rejects(read({ paths, ...plenty }, AbortSignal.abort(reason)), reason)
    const stop = new AbortController()
    const job = read({ paths, ...plenty }, stop.signal)
    stop.abort(reason)
    await assert.rejects(job, reason)
    assert.deepEqual(bench.descriptors(), [])
    assert.deepEqual(getEventListeners(stop.signal, 'abort'), [])
  })
}

async function readSmall(bench: Bench, task: SmallTask, signal?: AbortSignal) {
  const answer = (await bench.mapper.readSmall?.(task, signal)) ?? []
  return answer.map(mapping => mapping && bench.adopt(mapping))
}

function mixed(path: string, i: number): string | Buffer {
  return i % 2 ? path : Buffer.from(path)
}

function assertRead(
  answer: readonly (Mapping | undefined)[],
  expected: readonly (Buffer | undefined)[]
): void {
  assert.equal(answer.length, expected.length, 'the number of files')
  answer.forEach((mapping, i) => {
    const content = expected[i]
    if (content === undefined) assert.equal(mapping, undefined, `file ${i}`)
    else assertBytes(Buffer.from(mapping?.buffer ?? new ArrayBuffer(0)), content, `file ${i}`)
    assert.equal(mapping === undefined, content === undefined, `file ${i}`)
  })
}
