import { strict as assert } from 'node:assert'
import { expect } from 'chai'
import { nativeMapper } from '../../lib/mapping/native.js'
import { type Errors, type InjectedAddon, Injector, needsInjected } from './inject.js'
import { type Fixtures, makeFixtures, operations } from './operations.js'
import { checkIoError, checkSystemError, newTally, walkFaults } from './walk.js'

/** `napi_status` of a runtime that forbids external buffers, of one that cannot detach, and of one that is at its end. */
const NO_EXTERNAL_BUFFERS = 22
const NOT_DETACHABLE = 20
const GENERIC_FAILURE = 9

interface Suite {
  readonly title: string
  readonly errors: Errors
  /** What a run may reject with; absent where it must come through. */
  readonly allows?: (error: unknown, lasting: boolean, fixtures: Fixtures) => void
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}

/** Failures that go on are walked in the long form. */
const long = process.env.SLIDEMAP_LONG !== undefined
const shortages = 'out of descriptors, mappings and memory'

const suites: readonly Suite[] = [
  {
    title: 'refusing',
    errors: { open: 'EACCES', fstat: 'EIO', mmap: 'EACCES', madvise: 'EIO', pread: 'EIO' },
    allows(error, _lasting, fixtures) {
      const { code, syscall = '' } = error as NodeJS.ErrnoException
      if (code === 'ERR_MAP_IO') checkIoError(error, 'EIO', fixtures)
      else checkSystemError(error, syscall === 'fstat' ? 'EIO' : 'EACCES', syscall, fixtures)
    }
  },
  {
    title: shortages,
    errors: { open: 'EMFILE', mmap: 'ENOMEM', madvise: 'ENOMEM' },
    allows(error, lasting, fixtures) {
      assert.ok(lasting, `not tried again: ${String(error)}`)
      const syscall = (error as NodeJS.ErrnoException).syscall ?? ''
      checkSystemError(error, syscall === 'open' ? 'EMFILE' : 'ENOMEM', syscall, fixtures)
      if (syscall === 'open') assert.match(String(error), /ulimit -n/)
      if (syscall === 'mmap') assert.match(String(error), /vm\.max_map_count/)
    }
  },
  { title: 'interrupted', errors: { open: 'EINTR', pread: 'EINTR', madvise: 'EINTR', close: 'EINTR' } },
  { title: 'populating on an old kernel', errors: { madvise: 'EINVAL' } },
  { title: 'advising the page cache', errors: { mincore: 'EIO', posix_fadvise: 'EINVAL' } },
  { title: 'covering what is released', errors: { cover: 'ENOMEM' } },
  { title: 'giving addresses back', errors: { munmap: 'ENOMEM' } },
  { title: 'detaching', errors: { detach: NOT_DETACHABLE } },
  { title: 'handing out memory that is not the heap’s', errors: { external: NO_EXTERNAL_BUFFERS } },
  {
    title: 'closing',
    errors: { close: 'EIO' },
    // What nobody asked to be closed is closed quietly.
    allows: (error, _lasting, fixtures) => checkSystemError(error, 'EIO', 'close', fixtures)
  },
  {
    title: 'mapping where the file system cannot',
    errors: { mmap: 'ENODEV' },
    allows: error => assert.equal(codeOf(error), 'ERR_MAP_UNSUPPORTED', String(error))
  },
  {
    title: 'making jobs, and getting memory for them',
    errors: { memory: 'ENOMEM', napi: GENERIC_FAILURE },
    allows: error => assert.equal(codeOf(error), 'ENOMEM', String(error))
  }
]

describe('Native calls that fail', () => {
  let addon: InjectedAddon
  let injector: Injector
  let fixtures: Fixtures

  before(function () {
    addon = needsInjected.call(this)
    injector = new Injector(addon)
    fixtures = makeFixtures('failing-native')
  })

  for (const { title, errors, allows } of suites) {
    for (const lasting of long || title === shortages ? [false, true] : [false]) {
      // EINTR without end is tried again without end, as it has to be.
      if (lasting && errors.open === 'EINTR') continue
      it(`${title}: ${lasting ? 'the n-th and all after it' : 'the n-th'}, of each operation`, async () => {
        const tally = newTally()
        for (const operation of operations) {
          const faults = {
            arm: (n: number, goesOn: boolean) =>
              injector.arm(errors, n, goesOn ? Number.MAX_SAFE_INTEGER : n),
            disarm: () => injector.disarm()
          }
          const judge = (error: unknown) => {
            if (error === undefined) return
            if (allows === undefined) throw error
            allows(error, lasting, fixtures)
          }
          const mapper = () => nativeMapper(addon)
          await walkFaults(operation, { mapper, faults, fixtures, lasting, judge }, tally)
        }
        expect(tally.faults).to.be.greaterThan(0)
      })
    }
  }
})
