import { expect } from 'chai'
import { MapManager, type Mapper } from '../../lib/index.js'
import { nativeMapper } from '../../lib/mapping/native.js'
import { failure } from '../support/failure.js'
import { bytesAt, tempFile } from '../support/files.js'

const SIZE = 3000
const COUNT = 300
const paths = Array.from({ length: COUNT }, (_, i) => tempFile(`two-jobs-${i}`, bytesAt(i, 0, SIZE)))

/** The native mapper with another way of reading small files. */
function mapperWith(readSmall: (real: Mapper) => Mapper['readSmall']): Mapper {
  const real = nativeMapper()
  const changed = readSmall(real)
  return new Proxy(real, {
    get(target, key) {
      const value = target[key as keyof Mapper]
      return key === 'readSmall' ? changed : typeof value === 'function' ? value.bind(target) : value
    }
  })
}

describe('concat() of small files, two jobs at a time', () => {
  it('is in order where the first of them finds no room for all', async () => {
    const mapper = mapperWith(real => async (task, signal) => {
      const read = (await real.readSmall?.(task, signal)) ?? []
      const few = task.paths.length > 4 && Number(/\d+$/.exec(String(task.paths[0]))) % 3 === 0
      if (few) for (const mapping of read.slice(2)) mapping?.unmap()
      return few ? read.slice(0, 2) : read
    })
    const manager = new MapManager({ mapper })
    let next = 0
    for await (const { bytes, index } of manager.concat(paths).windows()) {
      expect(index).to.equal(next++)
      expect(bytes.equals(bytesAt(index, 0, SIZE))).to.equal(true)
    }
    expect(next).to.equal(COUNT)
    expect(manager.stats()).to.include({ mappedBytes: 0, handles: 0 })
    await manager.close()
  })

  it('has nothing left where one is through and the other is not when the signal is aborted', async () => {
    const reason = new Error('enough')
    const stop = new AbortController()
    const out = new Set<object>()
    let large = 0
    const mapper = mapperWith(real => async (task, signal) => {
      const second = task.paths.length >= 16 && large++ % 2 === 1
      const read = (await real.readSmall?.(task)) ?? []
      for (const mapping of read) if (mapping) out.add(mapping.buffer)
      if (second) {
        for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve))
        stop.abort(reason)
        for (const mapping of read) mapping?.unmap()
        throw signal?.reason
      }
      return read
    })
    const manager = new MapManager({ mapper })
    const walk = async () => {
      for await (const _ of manager.concat(paths).windows({ signal: stop.signal })) await null
    }
    expect(await failure(walk())).to.equal(reason)
    await manager.close()
    expect(large).to.be.above(1)
    expect([...out].filter(buffer => (buffer as ArrayBuffer).byteLength > 0)).to.deep.equal([])
    expect(manager.stats()).to.include({ mappedBytes: 0, handles: 0 })
  })

  it('holds no more handles than the limit', async () => {
    for (const maxHandles of [1, 2]) {
      const manager = new MapManager({ maxHandles })
      let bytes = 0
      for await (const window of manager.concat(paths).windows()) bytes += window.length
      expect(bytes).to.equal(COUNT * SIZE)
      expect(manager.stats().peakHandles).to.equal(maxHandles)
      await manager.close()
    }
  })
})
