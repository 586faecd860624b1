/** Programs in a process of their own: `child.ts MAPPER SEED PROGRAMS`. Says on stdout what failed, shrunk. */
import { holdsOnAll } from './property.js'
import type { ModelMapper } from './run.js'

const [mapper = 'native', seed = '1', numRuns = '100'] = process.argv.slice(2)
let over = false
// Whoever waits for what never comes ends the process without a word.
process.once('exit', () => {
  if (!over) console.log('a program waits for what never comes')
})
try {
  await holdsOnAll(mapper as ModelMapper, { numRuns: Number(numRuns), seed: Number(seed) })
} catch (error) {
  console.log((error as Error).message)
  process.exitCode = 1
}
over = true
