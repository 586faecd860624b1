import { loadInjected } from '../../spec/faults/inject.js'
import { type Fixtures, makeFixtures } from '../../spec/faults/operations.js'
import {
  failingNative,
  failingRead,
  nativeSuites,
  readSuites,
  type SetUp,
  type Suite,
  walkSuite
} from '../../spec/faults/suites.js'
import { newTally, type Tally } from '../../spec/faults/walk.js'
import type { Part, Proof, Row } from '../part.js'
import { specRow } from '../support/spec-row.js'

/** One walk: a set of failures, of one call at a time or of all from one on. */
interface Walk {
  readonly title: string
  run(fixtures: Fixtures, tally: Tally, signal: AbortSignal): Promise<void>
}

function walksOf<E>(suites: readonly Suite<E>[], setUp: SetUp<E>, scale: number): Walk[] {
  return suites.flatMap(suite =>
    (suite.neverLasts || (suite.lastsLong && scale < 0.5) ? [false] : [false, true]).map(lasting => ({
      title: suite.title,
      run: (fixtures, tally, signal) => walkSuite(suite, setUp, fixtures, lasting, tally, signal)
    }))
  )
}

async function walkAll(
  claim: string,
  walks: readonly Walk[],
  fixtures: Fixtures,
  proof: Proof,
  from: number
): Promise<Row> {
  const tally = newTally()
  const wrong: string[] = []
  const rounds = Math.max(1, Math.floor(proof.scale))
  for (let round = 0; round < rounds; round++) {
    for (const [i, walk] of walks.entries()) {
      proof.signal.throwIfAborted()
      await walk.run(fixtures, tally, proof.signal).catch(error => {
        proof.signal.throwIfAborted()
        wrong.push(`${walk.title}: ${(error as Error).message}`)
      })
      proof.progress(from + (0.4 * (round * walks.length + i + 1)) / (rounds * walks.length))
    }
  }
  const codes = [...tally.codes].map(([code, count]) => `${count} ${code}`).join(', ')
  return {
    claim,
    tried: tally.faults,
    unit: 'failing calls',
    result:
      wrong.length > 0
        ? `${wrong.length} wrong: ${wrong[0]}`
        : `${tally.rejected} rejected (${codes}), ${tally.absorbed} came through; nothing left, all went on`,
    passed: wrong.length === 0 && tally.faults > 0
  }
}

export const part: Part = {
  name: 'faults',
  title: 'Calls that fail, disks that fail',
  async run(proof) {
    const fixtures = makeFixtures(`proof-${process.pid}`)
    const native = await walkAll(
      'Whichever call of the OS, of the heap or of Node-API fails in whichever operation, once or from then on: the error is of the contract, nothing is left, the manager goes on.',
      walksOf(nativeSuites, failingNative(loadInjected()), proof.scale),
      fixtures,
      proof,
      0
    )
    const read = await walkAll(
      'The same for the calls of the read mapper.',
      walksOf(readSuites, failingRead, proof.scale),
      fixtures,
      proof,
      0.4
    )
    const disk = await specRow(proof, {
      claim:
        'On a disk that fails (a FUSE file system): the bytes before it, then ERR_MAP_IO with path and offset, before the next window and before the end.',
      unit: 'ways to read',
      specs: ['spec/faults/io-errors.spec.ts']
    })
    proof.progress(0.9)
    const guard = await specRow(proof, {
      claim:
        'A SIGBUS of ours is mended on every kind of thread; one that is not goes to who had the handler before.',
      unit: 'specs',
      specs: [
        'spec/mapping/addon-faults-handlers.spec.ts',
        'spec/mapping/addon-faults-threads.spec.ts',
        'spec/mapping/addon-faults.spec.ts',
        'spec/faults/lost-under-writes.spec.ts'
      ]
    })
    proof.progress(1)
    return [native, read, disk, guard]
  }
}
