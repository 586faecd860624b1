/** From the `mapper` option to a mapper. */
import { integer } from '../arguments.js'
import { invalidType, SlidemapError } from '../errors.js'
import type { Mapper } from './mapper.js'
import { mmapIoMapper } from './mmap-io.js'
import { nativeMapper } from './native.js'
import { readMapper } from './read.js'

/** What can be asked for by name, or a mapper of one's own. */
export type MapperChoice = 'auto' | 'native' | 'mmap-io' | 'read' | Mapper

/** How the mappers that come with the package are made; each throws where what it stands on cannot be loaded. */
export interface Makers {
  native(): Mapper
  'mmap-io'(): Mapper
  read(): Mapper
}

const ownMakers: Makers = {
  native: () => nativeMapper(),
  'mmap-io': () => mmapIoMapper(),
  read: () => readMapper()
}

/** What to do about a mapper that cannot be loaded. */
const advice: Partial<Record<keyof Makers, string>> = {
  native:
    "reinstall slidemap on this platform (in a checkout, run `npm run build:native`), or choose mapper: 'read'",
  'mmap-io':
    'install it beside slidemap (with CXXFLAGS=-std=gnu++17 where its build fails), or pass mmapIoMapper(module)'
}

/** What to do where the runtime was told to load no addon. */
const adviceWhereDisabled = "run node with --allow-addons, or choose mapper: 'read'"

/** Methods that a {@link Mapper} may lack. */
const optionalMethods = ['expectCopies', 'readSmall', 'scan', 'visitCache'] as const

/** Every member that a {@link Mapper} has to have, with its type. */
const members: Record<
  Exclude<keyof Mapper, (typeof optionalMethods)[number]>,
  'string' | 'number' | 'boolean' | 'function'
> = {
  name: 'string',
  granularity: 'number',
  pageSize: 'number',
  maxOffset: 'number',
  maxLength: 'number',
  detaches: 'boolean',
  servesAnyFile: 'boolean',
  run: 'function',
  runSync: 'function',
  close: 'function',
  closeSync: 'function',
  drain: 'function'
}

/**
 * The mapper asked for.
 *
 * `'auto'` is native where its addon loads, else read: slower, and right everywhere.
 *
 * @param warn is told, once a call, why `'auto'` is not native and what to do about it
 * @param makers for tests
 * @throws {SlidemapError} ERR_MAP_MAPPER where the one asked for by name cannot be loaded; `cause` is why
 * @throws {TypeError} ERR_INVALID_ARG_TYPE for an object that lacks a member of {@link Mapper}, and for anything else
 * @example chooseMapper('auto', message => process.emitWarning(message))
 */
export function chooseMapper(
  choice: MapperChoice,
  warn: (message: string) => void,
  makers: Makers = ownMakers
): Mapper {
  switch (choice) {
    case 'auto':
      return chooseBest(warn, makers)
    case 'native':
    case 'mmap-io':
    case 'read':
      return make(choice, makers)
    default:
      checkMapper(choice)
      return choice
  }
}

function chooseBest(warn: (message: string) => void, makers: Makers): Mapper {
  try {
    return makers.native()
  } catch (error) {
    warn(`files are read into memory instead of mapped, since ${failure('native', error)}`)
    return makers.read()
  }
}

function make(name: keyof Makers, makers: Makers): Mapper {
  try {
    return makers[name]()
  } catch (cause) {
    throw new SlidemapError('ERR_MAP_MAPPER', failure(name, cause), { cause })
  }
}

function failure(name: keyof Makers, error: unknown): string {
  // The first line: what follows it are stacks of `require`s and dumps of the search path.
  const why = String(error instanceof Error ? error.message : error).split('\n', 1)[0]
  const disabled = error instanceof Error && 'code' in error && error.code === 'ERR_DLOPEN_DISABLED'
  const what = disabled ? adviceWhereDisabled : advice[name]
  return `the ${name} mapper cannot be loaded (${why})${what ? `; ${what}` : ''}`
}

function checkMapper(candidate: unknown): asserts candidate is Mapper {
  if (typeof candidate !== 'object' || candidate === null) {
    throw invalidType('options.mapper', `'auto', 'native', 'mmap-io', 'read' or a Mapper`, candidate)
  }
  for (const [name, type] of Object.entries(members)) {
    const value: unknown = Reflect.get(candidate, name)
    if (typeof value !== type) throw invalidType(`options.mapper.${name}`, `of type ${type}`, value)
    // All of its numbers are counts of bytes.
    if (type === 'number') integer(`options.mapper.${name}`, value, 1)
  }
  for (const name of optionalMethods) {
    const value: unknown = Reflect.get(candidate, name)
    if (value !== undefined && typeof value !== 'function') {
      throw invalidType(`options.mapper.${name}`, 'of type function', value)
    }
  }
}
