/** Many tries of one kind of misuse, on both mappers, counted by what became of them. */
import type { Random } from '../random.js'
import { HELD_UP_FILE, heldUpRound } from './held-up.js'
import { type Fate, type MapperName, Stage } from './stage.js'
import { targets } from './targets/index.js'

export type Counts = Partial<Record<Fate, number>>

const MAPPERS: readonly MapperName[] = ['native', 'read']

/** Under way at a time: more than threads in the pool. */
const CONCURRENT = 6

/** How often progress is told, in tries. */
const TOLD_EVERY = 50

/**
 * Give leased bytes to a target, un-awaited, and advance.
 *
 * @param progress told the counts so far
 * @returns the counts of all tries
 * @throws the signal's reason
 */
export async function plainTries(
  name: string,
  tries: number,
  random: Random,
  progress: (counts: Counts) => void,
  signal: AbortSignal
): Promise<Counts> {
  const target = targets.find(each => each.name === name)
  if (!target) throw new Error(`there is no target ${name}`)
  const stages = MAPPERS.map(mapper => new Stage(mapper, 2 ** 20))
  const counts: Counts = {}
  let left = tries
  const worker = async () => {
    while (left > 0) {
      signal.throwIfAborted()
      const stage = stages[left-- % stages.length] as Stage
      const fate = await stage.try(target, random)
      counts[fate] = (counts[fate] ?? 0) + 1
      if (left % TOLD_EVERY === 0) progress(counts)
    }
  }
  try {
    await Promise.all(Array.from({ length: CONCURRENT }, worker))
  } finally {
    for (const stage of stages) await stage.close()
  }
  progress(counts)
  return counts
}

/** The same for readers that are held up until long after. */
export async function heldUpTries(
  kind: string,
  tries: number,
  random: Random,
  progress: (counts: Counts) => void,
  signal: AbortSignal
): Promise<Counts> {
  const stages = MAPPERS.map(mapper => new Stage(mapper, HELD_UP_FILE))
  const counts: Counts = {}
  try {
    for (let done = 0, round = 0; done < tries; round++) {
      signal.throwIfAborted()
      const fates = await heldUpRound(stages[round % stages.length] as Stage, kind, random)
      for (const fate of fates) counts[fate] = (counts[fate] ?? 0) + 1
      done += fates.length
      progress(counts)
    }
  } finally {
    for (const stage of stages) await stage.close()
  }
  return counts
}
