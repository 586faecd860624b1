/** Files that are cut short at any moment, under everybody who can read them. */
import { realMappers } from '../../spec/support/mappers.js'
import { type CutterKind, tryCuts } from '../../spec/truncation/trials.js'
import type { Part, Proof, Row } from '../part.js'

/** Of each mapper, at a scale of 1. */
const TRIALS = 10_000
/** Of one process. */
const BATCH = 1000

/** At random moments, mostly; and between two steps, where each seed says the same again. */
const KINDS: readonly CutterKind[] = ['thread', 'process', 'thread', 'steps']

export const part: Part = {
  name: 'truncation',
  title: 'Files cut short while they are read',
  async run(proof) {
    const rows: Row[] = []
    for (const [i, mapper] of realMappers.entries()) {
      const done = (share: number) => proof.progress((i + share) / realMappers.length)
      rows.push(await proveOn(mapper, proof, done))
    }
    return rows
  }
}

async function proveOn(
  mapper: 'native' | 'read',
  proof: Proof,
  progress: (share: number) => void
): Promise<Row> {
  const wanted = Math.max(200, Math.round(TRIALS * proof.scale))
  const readers = new Set<string>()
  const bad: string[] = []
  let crashes = 0
  let whole = 0
  let errors = 0
  let tried = 0
  for (let batch = 0; tried < wanted; batch++) {
    proof.signal.throwIfAborted()
    const count = Math.min(BATCH, wanted - tried)
    const kind = KINDS[batch % KINDS.length] as CutterKind
    const outcome = await tryCuts(mapper, kind, proof.seed + batch, count)
    tried += count
    crashes += outcome.crashes.length
    bad.push(...outcome.crashes, ...outcome.wrong)
    whole += outcome.whole
    errors += Object.values(outcome.errors).reduce((sum, one) => sum + one, 0)
    for (const name of Object.keys(outcome.readers)) readers.add(name)
    progress(tried / wanted)
  }
  const first = bad[0] === undefined ? '' : `; first: ${bad[0].slice(0, 300)}`
  const wrong = bad.length - crashes
  return {
    claim: `On ${mapper}, a file cut short while it is read, in any of ${readers.size} ways, gives its bytes or an error`,
    tried,
    unit: 'truncations',
    result: `${crashes} crashes, ${wrong} wrong, ${errors} errors, ${whole} whole${first}`,
    passed: bad.length === 0
  }
}
