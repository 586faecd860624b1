/**
 * The options of `lines()`, checked and filled in.
 */
import { Buffer, constants } from 'node:buffer'
import { boolean, integer, integerOrInfinity, oneOf, optionsObject } from '../arguments.js'
import { invalidRange, invalidType, SlidemapError } from '../errors.js'
import { Delimiter, type Scan, scanBytes } from './delimiter.js'
import type { WindowOptions } from './windows.js'

export type LineEncoding = 'utf8' | 'latin1' | 'utf16le'

/** Which lines, and how. The options of `windows()` that are not here do not concern lines, which are copies. */
export interface LineOptions
  extends Pick<WindowOptions, 'start' | 'end' | 'size' | 'prefetch' | 'signal' | 'follow'> {
  /**
   * First byte; default 0. A range that begins inside a line begins with the next line, so that ranges that adjoin
   * yield every line once.
   */
  start?: number | undefined
  /** Byte after the last; default all. The line that holds the last byte is yielded whole. */
  end?: number | undefined
  /** What the bytes are; default `'utf8'`. A line is exactly what `Buffer.toString(encoding)` makes of its bytes. */
  encoding?: LineEncoding | undefined
  /**
   * What ends a line; default `'\n'`, and then a `'\r'` before it goes too. 1 character or more. After the last one in
   * the file there is a last line only if there are bytes.
   */
  delimiter?: string | undefined
  /** Lines keep their delimiter, and the `'\r'` before it; default false. */
  keepDelimiter?: boolean | undefined
  /** Yield {@link Line}s, which know where they are, instead of strings; default false. */
  offsets?: boolean | undefined
  /** Lines at the most; default Infinity. */
  limit?: number | undefined
  /** The last line first, reading no more than that takes; default false. */
  reverse?: boolean | undefined
  /**
   * Bytes of a line at the most, its delimiter not counted; else ERR_MAP_RECORD_TOO_LONG. Default the longest string
   * that there can be, about 512 MiB.
   */
  maxLineBytes?: number | undefined
}

/** A line that knows where it is. */
export interface Line {
  readonly line: string
  /** Where its first byte is, in bytes from the start of the file. */
  readonly offset: number
  /** Bytes of `line`: without the delimiter where that is not kept. */
  readonly length: number
}

/**
 * Bytes decoded at a time: longer strings are in V8's space for large objects, which made it three times slower. A
 * multiple of every granularity there is, so that windows that begin at multiples of it take no page more than they
 * have bytes.
 */
const STEP = 64 * 1024

/** What the caller of `lines()` does not choose. */
export interface LineMeans {
  /** Other than 64 KiB for specs. */
  readonly step?: number | undefined
  readonly scan?: Scan | undefined
  /** For errors. */
  readonly path?: string | undefined
}

/** Options checked and filled in. */
export interface LinePlan {
  /** Bytes decoded at a time; stretches begin at multiples of it. */
  readonly step: number
  /** Finds delimiters faster than a split of the text does; absent where nothing does. */
  readonly scan: Scan | undefined
  /** For `scan`: room for every delimiter that there can be in a piece. */
  readonly positions: Uint32Array
  readonly start: number
  /** Infinity for the end of the sequence. */
  readonly end: number
  readonly encoding: LineEncoding
  readonly delimiter: Delimiter
  readonly delimiterText: string
  /** A `'\r'` before the delimiter goes with it. */
  readonly stripReturn: boolean
  readonly keepDelimiter: boolean
  readonly offsets: boolean
  readonly limit: number
  readonly reverse: boolean
  readonly maxLineBytes: number
  /** All has to come of one stretch: what is of no known size may be walked once only, or be another the next time. */
  readonly oneStretch: boolean
  /** For errors. */
  readonly path: string | undefined
}

/**
 * Check the options that concern lines; `windows()` checks the others.
 *
 * @param size bytes of the sequence, where that is known
 * @throws {TypeError} ERR_INVALID_ARG_TYPE
 * @throws {RangeError} ERR_OUT_OF_RANGE
 * @throws {SlidemapError} ERR_MAP_OUT_OF_RANGE; ERR_MAP_UNSUPPORTED for `reverse` where the size is not known,
 *   and for leased lines
 */
export function planLines(
  given: LineOptions | undefined,
  size: number | undefined,
  { step = STEP, scan, path }: LineMeans = {}
): LinePlan {
  const o = optionsObject('options', given)
  if ('lifetime' in o && o.lifetime === 'leased') {
    throw new SlidemapError(
      'ERR_MAP_UNSUPPORTED',
      "lines cannot be leased: they are strings, the consumer's own"
    )
  }
  const { limit = Number.POSITIVE_INFINITY, maxLineBytes = constants.MAX_STRING_LENGTH } = o
  const encoding = oneOf('options.encoding', o.encoding === undefined ? 'utf8' : o.encoding, [
    'utf8',
    'latin1',
    'utf16le'
  ])
  const delimiterText = o.delimiter === undefined ? '\n' : o.delimiter
  const delimiter = delimiterOf(delimiterText, encoding)
  const start = integer('options.start', o.start === undefined ? 0 : o.start, 0)
  const end = integerOrInfinity('options.end', o.end === undefined ? Number.POSITIVE_INFINITY : o.end, 0)
  if (end < start) throw invalidRange('options.end', `>= options.start (${start})`, end)
  if (size !== undefined && start > size) throw outOfRange(start, size, path)
  const reverse = boolean('options.reverse', o.reverse)
  if (reverse && delimiter.overlapsItself) {
    throw invalidRange(
      'options.delimiter',
      'one that cannot overlap itself, to read in reverse',
      delimiterText
    )
  }
  if (reverse && size === undefined) {
    throw new SlidemapError('ERR_MAP_UNSUPPORTED', 'reverse needs a sequence whose size is known')
  }
  const scans = scan !== undefined && scan !== scanBytes && encoding !== 'utf16le'
  return {
    step,
    scan: scans ? scan : undefined,
    positions: new Uint32Array(scans ? step : 0),
    start,
    end: size !== undefined && end >= size ? Number.POSITIVE_INFINITY : end,
    encoding,
    delimiter,
    delimiterText,
    stripReturn: o.delimiter === undefined,
    keepDelimiter: boolean('options.keepDelimiter', o.keepDelimiter),
    offsets: boolean('options.offsets', o.offsets),
    limit: integerOrInfinity('options.limit', limit, 0),
    reverse,
    maxLineBytes: integer('options.maxLineBytes', maxLineBytes, 1, constants.MAX_STRING_LENGTH),
    oneStretch: size === undefined,
    path
  }
}

function delimiterOf(text: unknown, encoding: LineEncoding): Delimiter {
  if (typeof text !== 'string') throw invalidType('options.delimiter', 'of type string', text)
  if (text === '') throw invalidRange('options.delimiter', 'not empty', text)
  const bytes = Buffer.from(text, encoding)
  // Invalid bytes decode to U+FFFD: lines split by it in the text would not be those split by its bytes.
  if (bytes.toString(encoding) !== text || (encoding === 'utf8' && text.includes('\ufffd')))
    throw invalidRange('options.delimiter', `a text that '${encoding}' can hold, U+FFFD excepted`, text)
  return new Delimiter(bytes, encoding === 'utf16le' ? 2 : 1)
}

function outOfRange(start: number, size: number, path: string | undefined): SlidemapError {
  return new SlidemapError('ERR_MAP_OUT_OF_RANGE', `start ${start} is past the end, ${size}`, {
    path,
    offset: start
  })
}
