import { expect } from 'chai'
import fc from 'fast-check'
import type { SlidemapError } from '../../lib/errors.js'
import { scanBytes } from '../../lib/sequence/delimiter.js'
import { planRecords, type RecordOptions } from '../../lib/sequence/record-plan.js'
import { RecordSplitter } from '../../lib/sequence/record-splitter.js'
import { cases, type Driven, drive } from '../support/splitting.js'

interface Found {
  offset: number
  bytes: string
}

interface Split {
  records: Found[]
  error: { code: string; offset: number | undefined } | undefined
  copied: number
}

/** What a splitter makes of it: the records, and the error that it ended with. */
function split(content: Buffer, options: RecordOptions, driven: Driven & { overlap?: number }): Split {
  const result: Split = { records: [], error: undefined, copied: 0 }
  const stretch = driven.overlap === undefined ? {} : { overlap: driven.overlap }
  const splitter = new RecordSplitter(planRecords(options, scanBytes, undefined), 0, stretch, bytes => {
    result.copied += bytes
  })
  try {
    drive(content, splitter, driven, batch => {
      if (batch.length === 0) throw new Error('an empty batch')
      for (const { offset, length, bytes } of batch) {
        expect(bytes.length).to.equal(length)
        result.records.push({ offset, bytes: bytes.toString('hex') })
      }
    })
  } catch (error) {
    result.error = outcome(error)
  }
  return result
}

function outcome(error: unknown) {
  const { code, offset } = error as SlidemapError
  if (code === undefined) throw error
  return { code, offset }
}

type Plain = Pick<Split, 'records' | 'error'>

function delimited(content: Buffer, delimiter: Buffer, max: number): Plain {
  const records: Found[] = []
  let begin = 0
  while (begin < content.length) {
    const at = content.indexOf(delimiter, begin)
    const end = at === -1 ? content.length : at
    if (end - begin > max) return { records, error: { code: 'ERR_MAP_RECORD_TOO_LONG', offset: begin } }
    records.push({ offset: begin, bytes: content.toString('hex', begin, end) })
    begin = at === -1 ? content.length : at + delimiter.length
  }
  return { records, error: undefined }
}

/** @param sizeAt bytes of the record at an offset, header included; NaN where the header is cut short */
function sized(
  content: Buffer,
  header: number,
  skipped: number,
  max: number,
  sizeAt: (at: number) => number
): Plain {
  const records: Found[] = []
  let at = 0
  while (at < content.length) {
    if (at + header > content.length)
      return { records, error: { code: 'ERR_MAP_FILE_TRUNCATED', offset: at } }
    const size = sizeAt(at)
    if (size < Math.max(header, 1)) return { records, error: { code: 'ERR_OUT_OF_RANGE', offset: undefined } }
    if (size - skipped > max) return { records, error: { code: 'ERR_MAP_RECORD_TOO_LONG', offset: at } }
    if (at + size > content.length) return { records, error: { code: 'ERR_MAP_FILE_TRUNCATED', offset: at } }
    records.push({ offset: at + skipped, bytes: content.toString('hex', at + skipped, at + size) })
    at += size
  }
  return { records, error: undefined }
}

const windows = fc
  .record({
    size: fc.integer({ min: 1, max: 48 }),
    overlap: fc.nat(47),
    slides: fc.boolean(),
    page: fc.constantFrom(1, 4, 16),
    bounds: fc.array(fc.nat(200), { maxLength: 4 }).map(bounds => bounds.sort((a, b) => a - b))
  })
  .map(({ overlap, size, ...rest }) => ({ size, overlap: Math.min(size - 1, overlap), ...rest }))

const limits = fc.oneof(fc.constant(1000), fc.integer({ min: 1, max: 60 }))

function check({ records, error }: Split, expected: Plain): void {
  expect(records).to.deep.equal(expected.records)
  expect(error).to.deep.equal(expected.error)
}

