import { expect } from 'chai'
import { truncateSync } from 'node:fs'
import { type MappedBuffer, type MappedFile, MapManager, type Window } from '../../lib/index.js'
import { bytesAt, tempFile } from '../support/files.js'
import { collectedUntil, needsMappings, realMappers } from '../support/mappers.js'
import { canWitness, mappedBytesOf } from '../support/os.js'
import { granularity as page } from '../support/granularity.js'

function codeOf(call: () => unknown): string | undefined {
  try {
    call()
  } catch (error) {
    return (error as { code?: string }).code
  }
  return undefined
}

for (const mapper of realMappers) {
  describe(`leases of a mapped buffer (${mapper})`, () => {
    const content = bytesAt(11, 0, 10 * page + 123)
    let manager: MapManager
    let path: string
    let file: MappedFile
    let buffer: MappedBuffer

    beforeEach(async () => {
      manager = new MapManager({ mapper, windowSize: 2 * page, maxMappedBytes: 8 * page })
      path = tempFile('leased', content)
      file = await manager.open(path)
      buffer = file.buffer(100)
    })

    afterEach(() => manager.close())

    const expected = (offset: number, length: number) => content.subarray(100 + offset, 100 + offset + length)

    it('are the bytes of a region that is there already, without a copy or another mapping', () => {
      buffer.readUInt8(0)
      const { maps, bytesCopied } = manager.stats()
      const window = buffer.lease(10, 500)
      expect([window.offset, window.length, window.lifetime]).to.deep.equal([10, 500, 'leased'])
      expect(window.bytes.equals(expected(10, 500))).to.equal(true)
      expect([manager.stats().maps, manager.stats().bytesCopied]).to.deep.equal([maps, bytesCopied])
      window.release()
    })

    it('say of bytes that are known to be gone what every read of them says', async () => {
      truncateSync(path, 300)
      await file.refresh()
      for (const read of [() => buffer.at(400), () => buffer.lease(400, 10), () => buffer.subarray(400, 410)])
        expect(codeOf(read)).to.equal('ERR_MAP_FILE_TRUNCATED')
      expect(codeOf(() => buffer.lease(buffer.length, 1))).to.equal('ERR_MAP_OUT_OF_RANGE')
    })

    it('have a region of their own where no shared one holds them all, unmapped when they are released', () => {
      const window = buffer.lease(page, 5 * page)
      expect([window.offset, window.length, window.lifetime]).to.deep.equal([page, 5 * page, 'leased'])
      expect(window.bytes.equals(expected(page, 5 * page))).to.equal(true)
      manager.collect()
      expect(manager.stats().regions).to.equal(1)
      const bytes = window.bytes
      window.release()
      expect(bytes.length).to.equal(0)
      expect(manager.stats().mappedBytes).to.equal(0)
      if (canWitness) expect(mappedBytesOf(path)).to.equal(0)
    })

    it('take no room for a region that could not hold them', () => {
      for (let offset = 0; offset < 8 * page; offset += 2 * page) buffer.readUInt8(offset)
      const { maps, evictions } = manager.stats()
      using window = buffer.lease(9 * page, 1)
      expect(window.bytes.equals(expected(9 * page, 1))).to.equal(true)
      expect(manager.stats()).to.include({ maps: maps + 1, evictions: evictions + 1 })
      const before = manager.stats()
      manager.collect()
      using long = file.buffer().lease(0, 4 * page)
      expect(long.bytes.equals(content.subarray(0, 4 * page))).to.equal(true)
      expect(manager.stats().maps).to.equal(before.maps + 1)
    })

    it('end with the buffer, and do not begin there', () => {
      const { length } = buffer
      using window = buffer.lease(length - 10, 1000)
      expect(window.bytes.equals(expected(length - 10, 10))).to.equal(true)
      using across = buffer.lease(length - 3 * page, 10 * page)
      expect(across.bytes.equals(expected(length - 3 * page, 3 * page))).to.equal(true)
      expect(codeOf(() => buffer.lease(length, 1))).to.equal('ERR_MAP_OUT_OF_RANGE')
      expect(codeOf(() => buffer.lease(-1, 1))).to.equal('ERR_OUT_OF_RANGE')
      expect(codeOf(() => buffer.lease(0, 0))).to.equal('ERR_OUT_OF_RANGE')
      expect(codeOf(() => buffer.lease('0' as never, 1))).to.equal('ERR_INVALID_ARG_TYPE')
      using part = buffer.buffer(5, 20).lease(10, 100)
      expect(part.bytes.equals(expected(15, 10))).to.equal(true)
    })

    it('stay while they are held, whatever else is read, and may go when they are released', () => {
      const window = buffer.lease(0, 100)
      for (let round = 0; round < 3; round++) for (let at = 0; at < buffer.length; at += page) buffer.at(at)
      expect(window.bytes.equals(expected(0, 100))).to.equal(true)
      expect(window.retain()).to.equal(window)
      window.release()
      window.release()
      expect(codeOf(() => window.bytes)).to.equal('ERR_MAP_RELEASED')
      expect(codeOf(() => window.retain())).to.equal('ERR_MAP_RELEASED')
      for (let at = 0; at < buffer.length; at += page) buffer.at(at)
      expect(manager.stats().evictions).to.be.above(0)
    })

    it('fail with ERR_MAP_LIMIT where they do not fit, and leave nothing behind', () => {
      expect(codeOf(() => buffer.lease(0, 9 * page))).to.equal('ERR_MAP_LIMIT')
      const windows = [0, 1, 2, 3].map(n => buffer.lease(n * 2 * page, 10))
      expect(codeOf(() => buffer.lease(9 * page, 10))).to.equal('ERR_MAP_LIMIT')
      expect(codeOf(() => buffer.lease(page, 2 * page))).to.equal('ERR_MAP_LIMIT')
      for (const window of windows) window.release()
      manager.collect()
      expect(manager.stats().mappedBytes).to.equal(0)
    })

    it('are ended by the closing of the file', async () => {
      const windows = [buffer.lease(0, 100), buffer.lease(0, 5 * page)]
      const bytes = windows.map(window => window.bytes)
      await file.close()
      for (const window of windows) {
        expect(codeOf(() => window.bytes)).to.equal('ERR_MAP_RELEASED')
        window.release()
      }
      expect(bytes.map(({ length }) => length)).to.deep.equal([0, 0])
    })

    it('are given back by the garbage collector where they were dropped', async () => {
      const warned: Error[] = []
      const note = (warning: Error) => void warned.push(warning)
      process.on('warning', note)
      const drop = () => {
        buffer.lease(0, 100)
        buffer.lease(0, 5 * page)
      }
      drop()
      const gone = () => {
        manager.collect()
        return manager.stats().mappedBytes === 0
      }
      expect(await collectedUntil(gone)).to.equal(true)
      process.off('warning', note)
    })

    it('are what subarray() answers within a region; else it answers a copy, and says which', () => {
      const inside = buffer.subarray(10, 200)
      expect(inside.lifetime).to.equal('leased')
      expect([inside.offset, inside.length]).to.deep.equal([10, 190])
      expect(inside.bytes.equals(expected(10, 190))).to.equal(true)
      inside.release()
      const across = buffer.subarray(page, 4 * page)
      expect(across.lifetime).to.equal('copied')
      expect([across.offset, across.length]).to.deep.equal([page, 3 * page])
      const { bytes } = across
      across.release()
      expect(bytes.equals(expected(page, 3 * page))).to.equal(true)
      const end = buffer.subarray(-10)
      expect(end.bytes.equals(expected(buffer.length - 10, 10))).to.equal(true)
      end.release()
      for (const empty of [
        buffer.subarray(5, 5),
        buffer.subarray(5, 3),
        buffer.subarray(10 ** 9),
        buffer.subarray(0, 0)
      ]) {
        expect([empty.lifetime, empty.length, empty.bytes.length]).to.deep.equal(['copied', 0, 0])
      }
    })

    it('say that they were lent, as windows of a sequence do', async () => {
      const lifetimes: string[] = []
      for await (const window of file.windows({ end: page })) lifetimes.push(window.lifetime)
      for await (const window of file.windows({ end: page, lifetime: 'copied' }))
        lifetimes.push(window.lifetime)
      expect(lifetimes).to.deep.equal(['leased', 'copied'])
    })
  })
}

