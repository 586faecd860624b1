/**
 * The addon's own functions, called by somebody who means harm: any number, any bytes, in any place. They answer or
 * throw; nothing is mapped or opened that was not asked for, and no memory is touched that is not theirs (which the
 * sanitizers see: `npm run test:sanitized -- spec/security-addon.spec.ts`).
 */
import { closeSync, fstatSync, openSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import { addon, nextJob } from './support/addon.js'
import { bytesAt, tempFile } from './support/files.js'
import { needsMappings } from './support/mappers.js'
import { descriptorsOf, mappingsOf } from './support/os.js'

const { pageSize: page } = addon
const SAFE = Number.MAX_SAFE_INTEGER
const SIZE = 3 * page + 100

const cases = Number(process.env.SLIDEMAP_CASES ?? 2000)
const seed = Number(process.env.SLIDEMAP_SEED ?? Date.now() % 2 ** 31)

/** Numbers at which sums, products, casts and roundings go wrong. */
const edges = [
  0,
  1,
  page,
  SIZE,
  2 ** 31,
  2 ** 32,
  2 ** 47,
  2 ** 48,
  2 ** 52,
  SAFE,
  2 ** 53,
  2 ** 63,
  2 ** 64,
  1e300
]
const number = fc.oneof(
  fc
    .tuple(fc.constantFrom(...edges), fc.integer({ min: -2, max: 2 }), fc.constantFrom(1, page, -1))
    .map(([edge, step, unit]) => edge + step * unit),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0.5),
  fc.integer({ min: 0, max: 4 }).map(pages => pages * page),
  fc.maxSafeInteger(),
  fc.double()
)

/** A Buffer in the middle of a larger one, so that whoever goes beyond it meets others' bytes; or a detached one. */
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map(content => {
    const around = new Uint8Array(content.length + 64).fill(0xee)
    around.set(content, 32)
    return around.subarray(32, 32 + content.length)
  }),
  fc.constant(null).map(() => {
    const gone = new Uint8Array(16)
    structuredClone(gone.buffer, { transfer: [gone.buffer] })
    return gone
  }),
  fc.constant(null).map(() => new Uint8Array(new SharedArrayBuffer(64), 8, 40))
)
const anything = fc.oneof(
  { weight: 4, arbitrary: number },
  bytes,
  fc.constantFrom(null, undefined, true, '', 1n, {}, [], Symbol('x'), () => {})
)

/** Calls `call`, which answers or throws an error with a code. */
function answer(call: () => unknown): unknown {
  try {
    return call()
  } catch (error) {
    expect((error as { code?: string }).code, String(error)).to.match(/^ERR_(INVALID_ARG_TYPE|OUT_OF_RANGE)$/)
    return undefined
  }
}

