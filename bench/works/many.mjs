import { createReadStream, statSync } from 'node:fs'
import { Search } from '../harness/consumers.mjs'
import { withFile } from '../harness/slidemap.mjs'
import { MiB } from '../harness/units.mjs'

/** Bytes that all consumers of a contestant see together. */
const TOTAL = 1000 * 32 * MiB
const PEERS_TOTAL = 1000 * 4 * MiB

/** Bytes of consumer `i` of `consumers`, in pieces that end with the file: it goes round as often as it takes. */
function* pieces(i, consumers, total, size) {
  const share = total / consumers
  let left = share
  let start = (Math.floor((i * share) / MiB) * MiB) % size
  while (left > 0) {
    const length = Math.min(left, size - start)
    yield { start, end: start + length }
    left -= length
    start = 0
  }
}

/** `scan(start, end)` for every piece of every consumer, the consumers at the same time. */
async function together(consumers, total, size, scan) {
  const consume = async i => {
    for (const { start, end } of pieces(i, consumers, total, size)) await scan(start, end)
  }
  await Promise.all(Array.from({ length: consumers }, (_, i) => consume(i)))
}

const windows = (consumers, options) =>
  withFile(async file => {
    const search = new Search()
    await together(consumers, TOTAL, file.size, async (start, end) => {
      for await (const { bytes } of file.windows({ start, end })) search.take(bytes)
    })
    return search.bytes
  }, options)

const streams = consumers => () => async path => {
  const search = new Search()
  await together(consumers, PEERS_TOTAL, statSync(path).size, async (start, end) => {
    // Its end is inclusive.
    const stream = createReadStream(path, { start, end: end - 1, highWaterMark: MiB })
    for await (const chunk of stream) search.take(chunk)
  })
  return search.bytes
}

const COUNTS = [1, 10, 100, 1000]
const consumers = count => (count === 1 ? '1 consumer' : `${count.toLocaleString('en-US')} consumers`)
const sized = size => ({ fixture: ({ file }) => ({ file, size }) })

export default {
  title:
    'consumers that look through one file in the page cache at the same time, their bytes taken together',
  chart: { kind: 'lines', title: 'Consumers at the same time, together', x: 'consumers' },
  contestants: [
    ...COUNTS.map(count => ({
      name: consumers(count),
      role: 'ours',
      at: { x: count, line: 'leased windows' },
      prepare: windows(count),
      ...sized(TOTAL)
    })),
    {
      name: '1,000 consumers, 64 MiB limit',
      role: 'ours',
      prepare: windows(1000, { maxMappedBytes: 64 * MiB }),
      ...sized(TOTAL)
    },
    ...COUNTS.map(count => ({
      name: `createReadStream, 1 MiB, ${consumers(count)}`,
      role: 'peer',
      at: { x: count, line: 'createReadStream, 1 MiB' },
      prepare: streams(count),
      ...sized(PEERS_TOTAL)
    }))
  ],
  goals: [{ ours: '1,000 consumers', against: '1 consumer', atLeast: 0.8 }]
}
