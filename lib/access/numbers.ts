/**
 * Numbers: Buffer's `read*` methods, over bytes that need not be in one Buffer.
 */
import { invalidRange, invalidType, outsideBuffer } from '../errors.js'

/** Where numbers can be read. */
export interface Reach {
  readonly data: DataView
  /** The place of its first byte, see {@link NumberReader.base}. */
  readonly offset: number
  /** Whether bytes of it may have been lost since that was last asked. */
  readonly suspect: boolean
}

/**
 * Whatever numbers can be read from: `Buffer`'s methods by the same names, arguments and errors.
 *
 * Offsets are bytes from the start, 0 by default, and may lie anywhere that leaves room for the number:
 * `0 <= offset <= length - width`. Also where it begins in one region and ends in the next.
 *
 * @throws {TypeError} ERR_INVALID_ARG_TYPE for an offset that is no number
 * @throws {RangeError} ERR_OUT_OF_RANGE for a fraction, or an offset outside; ERR_BUFFER_OUT_OF_BOUNDS where there
 *   are fewer bytes than such a number takes
 */
export abstract class NumberReader {
  /** Bytes. */
  abstract readonly length: number

  /** @internal The place of the first byte: places are bytes from the start of the file. */
  protected abstract readonly base: number

  /**
   * @internal What holds the `width` bytes at `offset`. Arguments are as the caller of a public method gave them:
   * anything that is not an offset inside is {@link refuse}d.
   */
  protected abstract reach(offset: number, width: number): Reach

  /**
   * @internal Throws where the bytes up to `end`, an offset, that were just read had been lost. It is given their last
   * byte, since what is not zero has not been cut off, and not the number: who passes one on has to see first whether
   * it is a small integer, and that, where reads are in random places, is a guess the processor gets wrong half of the
   * time, and learns so only when memory has answered.
   */
  protected abstract attest(at: Reach, last: number, end: number): void

  readUInt8(offset = 0): number {
    const at = this.reach(offset, 1)
    const value = at.data.getUint8(this.base + offset - at.offset)
    this.attest(at, value, offset + 1)
    return value
  }

  /** The same as {@link readUInt8}, as Buffer has it. */
  readUint8(offset = 0): number {
    return this.readUInt8(offset)
  }

  readInt8(offset = 0): number {
    const at = this.reach(offset, 1)
    const value = at.data.getInt8(this.base + offset - at.offset)
    this.attest(at, value, offset + 1)
    return value
  }

  readUInt16LE(offset = 0): number {
    const at = this.reach(offset, 2)
    const value = at.data.getUint16(this.base + offset - at.offset, true)
    this.attest(at, value >> 8, offset + 2)
    return value
  }

  /** The same as {@link readUInt16LE}, as Buffer has it. */
  readUint16LE(offset = 0): number {
    return this.readUInt16LE(offset)
  }

  readUInt16BE(offset = 0): number {
    const at = this.reach(offset, 2)
    const value = at.data.getUint16(this.base + offset - at.offset)
    this.attest(at, value & 0xff, offset + 2)
    return value
  }

  /** The same as {@link readUInt16BE}, as Buffer has it. */
  readUint16BE(offset = 0): number {
    return this.readUInt16BE(offset)
  }

  readInt16LE(offset = 0): number {
    const at = this.reach(offset, 2)
    const value = at.data.getInt16(this.base + offset - at.offset, true)
    this.attest(at, value >> 8, offset + 2)
    return value
  }

  readInt16BE(offset = 0): number {
    const at = this.reach(offset, 2)
    const value = at.data.getInt16(this.base + offset - at.offset)
    this.attest(at, value & 0xff, offset + 2)
    return value
  }

  readUInt32LE(offset = 0): number {
    const at = this.reach(offset, 4)
    const value = at.data.getUint32(this.base + offset - at.offset, true)
    this.attest(at, value >>> 24, offset + 4)
    return value
  }

  /** The same as {@link readUInt32LE}, as Buffer has it. */
  readUint32LE(offset = 0): number {
    return this.readUInt32LE(offset)
  }

  readUInt32BE(offset = 0): number {
    const at = this.reach(offset, 4)
    const value = at.data.getUint32(this.base + offset - at.offset)
    this.attest(at, value & 0xff, offset + 4)
    return value
  }

  /** The same as {@link readUInt32BE}, as Buffer has it. */
  readUint32BE(offset = 0): number {
    return this.readUInt32BE(offset)
  }

  readInt32LE(offset = 0): number {
    const at = this.reach(offset, 4)
    const value = at.data.getInt32(this.base + offset - at.offset, true)
    this.attest(at, value >>> 24, offset + 4)
    return value
  }

  readInt32BE(offset = 0): number {
    const at = this.reach(offset, 4)
    const value = at.data.getInt32(this.base + offset - at.offset)
    this.attest(at, value & 0xff, offset + 4)
    return value
  }

  readBigUInt64LE(offset = 0): bigint {
    const at = this.reach(offset, 8)
    const value = at.data.getBigUint64(this.base + offset - at.offset, true)
    this.attest(at, at.data.getUint8(this.base + offset - at.offset + 7), offset + 8)
    return value
  }

