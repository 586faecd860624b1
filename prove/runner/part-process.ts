/** One part in a process of its own: `part-process.ts FILE SCALE SEED`, started by `run-part.ts`. */
import { pathToFileURL } from 'node:url'
import type { Part } from '../part.js'
import { say, sayLast, toldToStop } from './program.js'
import type { PartMessage } from './run-part.js'

const [file = '', scale, seed] = process.argv.slice(2)
const signal = toldToStop()
sayLast(await tell())

async function tell(): Promise<PartMessage> {
  try {
    const { part }: { part: Part } = await import(pathToFileURL(file).href)
    const progress = (done: number) => say({ done } satisfies PartMessage)
    return { rows: await part.run({ scale: Number(scale), seed: Number(seed), progress, signal }) }
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}
