/** Every public operation, once, on files that are known: what a walk over failing calls goes through. */
import { Buffer } from 'node:buffer'
import { strict as assert } from 'node:assert'
import { Writable } from 'node:stream'
import type { MappedFile, MapManager, Sequence } from '../../lib/index.js'
import { bytesAt, collect, KiB, tempFile } from '../support/files.js'

/** Files whose content is known. */
export interface Known {
  readonly path: string
  readonly content: Buffer
}

export interface Fixtures {
  /** Some windows long, and a piece. */
  readonly large: Known
  readonly other: Known
  /** A few that are read whole. */
  readonly small: readonly Known[]
  /** Lines, 100 bytes each. */
  readonly text: Known
}

/** Windows of the managers that the operations run on: some of each file. */
export const WINDOW = 64 * KiB

export const limits = { windowSize: WINDOW, maxMappedBytes: 4 * WINDOW, maxHandles: 2, concurrency: 2 }

export function makeFixtures(name: string): Fixtures {
  const known = (file: string, content: Buffer): Known => ({
    path: tempFile(`${name}/${file}`, content),
    content
  })
  return {
    large: known('large', bytesAt(1, 0, 3 * WINDOW + 1000)),
    other: known('other', bytesAt(2, 0, 2 * WINDOW + 10)),
    small: [3, 4, 5].map(seed => known(`small-${seed}`, bytesAt(seed, 0, 1000 * seed))),
    text: known('text', Buffer.from(`${'x'.repeat(99)}\n`.repeat(1500)))
  }
}

/** Does something with a manager of its own, checks every byte it gets, and leaves it to the caller to close. */
export interface Operation {
  readonly name: string
  run(manager: MapManager, fixtures: Fixtures): Promise<void>
}

function same(seen: Uint8Array, expected: Uint8Array): void {
  assert.ok(Buffer.compare(seen, expected) === 0, 'other bytes than the file has')
}

async function walk(sequence: Sequence, options: object, { content }: { content: Buffer }): Promise<void> {
  let at = 0
  for await (const { offset, bytes } of sequence.windows(options)) {
    assert.equal(offset, at)
    same(bytes, content.subarray(at, at + bytes.length))
    at += bytes.length
  }
  assert.equal(at, content.length)
}

/** An operation on one open file. */
function onFile(
  name: string,
  run: (file: MappedFile, known: Known, fixtures: Fixtures, manager: MapManager) => Promise<void>,
  pick: (fixtures: Fixtures) => Known = ({ large }) => large
): Operation {
  return {
    name,
    async run(manager, fixtures) {
      const known = pick(fixtures)
      const file = await manager.open(known.path)
      assert.equal(file.size, known.content.length)
      await run(file, known, fixtures, manager)
      await file.close()
    }
  }
}

function sink(seen: Buffer[]): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      seen.push(Buffer.from(chunk))
      done()
    }
  })
}

