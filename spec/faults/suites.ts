/** What is made to fail, and what the contract says to it. */
import { strict as assert } from 'node:assert'
import { nativeMapper } from '../../lib/mapping/native.js'
import { readMapper } from '../../lib/mapping/read.js'
import { FailingCalls, type NodeErrors } from './failing-calls.js'
import { type Errors, type InjectedAddon, Injector } from './inject.js'
import { type Fixtures, operations } from './operations.js'
import { checkIoError, checkSystemError, type Tally, type WalkOptions, walkFaults } from './walk.js'

/** What a run may reject with, where something failed: throws for all else. */
type Allows = (error: unknown, lasting: boolean, fixtures: Fixtures) => void

/** One set of failures. */
export interface Suite<E> {
  readonly title: string
  readonly errors: E
  /** Absent where it must come through. */
  readonly allows?: Allows
  /** Whether it makes sense that all calls fail: EINTR is tried again without end, as it has to be. */
  readonly neverLasts?: boolean
  /** Left to the long form where all calls fail. */
  readonly lastsLong?: boolean
}

/** `napi_status` of a runtime that forbids external buffers, of a buffer that cannot go, and of nobody knows what. */
const NO_EXTERNAL_BUFFERS = 22
const NOT_DETACHABLE = 20
const GENERIC_FAILURE = 9

const refusals: Allows = (error, _lasting, fixtures) => {
  const { code, syscall = '' } = error as NodeJS.ErrnoException
  if (code === 'ERR_MAP_IO') checkIoError(error, 'EIO', fixtures)
  else checkSystemError(error, syscall === 'fstat' ? 'EIO' : 'EACCES', syscall, fixtures)
}

/** What is short once is there when it is tried again; what stays short is told with what to do about it. */
const shortages: Allows = (error, lasting, fixtures) => {
  assert.ok(lasting, `not tried again: ${String(error)}`)
  const { syscall = '' } = error as NodeJS.ErrnoException
  checkSystemError(error, syscall === 'open' ? 'EMFILE' : 'ENOMEM', syscall, fixtures)
  if (syscall === 'open') assert.match(String(error), /ulimit -n/)
  if (syscall === 'mmap') assert.match(String(error), /vm\.max_map_count/)
}

/** What nobody asked to be closed is closed quietly. */
const closes: Allows = (error, _lasting, fixtures) => checkSystemError(error, 'EIO', 'close', fixtures)

function onlyCode(code: string): Allows {
  return error => assert.equal((error as NodeJS.ErrnoException).code, code, String(error))
}

export const nativeSuites: readonly Suite<Errors>[] = [
  {
    title: 'refused',
    errors: { open: 'EACCES', fstat: 'EIO', mmap: 'EACCES', madvise: 'EIO', pread: 'EIO' },
    allows: refusals,
    lastsLong: true
  },
  {
    title: 'out of descriptors, mappings and memory',
    errors: { open: 'EMFILE', mmap: 'ENOMEM', madvise: 'ENOMEM' },
    allows: shortages
  },
  {
    title: 'interrupted',
    errors: { open: 'EINTR', pread: 'EINTR', madvise: 'EINTR', close: 'EINTR' },
    neverLasts: true
  },
  { title: 'populating on an old kernel', errors: { madvise: 'EINVAL' } },
  { title: 'asking the page cache', errors: { mincore: 'EIO', posix_fadvise: 'EINVAL' } },
  { title: 'covering what is released', errors: { cover: 'ENOMEM' } },
  { title: 'giving addresses back', errors: { munmap: 'ENOMEM' } },
  { title: 'detaching', errors: { detach: NOT_DETACHABLE } },
  { title: 'handing out memory that is not the heap’s', errors: { external: NO_EXTERNAL_BUFFERS } },
  { title: 'closing', errors: { close: 'EIO' }, allows: closes },
  {
    title: 'mapping where the file system cannot',
    errors: { mmap: 'ENODEV' },
    allows: onlyCode('ERR_MAP_UNSUPPORTED')
  },
  {
    title: 'making jobs and answers',
    errors: { memory: 'ENOMEM', napi: GENERIC_FAILURE },
    allows: onlyCode('ENOMEM'),
    lastsLong: true
  }
]

export const readSuites: readonly Suite<NodeErrors>[] = [
  {
    title: 'refused',
    errors: { open: 'EACCES', fstat: 'EIO', read: 'EIO' },
    allows: refusals,
    lastsLong: true
  },
  {
    title: 'out of descriptors and memory',
    errors: { open: 'EMFILE', read: 'ENOMEM' },
    allows: shortages
  },
  { title: 'interrupted', errors: { read: 'EINTR' }, neverLasts: true },
  { title: 'closing', errors: { close: 'EIO' }, allows: closes }
]

/** Makes a mapper whose calls fail, and what makes them fail. */
export type SetUp<E> = (errors: E) => Pick<WalkOptions, 'mapper' | 'faults'>

export function failingNative(addon: InjectedAddon): SetUp<Errors> {
  const injector = new Injector(addon)
  return errors => ({
    mapper: () => nativeMapper(addon),
    faults: {
      arm: (n, lasting) => injector.arm(errors, n, lasting ? Number.MAX_SAFE_INTEGER : n),
      disarm: () => injector.disarm()
    }
  })
}

export function failingRead(errors: NodeErrors): Pick<WalkOptions, 'mapper' | 'faults'> {
  const faults = new FailingCalls(errors)
  return { mapper: () => readMapper(faults.calls), faults }
}

/** Walk all operations under one set of failures. */
export async function walkSuite<E>(
  { errors, allows }: Suite<E>,
  setUp: SetUp<E>,
  fixtures: Fixtures,
  lasting: boolean,
  tally: Tally,
  signal?: AbortSignal
): Promise<void> {
  const judge = (error: unknown) => {
    if (error === undefined) return
    if (allows === undefined) throw error
    allows(error, lasting, fixtures)
  }
  for (const operation of operations) {
    const options = { ...setUp(errors), fixtures, lasting, judge, ...(signal && { signal }) }
    await walkFaults(operation, options, tally)
  }
}
