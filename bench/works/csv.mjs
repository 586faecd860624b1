import { once } from 'node:events'
import fs from 'node:fs'
import { parse } from 'csv-parse'
import { makeCsv } from '../harness/csv-file.mjs'
import { withFile } from '../harness/slidemap.mjs'
import { GiB, MiB, parseSize } from '../harness/units.mjs'

/** Bytes of the table; `CSV_SIZE=2GiB npm run bench -- csv` for more of them. */
const size = parseSize(process.env.CSV_SIZE ?? '64MiB')

/** Parse what `feed` writes; every row is looked at. Answers the bytes that the parser has taken. */
async function count(feed) {
  const parser = parse()
  let cells = 0
  parser.on('data', row => {
    cells += row.length
  })
  const end = once(parser, 'end')
  await Promise.all([feed(parser), end])
  if (cells !== 5 * parser.info.records) throw new Error(`${cells} cells in ${parser.info.records} rows`)
  return parser.info.bytes
}

const piped = stream => count(parser => void stream.pipe(parser))
const peer = () => file => piped(fs.createReadStream(file))

export default {
  title: 'parse a CSV file with csv-parse, every row looked at',
  chart: { kind: 'rates', title: 'csv-parse' },
  fixture: folder => makeCsv(folder, size),
  contestants: [
    { name: 'stream().pipe', role: 'ours', prepare: withFile(file => piped(file.stream())) },
    { name: 'nodeStream().pipe', role: 'ours', prepare: withFile(file => piped(file.nodeStream())) },
    { name: 'pipeTo', role: 'ours', prepare: withFile(file => count(parser => file.pipeTo(parser))) },
    { name: 'createReadStream().pipe', role: 'peer', prepare: peer }
  ],
  goals: [
    ...['stream().pipe', 'nodeStream().pipe', 'pipeTo'].map(ours => ({
      ours,
      against: 'createReadStream().pipe',
      atLeast: 1
    })),
    // Flat: a fraction of the file, and no more for a longer one. Of a short one it would say nothing.
    ...(size >= GiB ? [{ ours: 'stream().pipe', figure: 'rssGrowth', atMost: 128 * MiB, worst: true }] : [])
  ]
}
