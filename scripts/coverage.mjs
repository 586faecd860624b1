/**
 * `npm run coverage`: which lines of lib/ and native/ the specs reach, and which they do not. `-- FILES` runs these
 * specs only, and asks no minimum. Ends with status 1 below 95 % of either, or where a spec fails.
 *
 * TypeScript by c8, C by gcc and gcov (Linux; elsewhere TypeScript only). All of it happens in a copy of the checkout
 * in the folder for temporary files, so that the addon of this one stays as it is. Children and Workers count, unless a
 * signal ends them.
 */
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  writeFileSync
} from 'node:fs'
import { join, relative } from 'node:path'
import { copyCheckout } from './copy-checkout.mjs'

const MINIMUM = 95

const files = process.argv.slice(2)
const folder = copyCheckout('coverage')
const counts = join(folder, 'counts')
const raw = join(folder, 'raw')
/** These want the packages where the checkout is, or have too few descriptors left for those that count. */
const elsewhere = [
  'spec/mapping/permission.spec.ts',
  'spec/package*.spec.ts',
  'spec/coming-from-smmap/5-few-descriptors.spec.ts'
]
const withC = process.platform === 'linux' && spawnSync('gcov', ['--version']).status === 0
let failed = false

function run(command, args, env = {}) {
  const { status } = spawnSync(command, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit']
  })
  if (status !== 0) failed = true
  return status === 0
}

/** Types, and nothing else: nothing of it is there when the program runs. */
function isErased(text) {
  return !/^(export )?(default )?(async |abstract )*(function|class|const|let|enum)\b/m.test(text)
}

/**
 * tsx compiles a file in one way where it is required and in another where it is imported, and c8 takes them for one:
 * what processes have seen is sorted by what they were given, and reported apart.
 */
function reports() {
  const groups = new Map()
  for (const name of readdirSync(raw)) {
    const { 'source-map-cache': maps = {} } = JSON.parse(readFileSync(join(raw, name), 'utf8'))
    const ours = Object.entries(maps).filter(([url]) => url.includes('/lib/'))
    const kind = ours.find(([url]) => url.endsWith('/lib/errors.ts'))?.[1].lineLengths.join()
    if (kind === undefined) continue
    const group = groups.get(kind) ?? join(folder, `raw-${groups.size}`)
    if (!groups.has(kind)) mkdirSync(group)
    groups.set(kind, group)
    renameSync(join(raw, name), join(group, name))
  }
  return [...groups.values()].map(group => {
    const args = ['report', '--all', '--include=lib/**/*.ts', '--reporter=json']
    const places = [`--reports-dir=${group}-counts`, `--temp-directory=${group}`]
    run(process.execPath, ['node_modules/c8/bin/c8.js', ...args, ...places])
    return JSON.parse(readFileSync(join(`${group}-counts`, 'coverage-final.json'), 'utf8'))
  })
}

/** For each file, which lines can be reached, and how often each was. */
function linesOfTypeScript() {
  const byFile = new Map()
  for (const [path, { statementMap, s }] of reports().flatMap(Object.entries)) {
    if (!existsSync(path)) continue
    const source = readFileSync(path, 'utf8')
    if (isErased(source)) continue
    const text = source.split('\n')
    const known = byFile.get(path) ?? new Map()
    byFile.set(path, known)
    for (const [id, count] of Object.entries(s)) {
      const { line } = statementMap[id].start
      // c8 knows a statement for each line; those that are no code are not to be reached.
      if (/^\s*($|\/\/|\/?\*)/.test(text[line - 1] ?? '')) continue
      known.set(line, (known.get(line) ?? 0) + count)
    }
  }
  return [...byFile].map(([path, lines]) => ({ file: relative(folder, path), lines }))
}

/** One file may have been compiled more than once, and been loaded by many processes: gcc adds these up. */
function linesOfC() {
  const native = join(folder, 'native')
  const data = readdirSync(counts, { recursive: true }).filter(name => name.endsWith('.gcda'))
  const byFile = new Map()
  for (const name of data) {
    const { stdout } = spawnSync('gcov', ['--json-format', '--stdout', join(counts, name)], {
      cwd: native,
      encoding: 'utf8',
      maxBuffer: 2 ** 28
    })
    for (const { file, lines } of JSON.parse(stdout).files) {
      // The system's, and what is there for specs only.
      if (file.startsWith('/') || file.includes('/')) continue
      const known = byFile.get(file) ?? new Map()
      byFile.set(file, known)
      for (const { line_number: line, count } of lines) known.set(line, (known.get(line) ?? 0) + count)
    }
  }
  return [...byFile].map(([file, lines]) => ({ file: `native/${file}`, lines }))
}

/** `[3, 4, 5, 9]` as `'3-5, 9'`. */
function ranges(numbers) {
  const found = []
  for (const number of numbers) {
    const last = found.at(-1)
    if (last && last[1] + 1 === number) last[1] = number
    else found.push([number, number])
  }
  return found.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ')
}

function print(title, all) {
  let total = 0
  let reached = 0
  console.log(`\n${title}: lines that no spec reached`)
  for (const { file, lines } of all.sort((a, b) => (a.file < b.file ? -1 : 1))) {
    const missed = [...lines].filter(([, count]) => count === 0).map(([line]) => line)
    total += lines.size
    reached += lines.size - missed.length
    if (missed.length > 0) console.log(`  ${file}: ${ranges(missed.sort((a, b) => a - b))}`)
  }
  const share = (100 * reached) / total
  console.log(`${title}: ${reached} of ${total} lines, ${share.toFixed(2)} %`)
  if (files.length === 0 && !(share >= MINIMUM)) {
    console.log(`${title}: less than ${MINIMUM} %`)
    failed = true
  }
}

// Specs compile the core as well, with calls that fail when they are told to: whoever compiles, counts, each on its own.
mkdirSync(counts)
const compiler = join(folder, 'cc')
writeFileSync(
  compiler,
  `#!/bin/sh
mkdir -p ${counts}/$$
exec gcc --coverage -fprofile-update=atomic -dumpdir ${counts}/$$/ "$@"
`,
  { mode: 0o755 }
)
const env = withC ? { CC: compiler } : {}
run(process.execPath, ['scripts/build-native.mjs'], { ...env, SLIDEMAP_CFLAGS: '-O0' })
// As modules, all of them: required and imported, a file is compiled in two ways, and V8 names both alike.
const flags = ['--import=tsx/esm', '--expose-gc']
const mocha = [
  ...flags,
  // By its own name: behind a link it does not take itself for the program.
  realpathSync(join(folder, 'node_modules/mocha/lib/cli/cli.js')),
  ...['--reporter', 'spec'],
  ...(files.length > 0 ? files : ['spec/**/*.spec.ts'])
]
run(process.execPath, [...mocha, ...elsewhere.flatMap(file => ['--exclude', file]), '--timeout', '180000'], {
  ...env,
  NODE_V8_COVERAGE: raw
})
print('TypeScript', linesOfTypeScript())
if (withC) print('C', linesOfC())
process.exitCode = failed ? 1 : 0
