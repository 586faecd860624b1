import { expect } from 'chai'
import { type ConformanceOptions, mapperConformance } from '../../lib/mapping/conformance.js'
import type { Mapper, Mapping, MapTask } from '../../lib/mapping/mapper.js'
import { mmapIoMapper } from '../../lib/mapping/mmap-io.js'
import { nativeMapper } from '../../lib/mapping/native.js'
import { readMapper } from '../../lib/mapping/read.js'
import { addon, mmapIo, requireAddon, requireMmapIo } from './installed.js'

/** Root may do everything; nobody else here may. */
const nobody = 65534

async function unprivileged(body: () => Promise<void>): Promise<void> {
  process.seteuid?.(nobody)
  try {
    await body()
  } finally {
    process.seteuid?.(0)
  }
}

const shared = { describe, it, unprivileged }

mapperConformance({ ...shared, name: 'the read mapper', mapper: () => readMapper() })

describe('on the addon', () => {
  before(requireAddon)
  mapperConformance({ ...shared, name: 'the native mapper', mapper: () => nativeMapper(addon()) })
})

describe('on mmap-io', () => {
  before(requireMmapIo)
  mapperConformance({ ...shared, name: 'the mmap-io mapper', mapper: () => mmapIoMapper(mmapIo()) })
})

/** Run the suite by itself against a mapper; the titles that failed. */
async function failures(mapper: ConformanceOptions['mapper']): Promise<string[]> {
  const tests: Array<[string, () => Promise<void>]> = []
  mapperConformance({
    unprivileged,
    describe: (_title, body) => body(),
    it: (title, body) => tests.push([title, body]),
    mapper
  })
  const failed: string[] = []
  for (const [title, body] of tests) await body().catch(() => failed.push(title))
  return failed
}

/** A mapper that is `read` but for some members. */
function altered(alter: (read: Mapper) => Partial<Mapper>): Mapper {
  const read = readMapper()
  const forward: Mapper = {
    name: 'altered',
    granularity: read.granularity,
    pageSize: read.pageSize,
    maxOffset: read.maxOffset,
    maxLength: read.maxLength,
    detaches: read.detaches,
    servesAnyFile: read.servesAnyFile,
    run: (task, signal) => read.run(task, signal),
    runSync: task => read.runSync(task),
    close: fd => read.close(fd),
    closeSync: fd => read.closeSync(fd),
    drain: () => read.drain()
  }
  return { ...forward, ...alter(read) }
}

function alteredMapping(mapping: Mapping, change: Partial<Mapping>): Mapping {
  const forward: Mapping = {
    buffer: mapping.buffer,
    unmap: () => mapping.unmap(),
    fault: () => mapping.fault(),
    forget: mapping.forget
  }
  return { ...forward, ...change }
}

describe('the conformance suite', () => {
  it('passes a mapper that only forwards', async () => {
    expect(await failures(() => altered(() => ({})))).to.deep.equal([])
  })

  it('finds offsets that wrap at 4 GiB', async () => {
    const wrap = (task: MapTask) => ({ ...task, offset: (task.offset ?? 0) % 2 ** 32 })
    const failed = await failures(() =>
      altered(read => ({ run: (task, signal) => read.run(task.offset ? wrap(task) : task, signal) }))
    )
    expect(failed).to.include('run gets the right bytes beyond 2, 4 and 8 GiB, as far as it reaches')
    expect(failed.filter(title => title.startsWith('runSync'))).to.deep.equal([])
  })

  it('finds a buffer that is not detached', async () => {
    const failed = await failures(() =>
      altered(read => ({
        async run(task, signal) {
          const outcome = await read.run(task, signal)
          if (!outcome.mapping) return outcome
          return { ...outcome, mapping: alteredMapping(outcome.mapping, { unmap: () => -1 }) }
        }
      }))
    )
    expect(failed).to.deep.equal([
      'run: a released mapping is empty if the mapper detaches, and every view of it'
    ])
  })

  describe('of what counts losses', () => {
    const title = 'runSync: the count of losses, if there is one, moves when bytes are lost, and not before'
    /** As a mapper maps, but for what its mappings are said to have lost. */
    const counting = (change: Partial<Mapping>, mapper?: Mapper) =>
      failures(() =>
        altered(read => ({
          runSync(task) {
            const outcome = (mapper ?? read).runSync(task)
            if (!outcome.mapping) return outcome
            return { ...outcome, mapping: alteredMapping(outcome.mapping, change) }
          }
        }))
      )

    it('finds one that moves where nothing was lost', async () => {
      const losses = new Uint32Array(1)
      const fault = () => {
        losses[0] = (losses[0] as number) + 1
        return -1
      }
      expect(await counting({ losses, fault })).to.deep.equal([title])
    })

    it('finds one that is no array of numbers, or of none', async () => {
      for (const losses of [[0] as unknown as Uint32Array, new Uint32Array(0)])
        expect(await counting({ losses })).to.deep.equal([title])
    })

    it('finds one that stands still', async function () {
      requireAddon.call(this)
      if (process.platform === 'win32') this.skip()
      expect(await counting({ losses: new Uint32Array(1) }, nativeMapper(addon()))).to.include(title)
    })
  })

  it('finds mappings that share their bytes', async () => {
    const seen = new Map<string, Mapping>()
    const failed = await failures(() =>
      altered(read => ({
        runSync(task) {
          const outcome = read.runSync(task)
          if (!outcome.mapping) return outcome
          const key = `${outcome.info.ino} ${task.offset} ${task.length}`
          const mapping = seen.get(key) ?? outcome.mapping
          seen.set(key, mapping)
          return { ...outcome, mapping }
        }
      }))
    )
    expect(failed).to.include('runSync: writing into a mapping changes neither the file nor another mapping')
  })

  it('finds a mapper that is deaf to its signal', async () => {
    const failed = await failures(() => altered(read => ({ run: task => read.run(task) })))
    expect(failed).to.include('an aborted signal rejects with its reason before anything is opened')
    expect(failed).to.include('an abort rejects with its reason and leaves neither descriptor nor mapping')
    expect(failed).to.include('an abort leaves a descriptor open that was given')
  })

  it('finds descriptors that are left open', async function () {
    if (process.platform !== 'linux') this.skip()
    const left: number[] = []
    const failed = await failures(() =>
      altered(read => ({
        async run(task, signal) {
          if (typeof task.target !== 'number') {
            const { fd } = await read.run({ target: task.target })
            left.push(fd)
            return { ...(await read.run({ ...task, target: fd }, signal)) }
          }
          return await read.run(task, signal)
        }
      }))
    )
    expect(failed).to.include('an abort rejects with its reason and leaves neither descriptor nor mapping')
    expect(failed).to.include('run opens a folder, and refuses its bytes with EISDIR')
    const closing = readMapper()
    for (const fd of new Set(left)) {
      try {
        closing.closeSync(fd)
      } catch {
        // Closed by the suite.
      }
    }
  })

  it('finds a short read that looks like the end', async () => {
    const failed = await failures(() =>
      altered(read => ({
        async run(task, signal) {
          const outcome = await read.run(task, signal)
          if (!outcome.mapping || (task.length ?? 0) < 2 ** 20) return outcome
          return {
            ...outcome,
            mapping: alteredMapping(outcome.mapping, { buffer: outcome.mapping.buffer.slice(0, 2 ** 20) })
          }
        }
      }))
    )
    expect(failed).to.include(
      'run gets the right bytes for lengths from 1 byte to megabytes, with unaligned ends'
    )
  })
})