describe(`The addon in hostile hands, seed ${seed}`, () => {
  const path = tempFile('security-addon', bytesAt(3, 0, SIZE))
  const pathBytes = Buffer.from(path)
  const options = { numRuns: cases, seed }

  afterEach(() => {
    expect(addon.counters()).to.include({ mappings: 0, mappedBytes: 0, jobs: 0 })
    expect(mappingsOf(path)).to.deep.equal([])
    expect(descriptorsOf(path)).to.deep.equal([])
  })

  it('maps what lies in the file, byte for byte, and nothing else, whatever offset and length it is given', () => {
    let mapped = 0
    fc.assert(
      fc.property(number, number, (offset, length) => {
        const outcome = answer(() => addon.runSync(-1, pathBytes, 0, offset, length, false)) as
          | ReturnType<typeof addon.runSync>
          | undefined
        if (outcome === undefined) return
        // It was taken: then it is right as it stands.
        expect(Number.isSafeInteger(offset) && Number.isSafeInteger(length)).to.equal(true)
        expect(offset % page).to.equal(0)
        expect(offset + length).to.be.at.most(SAFE)
        expect(outcome.errno).to.equal(0)
        const inside = length > 0 && offset + length <= SIZE
        expect(outcome.buffer !== undefined, `${offset} + ${length}`).to.equal(inside)
        if (outcome.buffer) {
          mapped++
          const expected = bytesAt(3, offset, length)
          expect(Buffer.from(outcome.buffer).equals(expected)).to.equal(true)
          expect(addon.unmap(outcome.slot, outcome.serial, outcome.buffer)).to.equal(-1)
        }
        addon.closeSync(outcome.fd)
      }),
      options
    )
    expect(mapped).to.be.above(0)
  })

  it('maps nothing by any other way of being called wrongly', async () => {
    const jobs: unknown[] = []
    await fc.assert(
      fc.asyncProperty(fc.array(anything, { minLength: 0, maxLength: 8 }), async given => {
        const values = given as never[]
        // Descriptors of this process are not its to read: what comes first is a job or no descriptor.
        for (const call of [
          addon.cancel,
          addon.fault,
          addon.advise,
          addon.resident,
          addon.scan,
          addon.unmap
        ] as ((...values: never[]) => unknown)[])
          answer(() => call(...values))
        const [first, ...rest] = values
        const small = answer(() =>
          addon.readSmall(nextJob(), first as never, rest[0] as never, rest[1] as never)
        )
        const visit = answer(() =>
          addon.visitCache(nextJob(), 2 ** 31 - 1, first as never, rest[0] as never, rest[1] as never)
        )
        const run = answer(() =>
          addon.run(
            nextJob(),
            -1,
            first as never,
            rest[0] as never,
            rest[1] as never,
            rest[2] as never,
            false
          )
        )
        jobs.push(...(await Promise.all([small, visit, run])))
        answer(() => addon.close(first as never))
      }),
      { ...options, numRuns: Math.ceil(cases / 4) }
    )
    expect(jobs.length).to.be.above(0)
  })

  it('gives advice on, and looks at, pages of a mapping only, whatever range it is asked of', function () {
    needsMappings.call(this)
    const { slot, serial, buffer, fd } = addon.runSync(-1, pathBytes, 0, 0, SIZE, true)
    const whole = bytesAt(3, 0, SIZE)
    fc.assert(
      fc.property(
        number,
        number,
        fc.integer({ min: -1, max: 6 }),
        fc.nat(9),
        (offset, length, advice, pages) => {
          const errno = answer(() => addon.advise(slot, serial, offset, length, advice))
          if (errno !== undefined) expect(offset + length).to.be.within(0, SIZE)
          const table = new Uint8Array(pages + 2).fill(7)
          if (answer(() => addon.resident(slot, serial, table.subarray(1, pages + 1))) !== undefined)
            expect(pages).to.equal(4)
          expect([table[0], table[pages + 1]]).to.deep.equal([7, 7])
        }
      ),
      options
    )
    expect(Buffer.from(buffer as ArrayBuffer).equals(whole)).to.equal(true)
    addon.unmap(slot, serial, buffer as ArrayBuffer)
    addon.closeSync(fd)
  })

  it('unmaps nothing that is not named right: another slot, another serial, another buffer', function () {
    needsMappings.call(this)
    const { slot, serial, buffer, fd } = addon.runSync(-1, pathBytes, 0, 0, SIZE, false)
    fc.assert(
      fc.property(
        number,
        number,
        fc.constantFrom(null, new ArrayBuffer(8), new ArrayBuffer(SIZE)),
        (a, b, other) => {
          if (a !== slot || b !== serial) answer(() => addon.unmap(a, b, other))
          if (other) answer(() => addon.unmap(slot, serial, other))
        }
      ),
      options
    )
    expect(buffer?.byteLength).to.equal(SIZE)
    expect(addon.counters().mappings).to.equal(1)
    addon.unmap(slot, serial, buffer as ArrayBuffer)
    addon.closeSync(fd)
  })

  it('scans in bounds, where bytes, delimiter and positions are one and the same memory, too', () => {
    fc.assert(
      fc.property(
        fc.nat(200),
        fc.nat(60),
        fc.nat(40),
        fc.nat(12),
        fc.nat(255),
        (length, shift, most, width, byte) => {
          const shared = new ArrayBuffer(512)
          const all = new Uint8Array(shared).fill(byte)
          const delimiter = all.subarray(shift, shift + width)
          const positions = new Uint32Array(shared, 4 * shift, most)
          const found = answer(() => addon.scan(all.subarray(0, length), delimiter, positions))
          if (found !== undefined) expect(found).to.be.within(0, most)
          // Nothing after the positions was written.
          const after = 4 * (shift + most)
          expect(all.subarray(after).every(value => value === byte)).to.equal(true)
        }
      ),
      options
    )
  })

  it('closes no descriptor that it did not open', () => {
    const own = openSync(path, 'r')
    for (const fd of [0, 1, 2, own]) expect(addon.closeSync(fd)).to.be.above(0)
    fc.assert(
      fc.property(number, fd => {
        // Small ones may be those of open files of other specs.
        if (fd >= 1000) expect(answer(() => addon.closeSync(fd))).to.not.equal(0)
      }),
      options
    )
    expect(fstatSync(own).size).to.equal(SIZE)
    closeSync(own)
  })
})
