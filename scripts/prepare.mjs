/**
 * npm's `prepare`: builds a checkout (TypeScript into dist/, the addon into native/build/).
 *
 * Without a C compiler, or with one that finds no headers, it says so in a line and succeeds: the `read` mapper
 * needs no addon. Source that does not compile fails it, TypeScript and C alike.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const require = createRequire(import.meta.url)

const tsc = find('typescript')
const headers = find('node-api-headers')
if (!tsc || !headers) {
  const left = existsSync(join(root, 'dist/index.js')) ? 'dist/ is left as it was' : 'there is no dist/'
  say(
    `the development dependencies are not installed, nothing was built (${left}; npm install --include=dev)`
  )
} else {
  buildTypeScript(tsc)
  buildAddon()
}

function buildTypeScript(folder) {
  // Modules that are gone from lib/ would otherwise stay in the package.
  rmSync(join(root, 'dist'), { recursive: true, force: true })
  run('the TypeScript', [join(folder, 'bin/tsc'), '-p', 'tsconfig.build.json'])
}

function buildAddon() {
  const compiler = process.env.CC || 'cc'
  const header = process.platform === 'win32' ? 'windows.h' : 'sys/mman.h'
  const [command, ...flags] = compiler.split(' ')
  const probe = spawnSync(command, [...flags, '-x', 'c', '-fsyntax-only', '-'], {
    input: `#include <${header}>\n`
  })
  if (probe.error) say(`no C compiler found (${compiler}): everything runs on the slower \`read\` mapper`)
  else if (probe.status)
    say(`${compiler} finds no <${header}>: everything runs on the slower \`read\` mapper`)
  else run('the addon', [join(root, 'scripts/build-native.mjs')])
}

/** The folder of an installed package, or undefined. */
function find(name) {
  try {
    return dirname(require.resolve(`${name}/package.json`))
  } catch {
    return undefined
  }
}

function run(what, args) {
  const { status, error } = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit']
  })
  if (status === 0) return
  say(`${what} could not be built${error ? `: ${error.message}` : ''}`)
  process.exit(1)
}

function say(line) {
  console.error(`slidemap: ${line}`)
}
