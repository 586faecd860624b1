import { makeBench, held, heldByBench, refuse } from '../../spec/bad-arguments/refusal.js'
import { rows } from '../../spec/bad-arguments/rows.js'
import { wrongValues } from '../../spec/bad-arguments/values.js'
import type { Part, Proof, Row } from '../part.js'
import { Random } from '../random.js'
import { specRow } from '../support/spec-row.js'

/** Calls with one wrong value each. */
const CALLS = 100_000
/** Values that the addon's functions are given at random, for each kind of call. */
const HOSTILE = 20_000

export const part: Part = {
  name: 'arguments',
  title: 'Wrong arguments',
  async run(proof) {
    const refused = await tryTable({ ...proof, progress: done => proof.progress(done / 2) })
    const buffer = await specRow(proof, {
      claim:
        "A mapped buffer answers to each wrong value, in each place of each method, what Buffer's answers.",
      unit: 'methods',
      specs: ['spec/bad-arguments/like-buffer.spec.ts']
    })
    proof.progress(0.6)
    const cases = Math.max(200, Math.round(HOSTILE * proof.scale))
    const hostile = await specRow(proof, {
      claim:
        'The functions of the addon, called with any numbers and bytes: they answer or throw; no crash, nothing left.',
      unit: 'random calls of each of 5 kinds',
      tried: cases,
      specs: ['spec/security-addon.spec.ts'],
      env: { SLIDEMAP_CASES: `${cases}`, SLIDEMAP_SEED: `${proof.seed}` }
    })
    return [refused, buffer, hostile]
  }
}

/** Each row of the table with each wrong value, in an order of the seed's, on one manager, until there were enough. */
async function tryTable({ scale, seed, progress, signal }: Proof): Promise<Row> {
  const values = await wrongValues()
  const pairs = rows.flatMap(row =>
    values.filter(({ value }) => !row.takes.right(value)).map(value => ({ row, value }))
  )
  const random = new Random(seed)
  const calls = Math.max(2000, Math.round(CALLS * scale))
  const bench = await makeBench()
  const before = held()
  const faults: string[] = []
  try {
    for (let call = 0; call < calls; call++) {
      signal.throwIfAborted()
      const { row, value } =
        scale >= 1 && call < pairs.length ? (pairs[call] as (typeof pairs)[0]) : random.pick(pairs)
      try {
        await refuse(row, value, bench)
      } catch (error) {
        faults.push(`${row.call}, ${row.argument}: ${(error as Error).message}`)
      }
      if (call % 1000 === 0) progress(call / calls)
    }
    const stats = Object.entries(heldByBench).filter(
      ([name, count]) => Reflect.get(bench.manager.stats(), name) !== count
    )
    for (const [name] of stats) faults.push(`stats().${name} is another`)
    if (JSON.stringify(held(), text) !== JSON.stringify(before, text))
      faults.push('the OS holds more than before')
  } finally {
    await bench.manager.close()
  }
  return {
    claim:
      'Each public function, each argument and option of it, each wrong value: an error with a code that names it, and nothing opened or mapped.',
    tried: calls,
    unit: 'calls',
    result:
      faults.length > 0
        ? `${faults.length} wrong: ${faults[0]}`
        : `all refused: ${new Set(rows.map(({ call }) => call)).size} functions, ${rows.length} places, ${values.length} values`,
    passed: faults.length === 0
  }
}

/** Addresses are bigints. */
function text(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}` : value
}
