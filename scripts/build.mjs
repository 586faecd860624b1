/**
 * Build what is out of date in a checkout: the TypeScript into dist/, the addon into native/build/. In some milliseconds
 * where nothing is.
 *
 * It runs before what uses them (`pretest` and the like), not as npm's `prepare`: npm tells everybody who installs the
 * published package that it has a script of that name, though nothing runs it there.
 *
 * Without a C compiler, or with one that finds no headers, it says so in a line and succeeds: the `read` mapper
 * needs no addon. Source that does not compile fails it, TypeScript and C alike.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const windows = process.platform === 'win32'

const typescript = ['lib', 'tsconfig.json', 'tsconfig.build.json', 'package.json', 'scripts/build-dist.mjs']
if (isOutOfDate('dist/index.js', typescript)) run('the TypeScript', 'build:dist')
const sources = readdirSync(join(root, 'native')).filter(name => /\.(c|h|gyp)$/.test(name))
const addon = [
  ...sources.map(name => `native/${name}`),
  'scripts/build-native.mjs',
  'scripts/targets/flags.mjs'
]
if (isOutOfDate('native/build/Release/slidemap.node', addon)) buildAddon()

/** Whether a file is missing, or older than any of these files and of what is in these folders. */
function isOutOfDate(made, from) {
  const file = join(root, made)
  return !existsSync(file) || from.some(path => newest(join(root, path)) > statSync(file).mtimeMs)
}

/** When it was changed last; of a folder, when anything in it was, or was taken out of it. */
function newest(path) {
  const own = statSync(path)
  if (!own.isDirectory()) return own.mtimeMs
  return Math.max(own.mtimeMs, ...readdirSync(path).map(name => newest(join(path, name))))
}

function buildAddon() {
  const compiler = process.env.CC || 'cc'
  const header = windows ? 'windows.h' : 'sys/mman.h'
  const [command, ...flags] = compiler.split(' ')
  const probe = spawnSync(command, [...flags, '-x', 'c', '-fsyntax-only', '-'], {
    input: `#include <${header}>\n`
  })
  if (probe.error) say(`no C compiler found (${compiler}): everything runs on the slower \`read\` mapper`)
  else if (probe.status)
    say(`${compiler} finds no <${header}>: everything runs on the slower \`read\` mapper`)
  else run('the addon', 'build:native')
}

/** `npm` is a script that only a shell finds on Windows. */
function run(what, script) {
  const { status, error } = spawnSync('npm', ['run', '--silent', script], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: windows
  })
  if (status === 0) return
  say(`${what} could not be built${error ? `: ${error.message}` : ''}`)
  process.exit(1)
}

function say(line) {
  console.error(`slidemap: ${line}`)
}
