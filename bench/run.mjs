// npm run bench [-- WORK...] [--runs N] [--size 4GiB] [--only REGEXP] [--json]
import fs from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { checkResident, compileLimit } from './harness/c-limit.mjs'
import { compete } from './harness/compete.mjs'
import { describeMachine, machineLine } from './harness/machine.mjs'
import { evaluate, print } from './harness/report.mjs'
import { formatSize, parseSize } from './harness/units.mjs'
import { makeFolder, makeWorkFile } from './harness/work-file.mjs'

const works = fs
  .readdirSync(path.join(import.meta.dirname, 'works'))
  .filter(name => name.endsWith('.mjs'))
  .map(name => path.basename(name, '.mjs'))

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '5' },
    size: { type: 'string', default: '4GiB' },
    only: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false }
  }
})
const unknown = positionals.find(name => !works.includes(name))
const rounds = Number(values.runs)
if (values.help || unknown || !(Number.isInteger(rounds) && rounds > 0)) {
  console.error(
    `npm run bench [-- WORK...] [--runs 5] [--size 4GiB] [--only REGEXP] [--json]\nworks: ${works.join(', ')}`
  )
  process.exit(values.help ? 0 : 2)
}

// Only `exit` handlers clean up (folder, child processes); so that an interrupt runs them, it exits.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143]
])
  process.once(signal, () => process.exit(code))

const folder = makeFolder()
const size = parseSize(values.size)
const machine = describeMachine(folder)
const limit = compileLimit(folder)
console.error(`${machineLine(machine)}\n${rounds} rounds, files in the page cache`)
let workFile

const results = []
for (const name of positionals.length ? positionals : works) {
  const { default: work } = await import(`./works/${name}.mjs`)
  const fixture = work.fixture ? await work.fixture(folder) : await theWorkFile()
  const runs = await compete(select(work), { rounds, limit, ...fixture })
  if (!work.fixture) checkResident(limit, fixture.file, size)
  const result = evaluate(work, runs, fixture)
  results.push({ date: new Date().toISOString(), machine, rounds, size: fixture.size, ...result })
  save(results.at(-1))
  if (!values.json) print(work, result)
}

if (values.json) console.log(JSON.stringify(results, null, 2))

/** At once, so that an interrupt loses one work at most. A selection does not overwrite a whole work's figures. */
function save(result) {
  const target = path.join(import.meta.dirname, 'results')
  fs.mkdirSync(target, { recursive: true })
  const name = values.only ? `${result.work}.partial` : result.work
  fs.writeFileSync(path.join(target, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`)
}

/** One large file, made for the first work that has no fixture of its own. */
async function theWorkFile() {
  if (!workFile) {
    console.error(`a work file of ${formatSize(size)}`)
    workFile = { file: await makeWorkFile(folder, size), size }
    checkResident(limit, workFile.file, size)
  }
  return workFile
}

/** The work with those contestants only whose name matches `--only`. */
function select(work) {
  const contestants = work.contestants.filter(({ name }) => new RegExp(values.only).test(name))
  return { ...work, contestants }
}
