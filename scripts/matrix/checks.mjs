/** The checks of the matrix's program. Each throws what is wrong, or answers why it left something out. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { finished, pipeline } from 'node:stream/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { concat, MapManager, open } from 'slidemap'
import { held } from './held.mjs'
import { markAt, marks, paths, recordPayloads, smallPayloads, sparseSize, textLines } from './fixtures.mjs'

const KiB = 2 ** 10
const MiB = 2 ** 20
const GiB = 2 ** 30

/** A manager of the check's own; at its end nothing may be left in it. */
export async function withManager({ mapper }, options, body) {
  const manager = new MapManager({ mapper, ...options })
  try {
    return await body(manager)
  } finally {
    await manager.close()
    const { mappedBytes, regions, handles, waiters } = manager.stats()
    assert.deepEqual(
      { mappedBytes, regions, handles, waiters },
      { mappedBytes: 0, regions: 0, handles: 0, waiters: 0 }
    )
  }
}

async function withFile(bench, path, options, body) {
  return withManager(bench, options, async manager => body(await manager.open(path), manager))
}

async function sha256(chunks) {
  const hash = createHash('sha256')
  for await (const chunk of chunks) hash.update(chunk)
  return hash.digest('hex')
}

function sha256Of(bytes) {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Copies of a text of some MiB to be cut, written into, or removed. */
function makeVictim({ folder }, name) {
  const path = join(folder, name)
  fs.writeFileSync(path, Buffer.alloc(8 * MiB, 'victim '))
  return path
}

/** A copy of a range, whose end may be another region's. */
function pieces(cursor, offset, length) {
  const parts = []
  for (let at = offset; at < offset + length; at += cursor.length) {
    parts.push(Buffer.from(cursor.use(at, offset + length - at).bytes))
  }
  return Buffer.concat(parts)
}

export const checks = {
  async 'open by path, URL, descriptor, FileHandle and range'(bench) {
    const { text } = paths(bench.folder)
    const content = fs.readFileSync(text)
    await withManager(bench, {}, async manager => {
      const fd = fs.openSync(text, 'r')
      const handle = await fs.promises.open(text)
      try {
        for (const source of [text, Buffer.from(text), pathToFileURL(text), fd, handle]) {
          const file = await manager.open(source)
          assert.equal(file.size, content.length)
          assert.ok((await file.read(1000, 5000)).equals(content.subarray(1000, 6000)))
          await file.close()
        }
        const part = await manager.open({ source: text, start: 10, end: 20 })
        assert.equal(part.size, 10)
        assert.ok((await part.read(0, 10)).equals(content.subarray(10, 20)))
      } finally {
        fs.closeSync(fd)
        await handle.close()
      }
      await assert.rejects(manager.open(join(bench.folder, 'none')), { code: 'ENOENT' })
    })
    const file = await open(text)
    await file.close()
  },

  async 'windows across 2, 4 and 5 GiB'(bench) {
    await withFile(bench, paths(bench.folder).sparse, {}, async file => {
      assert.equal(file.size, sparseSize)
      for (const offset of marks) {
        const mark = markAt(offset)
        const start = Math.max(0, offset - 3 * MiB)
        const end = Math.min(sparseSize, offset + MiB)
        const found = []
        for await (const window of file.windows({ start, end, size: MiB, overlap: 64 })) {
          const at = window.bytes.indexOf(mark)
          if (at !== -1) found.push(window.offset + at)
        }
        assert.ok(found.length > 0 && found.every(at => at === offset), `${offset} found at ${found}`)
      }
    })
  },

  async 'stream, nodeStream and webStream'(bench) {
    const { text } = paths(bench.folder)
    const expected = sha256Of(fs.readFileSync(text))
    await withFile(bench, text, { windowSize: 256 * KiB }, async file => {
      assert.equal(await sha256(file.stream()), expected)
      assert.equal(await sha256(file.nodeStream()), expected)
      assert.equal(await sha256(file.webStream()), expected)
      const reader = file.webStream().getReader({ mode: 'byob' })
      const hash = createHash('sha256')
      for (let view = new Uint8Array(100_000); ; ) {
        const { done, value } = await reader.read(view)
        if (done) break
        hash.update(value)
        view = new Uint8Array(value.buffer)
      }
      assert.equal(hash.digest('hex'), expected)
      // Left in the middle.
      for await (const _ of file.stream()) break
      for await (const _ of file.nodeStream()) break
    })
  },

  async 'lines, lineBatches and linesSync'(bench) {
    const expected = textLines()
    await withFile(bench, paths(bench.folder).text, { windowSize: 64 * KiB }, async file => {
      const lines = []
      for await (const line of file.lines()) lines.push(line)
      assert.deepEqual(lines, expected)
      const batches = []
      for await (const batch of file.lineBatches()) batches.push(...batch)
      assert.deepEqual(batches, expected)
      assert.deepEqual([...file.linesSync()], expected)
      const last = []
      for await (const line of file.lines({ reverse: true, limit: 3 })) last.push(line)
      assert.deepEqual(last, expected.slice(-3).reverse())
    })
  },

  async records(bench) {
    const expected = recordPayloads()
    await withFile(bench, paths(bench.folder).records, { windowSize: 64 * KiB }, async file => {
      let count = 0
      for await (const { bytes } of file.records({ lengthPrefix: 4, endian: 'le' })) {
        assert.ok(bytes.equals(expected[count]), `record ${count}`)
        count++
      }
      assert.equal(count, expected.length)
    })
  },

  async 'cursor and buffer'(bench) {
    const { sparse, text } = paths(bench.folder)
    await withFile(bench, sparse, { windowSize: MiB, maxMappedBytes: 4 * MiB }, async (file, manager) => {
      const cursor = file.cursor()
      const buffer = file.buffer()
      for (const offset of [...marks, ...[...marks].reverse()]) {
        const mark = markAt(offset)
        assert.ok(pieces(cursor, offset, mark.length).equals(mark), `use(${offset})`)
        await cursor.load(offset)
        assert.ok(
          cursor.bytes.subarray(0, mark.length).equals(mark.subarray(0, cursor.length)),
          `load(${offset})`
        )
        assert.ok(buffer.slice(offset, offset + mark.length).equals(mark), `slice(${offset})`)
      }
      cursor.unuse()
      assert.equal(buffer.indexOf(markAt(4 * GiB + 64), 4 * GiB - MiB), 4 * GiB + 64)
      assert.ok(manager.stats().peakMappedBytes <= 4 * MiB)
    })
    const content = fs.readFileSync(text)
    await withFile(bench, text, { windowSize: 64 * KiB }, async file => {
      const buffer = file.buffer()
      assert.ok(buffer.equals(content))
      assert.equal(buffer.readBigUInt64LE(70_001), content.readBigUInt64LE(70_001))
      assert.equal(buffer.lastIndexOf('\n'), content.length - 1)
    })
  },

  async 'concat of small and large files'(bench) {
    const { text, small, records } = paths(bench.folder)
    const sources = [...small.slice(0, 70), text, ...small.slice(70), { source: records, start: 4 }]
    const payloads = smallPayloads()
    const expected = Buffer.concat([
      ...payloads.slice(0, 70),
      fs.readFileSync(text),
      ...payloads.slice(70),
      fs.readFileSync(records).subarray(4)
    ])
    await withManager(bench, { maxHandles: 4, windowSize: 256 * KiB }, async manager => {
      assert.equal(await sha256(manager.concat(sources).stream()), sha256Of(expected))
      const windows = []
      for await (const { bytes } of manager.concat(sources).windows()) windows.push(Buffer.from(bytes))
      assert.ok(Buffer.concat(windows).equals(expected))
    })
    if (bench.mapper !== 'auto') return
    const all = concat(small)
    assert.equal(await sha256(all.stream()), sha256Of(Buffer.concat(payloads)))
    await all.close()
  },

  async pipeTo(bench) {
    const { text } = paths(bench.folder)
    const content = fs.readFileSync(text)
    await withFile(bench, text, { windowSize: 256 * KiB }, async file => {
      const hash = createHash('sha256')
      await file.pipeTo(hash)
      assert.equal(hash.digest('hex'), sha256Of(content))
      const web = []
      await file.pipeTo(new WritableStream({ write: chunk => void web.push(chunk) }))
      assert.ok(Buffer.concat(web).equals(content))
      if (!bench.writes) return
      const out = join(bench.folder, 'out')
      await file.pipeTo(fs.createWriteStream(out))
      assert.ok(fs.readFileSync(out).equals(content))
      await pipeline(file.nodeStream(), fs.createWriteStream(out))
      assert.ok(fs.readFileSync(out).equals(content))
      const sink = fs.createWriteStream(out)
      file.stream().pipe(sink)
      await finished(sink)
      assert.ok(fs.readFileSync(out).equals(content))
      fs.rmSync(out)
    })
  },

  async 'a truncated file is an error'(bench) {
    if (!bench.writes) return 'nothing is written there'
    const path = makeVictim(bench, 'truncated')
    try {
      return await withFile(bench, path, { windowSize: MiB }, async file => {
        const windows = file.windows({ prefetch: 0 })
        const { value: window } = await windows.next()
        try {
          fs.truncateSync(path, 4096)
        } catch (error) {
          // Windows lets nobody cut what is mapped.
          if (process.platform === 'win32') return `the operating system refuses it: ${error.code}`
          throw error
        }
        // What is lost reads as zeros, or as what it was where the bytes are a copy.
        const sum = window.bytes.reduce((a, b) => a + b, 0)
        assert.ok(sum >= 0)
        await assert.rejects(windows.next(), { code: 'ERR_MAP_FILE_TRUNCATED' })
      })
    } finally {
      fs.rmSync(path)
    }
  },

  async 'writing into a window does not reach the file'(bench) {
    const path = bench.writes ? makeVictim(bench, 'kept') : paths(bench.folder).text
    const before = sha256Of(fs.readFileSync(path))
    await withFile(bench, path, { windowSize: MiB }, async file => {
      for await (const { bytes } of file.windows()) bytes.fill(0xee)
      file.cursor().use(0).bytes.fill(0xdd)
      const chunk = await file.read(0, 4096)
      assert.ok(chunk.equals(fs.readFileSync(path).subarray(0, 4096)))
    })
    assert.equal(sha256Of(fs.readFileSync(path)), before)
    if (bench.writes) fs.rmSync(path)
  },

  async 'what is released has length 0'(bench) {
    await withFile(bench, paths(bench.folder).text, { windowSize: 256 * KiB }, async file => {
      const stale = []
      const windows = []
      for await (const window of file.windows()) {
        stale.push(window.bytes)
        windows.push(window)
        assert.deepEqual(
          stale.slice(0, -1).filter(bytes => bytes.length > 0),
          []
        )
      }
      assert.ok(stale.length > 2 && stale.every(bytes => bytes.length === 0 && bytes[0] === undefined))
      for (const window of windows) assert.throws(() => window.bytes, { code: 'ERR_MAP_RELEASED' })
      const cursor = file.cursor()
      const { bytes } = cursor.use(0)
      assert.ok(bytes.length > 0)
      await file.close()
      assert.equal(bytes.length, 0)
      assert.throws(() => cursor.use(0), { code: 'ERR_MAP_CLOSED' })
    })
  },

  async 'an abort ends the wait'(bench) {
    await withFile(
      bench,
      paths(bench.folder).sparse,
      { windowSize: MiB, maxMappedBytes: MiB },
      async file => {
        const { value: held } = await file.windows({ prefetch: 0 }).next()
        held.retain()
        const controller = new AbortController()
        const waiting = file.windows({ start: GiB, signal: controller.signal, prefetch: 0 }).next()
        const reason = new Error('enough')
        controller.abort(reason)
        await assert.rejects(waiting, error => error === reason)
      }
    )
  },

  async 'a file in use can be removed'(bench) {
    if (!bench.writes) return 'nothing is written there'
    const path = makeVictim(bench, 'removed')
    await withFile(bench, path, { windowSize: MiB }, async (file, manager) => {
      const cursor = file.cursor()
      cursor.use(0)
      manager.unmapFile(path)
      assert.equal(cursor.valid, false)
      fs.rmSync(path)
      assert.equal(fs.existsSync(path), false)
    })
  },

  async 'a Worker terminated in the middle'(bench) {
    const { sparse } = paths(bench.folder)
    for (let i = 0; i < 3; i++) {
      const worker = new Worker(new URL('./worker.mjs', import.meta.url), {
        workerData: { path: sparse, mapper: bench.mapper }
      })
      await new Promise((resolve, reject) => {
        worker.once('message', resolve)
        worker.once('error', reject)
        worker.once('exit', status => reject(new Error(`the Worker ended by itself with status ${status}`)))
      })
      worker.removeAllListeners('exit')
      await worker.terminate()
    }
    // Deno says that it has ended a little before it has.
    for (let tries = 0; tries < 50 && held(bench.folder).length > 0; tries++) {
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    // Works on, here.
    await withFile(bench, sparse, {}, async file =>
      assert.ok((await file.read(0, 3)).equals(Buffer.from('<0>')))
    )
  }
}

/** Under a permission model: what `fs` may not read, nothing else of this process may. */
export async function staysConfined(bench) {
  const denied = ({ code, name }) => code === 'ERR_ACCESS_DENIED' || name === 'NotCapable'
  await withManager(bench, {}, async manager => {
    await assert.rejects(manager.open('/etc/passwd'), denied)
    const { small } = paths(bench.folder)
    const walk = sha256(manager.concat([...small.slice(0, 5), '/etc/passwd', ...small]).stream())
    await assert.rejects(walk, denied)
  })
}

/** All 5 GiB, through one stream and less than 128 MiB. */
export async function streamWhole(bench) {
  await withFile(bench, paths(bench.folder).sparse, {}, async (file, manager) => {
    const found = []
    let bytes = 0
    for await (const chunk of file.stream({ chunkSize: MiB })) {
      for (let at = chunk.indexOf(60); at !== -1; at = chunk.indexOf(60, at + 1)) found.push(bytes + at)
      bytes += chunk.length
    }
    assert.equal(bytes, sparseSize)
    assert.deepEqual(found, marks)
    assert.ok(manager.stats().peakMappedBytes < 128 * MiB)
  })
}

/** The suite of the package itself, against the mapper that is in use: a bundle of its own, on the package's binary. */
export async function conformance(bench) {
  const { mapperConformance } = await import('slidemap/conformance')
  const { loadAddon, nativeMapper, readMapper } = await import('./mappers.mjs')
  const binary = new URL(
    `./node_modules/slidemap/native/prebuilds/${process.platform}-${process.arch}/slidemap.node`,
    import.meta.url
  )
  const name = await withManager(bench, {}, async manager => manager.stats().mapper)
  const mapper = name === 'native' ? nativeMapper(loadAddon(fileURLToPath(binary))) : readMapper()
  const tests = []
  mapperConformance({
    describe: (_title, body) => body(),
    it: (title, body) => tests.push([title, body]),
    mapper: () => mapper
  })
  const failures = []
  for (const [title, body] of tests)
    await body().catch(error => failures.push(`${title}: ${error?.stack ?? error}`))
  assert.ok(tests.length > 20)
  if (failures.length > 0) throw new Error(`${failures.length} of ${tests.length}:\n${failures.join('\n')}`)
}
