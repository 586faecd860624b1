/**
 * TypeScript run as a user runs it: in a Node process of its own.
 */
import { type ChildProcessByStdio, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** The folder of the checkout. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '../..')

// By its URL: it is found from any working directory.
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href

/** What a process says that has no addon, in a checkout without a C compiler; the specs hold there too. */
const reading = /^\(node:\d+\) SlidemapWarning: files are read into memory.*\n\(Use .*\n/m

/** How a process ended. */
export interface Ended {
  /** Exit code; null where a signal ended it. */
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface ChildOptions {
  /** Default the checkout. */
  cwd?: string
  /** Variables besides this process's own. */
  env?: Record<string, string>
}

/** Start a script; its path is absolute or relative to the checkout. Neither output of it is a terminal. */
export function start(script: string, args: readonly string[] = [], options: ChildOptions = {}) {
  const child: ChildProcessWithoutNullStreams = spawn(
    process.execPath,
    [`--import=${tsx}`, resolve(root, script), ...args],
    { cwd: options.cwd ?? root, env: { ...process.env, ...options.env } }
  )
  child.stdin.end()
  let saidSoFar = ''
  child.stderr.setEncoding('utf8').on('data', text => {
    saidSoFar += text
  })
  const ended = gather(child).then(told => ({ ...told, stderr: told.stderr.replace(reading, '') }))
  return {
    child,
    ended,
    /** Wait until the script has said this on stderr. Rejects if it ends without. */
    async says(words: string): Promise<void> {
      const over = new AbortController()
      ended.then(() => over.abort(new Error(`it never said "${words}": ${saidSoFar}`)))
      while (!saidSoFar.includes(words)) await once(child.stderr, 'data', { signal: over.signal })
    }
  }
}

/** How a process ends, and all that it says until then. */
export async function gather(
  child: ChildProcessByStdio<Writable | null, Readable, Readable>
): Promise<Ended> {
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text
  })
  const [code, signal] = await once(child, 'close')
  return { code, signal, stdout, stderr }
}

/** Run a script to its end. */
export function run(script: string, args?: readonly string[], options?: ChildOptions): Promise<Ended> {
  return start(script, args, options).ended
}
