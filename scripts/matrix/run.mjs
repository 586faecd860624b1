/**
 * `npm run test:matrix`: the package, packed and installed as its users have it, on all that it has to work on.
 *
 *   npm run test:matrix                     all cells but the long ones
 *   npm run test:matrix -- --short          some minutes: one of a kind
 *   npm run test:matrix -- --long           the specs on other releases of Node, too
 *   npm run test:matrix -- --here           this machine and this Node alone, whatever they are
 *   npm run test:matrix -- --only REGEXP    cells whose platform and runtime match
 *   npm run test:matrix -- --package FILE   a tarball that is there already
 *   npm run test:matrix -- --packages       Debian's packages that the chosen cells lack, and nothing else
 *   npm run test:matrix -- --write          the table goes into docs/platforms.md
 *
 * Status 1 where a cell failed. A cell that cannot be tried here is a hole, with its reason; with --strict, one that
 * could be tried, if something were installed, has failed.
 */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { cells, hereAlone } from './cells.mjs'
import { makeFixtures } from './fixtures.mjs'
import { installed, pack } from './package.mjs'
import { tableOf, writeTable } from './table.mjs'

const { values: options } = parseArgs({
  options: {
    here: { type: 'boolean' },
    short: { type: 'boolean' },
    long: { type: 'boolean' },
    strict: { type: 'boolean' },
    write: { type: 'boolean' },
    packages: { type: 'boolean' },
    only: { type: 'string' },
    package: { type: 'string' }
  }
})
const wanted = options.only === undefined ? undefined : new RegExp(options.only, 'i')
const chosen = (options.here ? [hereAlone] : cells).filter(cell => {
  if (wanted && !wanted.test(`${cell.platform} ${cell.runtime}`)) return false
  if (options.here) return true
  return options.short ? cell.short : options.long || !cell.long
})

if (options.packages) {
  const lacking = chosen.filter(cell => cell.lacks?.()).flatMap(cell => cell.debian ?? [])
  console.log([...new Set(lacking)].join(' '))
  process.exit()
}

const began = Date.now()
const scratch = mkdtempSync(join(realpathSync(tmpdir()), 'slidemap-matrix-'))
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1))

const bench = await prepare()
const results = []
for (const [i, cell] of chosen.entries()) {
  const title = `[${String(i + 1).padStart(2)}/${chosen.length}] ${cell.platform}, ${cell.runtime}`
  if (process.stdout.isTTY) process.stdout.write(`${title} ...`)
  const result = { ...cell, ...(await tryCell(cell)) }
  results.push(result)
  if (process.stdout.isTTY) process.stdout.write('\r\x1b[K')
  console.log(`${title}: ${saying(result)}`)
  if (result.verdict === 'failed') console.log(indented([...result.faults, result.output ?? ''].join('\n')))
}
const table = tableOf(results)
console.log(`\n${table}\n`)
if (options.write) writeTable(table)
const count = verdict => results.filter(result => result.verdict === verdict).length
const seconds = ((Date.now() - began) / 1000).toFixed(0)
console.log(
  `matrix: ${count('passed')} passed, ${count('failed')} failed, ${count('hole')} holes, ${seconds} s`
)
process.exitCode = count('failed') > 0 || results.length === 0 ? 1 : 0

async function prepare() {
  const tarball = options.package === undefined ? await pack(scratch) : resolve(options.package)
  const data = join(scratch, 'data')
  mkdirSync(data)
  makeFixtures(data)
  return { scratch, tarball, data, app: await installed(tarball, join(scratch, 'app')) }
}

async function tryCell(cell) {
  const started = Date.now()
  if (cell.hole) return { verdict: 'hole', note: cell.hole }
  const missing = cell.lacks?.()
  if (missing && options.strict) return { verdict: 'failed', faults: [`it needs ${missing}`] }
  if (missing) return { verdict: 'hole', note: `needs ${missing}` }
  const outcome = await cell.run(bench).catch(error => ({ faults: [String(error?.stack ?? error)] }))
  return {
    ...outcome,
    // The version is only known to who runs.
    runtime: outcome.runtime?.startsWith(`${cell.runtime} `) ? outcome.runtime : cell.runtime,
    verdict: outcome.faults.length > 0 ? 'failed' : 'passed',
    seconds: (Date.now() - started) / 1000
  }
}

function saying({ verdict, mapper, note, seconds }) {
  if (verdict === 'hole') return `not tried here: ${note}`
  return `${verdict}${mapper ? ` on ${mapper}` : ''}, ${seconds === undefined ? '' : `${seconds.toFixed(1)} s`}${note ? ` (${note})` : ''}`
}

/** The first lines of it, and the last. */
function indented(text) {
  const lines = text.trim().split('\n')
  const few = lines.length > 80 ? [...lines.slice(0, 50), '...', ...lines.slice(-29)] : lines
  return few.map(line => `    ${line.slice(0, 500)}`).join('\n')
}
