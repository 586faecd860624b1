/**
 * Errors: one class with a code for what slidemap itself has to say, Node's own errors for wrong arguments,
 * and the operating system's words kept as Node says them.
 */
import type { constants } from 'node:os'
import { getSystemErrorMap, inspect } from 'node:util'

/**
 * Every code of a {@link SlidemapError}, with what it means.
 *
 * The README shows this table; `spec/errors.spec.ts` checks that they agree.
 */
export const ERROR_CODES = {
  ERR_MAP_CLOSED: 'the file, the manager or the stream was closed',
  ERR_MAP_RELEASED: 'the window was released; its bytes are gone',
  ERR_MAP_OUT_OF_RANGE: 'the range lies outside the file',
  ERR_MAP_LIMIT: 'the request can never fit the limits of its manager, or not now, and it cannot wait',
  ERR_MAP_FILE_TRUNCATED: 'the file became shorter than the bytes asked for',
  ERR_MAP_FILE_CHANGED: 'another file is at that path, or it was changed, since it was opened',
  ERR_MAP_IO: 'the disk or the network failed under a mapping',
  ERR_MAP_RECORD_TOO_LONG: 'a record is longer than maxRecordBytes, or a line than maxLineBytes',
  ERR_MAP_UNSUPPORTED: 'this mapper, or this kind of file, cannot do that',
  ERR_MAP_MAPPER: 'the mapper asked for cannot be loaded'
} as const

/** One of {@link ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES

/** What an error can tell beside its code. */
export interface ErrorDetails {
  path?: string | undefined
  /** Bytes from the start of the file; of ERR_MAP_OUT_OF_RANGE, the offset that was asked for. */
  offset?: number | undefined
  /** Bytes. */
  length?: number | undefined
  /** Place in the list of sources, from 0, where there is one. */
  index?: number | undefined
  /** What lies under it: an error of the operating system, say. */
  cause?: unknown
}

/**
 * What slidemap throws and rejects with.
 *
 * Wrong arguments are `TypeError`s and `RangeError`s with Node's codes instead, errors of the operating system
 * are Node's (`ENOENT`, `EACCES`, ... with `syscall` and `path`), and aborting rejects with the signal's reason.
 *
 * @example
 * ```ts
 * try {
 *   for await (const window of file.windows()) hash.update(window.bytes)
 * } catch (error) {
 *   if (error.code === 'ERR_MAP_FILE_TRUNCATED') console.error(`cut short at ${error.offset}`)
 *   else throw error
 * }
 * ```
 */
export class SlidemapError extends Error {
  override readonly name = 'SlidemapError'
  /** One of {@link ERROR_CODES}. */
  readonly code: ErrorCode
  /** The file, where one is known by a path. */
  declare readonly path?: string
  /** Bytes from the start of the file; of ERR_MAP_OUT_OF_RANGE, the offset that was asked for: of a part, from its start. */
  declare readonly offset?: number
  /** Bytes. */
  declare readonly length?: number
  /** Place in the list of sources, from 0: of a concatenation. Errors of the operating system have it there, too. */
  declare readonly index?: number

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    if (details.path !== undefined) this.path = details.path
    if (details.offset !== undefined) this.offset = details.offset
    if (details.length !== undefined) this.length = details.length
    if (details.index !== undefined) this.index = details.index
  }
}

/** An error of the operating system as Node composes them: `code`, `errno` (negative), `syscall`, `path`. */
export interface SystemError extends Error {
  code: string
  errno: number
  syscall: string
  path?: string
}

/**
 * The numbers of the OS's errors by their names, as {@link systemError} takes them. Not `os.constants.errno`: on Windows
 * those are the C library's, and Node tells libuv's.
 */
export const ERRNO = Object.fromEntries(
  Array.from(getSystemErrorMap(), ([number, [name]]) => [name, -number])
) as typeof constants.errno

/**
 * Compose what the operating system said as Node does.
 *
 * @param errno the OS's number, positive: what the OS answered, or one of {@link ERRNO}
 * @param hint what a person could do about it, appended in parentheses
 */
export function systemError(errno: number, syscall: string, path?: string, hint?: string): SystemError {
  const [code, words] = getSystemErrorMap().get(-errno) ?? [`E${errno}`, 'unknown error']
  const place = path === undefined ? '' : ` '${path}'`
  const error = new Error(`${code}: ${words}, ${syscall}${place}${hint ? ` (${hint})` : ''}`) as SystemError
  error.code = code
  error.errno = -errno
  error.syscall = syscall
  if (path !== undefined) error.path = path
  return error
}

/** Whether an error carries this code, be it ours, Node's or the operating system's. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

function withCode<E extends Error>(error: E, code: string): E & { code: string } {
  return Object.assign(error, { code })
}

/** A wrong type of argument, in Node's words and with Node's code. */
export function invalidType(name: string, expected: string, value: unknown): TypeError & { code: string } {
  const kind = value === null || value === undefined ? `${value}` : `type ${typeof value} (${brief(value)})`
  return withCode(
    new TypeError(`The "${name}" argument must be ${expected}. Received ${kind}`),
    'ERR_INVALID_ARG_TYPE'
  )
}

/** A wrong value of the right type, in Node's words and with Node's code. */
export function invalidRange(name: string, expected: string, value: unknown): RangeError & { code: string } {
  return withCode(
    new RangeError(
      `The value of "${name}" is out of range. It must be ${expected}. Received ${brief(value)}`
    ),
    'ERR_OUT_OF_RANGE'
  )
}

/** A text in an encoding that there is not, in Node's words and with Node's code. */
export function unknownEncoding(encoding: string): TypeError & { code: string } {
  return withCode(new TypeError(`Unknown encoding: ${encoding}`), 'ERR_UNKNOWN_ENCODING')
}

/** A number that takes more bytes than there are, in Node's words and with Node's code. */
export function outsideBuffer(): RangeError & { code: string } {
  return withCode(
    new RangeError('Attempt to access memory outside buffer bounds'),
    'ERR_BUFFER_OUT_OF_BOUNDS'
  )
}

/** A value in a few words, whatever it is: looking at it must not call what it brings along, nor fail. */
function brief(value: unknown): string {
  const options = { depth: 0, customInspect: false, maxStringLength: 60, maxArrayLength: 3 }
  let text: string
  try {
    text = inspect(value, { ...options, breakLength: Number.POSITIVE_INFINITY })
  } catch {
    text = 'that cannot be shown'
  }
  return text.length > 60 ? `${text.slice(0, 60)}...` : text
}
