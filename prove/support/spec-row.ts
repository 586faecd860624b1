/** A claim that specs try: run in a process of mocha's own, whose counts become a row. */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Proof, Row } from '../part.js'
import { runCommand } from './command.js'

const require = createRequire(import.meta.url)

/** Where mocha's program is, whatever it exports. */
const mocha = join(dirname(require.resolve('mocha/package.json')), 'bin/mocha.js')

export interface SpecClaim {
  claim: string
  unit: string
  /** How often it was tried, where that is not the number of specs. */
  tried?: number
  /** Files, relative to the checkout. */
  specs: readonly string[]
  env?: Record<string, string>
}

/** Run specs; the row passes where all of them did, and there were any. */
export async function specRow(
  { signal }: Proof,
  { claim, unit, tried, specs, env = {} }: SpecClaim
): Promise<Row> {
  const { how, output } = await runCommand(process.execPath, [mocha, ...specs], { env, signal })
  const [, passed = '0', failed = '1'] = /^(\d+) passed, (\d+) failed/m.exec(output) ?? []
  const title = /^ +1\) .*\n(.*\n)?(.*\n)?/m.exec(output)?.[0]
  return {
    claim,
    tried: tried ?? Number(passed) + Number(failed),
    unit,
    result:
      how === 0
        ? `all specs passed, ${passed} of them`
        : `${failed} specs failed, ended with ${how}: ${title ?? ''}`,
    passed: how === 0 && Number(passed) > 0
  }
}
