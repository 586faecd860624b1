import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { truncateSync } from 'node:fs'
import { expect } from 'chai'
import { MapManager } from '../lib/index.js'
import { KiB, tempFile } from './support/files.js'
import { eventually, needsMappings, realMappers } from './support/mappers.js'

const NAMES = ['map', 'unmap', 'evict', 'wait', 'fault'] as const

describe('the diagnostics channels', () => {
  const told: [name: string, message: object][] = []
  const listeners = NAMES.map(name => ({
    name: `slidemap:${name}`,
    listen: (message: unknown) => told.push([name, message as object])
  }))
  const of = (kind: string) => told.filter(([name]) => name === kind).map(([, message]) => message)

  beforeEach(() => {
    told.length = 0
    for (const { name, listen } of listeners) subscribe(name, listen)
  })

  afterEach(() => {
    for (const { name, listen } of listeners) unsubscribe(name, listen)
  })

  for (const mapper of realMappers) {
    it(`tell what is mapped and unmapped, in order (${mapper})`, async () => {
      const path = tempFile('told.bin', Buffer.alloc(150 * KiB, 1))
      const manager = new MapManager({ mapper, prefetch: 0 })
      const file = await manager.open(path)
      for await (const _ of file.windows({ size: 100 * KiB }));
      const page = mapper === 'read' ? 1 : 4 * KiB
      const first = { path, offset: 0, length: 100 * KiB, bytes: 100 * KiB }
      const offset = 100 * KiB - ((100 * KiB) % page)
      const rest = {
        path,
        offset,
        length: 150 * KiB - offset,
        bytes: Math.ceil((150 * KiB - offset) / page) * page
      }
      expect(told).to.deep.equal([
        ['map', first],
        ['unmap', first],
        ['map', rest],
        ['unmap', rest]
      ])
      await manager.close()
    })
  }

  it('tell of windows mapped ahead that are given up, and of who waits for which limit', async () => {
    const path = tempFile('told.bin', Buffer.alloc(256 * KiB, 1))
    const manager = new MapManager({
      mapper: 'read',
      prefetch: 1,
      windowSize: 64 * KiB,
      maxMappedBytes: 128 * KiB
    })
    const file = await manager.open(path)
    const ahead = file.windows()
    await ahead.next()
    await eventually(() => of('map').length === 2)
    const other = file.windows({ start: 192 * KiB, prefetch: 0 })
    await other.next()
    expect(of('evict')).to.deep.equal([{ path, offset: 64 * KiB, length: 64 * KiB, bytes: 64 * KiB }])
    expect(of('wait')).to.deep.equal([])

    const third = file.windows({ start: 128 * KiB, prefetch: 0 }).next()
    const fourth = file.windows({ start: 128 * KiB, prefetch: 0 }).next()
    await eventually(() => manager.stats().waiters === 2)
    const waiting = { limit: 'maxMappedBytes', amount: 64 * KiB, held: 128 * KiB }
    expect(of('wait')).to.deep.equal([
      { ...waiting, waiters: 0 },
      { ...waiting, waiters: 1 }
    ])
    await manager.close()
    await Promise.allSettled([third, fourth])
  })

  it('tell of a request that waits for a handle', async () => {
    const path = tempFile('told.bin', 'x')
    const manager = new MapManager({ mapper: 'read', maxHandles: 1 })
    const results = await Promise.all([manager.open(path), manager.open(path)])
    expect(results).to.have.length(2)
    expect(of('wait')).to.deep.equal([{ limit: 'maxHandles', amount: 1, held: 1, waiters: 0 }])
    await manager.close()
  })

  it('tell of the first byte lost, once a mapping', async function () {
    needsMappings.call(this)
    const path = tempFile('told.bin', Buffer.alloc(64 * KiB, 1))
    const manager = new MapManager({ mapper: 'native', prefetch: 0 })
    const file = await manager.open(path)
    const windows = file.windows()
    const { value } = await windows.next()
    truncateSync(path, 16 * KiB)
    expect(value?.bytes[40 * KiB]).to.equal(0)
    expect(await windows.next().catch(error => error.code)).to.equal('ERR_MAP_FILE_TRUNCATED')
    const [fault] = of('fault') as { path: string; offset: number }[]
    expect(of('fault')).to.have.length(1)
    expect(fault?.path).to.equal(path)
    expect(fault?.offset).to.be.within(16 * KiB, 40 * KiB)
    await manager.close()
  })

  it('say nothing, and make no message, for a channel that nobody listens to', async () => {
    for (const { name, listen } of listeners) unsubscribe(name, listen)
    for (const { name } of listeners) expect(channel(name).hasSubscribers, name).to.equal(false)
    const manager = new MapManager({ mapper: 'read' })
    const file = await manager.open(tempFile('told.bin', 'x'))
    for await (const _ of file.windows());
    await manager.close()
    expect(told).to.deep.equal([])
  })

  it('do not let a listener that throws break what it listens to', async () => {
    const thrown: unknown[] = []
    const catchAll = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', error => thrown.push(error))
    const listen = () => {
      throw new Error('a bad listener')
    }
    subscribe('slidemap:map', listen)
    const manager = new MapManager({ mapper: 'read' })
    try {
      const file = await manager.open(tempFile('told.bin', 'x'))
      for await (const { length } of file.windows()) expect(length).to.equal(1)
      await eventually(() => thrown.length === 1)
    } finally {
      unsubscribe('slidemap:map', listen)
      process.removeAllListeners('uncaughtException')
      for (const each of catchAll) process.on('uncaughtException', each)
      await manager.close()
    }
    expect(manager.stats()).to.include({ regions: 0, mappedBytes: 0 })
  })

  it('let who listens ask for room meanwhile: a read that has none then says so', async () => {
    const manager = new MapManager({ mapper: 'read', windowSize: 16 * KiB, maxMappedBytes: 16 * KiB })
    const file = await manager.open(tempFile('told.bin', Buffer.alloc(64 * KiB, 7)))
    let loading: Promise<unknown> = Promise.resolve()
    const listen = () => {
      unsubscribe('slidemap:map', listen)
      loading = file.cursor().load(32 * KiB)
    }
    subscribe('slidemap:map', listen)
    try {
      const buffer = file.buffer()
      expect(() => buffer.readUInt8(0))
        .to.throw()
        .with.property('code', 'ERR_MAP_LIMIT')
      await loading
      expect(manager.stats()).to.include({ regions: 1, waiters: 0 })
    } finally {
      unsubscribe('slidemap:map', listen)
      await manager.close()
    }
  })
})
