/**
 * Trials, one after the other, in a process of their own: `child.ts MAPPER CUTTER SEED TRIALS [FIRST]`. Says on stdout, as JSON, what
 * came of them; a crash says itself.
 */
import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { MapManager } from '../../lib/index.js'
import { tempPath, temporaryFolder } from '../support/files.js'
import { descriptorsBelow, mappingsBelow } from '../support/os.js'
import { readers } from './consumers.js'
import { type Cutter, OwnCutter, ProcessCutter, ThreadCutter } from './cutters.js'
import { contentOf, cutOf, Dice, LONGEST, PAGE, Trial, type Verdict } from './trial.js'

/** What comes out on stdout. */
export interface Report {
  trials: number
  whole: number
  errors: Record<string, number>
  /** Trials by what read: `windows, leased`. */
  readers: Record<string, number>
  /** What must not be, the first few. */
  wrong: string[]
}

const [mapper = 'native', kind = 'steps', seed = '1', count = '100', first = '0'] = process.argv.slice(2)
const cutters: Record<string, () => Cutter> = {
  steps: () => new OwnCutter(),
  thread: () => new ThreadCutter(),
  process: () => new ProcessCutter()
}
const MOST_WRONG = 20
let current = ''
let over = false
// Whoever waits for what never comes ends the process without a word.
process.once('exit', () => {
  if (!over) console.error(`it ended in ${current}`)
})

async function attempt(number: number, cutter: Cutter): Promise<{ verdict: Verdict; title: string }> {
  const dice = new Dice(Number(seed) + Math.imul(number, 0x9e3779b1))
  const reader = readers[number % readers.length] as (typeof readers)[number]
  const filling = dice.of(reader.fillings)
  const content = contentOf(filling, 1 + dice.below(dice.of([5000, 40_000, 40_000])))
  const whole = dice.below(5) === 0
  const window = whole ? LONGEST : PAGE * dice.of([1, 1, 2, 3, 8])
  const cut = cutOf(dice, content.length, window)
  const path = tempPath(`cut-${process.pid}-${number % 16}`)
  // Not written over: pages of the trial before may be mapped by what has not been collected.
  rmSync(path, { force: true })
  writeFileSync(path, content)
  const fd = openSync(path, 'r+')
  const when = dice.below(dice.of([2, 4, 16]))
  const delay = dice.below(dice.of([50, 2000, 50_000]))
  let steps = 0
  const step = () => {
    if (steps++ === when) cutter.cut({ ...cut, path, fd, was: content.length }, delay)
  }
  const manager = new MapManager({
    mapper: mapper as 'native' | 'read',
    windowSize: whole ? Number.POSITIVE_INFINITY : window,
    maxMappedBytes: 16 * PAGE,
    maxHandles: dice.of([1, 4]),
    prefetch: dice.below(3)
  })
  const title = `${reader.name}, ${reader.lifetime}`
  const what = `trial ${number}: ${title} of ${content.length} bytes (${filling}) by ${whole ? 'the whole' : window}, cut to ${cut.size}${cut.regrow ? ' and grown again' : ''} at step ${when}`
  current = what
  let error: unknown
  const file = await manager.open(path)
  const reopens = reader.name.startsWith('concat')
  const trial = new Trial({ manager, file, path, content, window, dice, cut, step, reopens, whole })
  try {
    step()
    await reader.run(trial)
  } catch (thrown) {
    error = thrown
  }
  const done = cutter.done
  const verdict = trial.judge(error, done)
  if (steps > when) await cutter.finished()
  await manager.close()
  closeSync(fd)
  const { mappedBytes, handles, waiters } = manager.stats()
  const held = mappedBytes + handles + waiters > 0 ? 'it left something behind' : undefined
  const wrong = verdict.wrong ?? held
  return { verdict: { ...verdict, wrong: wrong && `${what}: ${wrong}` }, title }
}

const report: Report = { trials: 0, whole: 0, errors: {}, readers: {}, wrong: [] }
const cutter = (cutters[kind] as () => Cutter)()
for (let number = Number(first); number < Number(first) + Number(count); number++) {
  const { verdict, title } = await attempt(number, cutter)
  report.trials++
  report.readers[title] = (report.readers[title] ?? 0) + 1
  if (verdict.outcome === 'whole') report.whole++
  else report.errors[verdict.code] = (report.errors[verdict.code] ?? 0) + 1
  if (verdict.wrong && report.wrong.length < MOST_WRONG) report.wrong.push(verdict.wrong)
}
await cutter.close()
const left = [...mappingsBelow(temporaryFolder), ...descriptorsBelow(temporaryFolder)]
for (const { path } of left) report.wrong.push(`${path} is still mapped or open`)
over = true
console.log(JSON.stringify(report))
