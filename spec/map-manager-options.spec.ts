import { truncateSync } from 'node:fs'
import { expect } from 'chai'
import { type ManagerOptions, MapManager } from '../lib/index.js'
import { chooseMapper } from '../lib/mapping/choose.js'
import { KiB, MiB, tempFile } from './support/files.js'
import { realMappers } from './support/mappers.js'

describe('the options of a manager', () => {
  /** The length of the first window of a file of 40 MiB, of zeros. */
  async function windowSize(options: ManagerOptions): Promise<number> {
    await using manager = new MapManager({ mapper: 'read', prefetch: 0, ...options })
    const path = tempFile('zeros')
    truncateSync(path, 40 * MiB)
    const file = await manager.open(path)
    for await (const { length } of file.windows()) return length
    return 0
  }

  it('have the defaults that are documented', async () => {
    await using manager = new MapManager({ mapper: 'read' })
    expect(manager.stats().maxMappedBytes).to.equal(1024 * MiB)
    expect(manager.stats().maxHandles).to.be.within(1, 256)
    expect(await windowSize({})).to.equal(16 * MiB)
    expect(await windowSize({ maxMappedBytes: 10 * MiB }), 'a quarter').to.equal(2.5 * MiB)
    expect(await windowSize({ maxMappedBytes: 3 }), 'not nothing').to.equal(1)
  })

  it('give windows of any size, whole files included', async () => {
    expect(await windowSize({ windowSize: 5 })).to.equal(5)
    expect(await windowSize({ windowSize: Number.POSITIVE_INFINITY })).to.equal(40 * MiB)
    expect(await windowSize({ windowSize: Number.MAX_SAFE_INTEGER })).to.equal(40 * MiB)
  })

  it('round the size of windows up to the granularity', async function () {
    if (!realMappers.includes('native')) return this.skip()
    expect(await windowSize({ mapper: 'native', windowSize: 5 }))
      .to.be.above(5)
      .and.to.satisfy((n: number) => n % 4096 === 0)
    expect(await windowSize({ mapper: 'native', maxMappedBytes: 100 * KiB })).to.equal(24 * KiB)
  })

  it('never allow more handles than the process may have open', async () => {
    await using manager = new MapManager({ mapper: 'read', maxHandles: 2 ** 40 })
    expect(manager.stats().maxHandles).to.be.below(2 ** 40)
  })

  const wrong: Record<string, unknown[]> = {
    windowSize: [0, -1, 1.5, Number.NaN, 2 ** 53],
    maxMappedBytes: [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY],
    maxHandles: [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY],
    prefetch: [-1, 0.5, Number.NaN, 1025],
    concurrency: [0, -1, 1.5, Number.NaN, 1025]
  }
  for (const [name, values] of Object.entries(wrong)) {
    it(`refuse a ${name} that is out of range or no number, and name it`, () => {
      for (const value of values) {
        expect(() => new MapManager({ [name]: value }), `${value}`)
          .to.throw(RangeError, `"options.${name}"`)
          .with.property('code', 'ERR_OUT_OF_RANGE')
      }
      for (const value of ['1', 1n, true, {}, [], null]) {
        expect(() => new MapManager({ [name]: value }), `${value}`)
          .to.throw(TypeError, `"options.${name}"`)
          .with.property('code', 'ERR_INVALID_ARG_TYPE')
      }
    })
  }

  it('refuse a mapper that is none', () => {
    for (const mapper of ['mmap', '', 5, {}, () => {}]) {
      expect(() => new MapManager({ mapper: mapper as never })).to.throw(TypeError, '"options.mapper')
    }
  })

  it('refuse less than a page of mapped bytes, whatever a page of the mapper is', async () => {
    const { pageSize } = chooseMapper('native', () => {})
    expect(() => new MapManager({ mapper: 'native', maxMappedBytes: pageSize - 1 }))
      .to.throw(RangeError, '"options.maxMappedBytes"')
      .with.property('code', 'ERR_OUT_OF_RANGE')
    await new MapManager({ mapper: 'native', maxMappedBytes: pageSize }).close()
    await new MapManager({ mapper: 'read', maxMappedBytes: 1 }).close()
  })

  it('are an object', () => {
    for (const options of [null, 5, 'native']) {
      expect(() => new MapManager(options as never)).to.throw(TypeError, '"options"')
    }
  })
})
