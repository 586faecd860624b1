/**
 * `npm run prove`: every claim of `prove/parts/`, tried many times, as a table.
 *
 * Exit status: 0 when all claims hold, 1 when one does not, 2 for wrong arguments, 130 when interrupted.
 */
import { readdirSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import type { Part } from './part.js'
import { machineLine } from './runner/machine.js'
import { progress } from './runner/progress.js'
import {
  fillIn,
  markdown,
  type PartResult,
  partLines,
  type RunResult,
  stands,
  summary
} from './runner/report.js'
import { runPart } from './runner/run-part.js'

const usage = `npm run prove [-- --scale N] [--seed N] [--only REGEXP] [--list] [--write]

  --scale N      how much is tried: 1 takes some minutes, 0.02 less than two, 100 hours; default 1
  --seed N       every random choice comes from it; default a new one, which is printed
  --only REGEXP  parts whose names match
  --list         say which parts there are
  --write        put the tables into docs/reliability.md; only with all parts
  --parts FOLDER, --page FILE  another place for the parts and the page, for the runner's own specs`

const here = fileURLToPath(new URL('.', import.meta.url))
process.exitCode = await main()

async function main(): Promise<number> {
  let asked: Asked
  try {
    asked = readArguments()
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`)
    return 2
  }
  if (asked.help) console.log(usage)
  const chosen = asked.help ? [] : await partsIn(asked.parts, asked.only)
  if (asked.list) for (const { part } of chosen) console.log(`${part.name.padEnd(12)} ${part.title}`)
  if (asked.help || asked.list) return 0
  if (chosen.length === 0) {
    console.error(`no part has a name that matches ${asked.only}\n\n${usage}`)
    return 2
  }
  return await prove(chosen, asked)
}

interface Asked {
  scale: number
  seed: number
  only: RegExp
  help: boolean
  list: boolean
  write: boolean
  parts: string
  page: string
}

/** @throws {Error} for what cannot be meant, with the argument's name in it */
function readArguments(): Asked {
  const { values } = parseArgs({
    options: {
      scale: { type: 'string', default: '1' },
      seed: { type: 'string' },
      only: { type: 'string' },
      parts: { type: 'string', default: join(here, 'parts') },
      page: { type: 'string', default: join(here, '../docs/reliability.md') },
      list: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false }
    }
  })
  const scale = Number(values.scale)
  if (!(scale > 0 && Number.isFinite(scale))) throw new Error(`--scale must be a number > 0: ${values.scale}`)
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)
  if (!(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 31))
    throw new Error(`--seed must be an integer >= 0 and < 2^31: ${values.seed}`)
  if (values.write && values.only !== undefined) throw new Error('--write is for all parts, not with --only')
  return { ...values, scale, seed, only: new RegExp(values.only ?? ''), parts: resolve(values.parts) }
}

interface Chosen {
  file: string
  part: Part
}

/** The parts of a folder in the order of their names. */
async function partsIn(folder: string, only: RegExp): Promise<Chosen[]> {
  const files = readdirSync(folder)
    .filter(name => name.endsWith('.ts') && only.test(basename(name, '.ts')))
    .sort()
    .map(name => join(folder, name))
  return await Promise.all(
    files.map(async file => ({ file, part: (await import(pathToFileURL(file).href)).part as Part }))
  )
}

async function prove(chosen: Chosen[], { scale, seed, write, page }: Asked): Promise<number> {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => stop.abort(new Error('interrupted')))
  const date = new Date()
  const machine = machineLine()
  console.log(`seed ${seed}, scale ${scale}\n${machine}\n`)
  const parts: PartResult[] = []
  const began = performance.now()
  for (const { file, part } of chosen) {
    const bar = progress(part.name)
    let rows: PartResult['rows']
    try {
      rows = await runPart({ file, scale, seed, progress: bar.update, signal: stop.signal })
    } catch {
      bar.stop('interrupted')
      return 130
    }
    bar.stop(rows.every(row => row.passed) ? 'holds' : 'FAILED')
    const result = { name: part.name, title: part.title, rows }
    parts.push(result)
    console.log(`${partLines(result)}\n`)
  }
  const seconds = Math.round((performance.now() - began) / 1000)
  const run: RunResult = { date, scale, seed, seconds, machine, parts }
  console.log(summary(run))
  if (write) fillIn(page, 'prove', markdown(run))
  return parts.some(({ rows }) => rows.some(row => stands(row) === 'FAILED')) ? 1 : 0
}
