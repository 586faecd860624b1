/**
 * Numbers: Buffer's `read*` methods, over bytes that need not be in one Buffer.
 */
import { invalidRange, invalidType, outsideBuffer } from '../errors.js'

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
  /** @internal Where in the view that {@link reach} answered the number begins. */
  protected begin = 0

  /**
   * @internal A view that holds the `width` bytes at `offset`, from {@link begin} on. Arguments are as the caller of a
   * public method gave them: anything that is not an offset inside is {@link refuse}d.
   */
  protected abstract reach(offset: number, width: number): DataView

  /** @internal The number that was just read up to `end`, unless bytes under it were lost: then this throws. */
  protected abstract sound<T>(value: T, end: number): T

  readUInt8(offset = 0): number {
    return this.sound(this.reach(offset, 1).getUint8(this.begin), offset + 1)
  }

  /** The same as {@link readUInt8}, as Buffer has it. */
  readUint8(offset = 0): number {
    return this.readUInt8(offset)
  }

  readInt8(offset = 0): number {
    return this.sound(this.reach(offset, 1).getInt8(this.begin), offset + 1)
  }

  readUInt16LE(offset = 0): number {
    return this.sound(this.reach(offset, 2).getUint16(this.begin, true), offset + 2)
  }

  /** The same as {@link readUInt16LE}, as Buffer has it. */
  readUint16LE(offset = 0): number {
    return this.readUInt16LE(offset)
  }

  readUInt16BE(offset = 0): number {
    return this.sound(this.reach(offset, 2).getUint16(this.begin), offset + 2)
  }

  /** The same as {@link readUInt16BE}, as Buffer has it. */
  readUint16BE(offset = 0): number {
    return this.readUInt16BE(offset)
  }

  readInt16LE(offset = 0): number {
    return this.sound(this.reach(offset, 2).getInt16(this.begin, true), offset + 2)
  }

  readInt16BE(offset = 0): number {
    return this.sound(this.reach(offset, 2).getInt16(this.begin), offset + 2)
  }

  readUInt32LE(offset = 0): number {
    return this.sound(this.reach(offset, 4).getUint32(this.begin, true), offset + 4)
  }

  /** The same as {@link readUInt32LE}, as Buffer has it. */
  readUint32LE(offset = 0): number {
    return this.readUInt32LE(offset)
  }

  readUInt32BE(offset = 0): number {
    return this.sound(this.reach(offset, 4).getUint32(this.begin), offset + 4)
  }

  /** The same as {@link readUInt32BE}, as Buffer has it. */
  readUint32BE(offset = 0): number {
    return this.readUInt32BE(offset)
  }

  readInt32LE(offset = 0): number {
    return this.sound(this.reach(offset, 4).getInt32(this.begin, true), offset + 4)
  }

  readInt32BE(offset = 0): number {
    return this.sound(this.reach(offset, 4).getInt32(this.begin), offset + 4)
  }

  readBigUInt64LE(offset = 0): bigint {
    return this.sound(this.reach(offset, 8).getBigUint64(this.begin, true), offset + 8)
  }

  /** The same as {@link readBigUInt64LE}, as Buffer has it. */
  readBigUint64LE(offset = 0): bigint {
    return this.readBigUInt64LE(offset)
  }

  readBigUInt64BE(offset = 0): bigint {
    return this.sound(this.reach(offset, 8).getBigUint64(this.begin), offset + 8)
  }

  /** The same as {@link readBigUInt64BE}, as Buffer has it. */
  readBigUint64BE(offset = 0): bigint {
    return this.readBigUInt64BE(offset)
  }

  readBigInt64LE(offset = 0): bigint {
    return this.sound(this.reach(offset, 8).getBigInt64(this.begin, true), offset + 8)
  }

  readBigInt64BE(offset = 0): bigint {
    return this.sound(this.reach(offset, 8).getBigInt64(this.begin), offset + 8)
  }

  readFloatLE(offset = 0): number {
    return this.sound(this.reach(offset, 4).getFloat32(this.begin, true), offset + 4)
  }

  readFloatBE(offset = 0): number {
    return this.sound(this.reach(offset, 4).getFloat32(this.begin), offset + 4)
  }

  readDoubleLE(offset = 0): number {
    return this.sound(this.reach(offset, 8).getFloat64(this.begin, true), offset + 8)
  }

  readDoubleBE(offset = 0): number {
    return this.sound(this.reach(offset, 8).getFloat64(this.begin), offset + 8)
  }

  /** @param byteLength bytes of the number, 1 .. 6 */
  readUIntLE(offset: number, byteLength: number): number {
    const view = this.reach(given(offset), width(byteLength))
    let value = 0
    for (let i = byteLength - 1; i >= 0; i--) value = value * 256 + view.getUint8(this.begin + i)
    return this.sound(value, offset + byteLength)
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
    const view = this.reach(given(offset), width(byteLength))
    let value = 0
    for (let i = 0; i < byteLength; i++) value = value * 256 + view.getUint8(this.begin + i)
    return this.sound(value, offset + byteLength)
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
