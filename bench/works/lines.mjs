import { once } from 'node:events'
import fs from 'node:fs'
import fsp from 'node:fs/promises'
import readline from 'node:readline'
import NReadLines from 'n-readlines'
import split2 from 'split2'
import { makeLog } from '../harness/log-file.mjs'
import { withFile } from '../harness/slidemap.mjs'
import { MiB } from '../harness/units.mjs'

const LIMIT = 64 * MiB
/** So many that loading and compiling, 40 ms, are a tenth of the shortest run, not a fifth. */
const LINES = 8_000_000
const NEWLINE = { delimiter: '\n' }

/**
 * What every contestant does with a line: count its characters, and the delimiter that it lost. The log is ASCII, so
 * this comes to the size of the file only if every line was seen, and whole.
 */
class Tally {
  bytes = 0

  take(line) {
    this.bytes += line.length + 1
  }
}

async function iterate(lines) {
  const tally = new Tally()
  for await (const line of lines) tally.take(line)
  return tally.bytes
}

async function iterateBatches(batches) {
  const tally = new Tally()
  for await (const lines of batches) for (const line of lines) tally.take(line)
  return tally.bytes
}

function iterateSync(lines) {
  const tally = new Tally()
  for (const line of lines) tally.take(line)
  return tally.bytes
}

/** Records have bytes, not characters: their length is known without a string, and one byte of each is looked at. */
async function iterateRecordBatches(file) {
  let size = 0
  for await (const { bytes, starts, ends, length } of file.recordBatches(NEWLINE)) {
    for (let i = 0; i < length; i++) {
      if (bytes[starts[i]] === 0) throw new Error('found the byte that is not there')
      size += ends[i] - starts[i] + 1
    }
  }
  return size
}

async function listen(emitter, event, end) {
  const tally = new Tally()
  emitter.on(event, line => tally.take(line))
  await once(emitter, end)
  return tally.bytes
}

const open = file => readline.createInterface({ input: fs.createReadStream(file), crlfDelay: Infinity })

const peers = [
  { name: 'readline, for await', prepare: () => file => iterate(open(file)) },
  { name: "readline, 'line'", prepare: () => file => listen(open(file), 'line', 'close') },
  {
    name: 'FileHandle.readLines',
    prepare: () => async file => {
      const handle = await fsp.open(file)
      return iterate(handle.readLines())
    }
  },
  {
    name: "split2, 'data'",
    prepare: () => file => listen(fs.createReadStream(file).pipe(split2()), 'data', 'end')
  },
  { name: 'split2, for await', prepare: () => file => iterate(fs.createReadStream(file).pipe(split2())) },
  {
    // It yields Buffers, and reads on this thread.
    name: 'n-readlines',
    prepare: () => file => {
      const tally = new Tally()
      const lines = new NReadLines(file, { readChunk: MiB })
      for (let line = lines.next(); line; line = lines.next()) tally.take(line.toString('utf8'))
      return tally.bytes
    }
  }
]

const names = peers.map(({ name }) => name)

const ours = [
  { name: 'lineBatches', prepare: withFile(file => iterateBatches(file.lineBatches())) },
  {
    name: 'lineBatches, latin1',
    prepare: withFile(file => iterateBatches(file.lineBatches({ encoding: 'latin1' })))
  },
  { name: 'lineBatches, offsets', prepare: withFile(file => iterateBatches(located(file))) },
  {
    name: 'lineBatches, 64 MiB limit',
    prepare: withFile(file => iterateBatches(file.lineBatches()), { maxMappedBytes: LIMIT })
  },
  { name: 'lines', prepare: withFile(file => iterate(file.lines())) },
  { name: 'linesSync', prepare: withFile(file => iterateSync(file.linesSync())) },
  { name: 'records', prepare: withFile(file => iterate(file.records(NEWLINE))) },
  { name: 'recordBatches', prepare: withFile(iterateRecordBatches) }
]

/** Batches of lines with offsets, as their tally takes them. */
const located = file => ({
  [Symbol.asyncIterator]() {
    const batches = file.lineBatches({ offsets: true })
    return {
      async next() {
        const { done, value } = await batches.next()
        return { done, value: value?.map(({ line }) => line) }
      }
    }
  }
})

export default {
  title: 'take 8 million lines of a log one by one, counting characters',
  unit: 'line',
  chart: { kind: 'rates', title: 'Lines of a log' },
  fixture: folder => ({ ...makeLog(folder, 1024 * MiB, LINES), items: LINES }),
  contestants: [
    ...ours.map(each => ({ ...each, role: 'ours' })),
    ...peers.map(each => ({ ...each, role: 'peer' }))
  ],
  goals: [
    { ours: 'lineBatches', against: names, called: 'the best peer', atLeast: 7 },
    { ours: 'linesSync', against: names, called: 'the best peer', atLeast: 7 },
    { ours: 'lines', against: names, called: 'the best peer', atLeast: 3 },
    { ours: 'recordBatches', against: names, called: 'the best peer', atLeast: 8 },
    { ours: 'lineBatches, 64 MiB limit', figure: 'rssGrowth', atMost: LIMIT + 32 * MiB, worst: true }
  ]
}
