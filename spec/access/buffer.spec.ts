import { expect } from 'chai'
import fc from 'fast-check'
import { type MappedBuffer, type MappedFile, MapManager } from '../../lib/index.js'
import { bytesAt, GiB, KiB, sparseFile, tempFile } from '../support/files.js'
import { realMappers } from '../support/mappers.js'
import { granularity as page } from '../support/granularity.js'

/** What a call comes to: its value, or the name and code of what it throws. */
function outcomeOf(call: () => unknown): unknown {
  try {
    return call()
  } catch (error) {
    const { name, code } = error as Error & { code?: string }
    return [name, code]
  }
}

for (const mapper of realMappers) {
  describe(`a mapped buffer (${mapper})`, () => {
    let manager: MapManager
    let file: MappedFile
    let buffer: MappedBuffer
    /** Two pages a region, and room for three regions: random access evicts all the time. */
    const content = bytesAt(7, 0, 10 * page + 123)
    // Few different bytes in between, so that searches meet many matches and near misses.
    content.fill('abaabaaab', 3 * page, 7 * page)

    beforeEach(async () => {
      manager = new MapManager({ mapper, windowSize: 2 * page, maxMappedBytes: 6 * page })
      file = await manager.open(tempFile('content', content))
      buffer = file.buffer()
    })

    afterEach(() => manager.close())

    it('is as long as the file, and maps nothing before it is read', () => {
      expect(buffer.length).to.equal(content.length)
      expect(manager.stats().maps).to.equal(0)
      expect(file.buffer(content.length).length).to.equal(0)
      expect(manager.stats().maps).to.equal(0)
    })

    it('answers single bytes as Buffer does, from either end, and undefined outside', () => {
      const index = fc.oneof(
        fc.integer({ min: -content.length - 9, max: content.length + 9 }),
        fc.constantFrom(0.5, -0.5, Number.NaN, Infinity, -Infinity, '1' as never, undefined as never)
      )
      fc.assert(
        fc.property(index, index => {
          expect(buffer.at(index)).to.equal(content.at(index))
        }),
        { numRuns: 500 }
      )
    })

    it('reads every kind of number as Buffer does, aliases included, across the bounds of regions too', () => {
      const methods = Object.getOwnPropertyNames(Buffer.prototype).filter(name => name.startsWith('read'))
      expect(methods).to.have.length(31)
      const near = fc
        .tuple(fc.nat(5), fc.integer({ min: -9, max: 9 }))
        .map(([n, distance]) => n * 2 * page + distance)
      const offset = fc.oneof(near, fc.integer({ min: -9, max: content.length + 9 }))
      const width = fc.integer({ min: 1, max: 6 })
      fc.assert(
        fc.property(fc.constantFrom(...methods), offset, width, (method, offset, width) => {
          const call = (of: unknown) => () =>
            (of as Record<string, (...a: number[]) => unknown>)[method]?.(offset, width)
          expect(outcomeOf(call(buffer)), `${method}(${offset}, ${width})`).to.deep.equal(
            outcomeOf(call(content))
          )
        }),
        { numRuns: 2000 }
      )
    })

    it('refuses offsets and widths as Buffer does, and begins at 0 by default', () => {
      const wrong = [undefined, null, '1', 1.5, Number.NaN, Infinity, -1, 2 ** 53, {}, 7, true]
      for (const length of [0, 3, content.length]) {
        const mapped = file.buffer(0, length)
        const plain = content.subarray(0, length)
        for (const method of Object.getOwnPropertyNames(Buffer.prototype).filter(name =>
          name.startsWith('read')
        )) {
          for (const offset of wrong) {
            for (const width of /U?[Ii]nt[LB]E/.test(method) ? wrong : [undefined]) {
              const call = (of: unknown) => () =>
                (of as Record<string, (...a: unknown[]) => unknown>)[method]?.(offset, width)
              expect(
                outcomeOf(call(mapped)),
                `${method}(${String(offset)}, ${String(width)}) of ${length}`
              ).to.deep.equal(outcomeOf(call(plain)))
            }
          }
        }
      }
      expect(buffer.readUInt32LE()).to.equal(content.readUInt32LE())
    })

    it('copies out what Buffer would have sliced', () => {
      const index = fc.oneof(
        fc.integer({ min: -content.length - 9, max: content.length + 9 }),
        fc.constantFrom(undefined, Number.NaN, Infinity, -Infinity, 1.7, -1.7)
      )
      fc.assert(
        fc.property(index, index, (start, end) => {
          const copy = buffer.slice(start, end)
          expect(copy.equals(content.subarray(start, end))).to.equal(true)
        }),
        { numRuns: 300 }
      )
      const copy = buffer.slice(0, 10)
      copy.fill(0)
      expect(buffer.slice(0, 10)).to.deep.equal(content.subarray(0, 10))
    })

    it('copies into what it is given, as Buffer does', () => {
      const number = (max: number) =>
        fc.oneof(fc.integer({ min: -2, max: max + 2 }), fc.constantFrom(undefined, Number.NaN, 0.5, -0.5))
      fc.assert(
        fc.property(
          fc.nat(3 * page),
          number(50),
          number(content.length),
          number(content.length),
          (size, to, start, end) => {
            const mine = Buffer.alloc(size, 1)
            const theirs = Buffer.alloc(size, 1)
            expect(outcomeOf(() => buffer.copy(mine, to, start, end))).to.deep.equal(
              outcomeOf(() => content.copy(theirs, to, start, end))
            )
            expect(mine.equals(theirs)).to.equal(true)
          }
        ),
        { numRuns: 300 }
      )
      expect(outcomeOf(() => buffer.copy([] as never))).to.deep.equal(['TypeError', 'ERR_INVALID_ARG_TYPE'])
    })

    it('finds what Buffer finds, from either end, across the bounds of regions', () => {
      const cut = fc
        .tuple(fc.nat(content.length), fc.oneof(fc.nat(40), fc.nat(5 * page)))
        .map(([start, length]) => content.subarray(start, start + length))
      const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 12 })
      const from = fc.oneof(
        fc.integer({ min: -content.length - 9, max: content.length + 9 }),
        fc.constant(undefined)
      )
      fc.assert(
        fc.property(fc.oneof(cut, text, fc.nat(255)), from, (needle, from) => {
          expect(buffer.indexOf(needle, from)).to.equal(content.indexOf(needle, from))
          expect(buffer.lastIndexOf(needle, from)).to.equal(content.lastIndexOf(needle, from))
          expect(buffer.includes(needle, from)).to.equal(content.includes(needle, from))
        }),
        { numRuns: 300 }
      )
      expect(buffer.indexOf('6162', 'hex')).to.equal(content.indexOf('6162', 'hex'))
      expect(buffer.includes('6162', 'hex')).to.equal(true)
      expect(buffer.indexOf('ab', 2 * page, 'latin1')).to.equal(content.indexOf('ab', 2 * page, 'latin1'))
      expect(buffer.indexOf(new Uint8Array(0))).to.equal(0)
      expect(buffer.lastIndexOf('')).to.equal(content.length)
      for (const found of [buffer.indexOf('', -0.5), buffer.lastIndexOf('', -0.2), buffer.indexOf('', -0)])
        expect(Object.is(found, 0), `${found}`).to.equal(true)
    })

    it('is iterated byte by byte', () => {
      expect(Buffer.from([...buffer]).equals(content)).to.equal(true)
      expect([...file.buffer(5, 0)]).to.deep.equal([])
    })

    it('equals the same bytes, whatever holds them, and nothing else', () => {
      const other = Buffer.from(content)
      expect(buffer.equals(other)).to.equal(true)
      expect(buffer.equals(new Uint8Array(other))).to.equal(true)
      expect(buffer.equals(buffer)).to.equal(true)
      expect(buffer.equals(file.buffer())).to.equal(true)
      expect(buffer.equals(other.subarray(1))).to.equal(false)
      for (const at of [0, 2 * page - 1, 2 * page, content.length - 1]) {
        other[at] = (other[at] as number) ^ 1
        expect(buffer.equals(other)).to.equal(false)
        other[at] = (other[at] as number) ^ 1
      }
      expect(file.buffer(1).equals(file.buffer(0, content.length - 1))).to.equal(false)
      expect(outcomeOf(() => buffer.equals('abc' as never))).to.deep.equal([
        'TypeError',
        'ERR_INVALID_ARG_TYPE'
      ])
    })

    it('equals a buffer of another file, on a budget of one region for both', async () => {
      await using small = new MapManager({ mapper, windowSize: page, maxMappedBytes: page })
      const one = await small.open(tempFile('one', content))
      const two = await small.open(tempFile('two', content))
      expect(one.buffer().equals(two.buffer())).to.equal(true)
      expect(small.stats().peakMappedBytes).to.equal(page)
    })

    it('has its own offset 0, as a part of a file and as a part of a part', () => {
      fc.assert(
        fc.property(
          fc.nat(content.length),
          fc.nat(content.length),
          fc.nat(9000),
          fc.nat(9000),
          (a, b, c, d) => {
            const part = file.buffer(a, b)
            const plain = content.subarray(a, a + b)
            expect(part.length).to.equal(plain.length)
            expect(part.slice().equals(plain)).to.equal(true)
            const inner = part.buffer(Math.min(c, part.length), d)
            const plainInner = plain.subarray(c, c + d)
            expect(inner.slice().equals(plainInner)).to.equal(true)
            expect(inner.at(0)).to.equal(plainInner.at(0))
            expect(inner.at(-1)).to.equal(plainInner.at(-1))
            expect(inner.indexOf('ab')).to.equal(plainInner.indexOf('ab'))
            expect(inner.lastIndexOf('ab')).to.equal(plainInner.lastIndexOf('ab'))
            if (inner.length >= 4) expect(inner.readInt32BE()).to.equal(plainInner.readInt32BE())
          }
        ),
        { numRuns: 100 }
      )
      for (const wrong of [-1, 1.5, '1', null]) {
        expect(outcomeOf(() => file.buffer(wrong as never))).to.be.an('array')
        expect(outcomeOf(() => buffer.buffer(0, wrong as never))).to.be.an('array')
      }
      expect(outcomeOf(() => file.buffer(content.length + 1))).to.deep.equal([
        'SlidemapError',
        'ERR_MAP_OUT_OF_RANGE'
      ])
      expect(outcomeOf(() => buffer.buffer(content.length + 1))).to.deep.equal([
        'SlidemapError',
        'ERR_MAP_OUT_OF_RANGE'
      ])
    })

    it('of a range of a file is that range, and no more', async () => {
      const part = await manager.open({ source: file, start: 100, end: 100 + 3 * page })
      const mapped = part.buffer()
      expect(mapped.slice().equals(content.subarray(100, 100 + 3 * page))).to.equal(true)
      expect(
        part
          .buffer(page)
          .slice()
          .equals(content.subarray(100 + page, 100 + 3 * page))
      ).to.equal(true)
      expect(mapped.at(3 * page)).to.equal(undefined)
      await part.close()
    })

    it('leases nothing between calls: a hundred of them share a budget of one region', async () => {
      await using small = new MapManager({ mapper, windowSize: page, maxMappedBytes: page })
      const files = await Promise.all(
        Array.from({ length: 100 }, (_, i) => small.open(tempFile(`shared/${i}`, Buffer.alloc(2 * page, i))))
      )
      const buffers = files.map(file => file.buffer())
      for (let round = 0; round < 3; round++) {
        for (const [i, buffer] of buffers.entries()) expect(buffer.readUInt16LE(page - 1)).to.equal(i * 257)
      }
      // Who waits is served, too.
      for await (const { bytes } of files[0]?.windows() ?? [])
        expect(bytes.every(byte => byte === 0)).to.equal(true)
      expect(small.stats().peakMappedBytes).to.equal(page)
    })

    it('uses its region with every read: the one evicted is the one read longest ago', () => {
      const order = [0, 1, 2, 0, 3, 0, 4]
      for (const n of order) buffer.readUInt8(n * 2 * page)
      // 1 went for 3, 2 for 4: 0 was read in between each time, though it was mapped first.
      const { maps } = manager.stats()
      buffer.readUInt8(0)
      buffer.readUInt8(3 * 2 * page)
      buffer.readUInt8(4 * 2 * page)
      expect(manager.stats().maps).to.equal(maps)
      buffer.readUInt8(2 * page)
      expect(manager.stats().maps).to.equal(maps + 1)
    })

    it('uses its region with every read also where another reads elsewhere in between', () => {
      const [first, second] = [file.buffer(), file.buffer()]
      first.readUInt8(0)
      second.readUInt8(2 * page)
      first.readUInt8(1)
      second.readUInt8(4 * page)
      first.readUInt8(2)
      second.readUInt8(6 * page)
      const { maps } = manager.stats()
      first.readUInt8(3)
      second.readUInt8(4 * page)
      expect(manager.stats().maps, 'both are still there').to.equal(maps)
      second.readUInt8(2 * page)
      expect(manager.stats().maps, 'this one went').to.equal(maps + 1)
    })

    it('throws ERR_MAP_LIMIT where others lease all there is, and goes on when they let go', () => {
      const cursors = [0, 1, 2].map(n => file.cursor().use(n * 2 * page))
      expect(buffer.readUInt8(0)).to.equal(content[0])
      expect(outcomeOf(() => buffer.readUInt8(7 * page))).to.deep.equal(['SlidemapError', 'ERR_MAP_LIMIT'])
      expect(outcomeOf(() => buffer.slice())).to.deep.equal(['SlidemapError', 'ERR_MAP_LIMIT'])
      for (const cursor of cursors) cursor[Symbol.dispose]()
      expect(buffer.slice().equals(content)).to.equal(true)
    })

    it('throws ERR_MAP_CLOSED from every call once the file is closed, ERR_MAP_RELEASED once disposed of', async () => {
      const calls: [string, (b: MappedBuffer) => unknown][] = [
        ['at', b => b.at(0)],
        ['slice', b => b.slice()],
        ['copy', b => b.copy(Buffer.alloc(10))],
        ['indexOf', b => b.indexOf('x')],
        ['lastIndexOf', b => b.lastIndexOf('x')],
        ['includes', b => b.includes('x')],
        ['equals', b => b.equals(content)],
        ['readUInt8', b => b.readUInt8(0)],
        ['readBigUInt64LE', b => b.readBigUInt64LE(2 * page - 4)],
        ['readIntBE', b => b.readIntBE(0, 3)],
        ['iterate', b => [...b]],
        ['lease', b => b.lease(0, 10)],
        ['subarray', b => b.subarray(0, 10)],
        ['buffer', b => b.buffer()],
        ['at, of no byte', b => b.at(content.length)],
        ['slice, of nothing', b => b.slice(0, 0)],
        ['copy, of nothing', b => b.copy(Buffer.alloc(0))],
        ['indexOf, of nothing', b => b.indexOf('')],
        ['lastIndexOf, past what fits', b => b.lastIndexOf('x', -content.length - 1)],
        ['equals, with itself', b => b.equals(b)],
        ['equals, with what is longer', b => b.equals(Buffer.alloc(content.length + 1))],
        ['equals, the other way round', b => file.buffer(0, 3).equals(b)],
        ['subarray, of nothing', b => b.subarray(0, 0)]
      ]
      buffer.readUInt8(0)
      const disposed = file.buffer()
      disposed.readUInt8(0)
      disposed[Symbol.dispose]()
      disposed[Symbol.dispose]()
      for (const [name, call] of calls) {
        expect(
          outcomeOf(() => call(disposed)),
          name
        ).to.deep.equal(['SlidemapError', 'ERR_MAP_RELEASED'])
      }
      await file.close()
      for (const [name, call] of calls) {
        expect(
          outcomeOf(() => call(buffer)),
          name
        ).to.deep.equal(['SlidemapError', 'ERR_MAP_CLOSED'])
      }
      expect(outcomeOf(() => file.buffer())).to.deep.equal(['SlidemapError', 'ERR_MAP_CLOSED'])
    })

    it('counts what it copies, in bytes', () => {
      const before = manager.stats().bytesCopied
      buffer.slice(0, 100)
      buffer.copy(Buffer.alloc(50))
      expect(manager.stats().bytesCopied - before).to.equal(150)
    })
  })

  it(`reads at offsets past 4 GiB (${mapper})`, async () => {
    const block = bytesAt(3, 0, 64 * KiB)
    const offset = 5 * GiB - 1000
    const path = sparseFile('five', 6 * GiB, [{ offset, bytes: block }])
    await using manager = new MapManager({ mapper, windowSize: 64 * KiB, maxMappedBytes: 2 ** 20 })
    const buffer = (await manager.open(path)).buffer()
    expect(buffer.length).to.equal(6 * GiB)
    expect(buffer.readDoubleBE(offset + 996)).to.equal(block.readDoubleBE(996))
    expect(buffer.slice(offset, offset + block.length).equals(block)).to.equal(true)
    expect(buffer.indexOf(block.subarray(900, 1100), 5 * GiB - 200_000)).to.equal(offset + 900)
    expect(buffer.lastIndexOf(block.subarray(900, 1100), 5 * GiB + 200_000)).to.equal(offset + 900)
    expect(buffer.at(-1)).to.equal(0)
    expect(outcomeOf(() => buffer.readUInt8(6 * GiB))).to.deep.equal(['RangeError', 'ERR_OUT_OF_RANGE'])
  })
}

