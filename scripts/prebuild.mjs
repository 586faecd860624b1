/**
 * Build the binaries of the package: native/prebuilds/PLATFORM-ARCH/slidemap.node. With GCC, Clang and MinGW as Debian
 * has them, for every platform on any one; what each needs is in targets/.
 *
 *   npm run prebuild                    every one that can be built here; says which compilers lack for the others
 *   npm run prebuild -- --all           every one, or it fails
 *   npm run prebuild -- NAME...         those, or it fails
 *   npm run prebuild -- --twice ...     once more from a copy of the sources elsewhere, to compare the bytes
 *   npm run prebuild -- --packages      builds nothing; prints Debian's packages of the compilers that lack here
 *
 * Prints each one's size and what it imports. Fails where it imports what it must not.
 */
import { spawnSync } from 'node:child_process'
import {
  accessSync,
  constants,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { targets } from './targets/index.mjs'

const native = join(dirname(fileURLToPath(import.meta.url)), '../native')
const prebuilds = join(native, 'prebuilds')
const { include_dir: headers, def_paths } = createRequire(import.meta.url)('node-api-headers')

const { values: options, positionals: names } = parseArgs({
  options: { all: { type: 'boolean' }, twice: { type: 'boolean' }, packages: { type: 'boolean' } },
  allowPositionals: true
})
const unknown = names.filter(name => !targets.some(target => target.name === name))
if (unknown.length > 0) {
  fail([`no such platform: ${unknown.join(', ')} (there are ${targets.map(({ name }) => name).join(', ')})`])
}
const asked = names.length > 0 ? targets.filter(({ name }) => names.includes(name)) : targets
const required = options.all || names.length > 0

if (options.packages) {
  const lacking = asked.filter(target => missing(target).length > 0)
  console.log([...new Set(lacking.flatMap(target => target.debianPackages))].join(' '))
} else {
  const faults = asked.flatMap(prebuild)
  if (faults.length > 0) fail(faults)
}

/** Answers what is wrong, a line each. */
function prebuild(target) {
  const file = join(prebuilds, target.name, 'slidemap.node')
  const faults = attempt(target, file)
  // The binary of other sources must not get into the package.
  if (faults.length > 0) rmSync(file, { force: true })
  const lines = faults.map(fault => `${target.name}: ${fault}`)
  if (required || missing(target).length === 0) return lines
  for (const line of lines) console.error(`slidemap: ${line}`)
  return []
}

function attempt(target, file) {
  const commands = missing(target)
  if (commands.length > 0) {
    const packages = target.debianPackages.join(' ')
    return [`not built, there is no ${commands.join(', no ')} (Debian: apt-get install ${packages})`]
  }
  try {
    return make(target, file)
  } catch (error) {
    return [error.message]
  }
}

function make(target, file) {
  return inFolder(folder => {
    const job = jobIn(folder, native)
    target.build(job)
    const { imports, faults } = target.inspect(job)
    const bytes = readFileSync(job.output)
    const again = options.twice ? buildElsewhere(target) : bytes
    if (!again.equals(bytes)) faults.push('built twice, it is not the same')
    if (faults.length > 0) return faults
    put(job.output, file)
    const same = options.twice ? ', the same when built elsewhere' : ''
    console.log(`${target.name}: ${bytes.length} bytes${same}; imports ${imports.join(', ')}`)
    return []
  })
}

/** From a copy of the sources, into folders whose names are of other lengths: no path may be in the binary. */
function buildElsewhere(target) {
  return inFolder(folder => {
    const copy = join(folder, 'a copy of the sources')
    const made = [join(native, 'build'), prebuilds]
    cpSync(native, copy, { recursive: true, filter: path => !made.includes(path) })
    const job = jobIn(folder, copy)
    target.build(job)
    return readFileSync(job.output)
  })
}

function jobIn(folder, native) {
  const scratch = join(folder, 'scratch')
  const made = join(folder, 'made')
  mkdirSync(scratch)
  mkdirSync(made)
  return {
    native,
    sources: readdirSync(native).filter(name => name.endsWith('.c') && !name.startsWith('mapping_')),
    headers,
    definitions: dirname(def_paths.node_api_def),
    scratch,
    output: join(made, 'slidemap.node'),
    run: (command, args) => run(command, args, native)
  }
}

function run(command, args, cwd) {
  const { error, status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    // Of all variables only these: others (CPATH, LIBRARY_PATH, SOURCE_DATE_EPOCH, a language) change what is built.
    env: { PATH: process.env.PATH, TMPDIR: tmpdir(), LC_ALL: 'C' }
  })
  if (error) throw error
  if (status !== 0) throw new Error(`${command} failed\n${stderr}`)
  return stdout
}

/** To a name of its own first: nobody packs or loads half of one. */
function put(made, file) {
  const next = `${file}.${process.pid}`
  mkdirSync(dirname(file), { recursive: true })
  copyFileSync(made, next)
  renameSync(next, file)
}

function inFolder(body) {
  const folder = mkdtempSync(join(tmpdir(), 'slidemap-prebuild-'))
  try {
    return body(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function missing(target) {
  return target.commands.filter(command => !isInPath(command))
}

function isInPath(command) {
  return (process.env.PATH ?? '').split(delimiter).some(folder => {
    try {
      accessSync(join(folder, command), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function fail(lines) {
  for (const line of lines) console.error(`slidemap: ${line}`)
  process.exit(1)
}
