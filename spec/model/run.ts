/** Runs programs on a mapper: a real one with real files, or a fake one that is driven by the program. */
import { MapManager } from '../../lib/index.js'
import { chooseMapper } from '../../lib/mapping/choose.js'
import type { Mapper } from '../../lib/mapping/mapper.js'
import { FakeMapper } from '../support/fake-mapper.js'
import { descriptorsOf, mappingsOf } from '../support/os.js'
import { Disk, fakeChanger, realChanger, realPath } from './disk.js'
import type { Program } from './program.js'
import { World } from './world.js'

export type ModelMapper = 'native' | 'read' | 'fake'

/** Bytes of a page: of the fake mapper few, so that its files are small. */
const UNIT = { native: 4096, read: 4096, fake: 16 }

let programs = 0

/** A mapper, and how many jobs it has under way: those that were given up have what they were granted until they end. */
function counted(mapper: Mapper): { mapper: Mapper; jobs: () => number } {
  let jobs = 0
  const run: Mapper['run'] = async (...task) => {
    jobs++
    try {
      return await mapper.run(...task)
    } finally {
      // What it was granted is given back a few steps later.
      setImmediate(() => jobs--)
    }
  }
  const get = (target: Mapper, key: string | symbol) => {
    const member = Reflect.get(target, key)
    return key === 'run' ? run : typeof member === 'function' ? member.bind(target) : member
  }
  return { mapper: new Proxy(mapper, { get }), jobs: () => jobs }
}

/** Run a program; rejects with what is wrong. */
export async function runProgram(mapper: ModelMapper, { limits, sizes, commands }: Program): Promise<void> {
  const unit = UNIT[mapper]
  const fake = mapper === 'fake' ? new FakeMapper({ abortsLate: limits.prefetch === 1 }) : undefined
  const bytes = sizes.map(({ pages, extra }) => Math.max(0, pages * unit + extra))
  const disk = fake
    ? new Disk(fakeChanger(fake.disk), bytes, i => `/nowhere/${'abc'[i]}`)
    : new Disk(realChanger(), bytes, realPath(programs++))
  const { mapper: counting, jobs } = counted(fake ?? chooseMapper(mapper as 'native' | 'read', () => {}))
  const manager = new MapManager({
    mapper: counting,
    maxMappedBytes: limits.mapped * unit,
    maxHandles: limits.handles,
    windowSize: Math.min(limits.window, limits.mapped) * unit,
    prefetch: limits.prefetch,
    concurrency: limits.concurrency
  })
  const leftovers = () =>
    fake?.leftovers ?? [
      ...disk.paths.flatMap(path =>
        mappingsOf(path).map(({ path, bytes }) => `${bytes} bytes of ${path} mapped`)
      ),
      ...disk.paths.flatMap(path => descriptorsOf(path).map(fd => `descriptor ${fd} of ${path}`))
    ]
  const world = new World({ manager, disk, limits, unit, fake, jobs, leftovers })
  try {
    await world.begin()
    fake?.hold('and closes')
    await world.run(commands)
  } finally {
    fake?.resume()
    await manager.close().catch(() => {})
    disk.remove()
  }
}
