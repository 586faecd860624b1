/** Programs that the matrix runs: with a time limit, all output kept, and gone when the matrix ends. */
import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

const windows = process.platform === 'win32'

/** Those under way. A module's state, since a signal has to find them. */
const running = new Set()

process.once('exit', () => {
  for (const child of running) kill(child)
})

/** The whole group where there is one: emulators and npm have children of their own. */
function kill(child) {
  try {
    process.kill(windows ? child.pid : -child.pid, 'SIGKILL')
  } catch {
    // Gone already.
  }
}

/**
 * What a program is given of this one's environment: nothing that npm and Node take for settings, as a surrounding
 * `npm run` leaves them there.
 */
export function plainEnvironment() {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(npm_.*|NODE_(OPTIONS|PATH|ENV|V8_COVERAGE)|INIT_CWD|CI)$/i.test(name)
    )
  )
}

/**
 * Run a program to its end. Its output goes to a file: under wine, what is piped is lost with the process.
 *
 * @param options.cwd, options.env as for `spawn`; `env` by default {@link plainEnvironment}
 * @param options.seconds after which it is killed; default 120
 * @returns `status`, null where a signal ended it or it could not be started, and `output`: both streams
 */
export async function run(command, words, { cwd, env = plainEnvironment(), seconds = 120 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'slidemap-matrix-output-'))
  const file = join(folder, 'output')
  const descriptor = openSync(file, 'a')
  try {
    const stdio = ['ignore', descriptor, descriptor]
    const child = spawn(command, words, {
      cwd,
      env,
      stdio,
      detached: !windows,
      shell: windows && command === 'npm'
    })
    const { status, note } = await end(child, seconds)
    return { status, output: readFileSync(file, 'utf8') + note }
  } finally {
    closeSync(descriptor)
    rmSync(folder, { recursive: true, force: true })
  }
}

function end(child, seconds) {
  running.add(child)
  return new Promise(resolve => {
    let late = false
    const timer = setTimeout(() => {
      late = true
      kill(child)
    }, seconds * 1000)
    const settle = (status, why) => {
      clearTimeout(timer)
      running.delete(child)
      resolve({ status, note: late ? `\n(killed after ${seconds} seconds)` : why ? `\n(${why})` : '' })
    }
    child.once('error', error => settle(null, error.message))
    child.once('exit', (status, signal) => settle(status, signal && `ended by ${signal}`))
  })
}

/** Run the npm in PATH. */
export function runNpm(words, options) {
  return run('npm', words, options)
}

/** The path of a program, or undefined where PATH has none of that name. */
export function find(name, path = process.env.PATH ?? '') {
  return path
    .split(delimiter)
    .map(folder => join(folder, name))
    .find(file => existsSync(file))
}
