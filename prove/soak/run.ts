/**
 * `npm run soak [-- --minutes N]`: 10,000 consumers on 64 MiB until 1 TiB was seen, or for longer; draws docs/soak.svg.
 *
 * Exit status: 0 when nothing grew and all was right, 1 when not, 2 for wrong arguments, 130 when interrupted.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { machineLine } from '../runner/machine.js'
import { progress } from '../runner/progress.js'
import { fillIn } from '../runner/report.js'
import { chartOf } from './chart.js'
import { inWords, soak, type SoakResult } from './soak.js'

const usage = `npm run soak [-- --minutes N] [--gigabytes N] [--consumers N] [--seed N] [--write]

  --minutes N    at least so long; default 0: until the bytes are seen
  --gigabytes N  at least so many GiB; default 1024
  --consumers N  at a time; default 10000
  --seed N       every random choice comes from it; default a new one, which is printed
  --write        draw docs/soak.svg, and fill the figures into docs/reliability.md`

const docs = fileURLToPath(new URL('../../docs/', import.meta.url))
process.exitCode = await main()

async function main(): Promise<number> {
  let asked: ReturnType<typeof readArguments>
  try {
    asked = readArguments()
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`)
    return 2
  }
  const { minutes, gigabytes, consumers, seed, write } = asked
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  console.log(`seed ${seed}, ${consumers.toLocaleString('en')} consumers\n${machineLine()}\n`)
  const bar = progress('soak')
  let result: SoakResult
  try {
    const options = { consumers, bytes: gigabytes * 2 ** 30, minutes, seed }
    result = await soak({ ...options, progress: bar.update, signal: stop.signal })
  } catch (error) {
    bar.stop('interrupted')
    if (stop.signal.aborted) return 130
    throw error
  }
  bar.stop(result.passed ? 'holds' : 'FAILED')
  const words = inWords(result)
  console.log(words.join('\n'))
  if (write) {
    const head = `${new Date().toISOString().slice(0, 10)}: ${consumers.toLocaleString('en')} consumers at a time, seed ${seed}.\n${machineLine()}.`
    await draw(result, `${consumers.toLocaleString('en')} consumers on 64 MiB; ${words[0]}`)
    const lines = words.map(line => `- ${line}`).join('\n')
    const alt =
      'Memory, heap, mappings and descriptors over the time of a soak: what is left after collections is level after the warm-up.'
    fillIn(`${docs}reliability.md`, 'soak', `${head}\n\n${lines}\n\n![${alt}](soak.svg)`)
  }
  return result.passed ? 0 : 1
}

/** @throws {Error} for what cannot be meant, with the argument's name in it */
function readArguments() {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '0' },
      gigabytes: { type: 'string', default: '1024' },
      consumers: { type: 'string', default: '10000' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
      write: { type: 'boolean', default: false }
    }
  })
  const number = (name: 'minutes' | 'gigabytes' | 'consumers' | 'seed', least: number) => {
    const value = Number(values[name])
    if (value >= least && Number.isFinite(value)) return value
    throw new Error(`--${name} must be a number >= ${least}: ${values[name]}`)
  }
  return {
    minutes: number('minutes', 0),
    gigabytes: number('gigabytes', 1),
    consumers: Math.round(number('consumers', 1)),
    seed: Math.round(number('seed', 0)),
    write: values.write
  }
}

/** With what draws the charts of the bench, which has its own dependencies: `npm install --prefix bench`. */
async function draw(result: SoakResult, subtitle: string): Promise<void> {
  const harness = new URL('../../bench/harness/', import.meta.url).href
  const [{ svgOf }, { COLORS }] = await Promise.all([
    import(`${harness}draw.mjs`),
    import(`${harness}charts.mjs`)
  ])
  writeFileSync(`${docs}soak.svg`, await svgOf(chartOf(result, subtitle, COLORS)))
}
