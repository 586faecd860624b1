import fs from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { prepared } from '../harness/slidemap.mjs'
import { KiB } from '../harness/units.mjs'

const root = path.join(import.meta.dirname, '..', '..')
const { dependencies } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'))
const slidemap = pathToFileURL(path.join(root, 'dist/index.js')).href

/** A program of its own that imports `specifiers` and ends. In the root, whose node_modules it sees. */
const importing =
  (...specifiers) =>
  () => [
    '--input-type=module',
    '--eval',
    specifiers.map(specifier => `import ${JSON.stringify(specifier)}`).join('\n')
  ]

const imported = {
  name: 'startup-import',
  title: 'the time of a Node program that imports something and does nothing, from its start to its end',
  chart: { kind: 'times', title: 'A Node program that only imports' },
  times: 6,
  unit: 'program',
  metric: 'time',
  fixture: () => ({ file: root, size: 1 }),
  contestants: [
    { name: 'bare Node', role: 'baseline', command: importing() },
    { name: 'import slidemap', role: 'ours', command: importing(slidemap) },
    {
      name: 'import what slidemap depends on',
      role: 'limit',
      command: importing(...Object.keys(dependencies))
    },
    {
      name: 'import node:fs/promises, node:stream',
      role: 'peer',
      command: importing('node:fs/promises', 'node:stream')
    }
  ],
  goals: [{ ours: 'import slidemap', over: 'bare Node', atMost: 25 }]
}

/** Starts a clock; what it answers is called with the first bytes, and stops it. Leaving is not on the clock. */
function untilFirst() {
  const start = process.hrtime.bigint()
  return bytes => {
    if (bytes[0] === 0) throw new Error('found a byte that is not there')
    return { bytes: 1, ns: Number(process.hrtime.bigint() - start) }
  }
}

const ours = prepared(({ MapManager }) => async file => {
  const stop = untilFirst()
  const manager = new MapManager()
  const opened = await manager.open(file)
  let outcome
  for await (const { bytes } of opened.windows()) {
    outcome = stop(bytes)
    break
  }
  await manager.close()
  return outcome
})

const readFirst = () => async file => {
  const stop = untilFirst()
  const handle = await fs.promises.open(file)
  const { buffer } = await handle.read(Buffer.allocUnsafe(64 * KiB), 0, 64 * KiB, 0)
  const outcome = stop(buffer)
  await handle.close()
  return outcome
}

const streamFirst = () => async file => {
  const stop = untilFirst()
  for await (const chunk of fs.createReadStream(file)) return stop(chunk)
}

const first = {
  name: 'startup-first-window',
  title: 'from opening a file in the page cache to its first bytes, once in a fresh process',
  chart: { kind: 'times', title: 'From open() to the first bytes' },
  fresh: true,
  times: 4,
  unit: 'file',
  metric: 'time',
  fixture: async (_folder, { workFile }) => ({ file: (await workFile(0.25)).file, size: 1 }),
  contestants: [
    { name: 'first window, 16 MiB', role: 'ours', prepare: ours },
    { name: 'FileHandle.read, 64 KiB', role: 'peer', prepare: readFirst },
    { name: 'createReadStream, 64 KiB', role: 'peer', prepare: streamFirst }
  ],
  goals: [{ ours: 'first window, 16 MiB', figure: 'time', atMost: 2 }]
}

export default [imported, first]
