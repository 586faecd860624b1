/**
 * The options of `records()`, checked and filled in.
 */
import { Buffer } from 'node:buffer'
import { boolean, callback, integer, oneOf, optionsObject, withoutOptions } from '../arguments.js'
import { invalidRange, invalidType } from '../errors.js'
import type { Scan } from './delimiter.js'
import {
  checkSize,
  DelimitedFraming,
  type Framing,
  type RecordBounds,
  readPrefix,
  SizedFraming
} from './framing.js'
import type { Lifetime, WindowOptions } from './windows.js'

/** Records of one length. What is left at the end is ERR_MAP_FILE_TRUNCATED. */
export interface FixedFraming {
  /** Bytes of every record, 1 or more. */
  recordSize: number
}

/** Records with a delimiter after each, the last one perhaps excepted. Records are yielded without it. */
export interface DelimiterFraming {
  /** A byte, a sequence of bytes, or text in UTF-8; not empty. */
  delimiter: number | Uint8Array | string
}

/** Records with their length before each. They are yielded without it. */
export interface PrefixFraming {
  /** Bytes of the length, an unsigned integer. */
  lengthPrefix: 1 | 2 | 4 | 8
  /** Its byte order; default `'be'`, that of networks. */
  endian?: 'le' | 'be' | undefined
  /** The length counts itself too; default false. */
  includesPrefix?: boolean | undefined
}

/** Records with a header from which their length follows. They are yielded with it. */
export interface HeaderFraming {
  /** Bytes of the header, 1 or more. */
  headerSize: number
  /**
   * Bytes of the whole record, header included. Called with a header of exactly `headerSize` bytes, which is lent for
   * the call; more than once for a record that is in several windows.
   */
  lengthOf: (header: Buffer) => number
}

export type RecordFraming = FixedFraming | DelimiterFraming | PrefixFraming | HeaderFraming

/** How the bytes of a range are made of records, and which range. Other than lines, records begin with its first byte. */
export type RecordOptions = RecordFraming &
  Omit<WindowOptions, 'overlap' | 'dropBehind' | 'follow'> &
  RecordLimits

export interface RecordLimits {
  /**
   * Bytes of a record at the most, delimiter or length prefix not counted, else ERR_MAP_RECORD_TOO_LONG; default
   * 128 MiB. Records longer than a window are assembled in memory of this size.
   */
  maxRecordBytes?: number | undefined
  /** `'leased'` (default): valid until the next record, or batch, is asked for. `'copied'`: the consumer's own. */
  lifetime?: Lifetime | undefined
}

const DEFAULT_MAX_RECORD_BYTES = 128 * 2 ** 20
const MOST_RECORD_BYTES = 2 ** 31 - 1

/** Options checked and filled in. */
export interface RecordPlan {
  readonly framing: Framing
  readonly copied: boolean
}

type Given = Partial<FixedFraming & DelimiterFraming & PrefixFraming & HeaderFraming> & RecordLimits

/**
 * Check the options that concern records; `windows()` checks the others.
 *
 * @throws {TypeError} ERR_INVALID_ARG_TYPE
 * @throws {RangeError} ERR_OUT_OF_RANGE
 * @throws {SlidemapError} ERR_MAP_UNSUPPORTED for options of windows that records do not take
 */
export function planRecords(options: RecordOptions, scan: Scan, path: string | undefined): RecordPlan {
  const o = optionsObject<Given>('options', options)
  withoutOptions('records', o, ['follow', 'dropBehind', 'overlap'])
  const { lifetime = 'leased' } = o
  const max = integer(
    'options.maxRecordBytes',
    o.maxRecordBytes === undefined ? DEFAULT_MAX_RECORD_BYTES : o.maxRecordBytes,
    1,
    MOST_RECORD_BYTES
  )
  return {
    framing: framingOf(o, max, scan, path),
    copied: oneOf('options.lifetime', lifetime, ['leased', 'copied']) === 'copied'
  }
}

function framingOf(o: Given, maxRecordBytes: number, scan: Scan, path: string | undefined): Framing {
  const kinds = ['recordSize', 'delimiter', 'lengthPrefix', 'headerSize'] as const
  const named = kinds.filter(name => o[name] !== undefined)
  if (named.length !== 1)
    throw invalidType('options', `made with one of ${kinds.join(', ')}`, given(o, named))
  const limits = { maxRecordBytes, path }
  if (o.delimiter !== undefined) return new DelimitedFraming(delimiterBytes(o.delimiter), scan, limits)
  if (o.recordSize !== undefined) {
    const size = integer('options.recordSize', o.recordSize, 1, maxRecordBytes)
    return new SizedFraming({ headerSize: 0, skipped: 0, sizeAt: () => size, ...limits })
  }
  if (o.lengthPrefix !== undefined) return prefixed(o, limits)
  return headed(o, limits)
}

/** What an error shows of the options. */
function given(o: Given, names: readonly (keyof Given)[]): object {
  return Object.fromEntries(names.map(name => [name, o[name]]))
}

function prefixed(o: Given, limits: RecordBounds): Framing {
  const width = o.lengthPrefix as 1 | 2 | 4 | 8
  if (typeof width !== 'number') throw invalidType('options.lengthPrefix', 'of type number', width)
  if (![1, 2, 4, 8].includes(width)) throw invalidRange('options.lengthPrefix', 'one of 1, 2, 4, 8', width)
  const { endian = 'be' } = o
  const includesPrefix = boolean('options.includesPrefix', o.includesPrefix)
  const read = readPrefix(width, oneOf('options.endian', endian, ['le', 'be']))
  const sizeAt = includesPrefix
    ? (bytes: Buffer, at: number, offset: number) =>
        checkSize('the length prefix', read(bytes, at), width, offset)
    : (bytes: Buffer, at: number) => width + read(bytes, at)
  return new SizedFraming({ headerSize: width, skipped: width, sizeAt, ...limits })
}

function headed({ headerSize, lengthOf }: Given, limits: RecordBounds): Framing {
  const size = integer('options.headerSize', headerSize, 1, limits.maxRecordBytes)
  const measure = callback('options.lengthOf', lengthOf)
  const sizeAt = (bytes: Buffer, at: number, offset: number) =>
    checkSize('lengthOf(header)', measure(bytes.subarray(at, at + size)), size, offset)
  return new SizedFraming({ headerSize: size, skipped: 0, sizeAt, ...limits })
}

function delimiterBytes(given: unknown): Buffer {
  if (typeof given === 'number') return Buffer.of(integer('options.delimiter', given, 0, 255))
  if (typeof given !== 'string' && !(given instanceof Uint8Array))
    throw invalidType('options.delimiter', 'a number, a string or a Uint8Array', given)
  // A copy: it is the caller's to change.
  const bytes = Buffer.from(given as string)
  if (bytes.length === 0) throw invalidRange('options.delimiter', 'not empty', given)
  return bytes
}