it('a mapped buffer reads and searches a whole file of 3 GiB, which Buffer itself searches wrongly', async function () {
  if (!realMappers.includes('native')) this.skip()
  const needle = Buffer.from('needle')
  const places = [2 ** 30 - 3, 2 ** 31 - 3, 2 ** 31 + 2 ** 29]
  const path = sparseFile(
    'three',
    3 * GiB + 5,
    places.map(offset => ({ offset, bytes: needle }))
  )
  await using manager = new MapManager({
    mapper: 'native',
    windowSize: Number.POSITIVE_INFINITY,
    maxMappedBytes: 4 * GiB
  })
  const buffer = (await manager.open(path)).buffer(1)
  for (const place of places) {
    expect(buffer.slice(place - 1, place + 5).equals(needle)).to.equal(true)
    expect(buffer.readUIntBE(place - 1, 6)).to.equal(needle.readUIntBE(0, 6))
    expect(buffer.indexOf(needle, place - 10_000)).to.equal(place - 1)
    expect(buffer.lastIndexOf('needle', place + 10_000)).to.equal(place - 1)
    expect(buffer.indexOf(0x6e, place - 10_000)).to.equal(place - 1)
    expect(buffer.lastIndexOf(0x65, place + 10_000)).to.equal(place + 4)
  }
  expect(manager.stats().maps).to.equal(1)
})
