import fs from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { iterate } from '../harness/consumers.mjs'
import { mmapIoContestants } from '../harness/mmap-io.mjs'
import { fileHandleLoop, readStream, readSyncLoop, SIZES } from '../harness/peers.mjs'
import { scanStream, scanWindows, scanWindowsSync, withFile } from '../harness/slidemap.mjs'
import { GiB, MiB } from '../harness/units.mjs'

const LIMIT = 64 * MiB
const LIVE = 500e6

/** As many turns of the event loop as there are windows, and nothing else. */
const idle = () => async file => {
  const { size } = fs.statSync(file)
  for (let at = 0; at < size; at += 16 * MiB) await setImmediate()
  return size
}

export default {
  title: 'look through a file in the page cache for a byte that is not there',
  chart: { kind: 'rates', title: 'One pass over a file in the page cache' },
  contestants: [
    { name: 'leased windows', role: 'ours', prepare: withFile(scanWindows) },
    { name: 'leased windows, 500 MB live', role: 'ours', liveHeap: LIVE, prepare: withFile(scanWindows) },
    {
      name: 'leased windows, 64 MiB limit',
      role: 'ours',
      prepare: withFile(scanWindows, { maxMappedBytes: LIMIT })
    },
    { name: 'leased windows, synchronous', role: 'ours', prepare: withFile(scanWindowsSync) },
    { name: 'copied stream', role: 'ours', prepare: withFile(scanStream) },
    { name: 'C whole-file map', role: 'limit', mode: 'whole' },
    { name: 'C sliding map', role: 'limit', mode: 'sliding' },
    { name: 'C sliding map, populated', role: 'limit', mode: 'populated' },
    { name: 'C sliding map, populated ahead', role: 'limit', mode: 'ahead' },
    { name: 'C read()', role: 'limit', mode: 'read' },
    { name: 'createReadStream, default', role: 'peer', prepare: readStream(iterate) },
    { name: 'createReadStream, best', role: 'peer', variants: SIZES, prepare: readStream(iterate) },
    { name: 'readSync, best', role: 'peer', variants: SIZES, prepare: readSyncLoop },
    { name: 'FileHandle.read, best', role: 'peer', variants: SIZES, prepare: fileHandleLoop },
    ...mmapIoContestants([
      ['mmap-io, first 2 GiB at once', 2 * GiB],
      ['mmap-io, 16 MiB windows of these', 16 * MiB]
    ]),
    { name: 'idle loop, 500 MB live', role: 'baseline', liveHeap: LIVE, prepare: idle }
  ],
  goals: [
    { ours: 'leased windows', against: 'C whole-file map', atLeast: 0.95 },
    { ours: 'leased windows', against: 'createReadStream, default', atLeast: 20 },
    { ours: 'leased windows', against: 'createReadStream, best', atLeast: 4 },
    { ours: 'leased windows', against: 'readSync, best', atLeast: 1.3 },
    { ours: 'leased windows, 500 MB live', against: 'leased windows', atLeast: 0.9 },
    { ours: 'leased windows, 500 MB live', figure: 'collections', notAbove: 'idle loop, 500 MB live' },
    { ours: 'copied stream', against: 'createReadStream, default', atLeast: 8 },
    { ours: 'copied stream', against: 'createReadStream, best', atLeast: 1.3 },
    { ours: 'leased windows, 64 MiB limit', figure: 'rssGrowth', atMost: LIMIT + 32 * MiB, worst: true }
  ]
}
