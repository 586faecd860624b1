import { iterate } from '../harness/consumers.mjs'
import { fileHandleLoop, readStream, readSyncLoop, SIZES } from '../harness/peers.mjs'
import { scanStream, scanWindows, withFile } from '../harness/slidemap.mjs'
import { MiB } from '../harness/units.mjs'

const LIMIT = 64 * MiB
const LIVE = 500e6

export default {
  name: 'scan',
  title: 'look through a file in the page cache for a byte that is not there',
  contestants: [
    { name: 'C whole-file map', role: 'limit', mode: 'whole' },
    { name: 'C read()', role: 'limit', mode: 'read' },
    { name: 'C sliding map', role: 'limit', mode: 'sliding' },
    { name: 'C sliding map, populated', role: 'limit', mode: 'populated' },
    { name: 'leased windows', role: 'ours', prepare: withFile(scanWindows) },
    { name: 'leased windows, 500 MB live', role: 'ours', liveHeap: LIVE, prepare: withFile(scanWindows) },
    {
      name: 'leased windows, 64 MiB limit',
      role: 'ours',
      prepare: withFile(scanWindows, { maxMappedBytes: LIMIT })
    },
    { name: 'copied stream', role: 'ours', prepare: withFile(scanStream) },
    { name: 'createReadStream, default', role: 'peer', prepare: readStream(iterate) },
    { name: 'createReadStream, best', role: 'peer', variants: SIZES, prepare: readStream(iterate) },
    { name: 'readSync, best', role: 'peer', variants: SIZES, prepare: readSyncLoop },
    { name: 'FileHandle.read, best', role: 'peer', variants: SIZES, prepare: fileHandleLoop }
  ],
  goals: [
    { ours: 'leased windows', against: 'C whole-file map', atLeast: 0.85, aim: 0.95 },
    { ours: 'leased windows', against: 'createReadStream, default', atLeast: 15, aim: 20 },
    { ours: 'leased windows', against: 'createReadStream, best', atLeast: 4 },
    { ours: 'leased windows', against: 'readSync, best', atLeast: 1.3 },
    { ours: 'leased windows, 500 MB live', against: 'C whole-file map', atLeast: 0.85 },
    { ours: 'leased windows, 500 MB live', against: 'createReadStream, default', atLeast: 15 },
    { ours: 'leased windows, 500 MB live', against: 'leased windows', atLeast: 0.9 },
    { ours: 'copied stream', against: 'createReadStream, default', atLeast: 6, aim: 8 },
    { ours: 'copied stream', against: 'createReadStream, best', atLeast: 1.3 },
    { ours: 'leased windows, 64 MiB limit', figure: 'rssGrowth', atMost: LIMIT + 32 * MiB }
  ]
}
