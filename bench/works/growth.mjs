import fs from 'node:fs'
import path from 'node:path'
import { everyPlace, subfolder } from '../harness/random.mjs'
import { prepared } from '../harness/slidemap.mjs'
import { KiB } from '../harness/units.mjs'

/** Touches of each contestant, each of which maps one region and evicts another. */
const TOUCHES = 1_000_000
/** Places to touch: the file holds that many regions. */
const PLACES = 400_000

/**
 * A mapper in memory, for as many regions as one likes: what is left is what slidemap itself does. The OS's maps end at
 * `vm.max_map_count`, 65,530 by default.
 */
function memoryMapper(unit) {
  const info = { kind: 'file', size: PLACES * unit, dev: 1n, ino: 1n, mtimeNs: 1n }
  const forget = () => {}
  const none = { fd: 1, info }
  const runSync = ({ length }) =>
    length
      ? {
          fd: 1,
          info,
          mapping: { buffer: new ArrayBuffer(length), unmap: () => -1, fault: () => -1, forget }
        }
      : none
  return {
    name: 'memory',
    granularity: unit,
    pageSize: unit,
    maxOffset: Number.MAX_SAFE_INTEGER,
    maxLength: 2 ** 32,
    detaches: true,
    servesAnyFile: true,
    run: async task => runSync(task),
    runSync,
    close: async () => {},
    closeSync() {},
    drain() {}
  }
}

/**
 * Fill the budget before the clock starts, then touch. Every place comes once before any comes again, so that the
 * region is never there: each touch evicts.
 *
 * @param part do one touch of so many, timed for all: maps of the OS take their time
 */
const touching = (regions, unit, mapper, part = 1) =>
  prepared(async ({ MapManager }, file) => {
    const manager = new MapManager({ mapper, windowSize: unit, maxMappedBytes: regions * unit })
    const cursor = (await manager.open(file)).cursor()
    const places = everyPlace(PLACES)
    let sum = 0
    const touch = count => {
      for (let i = 0; i < count; i++) sum += cursor.use(places.next().value * unit, 1).bytes[0]
    }
    touch(regions + TOUCHES / part / 10)
    return async () => {
      const before = manager.stats().evictions
      const start = process.hrtime.bigint()
      touch(TOUCHES / part)
      const ns = Number(process.hrtime.bigint() - start) * part
      const { evictions } = manager.stats()
      if (evictions - before !== TOUCHES / part) throw new Error(`${evictions - before} evictions`)
      await manager.close()
      return { bytes: sum >= 0 ? TOUCHES : 0, ns }
    }
  })

export default {
  name: 'growth',
  title: '1,000,000 touches that each map a region and evict another',
  unit: 'eviction',
  fixture: folder => {
    const file = path.join(subfolder(folder, 'growth'), 'sparse')
    fs.writeFileSync(file, '')
    fs.truncateSync(file, PLACES * 4 * KiB)
    return { file, size: TOUCHES }
  },
  contestants: [
    { name: 'in memory, 1,000 regions', role: 'ours', prepare: touching(1000, 64, memoryMapper(64)) },
    { name: 'in memory, 100,000 regions', role: 'ours', prepare: touching(100_000, 64, memoryMapper(64)) },
    { name: 'read, 1,000 regions', role: 'ours', prepare: touching(1000, 4 * KiB, 'read', 5) },
    { name: 'read, 100,000 regions', role: 'ours', prepare: touching(100_000, 4 * KiB, 'read', 5) },
    { name: 'native, 1,000 regions', role: 'ours', prepare: touching(1000, 4 * KiB, 'native', 5) },
    { name: 'native, 30,000 regions', role: 'ours', prepare: touching(30_000, 4 * KiB, 'native', 5) }
  ],
  goals: [
    { ours: 'in memory, 100,000 regions', against: 'in memory, 1,000 regions', atLeast: 0.83 },
    { ours: 'read, 100,000 regions', against: 'read, 1,000 regions', atLeast: 0.83 },
    { ours: 'native, 30,000 regions', against: 'native, 1,000 regions', atLeast: 0.83 }
  ]
}
