/** In a Worker: windows, cursors and retained windows until somebody ends it. */
import { parentPort, workerData } from 'node:worker_threads'
import { MapManager } from 'slidemap'

const MiB = 2 ** 20

const { path, mapper } = workerData
const manager = new MapManager({ mapper, windowSize: MiB })
const file = await manager.open(path)
const cursor = file.cursor()
let retained
for (let told = false; ; ) {
  for await (const window of file.windows({ end: 64 * MiB })) {
    cursor.use(window.offset)
    if (window.offset === 0) {
      retained?.release()
      retained = window.retain()
    }
    if (!told && window.offset > 4 * MiB) {
      parentPort.postMessage('walking')
      told = true
    }
  }
}
