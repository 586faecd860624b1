/** Runs programs on a mapper: a real one with real files, or a fake one that is driven by the program. */
import { MapManager } from '../../lib/index.js'
import { FakeMapper } from '../support/fake-mapper.js'
import { descriptorsOf, mappingsOf } from '../support/os.js'
import { Disk, fakeChanger, realChanger, realPath } from './disk.js'
import type { Program } from './program.js'
import { World } from './world.js'

export type ModelMapper = 'native' | 'read' | 'fake'

/** Bytes of a page: of the fake mapper few, so that its files are small. */
const UNIT = { native: 4096, read: 4096, fake: 16 }

let programs = 0

/** Run a program; rejects with what is wrong. */
export async function runProgram(mapper: ModelMapper, { limits, sizes, commands }: Program): Promise<void> {
  const unit = UNIT[mapper]
  const fake = mapper === 'fake' ? new FakeMapper({ abortsLate: limits.prefetch === 1 }) : undefined
  const bytes = sizes.map(({ pages, extra }) => Math.max(0, pages * unit + extra))
  const disk = fake
    ? new Disk(fakeChanger(fake.disk), bytes, i => `/nowhere/${'abc'[i]}`)
    : new Disk(realChanger(), bytes, realPath(programs++))
  const manager = new MapManager({
    mapper: fake ?? (mapper as 'native' | 'read'),
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
  const world = new World({ manager, disk, limits, unit, fake, leftovers })
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
