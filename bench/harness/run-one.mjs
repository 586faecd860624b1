/** One contestant, one run: in a process of its own, within a time limit, and checked. */
import { spawn, spawnSync } from 'node:child_process'
import path from 'node:path'
import { makeCold } from './c-limit.mjs'
import { sampleMemory } from './memory-samples.mjs'

const child = path.join(import.meta.dirname, 'child.mjs')
const root = path.join(import.meta.dirname, '..', '..')

/** What a child prints when its clock starts. */
const START = 'start\n'

/** Seconds: no run takes longer, or it has failed. */
const TIME_LIMIT = 180

/**
 * Run one contestant once. Answers what it printed: `{ bytes, ns, figures?, series? }`.
 *
 * - `mode`: a mode of the C limit
 * - `command`: arguments for a Node of its own; all it does, from its start to its end, is on the clock
 * - otherwise `prepare`, called by child.mjs; with a `profile` of it in that folder
 *
 * @throws {Error} where it fails, takes too long, or did not see every byte
 */
export async function runOne(table, contestant, { fixture, limit, profile }) {
  const { name, mode, command, timeLimit = TIME_LIMIT } = contestant
  const { file, size } = { ...fixture, ...contestant.fixture?.(fixture) }
  if (table.cold || contestant.cold) makeCold(limit, { file, size })
  const result = command
    ? timed(name, command(fixture))
    : await last(
        mode ? [limit, [mode, file]] : [process.execPath, childArguments(table, contestant, file, profile)],
        name,
        timeLimit,
        table.sampled ? file : undefined
      )
  if (result.bytes !== size) throw new Error(`${name} saw ${result.bytes} of ${size}`)
  if (result.found) throw new Error(`${name} found the byte that is not there`)
  return result
}

function childArguments(table, { name, variant }, file, profile) {
  const { work, name: tableName, loop } = table
  const profiled = profile
    ? ['--cpu-prof', `--cpu-prof-dir=${profile}`, `--cpu-prof-name=${profileName(tableName, name)}`]
    : []
  const what = JSON.stringify({ work, table: tableName, name, file, variant, loop })
  return [...profiled, '--expose-gc', child, what]
}

/** One a contestant, that of its last run. */
const profileName = (...names) => `${names.join('-').replace(/[^\w.]+/g, '-')}.cpuprofile`

/** Synchronous: nothing of this process runs beside it. */
function timed(name, args) {
  const start = process.hrtime.bigint()
  const { status, signal } = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: TIME_LIMIT * 1000
  })
  const ns = Number(process.hrtime.bigint() - start)
  if (status !== 0) throw new Error(`${name} ended with ${signal ?? `code ${status}`}`)
  return { bytes: 1, ns }
}

/** The last line that a program prints, parsed. Its memory is sampled from its line `start` on, if `sampled` is a file. */
function last([command, args], name, timeLimit, sampled) {
  return new Promise((resolve, reject) => {
    const started = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const stop = () => started.kill('SIGKILL')
    process.on('exit', stop)
    let late = false
    const timer = setTimeout(() => {
      late = true
      stop()
    }, timeLimit * 1000)
    let text = ''
    let samples
    let measured
    started.stdout.setEncoding('utf8').on('data', more => {
      text += more
      if (sampled && !samples && text.startsWith(START)) samples = sampleMemory(started.pid, sampled)
      // What it gives back when it ends is no part of the run.
      if (samples && text.length > START.length) measured ??= samples.stop()
    })
    started.on('error', reject)
    started.on('close', (code, signal) => {
      process.off('exit', stop)
      clearTimeout(timer)
      measured ??= samples?.stop()
      if (late) return reject(new Error(`${name} took more than ${timeLimit} s`))
      if (code !== 0) return reject(new Error(`${name} ended with ${signal ?? `code ${code}`}`))
      const result = JSON.parse(text.trim().split('\n').at(-1))
      resolve({ ...result, ...measured, figures: { ...result.figures, ...measured?.figures } })
    })
  })
}