describe('bytes that are lost under a mapped buffer', () => {
  const content = bytesAt(12, 0, 16 * page)
  let manager: MapManager
  let path: string
  let file: MappedFile
  let buffer: MappedBuffer

  before(needsMappings)

  beforeEach(async () => {
    manager = new MapManager({ mapper: 'native', windowSize: 8 * page })
    path = tempFile('lost', content)
    file = await manager.open(path)
    buffer = file.buffer()
    // Both regions are mapped, and their pages not yet touched but for these.
    buffer.readUInt8(0)
    buffer.readUInt8(8 * page)
  })

  afterEach(() => manager.close())

  const calls: [string, (b: MappedBuffer, at: number) => unknown][] = [
    ['readUInt8', (b, at) => b.readUInt8(at)],
    ['readInt32LE', (b, at) => b.readInt32LE(at)],
    ['readBigUInt64BE', (b, at) => b.readBigUInt64BE(at)],
    ['readDoubleLE', (b, at) => b.readDoubleLE(at)],
    ['readUIntBE', (b, at) => b.readUIntBE(at, 5)],
    ['at', (b, at) => b.at(at)],
    ['slice', (b, at) => b.slice(at, at + 10)],
    ['slice of everything', b => b.slice()],
    ['copy', (b, at) => b.copy(Buffer.alloc(10), 0, at)],
    ['indexOf', (b, at) => b.indexOf('not there', at)],
    ['indexOf of a byte that is not there but as a lost one', (b, at) => b.indexOf(Buffer.alloc(page), at)],
    ['lastIndexOf', b => b.lastIndexOf('not there')],
    ['includes', (b, at) => b.includes('not there', at)],
    ['equals', b => b.equals(content.subarray(content.length - b.length))],
    ['a copied subarray', b => b.subarray(7 * page, 16 * page)],
    ['iterating', b => [...b]]
  ]

  for (const [name, call] of calls) {
    it(`are ERR_MAP_FILE_TRUNCATED for ${name}, each time, and never zeros`, () => {
      truncateSync(path, 10 * page)
      for (let round = 0; round < 3; round++) {
        expect(codeOf(() => call(buffer, 12 * page + 5))).to.equal('ERR_MAP_FILE_TRUNCATED')
      }
      expect(
        codeOf(() => call(file.buffer(), 12 * page + 5)),
        'another buffer'
      ).to.equal('ERR_MAP_FILE_TRUNCATED')
      expect(
        codeOf(() => call(buffer.buffer(page), 11 * page + 5)),
        'a part'
      ).to.equal('ERR_MAP_FILE_TRUNCATED')
    })
  }

  it('tell where in the file they begin', () => {
    truncateSync(path, 10 * page)
    try {
      buffer.readUInt8(12 * page)
      expect.fail('it did not throw')
    } catch (error) {
      expect(error).to.include({ code: 'ERR_MAP_FILE_TRUNCATED', path, offset: 10 * page })
    }
  })

  it('are lost to numbers that lie on both sides of where they begin', () => {
    truncateSync(path, 10 * page)
    expect(codeOf(() => buffer.readUInt32LE(10 * page - 2))).to.equal('ERR_MAP_FILE_TRUNCATED')
  })

  it('leave other regions alone, and bytes before them until they are touched', () => {
    truncateSync(path, 10 * page)
    expect(buffer.readUInt32LE(10 * page - 4)).to.equal(content.readUInt32LE(10 * page - 4))
    expect(codeOf(() => buffer.readUInt8(15 * page))).to.equal('ERR_MAP_FILE_TRUNCATED')
    expect(buffer.readUInt32LE(5 * page)).to.equal(content.readUInt32LE(5 * page))
    expect(buffer.slice(0, 8 * page).equals(content.subarray(0, 8 * page))).to.equal(true)
  })

  it('are there again when the file is', () => {
    truncateSync(path, 10 * page)
    expect(codeOf(() => buffer.readUInt8(12 * page))).to.equal('ERR_MAP_FILE_TRUNCATED')
    truncateSync(path, 16 * page)
    // As the OS has it: grown, it is zeros there. These are the file's.
    expect(buffer.readUInt8(12 * page)).to.equal(0)
    expect(buffer.readUInt32LE(9 * page)).to.equal(content.readUInt32LE(9 * page))
  })

  it('are past the end for good once the file was looked at again, and what remains can be read', async () => {
    truncateSync(path, 10 * page + 50)
    expect(codeOf(() => buffer.readUInt8(12 * page))).to.equal('ERR_MAP_FILE_TRUNCATED')
    expect(await file.refresh()).to.equal(10 * page + 50)
    expect(buffer.length).to.equal(16 * page)
    expect(codeOf(() => buffer.readUInt8(10 * page + 50))).to.equal('ERR_MAP_FILE_TRUNCATED')
    expect(codeOf(() => buffer.readUInt16LE(10 * page + 49))).to.equal('ERR_MAP_FILE_TRUNCATED')
    expect(codeOf(() => buffer.slice())).to.equal('ERR_MAP_FILE_TRUNCATED')
    expect(buffer.slice(0, 10 * page + 50).equals(content.subarray(0, 10 * page + 50))).to.equal(true)
    expect(file.buffer().equals(content.subarray(0, 10 * page + 50))).to.equal(true)
  })

  it('are told by a lease when they are lost under it, and thrown once by its release', () => {
    for (const make of [
      (): Window => buffer.lease(8 * page, 8 * page),
      (): Window => buffer.lease(7 * page, 9 * page)
    ]) {
      truncateSync(path, 16 * page)
      const window = make()
      expect(window.lost).to.equal(-1)
      truncateSync(path, 10 * page)
      expect(window.bytes.at(-1)).to.equal(0)
      expect(window.lost).to.be.within(10 * page, 15 * page)
      expect(codeOf(() => window.release())).to.equal('ERR_MAP_FILE_TRUNCATED')
      expect(codeOf(() => window.release())).to.equal(undefined)
    }
  })

  it('are noticed in a loop that was compiled for speed', () => {
    // Nothing in the loop writes to memory: if a compiler thought the count of losses could not change, it would not.
    const sum = (from: number, to: number) => {
      let sum = 0
      for (let at = from; at < to; at += 4) sum = (sum + buffer.readInt32LE(at)) | 0
      return sum
    }
    for (let round = 0; round < 300; round++) sum(0, 8 * page)
    truncateSync(path, page)
    expect(codeOf(() => sum(0, 8 * page))).to.equal('ERR_MAP_FILE_TRUNCATED')
  })
})
