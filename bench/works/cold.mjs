import { iterate } from '../harness/consumers.mjs'
import { mmapIoContestants } from '../harness/mmap-io.mjs'
import { fileHandleLoop, readStream, readSyncLoop, SIZES } from '../harness/peers.mjs'
import { scanStream, scanWindows, scanWindowsSync, withFile } from '../harness/slidemap.mjs'
import { MiB } from '../harness/units.mjs'

const peers = [
  'createReadStream, default',
  'createReadStream, best',
  'readSync, best',
  'FileHandle.read, best',
  'mmap-io, 16 MiB windows'
]

export default {
  title: 'the same search in a file that the page cache has forgotten',
  chart: { kind: 'rates', title: 'One pass over a file on the disk' },
  share: 0.25,
  cold: true,
  loop: true,
  contestants: [
    { name: 'leased windows', role: 'ours', prepare: withFile(scanWindows) },
    { name: 'leased windows, synchronous', role: 'ours', prepare: withFile(scanWindowsSync) },
    { name: 'copied stream', role: 'ours', prepare: withFile(scanStream) },
    { name: 'C read()', role: 'limit', mode: 'read' },
    { name: 'C sliding map', role: 'limit', mode: 'sliding' },
    { name: 'C sliding map, populated ahead', role: 'limit', mode: 'ahead' },
    { name: peers[0], role: 'peer', prepare: readStream(iterate) },
    { name: peers[1], role: 'peer', variants: SIZES, prepare: readStream(iterate) },
    { name: peers[2], role: 'peer', variants: SIZES, prepare: readSyncLoop },
    { name: peers[3], role: 'peer', variants: SIZES, prepare: fileHandleLoop },
    ...mmapIoContestants([[peers[4], 16 * MiB]])
  ],
  goals: [
    {
      ours: 'leased windows',
      against: ['C read()', 'C sliding map'],
      called: 'the better one in C',
      atLeast: 0.95
    },
    { ours: 'leased windows', against: peers, called: 'the best peer', atLeast: 1 },
    { ours: 'leased windows', against: 'createReadStream, default', atLeast: 3 },
    { ours: 'leased windows', figure: 'loopP99', atMost: 10 }
  ]
}