  /** The same as {@link readBigUInt64LE}, as Buffer has it. */
  readBigUint64LE(offset = 0): bigint {
    return this.readBigUInt64LE(offset)
  }

  readBigUInt64BE(offset = 0): bigint {
    const at = this.reach(offset, 8)
    const value = at.data.getBigUint64(this.base + offset - at.offset)
    this.attest(at, at.data.getUint8(this.base + offset - at.offset + 7), offset + 8)
    return value
  }

  /** The same as {@link readBigUInt64BE}, as Buffer has it. */
  readBigUint64BE(offset = 0): bigint {
    return this.readBigUInt64BE(offset)
  }

  readBigInt64LE(offset = 0): bigint {
    const at = this.reach(offset, 8)
    const value = at.data.getBigInt64(this.base + offset - at.offset, true)
    this.attest(at, at.data.getUint8(this.base + offset - at.offset + 7), offset + 8)
    return value
  }

  readBigInt64BE(offset = 0): bigint {
    const at = this.reach(offset, 8)
    const value = at.data.getBigInt64(this.base + offset - at.offset)
    this.attest(at, at.data.getUint8(this.base + offset - at.offset + 7), offset + 8)
    return value
  }

  readFloatLE(offset = 0): number {
    const at = this.reach(offset, 4)
    const value = at.data.getFloat32(this.base + offset - at.offset, true)
    this.attest(at, at.data.getUint8(this.base + offset - at.offset + 3), offset + 4)
    return value
  }

  readFloatBE(offset = 0): number {
    const at = this.reach(offset, 4)
    const value = at.data.getFloat32(this.base + offset - at.offset)
    this.attest(at, at.data.getUint8(this.base + offset - at.offset + 3), offset + 4)
    return value
  }

  readDoubleLE(offset = 0): number {
    const at = this.reach(offset, 8)
    const value = at.data.getFloat64(this.base + offset - at.offset, true)
    this.attest(at, at.data.getUint8(this.base + offset - at.offset + 7), offset + 8)
    return value
  }

  readDoubleBE(offset = 0): number {
    const at = this.reach(offset, 8)
    const value = at.data.getFloat64(this.base + offset - at.offset)
    this.attest(at, at.data.getUint8(this.base + offset - at.offset + 7), offset + 8)
    return value
  }

  /** @param byteLength bytes of the number, 1 .. 6 */
  readUIntLE(offset: number, byteLength: number): number {
    const at = this.reach(given(offset), width(byteLength))
    const start = this.base + offset - at.offset
    let value = 0
    for (let i = byteLength - 1; i >= 0; i--) value = value * 256 + at.data.getUint8(start + i)
    this.attest(at, at.data.getUint8(start + byteLength - 1), offset + byteLength)
    return value
  }

  /** The same as {@link readUIntLE}, as Buffer has it. */
  readUintLE(offset: number, byteLength: number): number {
    return this.readUIntLE(offset, byteLength)
  }

  /** @param byteLength bytes of the number, 1 .. 6 */
  readIntLE(offset: number, byteLength: number): number {
    return signed(this.readUIntLE(offset, byteLength), byteLength)
  }

  /** @param byteLength bytes of the number, 1 .. 6 */
  readUIntBE(offset: number, byteLength: number): number {
    const at = this.reach(given(offset), width(byteLength))
    const start = this.base + offset - at.offset
    let value = 0
    for (let i = 0; i < byteLength; i++) value = value * 256 + at.data.getUint8(start + i)
    this.attest(at, at.data.getUint8(start + byteLength - 1), offset + byteLength)
    return value
  }

  /** The same as {@link readUIntBE}, as Buffer has it. */
  readUintBE(offset: number, byteLength: number): number {
    return this.readUIntBE(offset, byteLength)
  }

  /** @param byteLength bytes of the number, 1 .. 6 */
  readIntBE(offset: number, byteLength: number): number {
    return signed(this.readUIntBE(offset, byteLength), byteLength)
  }
}

/**
 * Throw what Buffer throws for an offset that is none, or leaves no room for `width` bytes before `length`.
 */
export function refuse(offset: unknown, width: number, length: number): never {
  if (typeof offset !== 'number') throw invalidType('offset', 'of type number', offset)
  if (Math.floor(offset) !== offset) throw invalidRange('offset', 'an integer', offset)
  if (length < width) throw outsideBuffer()
  throw invalidRange('offset', `>= 0 and <= ${length - width}`, offset)
}

/** Where a length of number has to be given, Buffer wants the offset given too. */
function given(offset: number): number {
  if (offset === undefined) throw invalidType('offset', 'of type number', offset)
  return offset
}

function width(byteLength: number): number {
  if (typeof byteLength !== 'number') throw invalidType('byteLength', 'of type number', byteLength)
  if (Math.floor(byteLength) !== byteLength) throw invalidRange('byteLength', 'an integer', byteLength)
  if (byteLength < 1 || byteLength > 6) throw invalidRange('byteLength', '>= 1 and <= 6', byteLength)
  return byteLength
}

function signed(value: number, byteLength: number): number {
  const bound = 2 ** (8 * byteLength)
  return value < bound / 2 ? value : value - bound
}
