import { Buffer } from 'node:buffer'
import { expect } from 'chai'
import { bufferOver } from '../lib/buffer-over.js'

describe('A Buffer over memory', () => {
  const memory = new ArrayBuffer(100)

  it('is what Buffer.from() makes, over the same bytes', () => {
    for (const [offset, length] of [
      [0, 100],
      [7, 13],
      [100, 0]
    ] as const) {
      const made = bufferOver(memory, offset, length)
      const expected = Buffer.from(memory, offset, length)
      expect(Object.getPrototypeOf(made)).to.equal(Object.getPrototypeOf(expected))
      expect([made.buffer, made.byteOffset, made.length]).to.deep.equal([memory, offset, length])
      expect([Buffer.isBuffer(made), made.constructor]).to.deep.equal([true, Buffer])
      made.fill(offset + 1)
      expect(made.equals(expected)).to.equal(true)
    }
  })

  it('is refused outside of it', () => {
    expect(() => bufferOver(memory, 1, 100)).to.throw(RangeError)
  })
})
