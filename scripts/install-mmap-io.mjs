/**
 * Installs mmap-io for the specs of its adapter: apart from the package's own dependencies, in
 * node_modules/.cache/slidemap-mmap-io. Does nothing where it loads already.
 *
 * Needs python3, make and a C++ compiler. mmap-io asks for C++11 and Node's headers need C++17, so it is told.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const version = '1.1.7'
const folder = join(dirname(fileURLToPath(import.meta.url)), '../node_modules/.cache/slidemap-mmap-io')

if (!loads()) {
  install()
  if (!loads()) {
    console.error(`slidemap: mmap-io ${version} was installed and does not load`)
    process.exit(1)
  }
}

/** Asked of another process, of this same Node: the binary of another version of it must not be loaded here. */
function loads() {
  const check = `if (require('mmap-io/package.json').version !== '${version}') throw 0; require('mmap-io')`
  return spawnSync(process.execPath, ['-e', check], { cwd: folder, stdio: 'ignore' }).status === 0
}

function install() {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const manifest = {
    private: true,
    dependencies: { 'mmap-io': version },
    // npm 12 runs no install script that is not listed.
    allowScripts: { 'mmap-io': true }
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  // Of npm's own settings a surrounding `npm run` leaves some in the environment (prefix, workspace) that mean the root.
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^npm_(config_local_prefix|package_)/.test(name)
  )
  const { status, error } = spawnSync('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock'], {
    cwd: folder,
    env: {
      ...Object.fromEntries(kept),
      CXXFLAGS: `${process.env.CXXFLAGS ?? ''} -std=gnu++17`.trim()
    },
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32'
  })
  if (status === 0) return
  console.error(`slidemap: mmap-io ${version} could not be installed${error ? `: ${error.message}` : ''}`)
  process.exit(1)
}
