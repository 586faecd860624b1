/**
 * One part in a process of its own: `part-process.ts FILE SCALE SEED`, started by `run-part.ts`, which is told how far
 * it is and what came out, and says when to stop.
 */
import { pathToFileURL } from 'node:url'
import type { Part } from '../part.js'
import type { PartMessage } from './run-part.js'

const [file = '', scale, seed] = process.argv.slice(2)
const stop = new AbortController()
// Ctrl-C reaches every process of a terminal: who started this one tells when to stop.
process.on('SIGINT', () => {})
process.on('message', () => stop.abort(new Error('the run was interrupted')))
process.on('disconnect', () => process.exit(1))

const told = await tell()
process.send?.(told, () => process.exit(0))

async function tell(): Promise<PartMessage> {
  try {
    const { part }: { part: Part } = await import(pathToFileURL(file).href)
    const rows = await part.run({
      scale: Number(scale),
      seed: Number(seed),
      progress: done => void process.send?.({ done } satisfies PartMessage),
      signal: stop.signal
    })
    return { rows }
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}
