/** The format of packfiles, as far as it takes to read them: gitformat-pack(5). */

/** Types by their number; the two kinds of delta are no types of objects. */
const TYPES = new Map([
  [1, 'commit'],
  [2, 'tree'],
  [3, 'blob'],
  [4, 'tag'],
  [6, 'ofs-delta'],
  [7, 'ref-delta']
])

/** The most bytes that the head of an entry takes: a size of 63 bits, and an id or a distance. */
export const MAX_HEAD = 10 + 20

/** What stands before the deflated bytes of an object. */
export interface Head {
  /** Bytes of this head. */
  readonly length: number
  readonly type: string
  /** Bytes of the object, or of its delta, inflated. */
  readonly size: number
  /** Of a delta: how many bytes before this entry its base lies. */
  readonly distance?: number
  /** Of a delta: the id of its base. */
  readonly baseId?: string
}

/** The number of objects that the head of a pack announces. */
export function readPackHead(bytes: Buffer): number {
  if (bytes.length < 12 || bytes.toString('latin1', 0, 4) !== 'PACK') throw new Error('not a packfile')
  const version = bytes.readUInt32BE(4)
  if (version !== 2) throw new Error(`a packfile of version ${version}`)
  return bytes.readUInt32BE(8)
}

export function readHead(bytes: Buffer): Head {
  const reader = new Reader(bytes)
  const first = reader.byte()
  const number = (first >> 4) & 7
  const type = TYPES.get(number)
  if (type === undefined) throw new Error(`an object of type ${number}`)
  let size = first & 15
  if (first & 128) size += 16 * reader.littleEndian()
  if (type === 'ofs-delta') return { type, size, distance: reader.distance(), length: reader.at }
  if (type === 'ref-delta') return { type, size, baseId: reader.id(), length: reader.at }
  return { type, size, length: reader.at }
}

/** Make an object out of its base and a delta. */
export function applyDelta(base: Buffer, delta: Buffer): Buffer {
  const reader = new Reader(delta)
  const baseSize = reader.littleEndian()
  if (baseSize !== base.length) throw new Error(`a delta against ${baseSize} bytes, not ${base.length}`)
  const target = Buffer.allocUnsafe(reader.littleEndian())
  let filled = 0
  while (reader.at < delta.length) {
    const instruction = reader.byte()
    if (instruction & 128) {
      const offset = reader.bytes(instruction, 4)
      const length = reader.bytes(instruction >> 4, 3) || 0x10000
      if (offset + length > base.length) throw new Error('a delta copies from past its base')
      filled += base.copy(target, filled, offset, offset + length)
    } else {
      if (instruction === 0) throw new Error('a delta with a reserved instruction')
      filled += delta.copy(target, filled, reader.at, reader.at + instruction)
      reader.at += instruction
    }
  }
  if (filled !== target.length) throw new Error(`a delta of ${filled} bytes, not ${target.length}`)
  return target
}

/** Numbers as git writes them. Multiplied, not shifted: sizes may pass 2^31. */
class Reader {
  at = 0
  readonly #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  byte(): number {
    const byte = this.#bytes[this.at++]
    if (byte === undefined) throw new Error('it ends in the middle of a number')
    return byte
  }

  /** Seven bits a byte, the lowest first. */
  littleEndian(): number {
    let value = 0
    for (let unit = 1; ; unit *= 128) {
      const byte = this.byte()
      value += (byte & 127) * unit
      if (byte < 128) return value
    }
  }

  /** Seven bits a byte, the highest first, and no two ways to write one number. */
  distance(): number {
    let byte = this.byte()
    let value = byte & 127
    while (byte & 128) {
      byte = this.byte()
      value = (value + 1) * 128 + (byte & 127)
    }
    return value
  }

  id(): string {
    const id = this.#bytes.toString('hex', this.at, this.at + 20)
    if (id.length !== 40) throw new Error('it ends in the middle of an id')
    this.at += 20
    return id
  }

  /** The bytes of a little-endian number that `mask` says are there; the others are zero. */
  bytes(mask: number, count: number): number {
    let value = 0
    for (let i = 0; i < count; i++) if (mask & (1 << i)) value += this.byte() * 256 ** i
    return value
  }
}
