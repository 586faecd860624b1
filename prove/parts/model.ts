/** Random programs, against a plain model of what may come out. */
import { run } from '../../spec/support/child.js'
import { realMappers } from '../../spec/support/mappers.js'
import type { Part, Proof, Row } from '../part.js'

/** Of each mapper, at a scale of 1. */
const PROGRAMS = 1500
/** Of one process. */
const BATCH = 250

export const part: Part = {
  name: 'model',
  title: 'Random programs against a model',
  async run(proof) {
    const mappers = [...realMappers, 'fake']
    const rows: Row[] = []
    for (const [i, mapper] of mappers.entries()) {
      rows.push(await proveOn(mapper, proof, share => proof.progress((i + share) / mappers.length)))
    }
    return rows
  }
}

async function proveOn(mapper: string, proof: Proof, progress: (share: number) => void): Promise<Row> {
  const wanted = Math.max(50, Math.round(PROGRAMS * proof.scale))
  let tried = 0
  let failure: string | undefined
  for (let batch = 0; tried < wanted && failure === undefined; batch++) {
    proof.signal.throwIfAborted()
    const count = Math.min(BATCH, wanted - tried)
    const seed = proof.seed + batch
    const { code, signal, stdout, stderr } = await run(
      'spec/model/child.ts',
      [mapper, seed, count].map(String)
    )
    if (code !== 0)
      failure = `${signal ?? `exit code ${code}`}, seed ${seed}: ${(stdout || stderr).slice(0, 1000)}`
    tried += count
    progress(tried / wanted)
  }
  const where = mapper === 'fake' ? 'a mapper whose jobs end in any order' : `${mapper}, with real files`
  return {
    claim: `On ${where}, any program finds what the files held or an error with a reason, and leaves nothing`,
    tried,
    unit: 'programs',
    result: failure ?? 'all as the model says, nothing left',
    passed: failure === undefined
  }
}
