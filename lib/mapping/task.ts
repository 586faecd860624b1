/** What every mapper asks of a task before it makes the first system call, and says of files it cannot map. */
import { Buffer } from 'node:buffer'
import { ERRNO, invalidRange, invalidType, SlidemapError, systemError } from '../errors.js'
import type { Range } from '../range.js'
import type { FileInfo, Mapper, MapTask, SmallTask } from './mapper.js'

/** The limits of a mapper that a range has to keep. */
export type Limits = Pick<Mapper, 'name' | 'granularity' | 'maxOffset' | 'maxLength'>

/** The path of a task, for errors; undefined where it has a descriptor. */
export function pathOf(target: MapTask['target']): string | undefined {
  return typeof target === 'number' ? undefined : target.toString()
}

/**
 * The range of a task.
 *
 * @throws {TypeError} ERR_INVALID_ARG_TYPE for a target that is none
 * @throws {RangeError} ERR_OUT_OF_RANGE for negative, fractional and NaN numbers, and offsets off the granularity
 * @throws {SlidemapError} ERR_MAP_UNSUPPORTED where the range reaches past `maxOffset` or is longer than `maxLength`
 */
export function checkTask(task: MapTask, limits: Limits): Range {
  const { target, flags = 0, offset = 0, length = 0 } = task
  checkTarget(target)
  if (!Number.isInteger(flags)) throw invalidRange('flags', 'an integer', flags)
  checkBytes('offset', offset)
  checkBytes('length', length)
  const { name, granularity, maxOffset, maxLength } = limits
  // Not offset + length > maxOffset: that sum may round.
  if (offset > maxOffset || length > maxOffset - offset) {
    throw new SlidemapError(
      'ERR_MAP_UNSUPPORTED',
      `the ${name} mapper reaches no further than byte ${maxOffset} of a file`,
      { path: pathOf(target), offset, length }
    )
  }
  if (length > maxLength) {
    throw new SlidemapError('ERR_MAP_UNSUPPORTED', `the ${name} mapper maps ${maxLength} bytes at most`, {
      path: pathOf(target),
      offset,
      length
    })
  }
  if (offset % granularity !== 0) throw invalidRange('offset', `a multiple of ${granularity}`, offset)
  return { offset, length }
}

/** Bytes that one job for small files may read, and so may each of them. */
const MAX_SMALL = 2 ** 30

/**
 * Check what files to read whole.
 *
 * @throws {TypeError} ERR_INVALID_ARG_TYPE
 * @throws {RangeError} ERR_OUT_OF_RANGE
 */
export function checkSmallTask({ paths, limit, room }: SmallTask): { limit: number; room: number } {
  if (!Array.isArray(paths)) throw invalidType('paths', 'an array of paths', paths)
  if (paths.length === 0) throw invalidRange('paths.length', '>= 1', 0)
  for (const path of paths) if (typeof path !== 'string' || path.includes('\0')) checkPath(path)
  checkBytes('limit', limit)
  checkBytes('room', room)
  if (limit > room) throw invalidRange('limit', `<= room (${room})`, limit)
  if (room > MAX_SMALL) throw invalidRange('room', `<= ${MAX_SMALL}`, room)
  return { limit, room }
}

function checkPath(path: unknown): void {
  if (typeof path === 'number') throw invalidType('paths', 'an array of strings and Buffers', path)
  checkTarget(path)
}

function checkTarget(target: unknown): void {
  if (typeof target === 'number') {
    if (!Number.isInteger(target) || target < 0 || target > 0x7fffffff) {
      throw invalidRange('target', 'a descriptor, >= 0 and < 2 ** 31', target)
    }
  } else if (typeof target !== 'string' && !Buffer.isBuffer(target)) {
    throw invalidType('target', 'a descriptor, a string or a Buffer', target)
  } else if (typeof target === 'string' ? target.includes('\0') : target.includes(0)) {
    // The OS would open what stands before it.
    throw invalidRange('target', 'a path without null bytes', target)
  }
}

function checkBytes(name: string, value: unknown): void {
  if (typeof value !== 'number') throw invalidType(name, 'of type number', value)
  if (!Number.isInteger(value) || value < 0) throw invalidRange(name, 'an integer >= 0', value)
}

/** Whether the file holds the whole range. */
export function holds(info: FileInfo, { offset, length }: Range): boolean {
  return length <= info.size - offset
}

/**
 * The error for what is no file of bytes at offsets, or undefined where it is one.
 */
export function refusalOf(info: FileInfo, path: string | undefined): Error | undefined {
  if (info.kind === 'directory') return systemError(ERRNO.EISDIR, 'read', path)
  if (info.kind !== 'other') return undefined
  const name = path === undefined ? 'the descriptor' : `'${path}'`
  return new SlidemapError(
    'ERR_MAP_UNSUPPORTED',
    `${name} is a pipe, a socket or a device: it has no bytes at offsets`,
    { path }
  )
}

/**
 * Refuse to get bytes at offsets out of what has none.
 *
 * @throws EISDIR as reading a directory does in Node, ERR_MAP_UNSUPPORTED for FIFOs, sockets and character devices
 */
export function refuseWithoutBytes(info: FileInfo, task: MapTask): void {
  if (info.kind === 'directory') throw systemError(ERRNO.EISDIR, 'read', pathOf(task.target))
  if (info.kind === 'other') {
    throw unsupported(task, 'a FIFO, a socket or a character device has no bytes at offsets')
  }
}

/**
 * Refuse to map what can only be read.
 *
 * @throws what {@link refuseWithoutBytes} does, and ERR_MAP_UNSUPPORTED for `'pseudo'` files
 */
export function refuseUnmappable(info: FileInfo, task: MapTask, mapper: string): void {
  refuseWithoutBytes(info, task)
  if (info.kind === 'pseudo') {
    throw unsupported(
      task,
      `the ${mapper} mapper cannot map a file whose size is not its content's; the read mapper serves it`
    )
  }
}

/** An ERR_MAP_UNSUPPORTED that says of which range of which file. */
export function unsupported(task: MapTask, message: string, cause?: unknown): SlidemapError {
  const { target, offset, length } = task
  return new SlidemapError('ERR_MAP_UNSUPPORTED', message, { path: pathOf(target), offset, length, cause })
}

/** An ERR_MAP_IO: what the file holds at this offset cannot be read; `cause` is what the OS said, if it said a word. */
export function unreadable(offset: number, path: string | undefined, cause?: unknown): SlidemapError {
  const name = path === undefined ? 'the file' : `'${path}'`
  return new SlidemapError('ERR_MAP_IO', `reading ${name} failed at offset ${offset}`, {
    path,
    offset,
    cause
  })
}

/** What a person could do about an error of the OS; undefined where it says enough itself. */
export function hintFor(errno: number, syscall: string): string | undefined {
  const { ENOMEM, EMFILE, ENFILE } = ERRNO
  if (errno === ENOMEM && syscall === 'mmap') {
    return 'out of mappings or address space: raise vm.max_map_count or `ulimit -v`, or lower maxMappedBytes'
  }
  if (errno === EMFILE && syscall === 'open') return 'raise `ulimit -n`, or lower maxHandles'
  if (errno === ENFILE && syscall === 'open')
    return 'the whole system is out of open files: raise fs.file-max'
  return undefined
}
