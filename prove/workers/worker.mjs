/**
 * What a Worker is at when it is terminated: one kind of work, over and over. JavaScript, so that a Worker starts in
 * some milliseconds where the library is built.
 */
import { parentPort, workerData } from 'node:worker_threads'

const { library, paths, kind } = workerData
const { MapManager } = await import(library)

// Less than all of them want: most of them wait at any moment.
const tight = { windowSize: 64 * 1024, maxMappedBytes: 128 * 1024, maxHandles: 2 }

const kinds = {
  async mapping() {
    const manager = new MapManager({ windowSize: 256 * 1024 })
    const files = await Promise.all(paths.map(path => manager.open(path)))
    const cursors = files.map(file => file.cursor())
    for (let at = 0; ; at++) {
      for (const cursor of cursors) cursor.use((at * 4096) % 2 ** 20)
      await Promise.all(cursors.map(cursor => cursor.load((at * 65536) % 2 ** 20)))
      if (at % 8 === 0) manager.collect()
    }
  },
  async streaming() {
    const manager = new MapManager({ windowSize: 256 * 1024, prefetch: 4 })
    const walk = async path => {
      for (;;) {
        const file = await manager.open(path)
        for await (const { bytes } of file.windows()) bytes[0]++
        for await (const chunk of file.stream()) chunk.length
        await file.close()
      }
    }
    await Promise.all(paths.map(walk))
  },
  async waiting() {
    const manager = new MapManager(tight)
    const walk = async path => {
      for (;;) {
        const file = await manager.open(path)
        for await (const { bytes } of file.windows())
          await new Promise(resolve => setImmediate(resolve, bytes))
        await file.close()
      }
    }
    await Promise.all([...paths, ...paths, ...paths].map(walk))
  },
  async opening() {
    for (;;) {
      const manager = new MapManager()
      const files = await Promise.all(paths.map(path => manager.open(path)))
      const parts = manager.concat(paths)
      for await (const line of parts.lines()) if (line.length > 1e6) break
      await Promise.all(files.map(file => file.read(0, 100_000)))
      await manager.close()
    }
  }
}

parentPort.postMessage('begins')
await kinds[kind]()