export const operations: readonly Operation[] = [
  onFile('open and close', async () => {}),
  onFile('windows, leased', (file, known) => walk(file, {}, known)),
  onFile('windows, none ahead', (file, known) => walk(file, { prefetch: 0 }, known)),
  onFile('windows, copied', (file, known) => walk(file, { lifetime: 'copied' }, known)),
  onFile('windows, dropping behind', (file, known) => walk(file, { dropBehind: true }, known)),
  onFile('windows, overlapping', async (file, { content }) => {
    for await (const { offset, bytes } of file.windows({ overlap: 5000, size: 30_000 }))
      same(bytes, content.subarray(offset, offset + bytes.length))
  }),
  onFile('windows, retained, and left early', async (file, { content }) => {
    for await (const window of file.windows()) {
      window.retain()
      same(window.bytes, content.subarray(0, window.length))
      break
    }
  }),
  onFile('windowsSync', async (file, { content }) => {
    let at = 0
    for (const { bytes } of file.windowsSync()) {
      same(bytes, content.subarray(at, at + bytes.length))
      at += bytes.length
    }
    assert.equal(at, content.length)
  }),
  onFile('stream', async (file, { content }) => same(await collect(file.stream()), content)),
  onFile('stream, leased', async (file, { content }) =>
    same(await collect(file.stream({ lifetime: 'leased' })), content)
  ),
  onFile('nodeStream', async (file, { content }) => same(await collect(file.nodeStream()), content)),
  onFile('webStream', async (file, { content }) => {
    const seen: Uint8Array[] = []
    for await (const chunk of file.webStream()) seen.push(chunk)
    same(Buffer.concat(seen), content)
  }),
  onFile('pipeTo', async (file, { content }) => {
    const seen: Buffer[] = []
    await file.pipeTo(sink(seen))
    same(Buffer.concat(seen), content)
  }),
  onFile(
    'lines',
    async (file, { content }) => {
      let text = ''
      for await (const line of file.lines()) text += `${line}\n`
      assert.equal(text, content.toString())
    },
    ({ text }) => text
  ),
  onFile(
    'lineBatches',
    async (file, { content }) => {
      let text = ''
      for await (const lines of file.lineBatches()) text += lines.map(line => `${line}\n`).join('')
      assert.equal(text, content.toString())
    },
    ({ text }) => text
  ),
  onFile(
    'linesSync',
    async (file, { content }) => {
      let text = ''
      for (const line of file.linesSync()) text += `${line}\n`
      assert.equal(text, content.toString())
    },
    ({ text }) => text
  ),
  onFile('records', async (file, { content }) => {
    let at = 0
    for await (const { bytes } of file.records({ recordSize: content.length / 8 })) {
      same(bytes, content.subarray(at, at + bytes.length))
      at += bytes.length
    }
    assert.equal(at, content.length)
  }),
  onFile('cursor: use, clone, unuse', async (file, { content }) => {
    using cursor = file.cursor()
    for (const offset of [0, 2 * WINDOW, WINDOW + 77, 0]) {
      cursor.use(offset, 5000)
      same(cursor.bytes, content.subarray(offset, offset + cursor.length))
    }
    using clone = cursor.clone()
    clone.use(3 * WINDOW)
    same(clone.bytes, content.subarray(3 * WINDOW))
    cursor.unuse()
  }),
  onFile('cursor: load', async (file, { content }) => {
    using cursor = file.cursor()
    for (const offset of [WINDOW, 0, 3 * WINDOW]) {
      await cursor.load(offset, 5000)
      same(cursor.bytes, content.subarray(offset, offset + cursor.length))
    }
    cursor.use(0)
    await cursor.load(2 * WINDOW)
    await cursor.load(0)
  }),
  onFile('buffer: at, slice, lease, indexOf, readX', async (file, { content }) => {
    using buffer = file.buffer()
    assert.equal(buffer.at(-1), content.at(-1))
    same(buffer.slice(1000, 3 * WINDOW), content.subarray(1000, 3 * WINDOW))
    const window = buffer.lease(WINDOW - 100, 200)
    same(window.bytes, content.subarray(WINDOW - 100, WINDOW + 100))
    window.release()
    assert.equal(buffer.indexOf(content.subarray(-20)), content.length - 20)
    assert.equal(buffer.readUInt32LE(2 * WINDOW - 2), content.readUInt32LE(2 * WINDOW - 2))
    assert.equal(buffer.readBigUInt64BE(8), content.readBigUInt64BE(8))
    const target = Buffer.alloc(WINDOW)
    buffer.copy(target, 0, 500, 500 + WINDOW)
    same(target, content.subarray(500, 500 + WINDOW))
  }),
  onFile('read', async (file, { content }) => {
    same(await file.read(10, 2 * WINDOW), content.subarray(10, 10 + 2 * WINDOW))
    const cursor = await file.cursor().load(0)
    cursor[Symbol.dispose]()
    same(await file.read(100, 50), content.subarray(100, 150))
  }),
  onFile('refresh', async (file, { content }) => {
    assert.equal(await file.refresh(), content.length)
  }),
  onFile('collect and unmapFile', async (file, { path, content }, _fixtures, manager) => {
    using cursor = file.cursor()
    cursor.use(0)
    cursor.use(2 * WINDOW)
    manager.collect()
    manager.unmapFile(path)
    assert.equal(cursor.valid, false)
    cursor.use(10, 10)
    same(cursor.bytes.subarray(0, 10), content.subarray(10, 20))
  }),
  {
    name: 'concat of small files and large ones',
    async run(manager, { small, large, other }) {
      const parts = [...small, large, ...small, other, ...small]
      const whole = manager.concat(parts.map(({ path }) => path))
      same(await collect(whole.stream()), Buffer.concat(parts.map(({ content }) => content)))
      await whole.close()
    }
  },
  {
    name: 'handles that are closed for others and opened again',
    async run(manager, { large, other, text }) {
      const files = await Promise.all([large, other, text].map(({ path }) => manager.open(path)))
      for (const offset of [0, WINDOW, 2 * WINDOW - 1]) {
        for (const [i, { content }] of [large, other, text].entries()) {
          const at = Math.min(offset, content.length - 10)
          same((await files[i]?.read(at, 10)) as Buffer, content.subarray(at, at + 10))
        }
      }
    }
  },
  {
    name: 'two files at the same time, on threads',
    async run(manager, { large, other }) {
      const [one, two] = [await manager.open(large.path), await manager.open(other.path)]
      const results = await Promise.allSettled([walk(one, {}, large), walk(two, {}, other)])
      for (const result of results) if (result.status === 'rejected') throw result.reason
    }
  }
]
