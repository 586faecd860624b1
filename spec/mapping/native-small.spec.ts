import { expect } from 'chai'
import type { Addon, AddonBatch } from '../../lib/mapping/addon.js'
import type { Mapper, Mapping } from '../../lib/mapping/mapper.js'
import { nativeMapper } from '../../lib/mapping/native.js'
import { failure } from '../support/failure.js'

const page = 4096

interface StandIn {
  readonly mapper: Mapper
  /** What was asked of the addon, in words. */
  readonly calls: string[]
}

/** A mapper on a stand-in for the addon that can read small files, and nothing else. */
function mapperOn(
  readSmall: (...args: Parameters<Addon['readSmall']>) => AddonBatch,
  change: Partial<Addon> = {}
): StandIn {
  const calls: string[] = []
  let serial = 0
  const addon: Partial<Addon> = {
    pageSize: page,
    granularity: page,
    readSmall: async (...args) => readSmall(...args),
    blank(length) {
      calls.push(`blank ${length / page}`)
      return { slot: 7, serial: ++serial, seen: {} }
    },
    detach: (_slot, of, buffer) => void calls.push(`detach ${buffer.byteLength} of ${of}`),
    advise(_slot, of, offset, length) {
      calls.push(`drop ${offset / page} to ${(offset + length) / page} of ${of}`)
      return 0
    },
    unmap(_slot, of) {
      calls.push(`unmap ${of}`)
      return -1
    },
    cancel: job => void calls.push(`cancel ${job}`),
    drain() {},
    ...change
  }
  return { mapper: nativeMapper(addon as Addon), calls }
}

/** Files of so many bytes, -1 for those that were not read. */
function batch(...lengths: number[]): AddonBatch {
  return {
    buffers: lengths.map(length => (length < 0 ? null : new ArrayBuffer(length))),
    copied: false
  }
}

async function read(mapper: Mapper, count: number, reader?: object, signal?: AbortSignal) {
  const paths = Array.from({ length: count }, (_, i) => `${i}`)
  const task = { paths, limit: 10, room: 4 * page, ...(reader && { reader }) }
  return (await mapper.readSmall?.(task, signal)) ?? []
}

function pass(...mappings: (Mapping | undefined)[]): void {
  for (const mapping of mappings) mapping?.unmap()
}

describe('the native mapper, of small files', () => {
  it('reads them into one mapping, of which each has whole pages, and gives it back with the last', async () => {
    const places: number[][] = []
    const lists: string[] = []
    const { mapper, calls } = mapperOn((_job, paths, _limit, _room, ...place) => {
      lists.push(Buffer.from(paths).toString())
      places.push(place)
      return batch(3, -1, 0, page + 1)
    })
    const [one, alone, empty, two] = await read(mapper, 4)
    expect(lists).to.deep.equal(['0\x001\x002\x003\0'])
    expect(places).to.deep.equal([[7, 1, 0]])
    expect(alone).to.equal(undefined)
    expect(empty?.buffer.byteLength).to.equal(0)
    pass(one, one, empty)
    expect(calls).to.deep.equal(['blank 8', 'detach 3 of 1'])
    two?.forget()
    pass(two)
    expect(calls.slice(2)).to.deep.equal(['unmap 1'])
  })

  it('reads on where the last job of the same reader ended, while there is room and something left', async () => {
    const places: number[][] = []
    const { mapper, calls } = mapperOn((_job, _paths, _limit, _room, ...place) => {
      places.push(place)
      return batch(...Array<number>(16).fill(page))
    })
    const reader = {}
    const first = await read(mapper, 16, reader)
    const second = await read(mapper, 16, reader)
    const other = await read(mapper, 16, {})
    expect(places).to.deep.equal([
      [7, 1, 0],
      [7, 1, 16 * page],
      [7, 2, 0]
    ])
    pass(...first, ...other)
    expect(calls.filter(call => call.startsWith('unmap'))).to.deep.equal(['unmap 2'])
    pass(...second)
    expect(calls.at(-1)).to.equal('unmap 1')
    await read(mapper, 16, reader)
    expect(places.at(-1)).to.deep.equal([7, 3, 0])
  })

  it('lets two jobs at a time read into mappings of their own', async () => {
    const serials: number[] = []
    const { mapper } = mapperOn((_job, _paths, _limit, _room, _slot, serial) => {
      serials.push(serial)
      return batch(1)
    })
    const reader = {}
    await Promise.all([read(mapper, 16, reader), read(mapper, 16, reader)])
    expect(serials).to.deep.equal([1, 2])
  })

  it('gives the memory of each file back as it passes, once one before it was kept', async () => {
    const { mapper, calls } = mapperOn(() => batch(page, page, 2 * page, 1, page))
    const [a, b, c, d, e] = await read(mapper, 5)
    pass(a, b, d, e)
    expect(calls.filter(call => call.startsWith('drop'))).to.deep.equal([
      'drop 0 to 2 of 1',
      'drop 4 to 5 of 1',
      'drop 5 to 6 of 1'
    ])
    pass(c)
    expect(calls.at(-1)).to.equal('unmap 1')
  })

  it('gives back a mapping that nothing was read into', async () => {
    const { mapper, calls } = mapperOn(() => batch(-1, 0))
    await read(mapper, 2, {})
    expect(calls).to.deep.equal(['blank 6', 'unmap 1'])
  })

  it('has them on the heap where buffers over a mapping are forbidden, and makes none again', async () => {
    const { mapper, calls } = mapperOn(() => ({ ...batch(5), copied: true }))
    const [one] = await read(mapper, 1, {})
    const [two] = await read(mapper, 1, {})
    expect(calls).to.deep.equal(['blank 5', 'unmap 1'])
    pass(one, two)
    expect(one?.buffer.byteLength).to.equal(0)
  })

  it('reads into the heap where there is no memory to be mapped, and asks for it again', async () => {
    let asked = 0
    const serials: number[] = []
    const { mapper } = mapperOn(
      (_job, _paths, _limit, _room, _slot, serial) => {
        serials.push(serial)
        return { ...batch(5), copied: true }
      },
      { blank: () => void asked++ as undefined }
    )
    const [one] = await read(mapper, 1)
    await read(mapper, 1)
    expect([asked, ...serials]).to.deep.equal([2, 0, 0])
    pass(one)
    expect(one?.buffer.byteLength).to.equal(0)
  })

  it('reads nothing into a mapping of which a job has failed', async () => {
    const { mapper, calls } = mapperOn(() => expect.fail('no memory'))
    const reader = {}
    for (let i = 0; i < 2; i++) await failure(read(mapper, 16, reader))
    expect(calls).to.deep.equal(['blank 1024', 'unmap 1', 'blank 1024', 'unmap 2'])
  })

  it('cancels a job for small files, and takes nothing of one that was done by then', async () => {
    const stop = new AbortController()
    const reason = new Error('enough')
    const { mapper, calls } = mapperOn(job => {
      calls.push(`job ${job}`)
      stop.abort(reason)
      return batch(1, 2)
    })
    expect(await failure(read(mapper, 1, {}, stop.signal))).to.equal(reason)
    expect(calls).to.deep.equal(['blank 5', 'job 1', 'cancel 1', 'detach 1 of 1', 'detach 2 of 1', 'unmap 1'])
  })
})
