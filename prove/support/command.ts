/** A command in the folder of the checkout, and how it ended. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** The folder of the checkout. */
const root = fileURLToPath(new URL('../..', import.meta.url))

export interface CommandOptions {
  /** Variables besides this process's own. */
  env?: Record<string, string>
  /** Asks the command to end. */
  signal: AbortSignal
  /** Told of each line of its stdout. */
  onLine?: (line: string) => void
}

/** How a command ended. */
export interface CommandEnd {
  how: number | NodeJS.Signals
  /** stdout and stderr. */
  output: string
}

/** @throws the signal's reason, once the command has ended */
export async function runCommand(
  command: string,
  args: readonly string[],
  { env = {}, signal, onLine }: CommandOptions
): Promise<CommandEnd> {
  signal.throwIfAborted()
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const stop = () => void child.kill('SIGTERM')
  signal.addEventListener('abort', stop, { once: true })
  let output = ''
  let line = ''
  child.stderr.setEncoding('utf8').on('data', text => {
    output += text
  })
  child.stdout.setEncoding('utf8').on('data', text => {
    output += text
    const lines = `${line}${text}`.split('\n')
    line = lines.pop() ?? ''
    for (const whole of lines) onLine?.(whole)
  })
  try {
    const [code, by] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
    signal.throwIfAborted()
    return { how: code ?? by ?? 1, output }
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
