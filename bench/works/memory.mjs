import fs from 'node:fs'
import { Search, iterate } from '../harness/consumers.mjs'
import { mmapIoContestants } from '../harness/mmap-io.mjs'
import { readStream } from '../harness/peers.mjs'
import { Places } from '../harness/random.mjs'
import { scanStream, scanWindows, withFile } from '../harness/slidemap.mjs'
import { MiB } from '../harness/units.mjs'

const LIMIT = 64 * MiB

/** `use(file)` under the limit, and what the manager says was mapped at most. */
const limited = use =>
  withFile(
    async (file, manager) => {
      const bytes = await use(file)
      return { bytes, figures: { peakMapped: manager.stats().peakMappedBytes } }
    },
    { maxMappedBytes: LIMIT }
  )

/** Eight consumers of a part each, at the same time. */
async function scanTogether(file) {
  const part = Math.ceil(file.size / 8)
  const search = new Search()
  const scan = async start => {
    for await (const { bytes } of file.windows({ start, end: start + part })) search.take(bytes)
  }
  await Promise.all(Array.from({ length: 8 }, (_, i) => scan(i * part)))
  return search.bytes
}

/** Regions that stay mapped until others need their place. */
function lookAround(file) {
  const cursor = file.cursor()
  const places = new Places(file.size)
  for (let i = 0; i < 20_000; i++) cursor.use(places.next(), 1).bytes.readUInt8(0)
  return file.size
}

/** What slidemap is there to avoid. */
const whole = () => file => {
  const bytes = fs.readFileSync(file)
  const search = new Search()
  search.take(bytes)
  return search.bytes
}

const ours = ['leased windows', 'copied stream', 'eight consumers', 'cursor, 20,000 places']

export default {
  title: `memory over time under a limit of 64 MiB`,
  chart: {
    kind: 'memory',
    title: 'Memory under a limit of 64 MiB',
    contestants: ['leased windows', 'eight consumers', 'createReadStream', 'mmap-io, 16 MiB windows'],
    limit: LIMIT
  },
  share: 0.25,
  sampled: true,
  metric: ['rssGrowth', 'peakMapped', 'sampledMapped'],
  contestants: [
    { name: ours[0], role: 'ours', prepare: limited(scanWindows) },
    { name: ours[1], role: 'ours', prepare: limited(scanStream) },
    { name: ours[2], role: 'ours', prepare: limited(scanTogether) },
    { name: ours[3], role: 'ours', prepare: limited(lookAround) },
    { name: 'createReadStream', role: 'peer', prepare: readStream(iterate) },
    { name: 'readFileSync', role: 'peer', prepare: whole },
    ...mmapIoContestants([['mmap-io, 16 MiB windows', 16 * MiB]])
  ],
  goals: ours.flatMap(name => [
    { ours: name, figure: 'peakMapped', atMost: LIMIT, worst: true, must: true },
    { ours: name, figure: 'sampledMapped', atMost: LIMIT, worst: true, must: true },
    { ours: name, figure: 'rssGrowth', atMost: LIMIT + 32 * MiB, worst: true, must: true }
  ])
}
