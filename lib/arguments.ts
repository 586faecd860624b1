/**
 * Checks of arguments: each answers the value, or throws what Node itself would throw.
 */
import { constants } from 'node:fs'
import { invalidRange, invalidType, SlidemapError } from './errors.js'
import { MAX_OFFSET } from './range.js'

/**
 * A safe integer within bounds.
 *
 * @throws {TypeError} ERR_INVALID_ARG_TYPE for anything but a number
 * @throws {RangeError} ERR_OUT_OF_RANGE for NaN, fractions, and values below `min` or above `max`
 */
export function integer(name: string, value: unknown, min: number, max: number = MAX_OFFSET): number {
  if (typeof value !== 'number') throw invalidType(name, 'of type number', value)
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw invalidRange(name, `an integer >= ${min} and <= ${max}`, value)
  }
  return value
}

/** Flags that would open for writing, or change the file by the opening alone. */
const CHANGING = constants.O_WRONLY | constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC

/** Extra flags for opening (`fs.constants.O_*`), none for none. */
export function openFlags(name: string, value: unknown): number {
  const flags = integer(name, value === undefined ? 0 : value, 0, 2 ** 31 - 1)
  if (flags & CHANGING) throw invalidRange(name, 'flags that change no file', flags)
  return flags
}

/** A safe integer within bounds, or Infinity. */
export function integerOrInfinity(name: string, value: unknown, min: number): number {
  return value === Number.POSITIVE_INFINITY ? value : integer(name, value, min)
}

/** True or false; absent counts as false. */
export function boolean(name: string, value: unknown): boolean {
  if (value !== undefined && typeof value !== 'boolean') throw invalidType(name, 'of type boolean', value)
  return value ?? false
}

/**
 * What has to be a function.
 *
 * @returns it, of the type that its caller says it has
 */
export function callback<F extends (...values: never) => unknown>(name: string, value: F | undefined): F {
  if (typeof value !== 'function') throw invalidType(name, 'of type function', value)
  return value
}

/** One of a few words. */
export function oneOf<T extends string>(name: string, value: unknown, words: readonly T[]): T {
  if (typeof value !== 'string') throw invalidType(name, 'of type string', value)
  if (!words.includes(value as T)) throw invalidRange(name, `one of '${words.join("', '")}'`, value)
  return value as T
}

/** An AbortSignal, or nothing. */
export function abortSignal(name: string, value: unknown): AbortSignal | undefined {
  if (value === undefined) return undefined
  if (
    value === null ||
    typeof value !== 'object' ||
    !('aborted' in value) ||
    !('addEventListener' in value)
  ) {
    throw invalidType(name, 'an instance of AbortSignal', value)
  }
  return value as AbortSignal
}

/** An object of options; absent counts as empty. Names that nobody knows are let be, as Node does. */
export function optionsObject<T extends object>(name: string, value: T | undefined): T {
  if (value === undefined) return {} as T
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw invalidType(name, 'of type object', value)
  return value
}

/**
 * Refuse options that would be ignored, and that whoever gave them counts on.
 *
 * @param what does not take them: "records", say
 * @throws {SlidemapError} ERR_MAP_UNSUPPORTED for one that is there, and neither false nor 0
 */
export function withoutOptions(what: string, options: object, names: readonly string[]): void {
  for (const name of names) {
    if (Reflect.get(options, name)) {
      throw new SlidemapError('ERR_MAP_UNSUPPORTED', `${what} do not take options.${name}`)
    }
  }
}
