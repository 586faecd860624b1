import fs from 'node:fs'
import path from 'node:path'
import { Search } from '../harness/consumers.mjs'
import { makeManyFiles, pathsIn } from '../harness/many-files.mjs'
import { everyPlace } from '../harness/random.mjs'
import { prepared, scanWindows, withManager } from '../harness/slidemap.mjs'
import { formatSize, GiB, KiB, MiB, TiB } from '../harness/units.mjs'

/** `BENCH_LONG=1`: also all of the files of 256 GiB and 1 TiB, which takes the better part of an hour. */
const LONG = process.env.BENCH_LONG === '1'

/** A file of holes: it reads as zeros and takes no room on the disk. */
function sparse(folder, size) {
  fs.mkdirSync(folder, { recursive: true })
  const file = path.join(folder, `sparse-${size}`)
  fs.writeFileSync(file, '')
  fs.truncateSync(file, size)
  return file
}

/** Bytes of live heap, everything else collected. */
function liveHeap() {
  globalThis.gc()
  return process.memoryUsage().heapUsed
}

/** Everything but time: the growth of the live heap from a tenth of the way to the end of it, with all still open. */
class HeapGauge {
  #start
  #paused = 0n

  /** To be asked at each step; `done` is how far it is, 0 to 1. */
  step(done) {
    if (this.#start === undefined && done >= 0.1) this.#start = this.#measure()
  }

  /** Nanoseconds that measuring has taken, and what has grown. */
  end() {
    const heapGrowth = this.#measure() - this.#start
    return { paused: Number(this.#paused), heapGrowth }
  }

  #measure() {
    const before = process.hrtime.bigint()
    const bytes = liveHeap()
    this.#paused += process.hrtime.bigint() - before
    return bytes
  }
}

/** The last GiB of files of any size, once over before the clock starts, so that the page cache has it, then so often. */
const PASSES = 8
const tail = size =>
  prepared(async ({ MapManager }, file) => {
    const manager = new MapManager()
    const opened = await manager.open(file)
    const start = size - GiB
    const pass = async () => {
      let seen = 0
      for await (const { bytes } of opened.windows({ start })) {
        if (bytes.indexOf(1) !== -1) throw new Error('found a byte that is not there')
        seen += bytes.length
      }
      return seen
    }
    await pass()
    return async () => {
      let seen = 0
      const gauge = new HeapGauge()
      const begin = process.hrtime.bigint()
      for (let i = 0; i < PASSES; i++) {
        gauge.step(i / PASSES)
        seen += await pass()
      }
      const { paused, heapGrowth } = gauge.end()
      const ns = Number(process.hrtime.bigint() - begin) - paused
      await manager.close()
      return { bytes: seen, ns, figures: { heapGrowth } }
    }
  })

/** All of it. The kernel has to make every page: that is what takes the time. */
const wholly = size =>
  prepared(({ MapManager }) => async file => {
    const manager = new MapManager()
    const opened = await manager.open(file)
    const gauge = new HeapGauge()
    const begin = process.hrtime.bigint()
    let seen = 0
    for await (const { bytes } of opened.windows({ dropBehind: true })) {
      seen += bytes.length
      gauge.step(seen / size)
      if (bytes[0] !== 0) throw new Error('found a byte that is not there')
    }
    const { paused, heapGrowth } = gauge.end()
    const ns = Number(process.hrtime.bigint() - begin) - paused
    await manager.close()
    return { bytes: seen, ns, figures: { heapGrowth } }
  })

const SIZES = [GiB, 16 * GiB, 256 * GiB, TiB]
const WHOLES = [GiB, 4 * GiB, ...(LONG ? [256 * GiB, TiB] : [])]
const named = size => `the last GiB of ${formatSize(size)}`
const all = size => `all of ${formatSize(size)}`
/** What one pass holds on to, and a collection or two of slack: nothing that grows with the file. */
const HEAP_SLACK = MiB

const sizes = {
  name: 'growth-sizes',
  title: 'sparse files of 1 GiB to 1 TiB: the last GiB of each, in the page cache, and whole files beyond it',
  chart: {
    kind: 'lines',
    title: 'One GiB at the end of a file',
    x: 'size of the file',
    bytes: true,
    relative: true
  },
  fixture: folder => {
    const files = Object.fromEntries(SIZES.map(size => [size, sparse(folder, size)]))
    // Of their own: what the page cache has of the others must not help, nor go.
    const whole = path.join(folder, 'whole')
    const wholes = Object.fromEntries(WHOLES.map(size => [size, sparse(whole, size)]))
    return { file: files[GiB], size: GiB, files, wholes }
  },
  contestants: [
    ...SIZES.map(size => ({
      name: named(size),
      role: 'ours',
      at: { x: size, line: 'leased windows' },
      fixture: ({ files }) => ({ file: files[size], size: PASSES * GiB }),
      prepare: tail(size)
    })),
    ...WHOLES.map(size => ({
      name: all(size),
      role: 'ours',
      cold: true,
      timeLimit: Math.max(180, size / (100 * MiB)),
      fixture: ({ wholes }) => ({ file: wholes[size], size }),
      prepare: wholly(size)
    }))
  ],
  goals: [
    ...SIZES.slice(1).map(size => ({ ours: named(size), against: named(GiB), atLeast: 0.95 })),
    { ours: named(TiB), figure: 'heapGrowth', atMost: HEAP_SLACK },
    { ours: all(4 * GiB), against: all(GiB), atLeast: 0.95 },
    { ours: all(4 * GiB), figure: 'heapGrowth', atMost: HEAP_SLACK },
    ...(LONG
      ? [
          { ours: all(TiB), against: all(GiB), atLeast: 0.95 },
          { ours: all(TiB), figure: 'heapGrowth', atMost: HEAP_SLACK }
        ]
      : [])
  ]
}

/** Touches of each contestant, each of which maps one region and evicts another. */
const TOUCHES = 500_000
/** Places to touch: the file holds that many regions. */
const PLACES = 400_000

/** As small as a mapping can be: an ArrayBuffer of its own, and nothing made for it but itself. */
class MemoryMapping {
  constructor(length) {
    this.buffer = new ArrayBuffer(length)
  }

  unmap() {
    return -1
  }

  fault() {
    return -1
  }

  forget() {}
}

/**
 * A mapper in memory, for as many regions as one likes: what is left is mostly what slidemap itself does. The OS's maps
 * end at `vm.max_map_count`, 65,530 by default.
 */
function memoryMapper(unit) {
  const info = { kind: 'file', size: PLACES * unit, dev: 1n, ino: 1n, mtimeNs: 1n }
  const none = { fd: 1, info }
  const runSync = ({ length }) => (length ? { fd: 1, info, mapping: new MemoryMapping(length) } : none)
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
      const { evictions } = manager.stats()
      const heap = liveHeap()
      const start = process.hrtime.bigint()
      touch(TOUCHES / part)
      const ns = Number(process.hrtime.bigint() - start) * part
      const heapGrowth = liveHeap() - heap
      const evicted = manager.stats().evictions - evictions
      if (evicted !== TOUCHES / part) throw new Error(`${evicted} evictions`)
      await manager.close()
      return { bytes: sum >= 0 ? TOUCHES : 0, ns, figures: { heapGrowth } }
    }
  })

