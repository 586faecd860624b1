/**
 * The C core under sanitizers. `npm run test:sanitized` runs all of it; `-- --short` a selection, which CI runs; `--
 * FILES` these specs only; `--rounds N` and `--seed N` are the driver's.
 *
 * 1. The core without Node (native/driver/stress.c), under AddressSanitizer with its search for leaks,
 *    UndefinedBehaviorSanitizer, ThreadSanitizer, and valgrind where that is installed.
 * 2. The specs, on an addon with AddressSanitizer and UndefinedBehaviorSanitizer in it.
 *
 * All of it happens in a copy of the checkout in the folder for temporary files, so that the addon of this one stays as
 * it is. Linux with gcc. Ends with status 1 where anything was found.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { copyCheckout } from './copy-checkout.mjs'

const { values: asked, positionals: files } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seed: { type: 'string', default: '1' }
  },
  allowPositionals: true
})

/** What touches the addon most, and takes seconds. */
const selection = [
  'spec/mapping/addon*.spec.ts',
  'spec/mapping/native*.spec.ts',
  'spec/mapping/scan.spec.ts',
  'spec/access/cursor.spec.ts',
  'spec/sequence/windows.spec.ts'
]

/**
 * Programs of others get the runtime too, and some do not bear it: `curl --version` never ends. And these want the
 * packages where the checkout is, or a limit of addresses that the runtime alone is beyond. They run none of the C core
 * but what others do as well.
 */
const elsewhere = [
  'spec/http-range.spec.ts',
  'spec/mapping/permission.spec.ts',
  'spec/package*.spec.ts',
  'spec/faults/os-limits.spec.ts'
]

/** Of each thread of the driver. */
const rounds = asked.rounds ?? (asked.short ? 200 : 2000)
const folder = copyCheckout('sanitized')
const failures = []

/** Run a command; what it says is shown. Answers whether it went well. */
function run(name, command, args, { cwd = folder, env = {} } = {}) {
  const began = Date.now()
  console.log(`\n== ${name}`)
  const { status, signal, error } = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit']
  })
  const good = status === 0
  console.log(`${name}: ${good ? 'passed' : 'FAILED'} in ${Math.round((Date.now() - began) / 1000)} s`)
  if (!good) failures.push(`${name}: ${error?.message ?? signal ?? `status ${status}`}`)
  return good
}

function installed(command) {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0
}

/** The runtime as gcc names it; it has to be there before anything else is. */
function runtime(library) {
  const { stdout } = spawnSync('gcc', [`-print-file-name=${library}`], { encoding: 'utf8' })
  const path = stdout?.trim()
  if (!path?.startsWith('/')) throw new Error(`gcc has no ${library}`)
  return path
}

/** The core without Node: every file of native/ that asks nothing of Node-API. */
function driverSources() {
  const native = join(folder, 'native')
  const core = readdirSync(native).filter(
    name =>
      name.endsWith('.c') &&
      name !== 'mapping_win32.c' &&
      !/napi_|node_api/.test(readFileSync(join(native, name), 'utf8')) &&
      !/"(arguments|jobs|outcome)\.h"/.test(readFileSync(join(native, name), 'utf8'))
  )
  return [join(native, 'driver/stress.c'), ...core.map(name => join(native, name))]
}

function stress(name, flags, { prefix = [], env = {} } = {}) {
  const program = join(folder, `stress-${name.replace(/\W+/g, '-')}`)
  const args = ['-std=c11', '-g', '-O1', '-pthread', ...flags, ...driverSources(), '-o', program]
  if (!run(`build the driver, ${name}`, 'gcc', args)) return
  const [command, ...rest] = [...prefix, program, `${rounds}`, asked.seed]
  run(`driver, ${name}`, command, rest, { env })
}

function specs() {
  const flags = '-O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined'
  const built = run('build the addon', process.execPath, ['scripts/build-native.mjs'], {
    env: { CC: 'gcc', SLIDEMAP_CFLAGS: flags }
  })
  if (!built) return
  const log = join(folder, 'report')
  // SIGBUS is the fault guard's; leaks of the runtime at its end are not ours, the driver has those of the core.
  const address = [
    'detect_leaks=0',
    'use_sigaltstack=0',
    'handle_sigbus=0',
    'handle_segv=0',
    'quarantine_size_mb=16'
  ]
  const chosen = files.length > 0 ? files : asked.short ? selection : ['spec/**/*.spec.ts']
  run(
    'specs on the sanitized addon',
    process.execPath,
    [
      'node_modules/mocha/bin/mocha.js',
      ...chosen,
      ...elsewhere.flatMap(file => ['--exclude', file]),
      // A few times as slow.
      '--timeout',
      '300000'
    ],
    {
      env: {
        LD_PRELOAD: runtime('libasan.so'),
        ASAN_OPTIONS: [...address, `log_path=${log}`].join(':'),
        UBSAN_OPTIONS: `print_stacktrace=1:log_path=${log}`
      }
    }
  )
  // Of children and Workers too, whose death a spec may have expected.
  for (const name of readdirSync(folder).filter(name => name.startsWith('report.'))) {
    const report = readFileSync(join(folder, name), 'utf8')
    console.log(`\n${report}`)
    failures.push(`specs: ${report.split('\n').find(line => /ERROR|runtime error/.test(line)) ?? name}`)
  }
}

if (files.length === 0) {
  stress(
    'AddressSanitizer and UndefinedBehaviorSanitizer',
    ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'],
    { env: { ASAN_OPTIONS: 'handle_sigbus=0:detect_leaks=1' } }
  )
  // Without randomised addresses: newer kernels place programs where this runtime cannot follow.
  stress('ThreadSanitizer', ['-fsanitize=thread'], {
    prefix: ['setarch', '-R'],
    env: { TSAN_OPTIONS: 'halt_on_error=1:second_deadlock_stack=1' }
  })
  if (installed('valgrind')) {
    stress('valgrind', [], {
      prefix: [
        'valgrind',
        '--quiet',
        '--error-exitcode=9',
        // Who goes on after a fault that was mended needs all of its registers, not what unwinding needs.
        '--vex-iropt-register-updates=allregs-at-mem-access',
        '--leak-check=full',
        '--show-leak-kinds=definite,indirect'
      ]
    })
  } else console.log('\nvalgrind is not installed: left out')
}
specs()

console.log(failures.length > 0 ? `\nfound:\n  ${failures.join('\n  ')}` : '\nnothing found')
process.exitCode = failures.length > 0 ? 1 : 0
