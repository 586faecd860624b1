/** A program in a process of its own that answers in messages: what crashes there is told by how it ended. */
import { fork } from 'node:child_process'
import { once } from 'node:events'

export interface ProgramOptions<Message> {
  /** Variables besides this process's own. */
  env?: Record<string, string>
  onMessage?(message: Message): void
  /** Sends `'stop'`: the program cleans up and ends. */
  signal: AbortSignal
}

/** How a program ended. */
export interface Ended {
  /** `0`, another exit status, or the signal that killed it. */
  how: number | NodeJS.Signals
  /** The end of what it printed, stdout and stderr. */
  output: string
}

/** Of what a program printed, so much is kept for when it fails. */
const KEPT_OUTPUT = 8192

/** How long a program may take to clean up after an interrupt, in ms. */
const GRACE_MS = 15_000

/**
 * Run a module to its end, with the flags of this process.
 *
 * @throws the signal's reason, once the process is gone
 */
export async function runProgram<Message>(
  file: string,
  args: readonly string[],
  { env, onMessage, signal }: ProgramOptions<Message>
): Promise<Ended> {
  signal.throwIfAborted()
  const child = fork(file, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc']
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', text => {
      output = (output + text).slice(-KEPT_OUTPUT)
    })
  }
  if (onMessage) child.on('message', message => onMessage(message as Message))
  let grace: NodeJS.Timeout | undefined
  const stop = () => {
    if (child.connected) child.send('stop', () => {})
    grace = setTimeout(() => child.kill('SIGKILL'), GRACE_MS)
  }
  signal.addEventListener('abort', stop, { once: true })
  try {
    const [code, killed] = await once(child, 'close')
    signal.throwIfAborted()
    return { how: killed ?? code, output: output.trim() }
  } finally {
    clearTimeout(grace)
    signal.removeEventListener('abort', stop)
  }
}

/**
 * What a program that {@link runProgram} runs does first: Ctrl-C reaches every process of a terminal, but who started
 * this one says when to stop.
 *
 * @returns aborts when it was told to
 */
export function toldToStop(): AbortSignal {
  const stop = new AbortController()
  process.on('SIGINT', () => {})
  process.on('message', () => stop.abort(new Error('the run was interrupted')))
  process.on('disconnect', () => process.exit(1))
  return stop.signal
}

/** Say it to who started this process. */
export function say(message: object): void {
  process.send?.(message)
}

/** Say it, and end. */
export function sayLast(message: object): void {
  process.send?.(message, () => process.exit(0))
}