const count = number => `${number.toLocaleString('en-US')} region${number === 1 ? '' : 's'}`
const touched = (line, numbers, ...how) =>
  numbers.map(regions => ({
    name: `${line}, ${count(regions)}`,
    role: 'ours',
    at: { x: regions, line },
    prepare: touching(regions, ...how)
  }))

const regions = {
  name: 'growth-regions',
  title: '500,000 touches that each map a region and evict another',
  unit: 'eviction',
  chart: { kind: 'lines', title: 'Evictions', x: 'regions mapped', relative: true },
  fixture: folder => ({ file: sparse(folder, PLACES * 4 * KiB), size: TOUCHES }),
  contestants: [
    ...touched('in memory', [10, 1000, 100_000], 64, memoryMapper(64)),
    ...touched('read', [10, 1000, 100_000], 4 * KiB, 'read', 5),
    ...touched('native', [10, 1000, 30_000], 4 * KiB, 'native', 5)
  ],
  goals: [
    { ours: 'in memory, 100,000 regions', against: 'in memory, 1,000 regions', atLeast: 0.83 },
    { ours: 'read, 100,000 regions', against: 'read, 1,000 regions', atLeast: 0.83 },
    { ours: 'native, 30,000 regions', against: 'native, 1,000 regions', atLeast: 0.83 },
    { ours: 'in memory, 100,000 regions', figure: 'heapGrowth', atMost: HEAP_SLACK }
  ]
}

const FILES = 10_000
const FILE_SIZE = 8 * KiB

/** `files` of them, again and again, until as many have been walked as there are in the folder. */
const walked = files => async (_variant, folder) => {
  const paths = pathsIn(folder).slice(0, files)
  return withManager(async manager => {
    let bytes = 0
    for (let i = 0; i < FILES; i += files) bytes += await scanWindows(manager.concat(paths))
    return bytes
  })()
}

/** So many files open at a time, each looked at in turn, under the default limit of 256 handles. */
const opened = files => async (_variant, folder) => {
  const paths = pathsIn(folder).slice(0, files)
  return withManager(async manager => {
    const search = new Search()
    const open = await Promise.all(paths.map(each => manager.open(each)))
    for (let i = 0; i < FILES; i += files) {
      for (const file of open) search.take(await file.read(0))
    }
    return search.bytes
  })()
}

const filesOf = number => `${number.toLocaleString('en-US')} file${number === 1 ? '' : 's'}`
const FILE_COUNTS = [1, 10, 100, 1000, FILES]

const files = {
  name: 'growth-files',
  title: `${FILES.toLocaleString('en-US')} looks through files of 8 KiB, of which there are 1 to 10,000`,
  unit: 'file',
  chart: {
    kind: 'lines',
    title: 'Files walked, and files read while they are open',
    x: 'files',
    relative: true
  },
  fixture: folder => {
    const made = makeManyFiles(folder, FILES, FILE_SIZE)
    return { ...made, items: FILES }
  },
  contestants: [
    ...FILE_COUNTS.map(number => ({
      name: `concat of ${filesOf(number)}`,
      role: 'ours',
      at: { x: number, line: 'walked by concat()' },
      prepare: walked(number)
    })),
    ...FILE_COUNTS.map(number => ({
      name: `read() of ${filesOf(number)} open`,
      role: 'ours',
      at: { x: number, line: 'read() from open files, 256 handles' },
      prepare: opened(number)
    }))
  ],
  goals: [{ ours: 'concat of 10,000 files', against: 'concat of 1,000 files', atLeast: 0.83 }]
}

export default [sizes, regions, files]
