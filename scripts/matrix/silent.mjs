/** Installing the package where nothing can be compiled, and that npm says nothing about it but that it is done. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runProgram } from './judge.mjs'
import { emptyFolder } from './package.mjs'
import { find, plainEnvironment, run } from './processes.mjs'
import { runtime } from './runtimes.mjs'

const compilers = [
  'cc',
  'gcc',
  'g++',
  'c++',
  'clang',
  'tcc',
  'make',
  'cmake',
  'ninja',
  'python',
  'python3',
  'node-gyp'
]
/** What npm may print: a line, or two, of how it went. */
const quiet = /^\s*added \d+ packages in [\dms. ]+\s*$/

/**
 * `npm install`, then `npm ci --strict-allow-scripts` in an empty folder, then the program with a stream of 5 GiB: all
 * with nothing in PATH but Node and a shell.
 *
 * @param versions `npm` and `node`, as runtimes.mjs names them
 */
export async function silentInstall(bench, { npm: release, node: line }) {
  const [node, npm] = [await runtime.node(line), await runtime.npm(release)]
  const { env, folder } = await bareEnvironment(join(bench.scratch, `npm-${release}`), node)
  const faults = compilers.filter(name => find(name, env.PATH)).map(name => `there is a ${name} in PATH`)
  const outputs = []
  const work = async words => {
    const began = Date.now()
    const { status, output } = await run(node, [npm, ...words], { cwd: folder, env })
    outputs.push(`npm ${words.join(' ')}\n${output}`)
    if (status !== 0) faults.push(`npm ${words[0]} ended with status ${status}`)
    else if (!quiet.test(output)) faults.push(`npm ${words[0]} was not silent: ${output}`)
    return `${words[0]} ${((Date.now() - began) / 1000).toFixed(1)} s`
  }
  const times = [await work(['install', bench.tarball])]
  if (faults.length > 0) return { faults, output: outputs.join('\n') }
  faults.push(...whatRuns(join(folder, 'node_modules')))
  rmSync(join(folder, 'node_modules'), { recursive: true, force: true })
  times.push(await work(['ci', '--strict-allow-scripts']))

  const outcome = await runProgram({ ...bench, app: folder }, node, [], { env, words: ['--whole'] })
  return {
    ...outcome,
    faults: [...faults, ...outcome.faults],
    note: `${outcome.note}; ${times.join(', ')}`,
    output: [...outputs, outcome.output].join('\n')
  }
}

/** An empty folder, and an environment that has Node and a shell, and npm's registry and cache as they are here. */
async function bareEnvironment(scratch, node) {
  const folder = emptyFolder(join(scratch, 'app'))
  const programs = join(scratch, 'bin')
  mkdirSync(programs)
  symlinkSync(node, join(programs, 'node'))
  symlinkSync(find('sh') ?? '/bin/sh', join(programs, 'sh'))
  const none = join(scratch, 'npmrc')
  writeFileSync(none, '')
  return {
    folder,
    env: {
      ...plainEnvironment(),
      HOME: scratch,
      PATH: programs,
      npm_config_userconfig: none,
      ...(await settings('registry', 'cache', 'cafile')),
      npm_config_fund: 'false',
      npm_config_audit: 'false',
      npm_config_update_notifier: 'false'
    }
  }
}

/** Those of npm's settings as they are here, as a program's environment has them. */
async function settings(...names) {
  const env = { ...plainEnvironment(), npm_config_loglevel: 'silent' }
  const values = names.map(async name => {
    const { output } = await run('npm', ['config', 'get', name], { env })
    return [`npm_config_${name}`, output.trim().split('\n').at(-1)]
  })
  return Object.fromEntries((await Promise.all(values)).filter(([, value]) => value !== 'null'))
}

/** What of the packages in a node_modules npm would run when they are installed. */
function whatRuns(folder) {
  return readdirSync(folder)
    .filter(name => !name.startsWith('.'))
    .flatMap(name =>
      name.startsWith('@') ? readdirSync(join(folder, name)).map(inner => join(name, inner)) : [name]
    )
    .flatMap(name => {
      const { scripts = {} } = JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8'))
      const found = ['preinstall', 'install', 'postinstall', 'prepare'].filter(script => scripts[script])
      if (existsSync(join(folder, name, 'binding.gyp'))) found.push('binding.gyp')
      return name === 'slidemap' || found.some(script => script !== 'prepare')
        ? found.map(script => `${name} has ${script}`)
        : []
    })
}