describe('a record splitter', function () {
  this.timeout(600_000)

  it('finds records between delimiters, in windows of any size that slide, overlap or do neither', () => {
    const bytes = fc.array(fc.constantFrom(0x0a, 0x0a, 0x0d, 0x61, 0x61, 0x62, 0), { maxLength: 200 })
    const delimiters = fc.constantFrom<string | number | Uint8Array>(
      '\n',
      0,
      '\r\n',
      'aa',
      'aba',
      Buffer.from('ab\n')
    )
    fc.assert(
      fc.property(bytes, delimiters, limits, windows, (given, delimiter, maxRecordBytes, driven) => {
        const content = Buffer.from(given)
        const needle = typeof delimiter === 'number' ? Buffer.of(delimiter) : Buffer.from(delimiter as string)
        check(
          split(content, { delimiter, maxRecordBytes }, driven),
          delimited(content, needle, maxRecordBytes)
        )
      }),
      cases(3000)
    )
  })

  it('cuts records of one size', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.integer({ min: 1, max: 70 }), windows, (length, recordSize, driven) => {
        const content = Buffer.from(Array.from({ length }, (_, i) => i))
        const expected = sized(content, 0, 0, recordSize, at =>
          at + recordSize <= length ? recordSize : recordSize
        )
        check(split(content, { recordSize }, driven), expected)
      }),
      cases(2000)
    )
  })

  it('reads the length before each, of 1 to 8 bytes, in both orders', () => {
    const files = fc.record({
      lengthPrefix: fc.constantFrom(1 as const, 2 as const, 4 as const, 8 as const),
      endian: fc.constantFrom('le' as const, 'be' as const),
      includesPrefix: fc.boolean(),
      lengths: fc.array(fc.oneof({ weight: 9, arbitrary: fc.nat(60) }, fc.nat(250)), { maxLength: 12 }),
      cut: fc.oneof(fc.constant(0), fc.nat(20))
    })
    fc.assert(
      fc.property(files, limits, windows, ({ lengths, cut, ...framing }, maxRecordBytes, driven) => {
        const { lengthPrefix: width, endian, includesPrefix } = framing
        const read = (at: number) => {
          let value = 0
          for (let i = 0; i < width; i++)
            value = value * 256 + whole.readUInt8(endian === 'be' ? at + i : at + width - 1 - i)
          return value
        }
        const whole = Buffer.concat(
          lengths.flatMap((length, i) => {
            const prefix = Buffer.alloc(width)
            prefix[endian === 'be' ? width - 1 : 0] = length
            const body = includesPrefix ? Math.max(0, length - width) : length
            return [prefix, Buffer.alloc(body, i + 1)]
          })
        )
        const content = whole.subarray(0, Math.max(0, whole.length - cut))
        check(
          split(content, { ...framing, maxRecordBytes }, driven),
          sized(content, width, width, maxRecordBytes, at => (includesPrefix ? 0 : width) + read(at))
        )
      }),
      cases(3000)
    )
  })

  it('asks a function how long a record with this header is', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(50), { maxLength: 12 }),
        fc.integer({ min: 1, max: 9 }),
        windows,
        (lengths, headerSize, driven) => {
          const content = Buffer.concat(
            lengths.map((length, i) => {
              const record = Buffer.alloc(headerSize + length, i)
              record[0] = length
              return record
            })
          )
          const lengthOf = (header: Buffer) => {
            expect(header.length).to.equal(headerSize)
            return headerSize + (header[0] as number)
          }
          check(
            split(content, { headerSize, lengthOf }, driven),
            sized(content, headerSize, 0, 1000, at => headerSize + (content[at] as number))
          )
        }
      ),
      cases(1000)
    )
  })

  it('copies nothing of records that fit into a window that slides, but for a last one without its end', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 16 }), { maxLength: 40 }),
        fc.nat(31),
        (lengths, overlap) => {
          const content = Buffer.concat(lengths.map(length => Buffer.from(`${'x'.repeat(length)}\n`)))
          const driven = { size: 32, overlap, slides: true, page: 16 }
          expect(split(content, { delimiter: '\n' }, driven).copied).to.equal(0)
        }
      ),
      cases(1000)
    )
  })
})
