import fs from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { iterate } from '../harness/consumers.mjs'
import { mmapIoContestants } from '../harness/mmap-io.mjs'
import { fileHandleLoop, readStream, readSyncLoop } from '../harness/peers.mjs'
import { scanStream, scanWindows, withFile } from '../harness/slidemap.mjs'
import { MiB } from '../harness/units.mjs'

const idle = () => async file => {
  await setTimeout(500)
  return fs.statSync(file).size
}
const fixed =
  (use, size) =>
  (_variant, ...rest) =>
    use(size, ...rest)

/** The places of the lines in it, without strings. */
async function findLines(file) {
  let bytes = 0
  for await (const { starts, ends, length } of file.recordBatches({ delimiter: '\n' })) {
    for (let i = 0; i < length; i++) bytes += ends[i] - starts[i] + 1
  }
  // The last line has no end.
  return bytes - 1
}

export default {
  title: 'how late timers are while a file that the page cache has forgotten is looked through',
  chart: { kind: 'delays', title: 'Event-loop delay while a cold file is scanned' },
  share: 0.25,
  cold: true,
  loop: true,
  metric: ['loopP50', 'loopP99', 'loopMax'],
  contestants: [
    { name: 'an idle loop', role: 'baseline', prepare: idle },
    { name: 'leased windows', role: 'ours', prepare: withFile(scanWindows) },
    { name: 'copied stream', role: 'ours', prepare: withFile(scanStream) },
    { name: 'recordBatches', role: 'ours', prepare: withFile(findLines) },
    { name: 'createReadStream, 64 KiB', role: 'peer', prepare: readStream(iterate) },
    { name: 'createReadStream, 1 MiB', role: 'peer', prepare: fixed(readStream(iterate), MiB) },
    { name: 'FileHandle.read, 1 MiB', role: 'peer', prepare: fixed(fileHandleLoop, MiB) },
    { name: 'readSync, 1 MiB', role: 'peer', prepare: fixed(readSyncLoop, MiB) },
    ...mmapIoContestants([['mmap-io, 16 MiB windows', 16 * MiB]])
  ],
  goals: [
    { ours: 'leased windows', figure: 'loopP99', atMost: 10 },
    { ours: 'copied stream', figure: 'loopP99', atMost: 10 },
    { ours: 'recordBatches', figure: 'loopP99', atMost: 10 }
  ]
}
