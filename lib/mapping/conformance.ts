/**
 * The specification of {@link Mapper}, to be run: against the mappers of this package, and against yours.
 *
 * It needs `describe` and `it` of mocha, node:test, jest or their like, and nothing else.
 */
import { callback, optionsObject } from '../arguments.js'
import { invalidType } from '../errors.js'
import { lifetimes } from './conformance-lifetimes.js'
import { outcomes } from './conformance-outcomes.js'
import { smallFiles } from './conformance-small.js'
import { Bench } from './conformance-bench.js'
import type { Mapper } from './mapper.js'

export interface ConformanceOptions {
  /** Title of the suite. Default `'a mapper'`. */
  readonly name?: string
  readonly describe: (title: string, body: () => void) => unknown
  readonly it: (title: string, body: () => Promise<void>) => unknown
  /** Called once a test. What it throws fails the test. */
  readonly mapper: () => Mapper | Promise<Mapper>
  /**
   * Run `body` without the superuser's rights. Where this is absent and the tests run as root, nothing can be
   * without permission, and the tests of that are left out.
   */
  readonly unprivileged?: (body: () => Promise<void>) => Promise<void>
}

/** Declares one test of the suite. */
export type Test = (title: string, body: (bench: Bench) => Promise<void>) => void

/**
 * Declare the suite: every promise of {@link Mapper}, as far as its declared capabilities reach, and that it refuses
 * what lies beyond them.
 *
 * After each test, on Linux, the OS is asked whether a descriptor is left, and a mapping where the mapper
 * `detaches`. Files are made in the temporary folder and removed; the largest has 9 GiB of holes.
 *
 * @example
 * ```ts
 * import { describe, it } from 'node:test'
 * import { mapperConformance } from 'slidemap/conformance'
 * mapperConformance({ name: 'my mapper', describe, it, mapper: () => new MyMapper() })
 * ```
 * @throws {TypeError} ERR_INVALID_ARG_TYPE
 * @see abstract-level's `test/` for the form
 */
export function mapperConformance(options: ConformanceOptions): void {
  const { name = 'a mapper', describe, it, mapper, unprivileged } = optionsObject('options', options)
  for (const [key, value] of Object.entries({ describe, it, mapper })) callback(`options.${key}`, value)
  if (unprivileged !== undefined) callback('options.unprivileged', unprivileged)
  if (typeof name !== 'string') throw invalidType('options.name', 'of type string', name)
  const test: Test = (title, body) => {
    it(title, async () => {
      const bench = new Bench(await mapper())
      try {
        try {
          await body(bench)
        } finally {
          await bench.end()
        }
      } finally {
        bench.remove()
      }
    })
  }
  describe(name, () => {
    outcomes(test, options)
    lifetimes(test)
    smallFiles(test)
  })
}
