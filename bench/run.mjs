// npm run bench [-- WORK...]: see `usage` below, and docs/performance.md.
import fs from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { checkResident, compileLimit, makeHot } from './harness/c-limit.mjs'
import { compete } from './harness/compete.mjs'
import { judge } from './harness/judge.mjs'
import { describeMachine } from './harness/machine.mjs'
import { installPeers, isDistStale } from './harness/peers-install.mjs'
import { report } from './harness/report.mjs'
import { asJson, saveResult } from './harness/results.mjs'
import { formatSize, parseSize } from './harness/units.mjs'
import { goalInWords, machineInWords, seenInWords } from './harness/words.mjs'
import { makeFolder, makeWorkFile } from './harness/work-file.mjs'
import { tablesOf, workNames } from './harness/works.mjs'

const works = workNames()
const usage = `npm run bench [-- WORK... | --all] [options]
npm run bench -- --charts

works: ${works.join(', ')}; all of them by default

  --runs N       rounds of each contestant (5; short ones a multiple of it)
  --size SIZE    of the work file (4GiB)
  --only REGEXP  contestants whose name matches
  --profile DIR  also profile each run of a contestant in Node, into DIR: figures suffer
  --json         print the results as JSON
  --write        keep the results of a quiet machine in bench/results/, and draw
  --noisy        with --write: those of a noisy one as well, marked as such
  --charts       draw docs/charts/ and fill docs/performance.md from bench/results/, and measure nothing`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    all: { type: 'boolean', default: false },
    runs: { type: 'string', default: '5' },
    size: { type: 'string', default: '4GiB' },
    only: { type: 'string', default: '' },
    profile: { type: 'string' },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    noisy: { type: 'boolean', default: false },
    charts: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false }
  }
})
const unknown = positionals.find(name => !works.includes(name))
const rounds = Number(values.runs)
const wrong = [
  unknown && `there is no work ${unknown}`,
  !(Number.isInteger(rounds) && rounds > 0) && '--runs takes a whole number, 1 or more',
  values.write && values.only && '--write keeps whole works: not with --only',
  values.write && values.profile && '--write keeps no figures of profiled runs',
  values.write && rounds < 5 && '--write keeps medians of 5 rounds or more'
].find(Boolean)
if (values.help || wrong) {
  console.error(wrong ? `${wrong}\n\n${usage}` : usage)
  process.exit(values.help ? 0 : 2)
}

// Only `exit` handlers clean up (folder, child processes); so that an interrupt runs them, it exits.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143]
])
  process.once(signal, () => process.exit(code))

installPeers()
if (values.charts) {
  await draw()
} else {
  await measure()
}

async function measure() {
  if (isDistStale()) {
    console.error('dist/ is older than lib/: node scripts/build.mjs')
    if (values.write) process.exit(2)
  }
  const folder = makeFolder()
  const machine = describeMachine(folder)
  const limit = compileLimit(folder)
  const context = { limit, workFile: workFiles(folder, limit) }
  if (!values.json) console.log(`${machineInWords(machine)}, load ${machine.load}; ${rounds} rounds`)
  const results = []
  for (const work of positionals.length ? positionals : works) {
    const start = performance.now()
    const date = new Date().toISOString()
    const tables = []
    let whole = true
    for (const table of (await tablesOf(work)).map(select)) {
      if (table.contestants.length === 0) continue
      try {
        tables.push(await measureTable(table, folder, context))
        if (!values.json) console.log(report(tables.at(-1)))
      } catch (error) {
        // No room, no memory: the next one may do with less.
        console.error(`${table.name} FAILED: ${error.message}`)
        whole = false
      }
    }
    const seconds = Math.round((performance.now() - start) / 1000)
    const result = { work, date, machine, rounds, seconds, tables }
    results.push(result)
    if (!values.json) console.log(`\n${work} took ${seconds} s`)
    if (whole) keep(result)
    else process.exitCode = 1
  }
  if (values.json) console.log(asJson(results))
  if (values.write) await draw()
  conclude(results)
}

async function measureTable(table, folder, context) {
  const { limit } = context
  const own = fs.mkdtempSync(path.join(folder, 'fixture-'))
  try {
    const fixture = await (table.fixture?.(own, context) ?? context.workFile(table.share ?? 1))
    const options = { rounds: rounds * (table.times ?? 1), fixture, limit, profile: values.profile }
    const outcome = await compete(table, options)
    if (!table.fixture && !table.cold) checkResident(limit, fixture)
    return judge(table, outcome, fixture)
  } finally {
    fs.rmSync(own, { recursive: true, force: true })
  }
}

/** At once, so that an interrupt loses one work at most. */
function keep(result) {
  if (!values.write) return
  const busy = result.tables.some(table => table.busy)
  if (busy && !values.noisy) {
    console.error(`${result.work}: noisy machine, not kept (--noisy keeps it, marked as such)`)
    process.exitCode = 1
  } else saveResult(result)
}

/** A large file of `share` of --size, in the page cache; made when it is first asked for. */
function workFiles(folder, limit) {
  const made = new Map()
  return async share => {
    const size = Math.round(parseSize(values.size) * share)
    if (!made.has(size)) {
      console.error(`a work file of ${formatSize(size)}`)
      const own = fs.mkdtempSync(path.join(folder, 'work-'))
      made.set(size, { file: await makeWorkFile(own, size), size })
    }
    makeHot(limit, made.get(size))
    return made.get(size)
  }
}

/** The table with those contestants only whose name matches `--only`. */
function select(table) {
  const contestants = table.contestants.filter(({ name }) => new RegExp(values.only).test(name))
  return { ...table, contestants }
}

async function draw() {
  const { drawAll } = await import('./harness/draw.mjs')
  for (const file of await drawAll()) console.error(`wrote ${file}`)
}

/** Fails where a contestant did, or a promise was broken; any other goal that is missed is a result. */
function conclude(results) {
  const tables = results.flatMap(result => result.tables)
  const goals = tables.flatMap(table => table.goals)
  const failed = tables.flatMap(table => table.contestants).filter(each => each.failed)
  const seconds = results.reduce((sum, each) => sum + each.seconds, 0)
  const lines = [
    `${goals.filter(goal => goal.met).length} of ${goals.length} goals met, ${failed.length} contestants failed, ${seconds} s`
  ]
  if (tables.some(table => table.busy)) lines.push('NOISY MACHINE: measure again where nothing else runs')
  const broken = goals.filter(goal => goal.must && !goal.met)
  for (const goal of broken) lines.push(`BROKEN PROMISE: ${goalInWords(goal)}; seen ${seenInWords(goal)}`)
  for (const line of lines) console.error(line)
  if (failed.length || broken.length) process.exitCode = 1
}
