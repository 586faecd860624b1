// Alternating measurement: every contestant once a round, in an order that rotates, each run in a process of its
// own. mitata and tinybench repeat short functions in one heap; passes over a whole file take seconds and must not
// inherit each other's heaps, so neither fits here.
import { spawn } from 'node:child_process'
import path from 'node:path'
import { measureOthers } from './machine.mjs'
import { summarize } from './statistics.mjs'
import { progress } from './work-file.mjs'

const child = path.join(import.meta.dirname, 'child.mjs')

/**
 * Run `work` for `rounds` rounds. Answers a Map of contestant name to its runs, `{ bytes, ns, ... }` each, one a
 * round; `othersBusy` says how much of the machine other programs used between the runs. A contestant with `variants` first runs heats; the variant with the best median runs in the rounds.
 */
export async function compete(work, { rounds, file, size, limit }) {
  const start = contestant => run(work, contestant, { file, size, limit })
  const entered = []
  for (const contestant of work.contestants) {
    const variant = contestant.variants && (await heats(contestant, start))
    entered.push({ ...contestant, variant })
  }
  const runs = new Map(entered.map(({ name }) => [name, []]))
  const others = []
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < entered.length; i++) {
      const contestant = entered[(round + i) % entered.length]
      progress(`${work.name}: round ${round + 1} of ${rounds}, ${contestant.name}`)
      others.push(await measureOthers())
      runs.get(contestant.name).push(await start(contestant))
    }
  }
  progress('')
  return { runs, entered, othersBusy: summarize(others) }
}

/** The variant whose better one of two passes was fastest: chosen in the peer's favour. */
async function heats(contestant, start) {
  const best = new Map(contestant.variants.map(variant => [variant, Infinity]))
  for (let heat = 0; heat < 2; heat++) {
    for (const variant of contestant.variants) {
      progress(`heats: ${contestant.name}, ${variant}`)
      const { ns } = await start({ ...contestant, variant })
      best.set(variant, Math.min(best.get(variant), ns))
    }
  }
  return [...best].sort(([, a], [, b]) => a - b)[0][0]
}

async function run(work, { name, mode, variant }, { file, size, limit }) {
  const [command, args] = mode
    ? [limit, [mode, file]]
    : [process.execPath, ['--expose-gc', child, work.name, name, file, String(variant ?? '')]]
  const result = JSON.parse(await output(command, args, name))
  if (result.bytes !== size) throw new Error(`${name} saw ${result.bytes} bytes of ${size}`)
  if (result.found) throw new Error(`${name} found the byte that is not there`)
  return result
}

function output(command, args, name) {
  return new Promise((resolve, reject) => {
    const started = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const stop = () => started.kill('SIGKILL')
    process.on('exit', stop)
    let text = ''
    started.stdout.setEncoding('utf8').on('data', more => (text += more))
    started.on('error', reject)
    started.on('close', (code, signal) => {
      process.off('exit', stop)
      code === 0 ? resolve(text) : reject(new Error(`${name} ended with ${signal ?? `code ${code}`}`))
    })
  })
}
