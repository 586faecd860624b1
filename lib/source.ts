/**
 * Sources: what can be opened.
 */
import { Buffer } from 'node:buffer'
import type { FileHandle } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { types } from 'node:util'
import { integer, integerOrInfinity } from './arguments.js'
import { invalidRange, invalidType } from './errors.js'
import { MappedFile } from './file.js'
import type { HandleSource } from './manager/handles.js'
import type { Place } from './sequence/place.js'

/**
 * What can be opened: a path, a file URL, the caller's own descriptor or FileHandle (never closed here), an open
 * file (opened once more, on its own), or a range of any of these.
 */
export type Source = string | Buffer | URL | number | FileHandle | MappedFile | SourceRange

/** The bytes `[start, end)` of a source. */
export interface SourceRange {
  source: Source
  /** First byte; default 0. */
  start?: number | undefined
  /** Byte after the last; default the end of the source, as Infinity is. */
  end?: number | undefined
}

const EXPECTED = 'a path, a file: URL, a descriptor, a FileHandle, a MappedFile or { source, start, end }'

/**
 * Take a source apart.
 *
 * @throws {TypeError} ERR_INVALID_ARG_TYPE, ERR_INVALID_URL_SCHEME
 * @throws {RangeError} ERR_OUT_OF_RANGE
 */
export function resolveSource(source: Source): Place {
  const whole = (handle: HandleSource) => ({ handle, start: 0, end: Number.POSITIVE_INFINITY })
  if (isPath(source)) return whole(resolvePath(source, 'source'))
  if (typeof source === 'number') {
    const fd = integer('source', source, 0, 2 ** 31 - 1)
    return whole(() => fd)
  }
  if (source === null || typeof source !== 'object') throw invalidType('source', EXPECTED, source)
  if (source instanceof MappedFile) return source.source
  // A FileHandle says -1 once it has been closed: asked each time, so that no other file is taken for it.
  if ('fd' in source && typeof source.fd === 'number') {
    integer('source.fd', source.fd, -1, 2 ** 31 - 1)
    return whole(() => source.fd)
  }
  // A regular expression has a source, too.
  if ('source' in source && !types.isRegExp(source)) return resolveRange(source)
  throw invalidType('source', EXPECTED, source)
}

/**
 * A path as the OS takes it.
 *
 * @param name of the argument, for errors
 * @throws {TypeError} ERR_INVALID_ARG_TYPE, ERR_INVALID_URL_SCHEME
 * @throws {RangeError} ERR_OUT_OF_RANGE
 */
export function resolvePath(path: string | Buffer | URL, name: string): string | Buffer {
  if (!isPath(path)) throw invalidType(name, 'a path or a file: URL', path)
  // A copy of a Buffer: it is opened later, and again, whatever the caller writes over it.
  const plain =
    path instanceof URL ? fileURLToPath(path) : typeof path === 'string' ? path : Buffer.from(path)
  if (plain.includes('\0')) throw invalidRange(name, 'a path without null bytes', path)
  return plain
}

function isPath(value: unknown): value is string | Buffer | URL {
  return typeof value === 'string' || Buffer.isBuffer(value) || value instanceof URL
}

function resolveRange(range: SourceRange): Place {
  const whole = resolveSource(range.source)
  const start = integer('source.start', range.start === undefined ? 0 : range.start, 0)
  const end = integerOrInfinity(
    'source.end',
    range.end === undefined ? Number.POSITIVE_INFINITY : range.end,
    start
  )
  return {
    ...whole,
    start: whole.start + start,
    end: Math.min(whole.end, whole.start + end)
  }
}
