/**
 * What arguments take: which values are right, and what has to be said to any other.
 */
import { fstatSync } from 'node:fs'
import { types } from 'node:util'

/** The code of the error that a wrong value must meet, or more of them where it depends on what is looked at first. */
export type Codes = readonly string[]

/** One kind of argument. */
export interface Takes {
  /** The values that are right; these are not tried. */
  right(value: unknown): boolean
  /** For a value that is not. */
  codes(value: unknown): Codes
}

const TYPE = ['ERR_INVALID_ARG_TYPE']
const RANGE = ['ERR_OUT_OF_RANGE']

function takes(right: Takes['right'], codes: Takes['codes'] = () => TYPE): Takes {
  return { right, codes }
}

function isInteger(value: unknown, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
}

/** A safe integer from `min` to `max`; one above `most` is ERR_MAP_OUT_OF_RANGE, where that is given. */
export function integer(min: number, max = Number.MAX_SAFE_INTEGER, most = max): Takes {
  return takes(
    value => isInteger(value, min, most),
    value => {
      if (typeof value !== 'number') return TYPE
      return isInteger(value, min, max) ? ['ERR_MAP_OUT_OF_RANGE'] : RANGE
    }
  )
}

export function integerOrInfinity(min: number): Takes {
  const { right, codes } = integer(min)
  return takes(value => value === Number.POSITIVE_INFINITY || right(value), codes)
}

export const boolean = takes(value => typeof value === 'boolean')

export const callback = takes(value => typeof value === 'function')

/** An object, arrays and functions excepted. */
export const options = takes(value => typeof value === 'object' && value !== null && !isArray(value))

export const signal = takes(() => false)

export function oneOf(...words: string[]): Takes {
  return takes(
    value => words.includes(value as string),
    value => (typeof value === 'string' ? RANGE : TYPE)
  )
}

/** One of some numbers: 1, 2, 4 or 8, say. */
export function oneOfNumbers(...numbers: number[]): Takes {
  return takes(
    value => numbers.includes(value as number),
    value => (typeof value === 'number' ? RANGE : TYPE)
  )
}

/** Whether or how to follow. */
export const follow = takes(value => typeof value === 'boolean' || options.right(value))

/** A text that is not empty. */
export const text = takes(
  value => typeof value === 'string' && value !== '',
  value => (typeof value === 'string' ? RANGE : TYPE)
)

export const anyText = takes(value => typeof value === 'string')

/** Any number at all. */
export const number = takes(value => typeof value === 'number')

/** A byte, bytes or a text, of which there is at least one. */
export const delimiter = takes(
  value =>
    isInteger(value, 0, 255) ||
    (typeof value === 'string' && value !== '') ||
    (types.isUint8Array(value) && value.length > 0),
  value =>
    typeof value === 'number' || typeof value === 'string' || types.isUint8Array(value) ? RANGE : TYPE
)

const urlCodes = ['ERR_INVALID_URL_SCHEME', 'ERR_INVALID_FILE_URL_HOST', 'ERR_OUT_OF_RANGE']

/** A path: any text without a null byte may be one, whether there is a file or not. */
export const path = takes(
  value => (typeof value === 'string' ? !value.includes('\0') : isBuffer(value) && !value.includes(0)),
  value => {
    if (isUrl(value)) return urlCodes
    return typeof value === 'string' || isBuffer(value) ? RANGE : TYPE
  }
)

/** What can be opened. What is right by its form is refused by the OS, or for what it is. */
export const source = takes(
  value => typeof value === 'number' && isFile(value),
  value => {
    if (typeof value === 'number') {
      return isInteger(value, 0, 2 ** 31 - 1) ? ['EBADF', 'ERR_MAP_UNSUPPORTED', 'EISDIR'] : RANGE
    }
    if (typeof value === 'string' || isBuffer(value)) {
      if (value.includes('\0' as never)) return RANGE
      return ['ENOENT', 'ENAMETOOLONG', 'EISDIR']
    }
    if (isUrl(value)) return urlCodes
    if (isObject(value) && 'fd' in value && typeof value.fd === 'number') return ['EBADF', ...RANGE]
    return isObject(value) && 'source' in value ? [...TYPE, ...RANGE] : TYPE
  }
)

/** A list that can be iterated; what is in it is looked at later. */
export const sources = takes(value => {
  if (!isObject(value) || ArrayBuffer.isView(value)) return false
  return says(() => typeof Reflect.get(value, Symbol.iterator) === 'function')
})

/** What a mapper is: a name, or an object with all that a mapper has. */
export const mapper = takes(() => false)

/** A writable. */
export const writable = takes(() => false)

function isFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile()
  } catch {
    return false
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** Whether `look` says so; a value that throws when it is looked at is nothing. */
function says(look: () => boolean): boolean {
  try {
    return look()
  } catch {
    return false
  }
}

function isBuffer(value: unknown): value is Buffer {
  return says(() => Buffer.isBuffer(value))
}

function isUrl(value: unknown): boolean {
  return says(() => value instanceof URL)
}

function isArray(value: unknown): boolean {
  return says(() => Array.isArray(value))
}
