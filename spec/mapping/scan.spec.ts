import { expect } from 'chai'
import fc from 'fast-check'
import { scanBytes } from '../../lib/sequence/delimiter.js'
import { addon } from '../support/addon.js'

type Scan = (bytes: Buffer, delimiter: Buffer, positions: Uint32Array) => number

/** Positions, and whatever follows them in the array. */
function found(
  scan: Scan,
  bytes: Buffer,
  delimiter: Buffer,
  most: number
): { positions: number[]; rest: number[] } {
  const positions = new Uint32Array(most + 2).fill(0xffffffff)
  const count = scan(bytes, delimiter, positions.subarray(0, most))
  return { positions: [...positions.subarray(0, count)], rest: [...positions.subarray(count)] }
}

describe('scan', () => {
  it('finds what a search for one after the other finds, wherever the bytes begin, and no more than there is room for', () => {
    const byte = fc.constantFrom(0x0a, 0x0a, 0x0d, 0x80, 0xff, 0)
    fc.assert(
      fc.property(
        fc.array(byte, { maxLength: 400 }),
        fc.array(byte, { minLength: 1, maxLength: 3 }),
        fc.nat(70),
        fc.oneof(fc.constant(1000), fc.nat(130)),
        (content, needle, from, most) => {
          const bytes = Buffer.from(content).subarray(from)
          const delimiter = Buffer.from(needle)
          expect(found(addon.scan, bytes, delimiter, most)).to.deep.equal(
            found(scanBytes, bytes, delimiter, most)
          )
        }
      ),
      { numRuns: 5000 }
    )
  })

  it('sees each byte of a block, and each value of a byte', () => {
    for (let value = 0; value < 256; value++) {
      for (let at = 0; at < 130; at += 1 + (value % 7)) {
        const bytes = Buffer.alloc(130, value ^ 0x80)
        bytes[at] = value
        expect(found(addon.scan, bytes, Buffer.of(value), 200).positions).to.deep.equal([at])
      }
    }
  })

  it('finds nothing in nothing, and in a detached buffer', () => {
    const buffer = new ArrayBuffer(64)
    const bytes = Buffer.from(buffer)
    structuredClone(buffer, { transfer: [buffer] })
    expect(addon.scan(bytes, Buffer.of(0), new Uint32Array(9))).to.equal(0)
    expect(addon.scan(Buffer.alloc(0), Buffer.of(0), new Uint32Array(9))).to.equal(0)
    expect(addon.scan(Buffer.alloc(9), Buffer.of(0), new Uint32Array(0))).to.equal(0)
    expect(addon.scan(Buffer.alloc(2), Buffer.alloc(3), new Uint32Array(9))).to.equal(0)
  })

  it('refuses wrong arguments', () => {
    const scan = addon.scan as (...args: unknown[]) => number
    const positions = new Uint32Array(1)
    for (const args of [
      [],
      ['text', Buffer.of(1), positions],
      [Buffer.of(1), 10, positions],
      [Buffer.of(1), Buffer.of(1), [0]],
      [Buffer.of(1), Buffer.of(1), new Uint8Array(4)]
    ])
      expect(() => scan(...args))
        .to.throw(TypeError)
        .with.property('code', 'ERR_INVALID_ARG_TYPE')
    expect(() => scan(Buffer.of(1), Buffer.alloc(0), positions))
      .to.throw(RangeError)
      .with.property('code', 'ERR_OUT_OF_RANGE')
  })
})
