/** Runs trials in child processes, so that a crash is counted, and not suffered. */
import { run } from '../support/child.js'
import type { RealMapper } from '../support/mappers.js'
import type { Report } from './child.js'

export type CutterKind = 'steps' | 'thread' | 'process'

export interface Outcome extends Report {
  /** How processes ended that should have gone on. */
  readonly crashes: string[]
}

/** Run so many trials, in one process, by one kind of cutter. */
export async function tryCuts(
  mapper: RealMapper,
  kind: CutterKind,
  seed: number,
  trials: number
): Promise<Outcome> {
  const args = [mapper, kind, seed, trials].map(String)
  const { code, signal, stdout, stderr } = await run('spec/truncation/child.ts', args)
  if (code === 0) return { ...(JSON.parse(stdout) as Report), crashes: [] }
  const crashes = [`${signal ?? `exit code ${code}`} with seed ${seed}: ${stderr.slice(0, 1000)}`]
  return { trials: 0, whole: 0, errors: {}, readers: {}, wrong: [], crashes }
}
