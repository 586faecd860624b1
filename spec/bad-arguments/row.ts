/** What a row of the table is: one argument of one function. */
import type { Concatenation, Cursor, MapManager, MappedBuffer, MappedFile } from '../../lib/index.js'
import * as take from './takes.js'
import type { Takes } from './takes.js'

/** What the calls are made on. */
export interface Bench {
  readonly manager: MapManager
  /** Of {@link SIZE} bytes. */
  readonly file: MappedFile
  readonly path: string
  readonly concatenation: Concatenation
  readonly buffer: MappedBuffer
  readonly cursor: Cursor
}

/** Bytes of the file. */
export const SIZE = 10_000

/**
 * How a call says no: it throws; it answers a promise that rejects, and never throws; or the iterator that it answers
 * says so at the first `next()`, since nothing is looked at before.
 */
export type Way = 'throws' | 'rejects' | 'rejects at next'

/** One argument of one function. */
export interface Row {
  /** `'Class.method'`, `'new Class'` or `'function'`. */
  readonly call: string
  /** As errors name it. */
  readonly argument: string
  readonly takes: Takes
  readonly way: Way
  run(value: unknown, bench: Bench): unknown
}

// biome-ignore lint/suspicious/noExplicitAny: the point is to call them wrongly
export type Any = any

/** A row for the object of options, and one for each option. */
export function optionRows(
  call: string,
  way: Way,
  options: Record<string, Takes>,
  run: (options: Any, bench: Bench) => unknown,
  /** Options that have to be there for these to be looked at. */
  besides: object = {},
  /** The name of the object. */
  name = 'options'
): Row[] {
  return [
    { call, way, argument: name, takes: take.options, run },
    ...Object.entries(options).map(([option, takes]) => ({
      call,
      way,
      argument: `${name}.${option}`,
      takes: orUndefined(takes),
      run: (value: unknown, bench: Bench) => run({ ...besides, [option]: value }, bench)
    }))
  ]
}

export function orUndefined({ right, codes }: Takes): Takes {
  return { right: value => value === undefined || right(value), codes }
}

/** Arguments without a name of their own in an object. */
export function argumentRow(call: string, way: Way, argument: string, takes: Takes, run: Row['run']): Row {
  return { call, way, argument, takes, run }
}
