/**
 * The cells of the matrix: on what the package is tried, and what it has to be there.
 *
 * @typedef {object} Cell
 * @property {string} platform operating system, processor, C library
 * @property {string} runtime what runs JavaScript there, and how it is told to
 * @property {boolean} [short] part of the short form
 * @property {boolean} [long] on request only
 * @property {() => string | undefined} [lacks] what has to be installed first, for a sentence
 * @property {string[]} [debian] Debian's packages that have it
 * @property {string} [hole] why it cannot be tried on this machine, ever
 * @property {(bench: Bench) => Promise<Outcome>} [run]
 *
 * @typedef {object} Bench what all cells share
 * @property {string} scratch a folder, removed at the end
 * @property {string} tarball the package
 * @property {string} app a folder in which it is installed, with the program: not to be changed
 * @property {string} data the files that the program reads
 *
 * @typedef {object} Outcome
 * @property {string[]} faults what is wrong; empty where it passed
 * @property {string} [mapper]
 * @property {string} [note] for the table
 * @property {string} [output] of what ran, to be shown with the faults
 */
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { NODES as windowsReleases, Wine, whatLacks as wineLacks, windowsPath } from '../wine/wine.mjs'
import { muslLacks, muslLibraries } from './musl.mjs'
import { copyInstalled, root } from './package.mjs'
import { find, plainEnvironment, run } from './processes.mjs'
import { judge, runProgram } from './judge.mjs'
import { nodes, runtime } from './runtimes.mjs'
import { silentInstall } from './silent.mjs'

const linux = 'Linux x64'
const here = 'Linux x64, glibc'
const current = [20, 22, 24, 26]

/** The warning of the `read` mapper, and no other. */
const warned = pattern => ({ mapper: 'read', warning: pattern })

/** The machine and the Node that run the matrix: for those of other operating systems. @type {Cell} */
export const hereAlone = {
  platform: `${process.platform} ${process.arch}`,
  runtime: `Node ${process.versions.node}`,
  run: async bench => runProgram(bench, process.execPath, [], { words: ['--conformance'] })
}

/** @type {Cell[]} */
export const cells = [
  ...['floor', ...current].map(line => ({
    platform: here,
    runtime: `Node ${nodes[line]}`,
    short: line !== 20,
    run: async bench => runProgram(bench, await runtime.node(line), [], { words: ['--conformance'] })
  })),
  {
    platform: here,
    runtime: 'Bun',
    short: true,
    run: async bench => runProgram(bench, await runtime.bun(), [], { words: ['--conformance'] })
  },
  {
    platform: here,
    runtime: 'Deno',
    short: true,
    // Its own fs cannot tell what the suite asks it for: nanoseconds, paths that are no text, the addon's descriptors.
    run: async bench => runProgram(bench, await runtime.deno(), ['run', '--allow-all', '--no-lock'])
  },
  {
    platform: linux,
    runtime: 'Deno --allow-ffi=FOLDER --allow-read=FOLDERS',
    async run(bench) {
      const allowed = [bench.app, bench.data]
      const flags = [`--allow-read=${allowed}`, `--allow-ffi=${bench.app}`, '--no-prompt', '--no-lock']
      const words = ['--read-only', '--confined']
      return runProgram(bench, await runtime.deno(), ['run', ...flags], { words })
    }
  },
  {
    platform: 'Linux x64, musl',
    runtime: 'Bun',
    short: true,
    lacks: muslLacks,
    debian: ['musl', 'libstdc++-12-pic'],
    async run(bench) {
      const env = { ...plainEnvironment(), LD_LIBRARY_PATH: await muslLibraries(join(bench.scratch, 'musl')) }
      return runProgram(bench, await runtime.muslBun(), [], { env, words: ['--conformance'] })
    }
  },
  ...[20, 24].map(line => ({
    platform: 'Linux arm64, glibc (qemu)',
    runtime: `Node ${nodes[line]}`,
    short: line === 20,
    lacks: () =>
      find('qemu-aarch64-static') === undefined ? "Debian's package qemu-user-static" : undefined,
    debian: ['qemu-user-static', 'libc6-arm64-cross', 'libstdc++6-arm64-cross'],
    run: async bench =>
      runProgram(
        bench,
        'qemu-aarch64-static',
        ['-L', '/usr/aarch64-linux-gnu', await runtime.arm64Node(line)],
        {
          seconds: 300
        }
      )
  })),
  ...windowsReleases.map(line => ({
    platform: 'Windows x64 (wine)',
    runtime: `Node ${nodes[line]}`,
    short: line === windowsReleases.at(-1),
    lacks: wineLacks,
    debian: ['wine', 'wine64'],
    run: bench => inWindows(bench, line)
  })),
  ...['x64', 'arm64'].map(arch => ({
    platform: `macOS ${arch}`,
    runtime: 'Node',
    hole: 'macOS runs on no other machine; the binary is built and its imports are checked here, the release workflow runs it'
  })),
  ...[20, 26].flatMap(line =>
    ['--disallow-code-generation-from-strings', '--frozen-intrinsics'].map(flag => ({
      platform: linux,
      runtime: `Node ${nodes[line]} ${flag}`,
      short: line === 26,
      run: async bench => runProgram(bench, await runtime.node(line), [flag])
    }))
  ),
  ...current.flatMap(line => [
    {
      platform: linux,
      runtime: `Node ${nodes[line]} ${permission(line)}`,
      short: line === 26,
      run: async bench => runConfined(bench, line, [], warned(/--allow-addons/))
    },
    {
      platform: linux,
      runtime: `Node ${nodes[line]} ${permission(line)} --allow-addons`,
      short: line === 26,
      run: async bench => runConfined(bench, line, ['--allow-addons'], {})
    }
  ]),
  {
    platform: linux,
    runtime: 'external buffers forbidden, as in Electron',
    short: true,
    lacks: lacksCompiler,
    run: withoutExternalBuffers
  },
  {
    platform: 'a platform without a binary',
    runtime: `Node ${nodes[22]}`,
    short: true,
    async run(bench) {
      const { app, native } = copyInstalled(bench.app, join(bench.scratch, 'no-binary'))
      rmSync(native, { recursive: true })
      return runProgram({ ...bench, app }, await runtime.node(22), [], {
        ...warned(/no binary for linux-x64/)
      })
    }
  },
  {
    platform: 'a read-only file system',
    runtime: `Node ${nodes[22]}`,
    short: true,
    lacks: () =>
      find('unshare') === undefined || process.getuid?.() !== 0 ? 'unshare, and root' : undefined,
    run: onReadOnly
  },
  ...[11, 12].map(npm => ({
    platform: 'Linux x64 without compiler, Python, make',
    runtime: `npm ${npm}, Node ${nodes[npm === 11 ? 20 : 24]}`,
    short: npm === 12,
    run: bench => silentInstall(bench, { npm, node: npm === 11 ? 20 : 24 })
  })),
  ...current.slice(1).map(line => ({
    platform: here,
    runtime: `all specs, Node ${nodes[line]}`,
    long: true,
    run: async () =>
      runSpecs(await runtime.node(line), [
        'node_modules/mocha/bin/mocha.js',
        '--reporter',
        'dot',
        'spec/**/*.spec.ts'
      ])
  })),
  {
    platform: linux,
    runtime: 'all specs, external buffers forbidden, as in Electron',
    long: true,
    lacks: lacksCompiler,
    run: () => runSpecs(process.execPath, ['scripts/no-external-buffers.mjs'])
  }
]

