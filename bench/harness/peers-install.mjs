/** What bench/ needs and the library does not, installed on first use: from bench/package-lock.json, into bench/. */
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

const bench = path.join(import.meta.dirname, '..')
const root = path.join(bench, '..')

/** Install what is missing. mmap-io needs a C++ compiler and Python: without them it is left out, and that is said. */
export function installPeers() {
  if (isStale()) {
    console.error('installing the peers: npm ci in bench/')
    run('npm', ['ci', '--no-audit', '--no-fund'], bench)
    if (isStale()) throw new Error('the peers could not be installed: npm ci in bench/ says why')
  }
  if (fs.existsSync(path.join(root, 'node_modules/.cache/slidemap-mmap-io/node_modules/mmap-io'))) return
  console.error('installing mmap-io')
  if (!run(process.execPath, [path.join(root, 'scripts/install-mmap-io.mjs')], root))
    console.error('mmap-io could not be installed: it is left out')
}

/** npm writes its own copy of the lock file last, when all is there. */
function isStale() {
  const installed = path.join(bench, 'node_modules/.package-lock.json')
  const locked = path.join(bench, 'package-lock.json')
  return !fs.existsSync(installed) || fs.statSync(installed).mtimeMs < fs.statSync(locked).mtimeMs
}

function run(command, args, cwd) {
  // Of npm's own settings a surrounding `npm run` leaves some in the environment that mean the root.
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^npm_(config_local_prefix|package_)/.test(name)
  )
  const { status } = spawnSync(command, args, {
    cwd,
    env: Object.fromEntries(kept),
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32'
  })
  return status === 0
}

/** Whether dist/ is older than what it is built from. */
export function isDistStale() {
  const built = path.join(root, 'dist/index.js')
  if (!fs.existsSync(built)) return true
  const newest = Math.max(
    ...fs
      .readdirSync(path.join(root, 'lib'), { recursive: true })
      .map(name => fs.statSync(path.join(root, 'lib', name)))
      .filter(stat => stat.isFile())
      .map(stat => stat.mtimeMs)
  )
  return newest > fs.statSync(built).mtimeMs
}
