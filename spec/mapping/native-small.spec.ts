import { expect } from 'chai'
import type { Addon } from '../../lib/mapping/addon.js'
import type { Mapper } from '../../lib/mapping/mapper.js'
import { nativeMapper } from '../../lib/mapping/native.js'
import { failure } from '../support/failure.js'

/** A mapper on a stand-in for the addon that can read small files, and nothing else. */
function mapperOn(
  readSmall: (...args: Parameters<Addon['readSmall']>) => Int32Array,
  cancel: (job: number) => void = () => {}
): Mapper {
  const addon: Partial<Addon> = {
    pageSize: 4096,
    granularity: 4096,
    readSmall: async (...args) => readSmall(...args),
    cancel,
    drain() {}
  }
  return nativeMapper(addon as Addon)
}

describe('the native mapper, of small files', () => {
  it('reads small files in one job, into memory that it uses again, and gives each its own', async () => {
    const targets: Uint8Array[] = []
    const lists: string[] = []
    const mapper = mapperOn((_job, paths, _limit, target) => {
      lists.push(Buffer.from(paths).toString())
      targets.push(target)
      target.fill(targets.length)
      return Int32Array.of(3, -1, 0, 2)
    })
    const read = async (paths: (string | Buffer)[], room: number) => {
      const files = (await mapper.readSmall?.({ paths, limit: 10, room })) ?? []
      return files.map(file => file && [...Buffer.from(file.buffer)])
    }
    const first = await read(['a', 'b', 'c', 'd'], 100)
    const second = await read(['a', Buffer.from('b')], 50)
    expect(first).to.deep.equal([[1, 1, 1], undefined, [], [1, 1]])
    expect(second).to.deep.equal([[2, 2, 2], undefined, [], [2, 2]])
    expect(lists).to.deep.equal(['a\0b\0c\0d\0', 'a\0b\0'])
    expect(targets.map(({ length }) => length)).to.deep.equal([100, 50])
    expect(targets[0]?.buffer).to.equal(targets[1]?.buffer)
    // Two at a time have memory of their own; drained, none is kept.
    await Promise.all([read(['a'], 10), read(['b'], 10)])
    expect(targets[2]?.buffer).not.to.equal(targets[3]?.buffer)
    mapper.drain()
    await read(['a'], 10)
    expect(targets.slice(0, 4).map(({ buffer }) => buffer)).not.to.include(targets[4]?.buffer)
  })

  it('cancels a job for small files, and takes nothing of one that was done by then', async () => {
    const stop = new AbortController()
    const reason = new Error('enough')
    const asked: number[] = []
    const cancelled: number[] = []
    const mapper = mapperOn(
      job => {
        asked.push(job)
        stop.abort(reason)
        return Int32Array.of(1)
      },
      job => cancelled.push(job)
    )
    expect(await failure(mapper.readSmall?.({ paths: ['a'], limit: 1, room: 1 }, stop.signal))).to.equal(
      reason
    )
    expect(cancelled).to.deep.equal(asked)
  })
})