function lacksCompiler() {
  return find('cc') === undefined ? 'a C compiler' : undefined
}

function permission(line) {
  return line === 20 ? '--experimental-permission' : '--permission'
}

/** Under the permission model: only the package, the files, and what the operating system tells of the process. */
async function runConfined(bench, line, flags, expected) {
  const allowed = [bench.app, bench.data, '/proc'].map(folder => `--allow-fs-read=${folder}/`)
  return runProgram(
    bench,
    await runtime.node(line),
    [permission(line), '--allow-worker', ...allowed, ...flags],
    { ...expected, words: ['--read-only', '--confined'] }
  )
}

async function inWindows(bench, line) {
  const wine = new Wine()
  try {
    const node = (await runtime.windowsNode(line)).toString()
    const data = join(wine.folder, 'data')
    mkdirSync(data)
    const { code, output } = await wine.run(node, ['program.mjs', windowsPath(data)], {
      cwd: bench.app,
      timeout: 200_000
    })
    return judge({ status: code, output }, {})
  } finally {
    wine.close()
  }
}

async function withoutExternalBuffers(bench) {
  const { app, native } = copyInstalled(bench.app, join(bench.scratch, 'no-external-buffers'))
  await build(join(native, 'prebuilds', `${process.platform}-${process.arch}`, 'slidemap.node'))
  return runProgram({ ...bench, app }, process.execPath, [], { words: ['--conformance'] })
}

/** The addon that hands out copies, as where a runtime refuses external buffers. */
async function build(file) {
  const env = { ...plainEnvironment(), SLIDEMAP_CFLAGS: '-DSLIDEMAP_NO_EXTERNAL_BUFFERS' }
  const { status, output } = await run(process.execPath, [join(root, 'scripts/build-native.mjs'), file], {
    env
  })
  if (status !== 0) throw new Error(output)
}

/** In a mount namespace of its own, where the package and the files cannot be written. */
async function onReadOnly(bench) {
  const app = join(bench.scratch, 'read-only-app')
  cpSync(bench.app, app, { recursive: true })
  const script =
    'for folder in "$1" "$2"; do mount --bind "$folder" "$folder" && mount -o remount,bind,ro "$folder" || exit 9; done; shift 2; exec "$@"'
  const words = ['--mount', 'sh', '-c', script, 'sh', app, bench.data]
  return runProgram({ ...bench, app }, 'unshare', [...words, await runtime.node(22)], {
    words: ['--read-only']
  })
}

async function runSpecs(node, words) {
  const { status, output } = await run(node, words, { cwd: root, seconds: 1500 })
  const counts = output.trim().split('\n').at(-1)
  return {
    faults: status === 0 ? [] : [`mocha ended with status ${status}`],
    note: counts,
    output,
    mapper: 'native'
  }
}
