/** Runs parts, each in a process of its own: one that crashes is a row that failed, and takes no other along. */
import { fileURLToPath } from 'node:url'
import type { Row } from '../part.js'
import { runProgram } from './program.js'

/** What a part's process says. */
export type PartMessage = { done: number } | { rows: Row[] } | { error: string }

export interface PartRun {
  /** Path of the part's module. */
  file: string
  scale: number
  seed: number
  progress(done: number): void
  signal: AbortSignal
}

const program = fileURLToPath(new URL('part-process.ts', import.meta.url))

/**
 * Run one part.
 *
 * @returns its rows; one row that failed where it ended without any
 * @throws the signal's reason, once the part has cleaned up and its process is gone
 */
export async function runPart({ file, scale, seed, progress, signal }: PartRun): Promise<Row[]> {
  let last: PartMessage | undefined
  const { how, output } = await runProgram<PartMessage>(program, [file, `${scale}`, `${seed}`], {
    signal,
    onMessage(message) {
      if ('done' in message) progress(message.done)
      else last = message
    }
  })
  if (last && 'rows' in last && how === 0) return judged(last.rows)
  if (last && 'error' in last) return [failed(last.error)]
  return [failed(`it ended with ${how}\n${output}`.trim())]
}

/** A part that claims nothing has proved nothing. */
function judged(rows: Row[]): Row[] {
  return rows.length > 0 ? rows : [failed('it came back without a row')]
}

function failed(result: string): Row {
  return { claim: 'The part runs to its end.', tried: 1, unit: 'run', result, passed: false }
}
