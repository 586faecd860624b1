/**
 * `npm run coverage`: which lines of lib/ and native/ the specs reach, and which they do not. `-- FILES` runs these
 * specs only, and asks no minimum. Ends with status 1 below 95 % of either, or where a spec fails.
 *
 * TypeScript by c8, C by gcc and gcov (Linux; elsewhere TypeScript only). All of it happens in a copy of the checkout
 * in the folder for temporary files, so that the addon of this one stays as it is. Children and Workers count, unless a
 * signal ends them.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const MINIMUM = 95

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const files = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'slidemap-coverage-'))
const counts = join(folder, 'counts')
const withC = process.platform === 'linux' && spawnSync('gcov', ['--version']).status === 0
let failed = false

process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))

function run(command, args, env = {}) {
  const { status } = spawnSync(command, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit']
  })
  if (status !== 0) failed = true
  return status === 0
}

/** For each file, which lines can be reached, and how often each was. */
function linesOfTypeScript() {
  const report = JSON.parse(readFileSync(join(counts, 'coverage-final.json'), 'utf8'))
  return Object.entries(report).map(([path, { statementMap, s }]) => {
    const text = readFileSync(path, 'utf8').split('\n')
    // c8 knows a statement for each line; those that are no code are not to be reached.
    const lines = Object.entries(s)
      .map(([id, count]) => [statementMap[id].start.line, count])
      .filter(([line]) => !/^\s*($|\/\/|\/?\*)/.test(text[line - 1] ?? ''))
    return { file: relative(folder, path), lines: new Map(lines) }
  })
}

/** One file may have been compiled more than once, and been loaded by many processes: gcc adds these up. */
function linesOfC() {
  const native = join(folder, 'native')
  const data = readdirSync(native, { recursive: true }).filter(name => name.endsWith('.gcda'))
  const byFile = new Map()
  for (const name of data) {
    const { stdout } = spawnSync('gcov', ['--json-format', '--stdout', name], {
      cwd: native,
      encoding: 'utf8',
      maxBuffer: 2 ** 28
    })
    for (const { file, lines } of JSON.parse(stdout).files) {
      if (file.startsWith('/') && !file.startsWith(native)) continue
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

const left = ['node_modules', 'build', '.git']
cpSync(root, folder, { recursive: true, filter: path => !left.includes(basename(path)) })
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))

const flags = '-O0 --coverage -fprofile-update=atomic'
run(process.execPath, ['scripts/build-native.mjs'], withC ? { CC: 'gcc', SLIDEMAP_CFLAGS: flags } : {})
run(process.execPath, [
  'node_modules/c8/bin/c8.js',
  '--all',
  '--include=lib/**/*.ts',
  '--reporter=json',
  `--reports-dir=${counts}`,
  `--temp-directory=${join(folder, 'raw')}`,
  process.execPath,
  'node_modules/mocha/bin/mocha.js',
  ...(files.length > 0 ? files : ['spec/**/*.spec.ts']),
  '--timeout',
  '180000'
])
print('TypeScript', linesOfTypeScript())
if (withC) print('C', linesOfC())
process.exitCode = failed ? 1 : 0
