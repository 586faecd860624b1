/** Workers that are terminated at random moments, and what they leave behind. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { descriptorsBelow, mappingsBelow } from '../../spec/support/os.js'
import type { Random } from '../random.js'

export const KINDS = ['mapping', 'streaming', 'waiting', 'opening'] as const
export type Kind = (typeof KINDS)[number]

export interface Grounds {
  /** URL of the library as JavaScript. */
  library: string
  /** A folder of which only the Workers map and open anything. */
  folder: string
  /** Files in it. */
  paths: string[]
}

/** How long after it began, in turns of this thread's event loop. */
const TURNS = 400

/** How long a job on the thread pool may take to undo what it did, in turns. */
const PATIENCE = 100_000

/**
 * Start a Worker and terminate it: while it loads, at its first call, or somewhere in its work.
 *
 * @returns when it was, for the table
 */
export async function terminateOne(
  grounds: Grounds,
  kind: Kind,
  random: Random
): Promise<'early' | 'at work'> {
  const { library, paths } = grounds
  const worker = new Worker(new URL('worker.mjs', import.meta.url), {
    workerData: { library, paths, kind },
    execArgv: []
  })
  const exit = once(worker, 'exit')
  exit.catch(() => {})
  const early = random.chance(0.1)
  if (early) await turns(random.integer(0, TURNS))
  else {
    // Rejects where the Worker fails instead.
    await once(worker, 'message')
    await turns(random.integer(0, TURNS))
  }
  await worker.terminate()
  await exit
  return early ? 'early' : 'at work'
}

/** What is mapped and open below a folder once the jobs that were under way have undone what they did: nothing. */
export async function leftBehind(folder: string): Promise<string[]> {
  let left: string[] = []
  for (let turn = 0; turn < PATIENCE; turn++) {
    left = [
      ...mappingsBelow(folder).map(({ path, bytes }) => `a mapping of ${bytes} bytes of ${path}`),
      ...descriptorsBelow(folder).map(({ path }) => `a descriptor on ${path}`)
    ]
    if (left.length === 0) break
    await turns(1)
  }
  return left
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(resolve => setImmediate(resolve))
}
