/**
 * Build the addon of this checkout: native/build/Release/slidemap.node, or the file that is named.
 *
 * With `cc` (or what CC names): no node-gyp, no Python. On Windows with node-gyp and Visual Studio.
 * SLIDEMAP_CFLAGS adds flags (sanitizers, coverage, defines). Ends with the compiler's message and status 1
 * where it cannot be built, with one line where it was.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { languageFlags, warningFlags } from './targets/flags.mjs'

const require = createRequire(import.meta.url)
const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const native = join(root, 'native')
const standard = join(native, 'build/Release/slidemap.node')
const target = process.argv[2] ? resolve(process.argv[2]) : standard
const windows = process.platform === 'win32'

const flags = [...languageFlags, ...warningFlags, '-g', '-fPIC']

const linkFlags =
  process.platform === 'darwin'
    ? ['-bundle', '-undefined', 'dynamic_lookup']
    : // Never unloaded: a Worker that was the last to use it must not take the fault handler with it.
      ['-shared', '-Wl,-z,nodelete', '-Wl,--as-needed']

/** Run a command with its output passed on; the process ends with status 1 where it fails. */
function run(command, args, cwd) {
  const { error, status } = spawnSync(command, args, { cwd, stdio: 'inherit' })
  if (error) fail(`${command}: ${error.message}`)
  if (status !== 0) fail(`${command} failed`)
}

function fail(message) {
  console.error(`slidemap: the addon was not built: ${message}`)
  process.exit(1)
}

function words(text = '') {
  return text.split(/\s+/).filter(Boolean)
}

function buildWithCompiler() {
  const [compiler = 'cc', ...compilerFlags] = words(process.env.CC)
  const sources = readdirSync(native).filter(name => name.endsWith('.c') && name !== 'mapping_win32.c')
  const include = require('node-api-headers').include_dir
  // To a name of its own first: who has the old one loaded keeps it, and no one loads half of a new one.
  const made = `${target}.${process.pid}`
  mkdirSync(dirname(target), { recursive: true })
  process.once('exit', () => rmSync(made, { force: true }))
  const extra = words(process.env.SLIDEMAP_CFLAGS)
  run(
    compiler,
    [...compilerFlags, ...flags, `-I${include}`, ...extra, ...sources, ...linkFlags, '-o', made],
    native
  )
  renameSync(made, target)
}

function buildWithNodeGyp() {
  const gyp = process.env.npm_config_node_gyp ?? require.resolve('node-gyp/bin/node-gyp.js')
  run(process.execPath, [gyp, 'rebuild', '--silent', '-C', native], root)
  if (target !== standard) copyFileSync(standard, target)
}

if (windows) buildWithNodeGyp()
else buildWithCompiler()
console.log(`slidemap: built ${target.replace(join(root, '/'), '')}, ${statSync(target).size} bytes`)
