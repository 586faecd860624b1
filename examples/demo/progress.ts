/** How far something has come: a bar on a terminal, a line a quarter anywhere else. All of it goes to stderr. */
import { SingleBar } from 'cli-progress'
import { inBytes } from './words.js'

export interface Progress {
  /** @param bytes done so far */
  update(bytes: number): void
  stop(): void
}

/**
 * @param what is being done, in one word or two
 * @param total bytes to do
 */
export function progress(what: string, total: number): Progress {
  return process.stderr.isTTY ? bar(what, total) : lines(what, total)
}

function bar(what: string, total: number): Progress {
  const single = new SingleBar({
    format: `${what.padEnd(20)} {bar} {percentage} %  {done} of {all}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    hideCursor: false,
    stopOnComplete: false
  })
  single.start(total, 0, { done: inBytes(0), all: inBytes(total) })
  return {
    update: bytes => single.update(bytes, { done: inBytes(bytes) }),
    stop: () => single.stop()
  }
}

function lines(what: string, total: number): Progress {
  let next = 0
  const update = (bytes: number) => {
    const quarter = Math.floor((4 * bytes) / total)
    if (quarter < next) return
    next = quarter + 1
    console.error(`${what.padEnd(20)} ${String(25 * quarter).padStart(3)} %  of ${inBytes(total)}`)
  }
  if (total > 0) update(0)
  return { update, stop: () => {} }
}
