/** Runs parts, each in a process of its own: what crashes is a row that failed, and takes no other part along. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Row } from '../part.js'

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

/** Of what a part printed, so much is kept for when it fails. */
const KEPT_OUTPUT = 8192

/** How long a part may take to clean up after an interrupt, in ms. */
const GRACE_MS = 15_000

/**
 * Run one part.
 *
 * @returns its rows; one row that failed where it ended without any
 * @throws the signal's reason, once the part has cleaned up and its process is gone
 */
export async function runPart({ file, scale, seed, progress, signal }: PartRun): Promise<Row[]> {
  signal.throwIfAborted()
  const child = fork(
    fileURLToPath(new URL('part-process.ts', import.meta.url)),
    [file, `${scale}`, `${seed}`],
    {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc']
    }
  )
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', text => {
      output = (output + text).slice(-KEPT_OUTPUT)
    })
  }
  let last: PartMessage | undefined
  child.on('message', (message: PartMessage) => {
    if ('done' in message) progress(message.done)
    else last = message
  })
  let grace: NodeJS.Timeout | undefined
  const abort = () => {
    if (child.connected) child.send('stop', () => {})
    grace = setTimeout(() => child.kill('SIGKILL'), GRACE_MS)
  }
  signal.addEventListener('abort', abort, { once: true })
  try {
    const [code, ended] = await once(child, 'close')
    signal.throwIfAborted()
    if (last && 'rows' in last) return judged(last.rows)
    const how = last && 'error' in last ? last.error : `it ended with ${ended ?? code}\n${output}`
    return [failed(how.trim())]
  } finally {
    clearTimeout(grace)
    signal.removeEventListener('abort', abort)
  }
}

/** A part that claims nothing has proved nothing. */
function judged(rows: Row[]): Row[] {
  return rows.length > 0 ? rows : [failed('it came back without a row')]
}

function failed(result: string): Row {
  return { claim: 'The part runs to its end.', tried: 1, unit: 'run', result, passed: false }
}
