/**
 * The demo, `npm run demo`: makes a log, walks it under a hard limit, counts its lines, and does the same with
 * `fs.createReadStream`. Node runs it without the tsx command, which kills what is too busy to answer Ctrl-C at once.
 */
import { createReadStream, rmSync } from 'node:fs'
import { mkdtemp, stat } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { MapManager } from '../lib/index.js'
import { writeLog } from './demo/log.js'
import { progress } from './demo/progress.js'
import { inBytes, parseBytes, table } from './demo/words.js'

const usage = `usage: npm run demo -- [--size SIZE] [FILE]

Counts the lines of a log under a limit of 64 MiB of mapped memory, through slidemap and through fs.createReadStream.

  --size SIZE   make a log of this size in the temporary folder; default 1GiB
  FILE          walk this file instead, and leave it alone
  --help        show this`

const maxMappedBytes = 64 * 2 ** 20

/** What one way to count the lines came to. */
interface Count {
  lines: number
  seconds: number
  /** Bytes by which the resident memory of the process grew, at most. */
  rssGrowth: number
  /** Bytes mapped at most, as the manager says. */
  peakMapped?: number
  /** Files open at most, as the manager says. */
  peakHandles?: number
}

async function main(): Promise<void> {
  const { path, size, help } = readArguments()
  if (help) return console.log(usage)
  const interrupt = new AbortController()
  const { signal } = interrupt
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // Each time, not once: npm passes on what a terminal has sent to all of them already.
    process.on(name, () => interrupt.abort(new Interrupted(name)))
  }

  if (path !== undefined) return compare(path, signal)
  const folder = await mkdtemp(join(tmpdir(), 'slidemap-demo-'))
  // However this ends: also when the terminal goes away, and writing the next word to it fails.
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const log = join(folder, 'demo.log')
  await shown('making the log', size, update => writeLog(log, size, signal, update))
  await compare(log, signal)
}

function readArguments(): { path?: string | undefined; size: number; help: boolean } {
  const { values, positionals } = parseArgs({
    options: { size: { type: 'string' }, help: { type: 'boolean', short: 'h', default: false } },
    allowPositionals: true
  })
  if (positionals.length > 1) throw new Error('one FILE at most')
  if (positionals.length > 0 && values.size !== undefined)
    throw new Error('--size is for a log of our own, not for FILE')
  return { path: positionals[0], size: parseBytes(values.size ?? '1GiB'), help: values.help }
}

async function compare(path: string, signal: AbortSignal): Promise<void> {
  const info = await stat(path)
  if (!info.isFile()) throw new Error(`${path} is not a file`)
  const { size } = info
  // slidemap goes first: should the file not be in the page cache yet, it is slidemap that waits for the disk.
  const ours = await shown('slidemap', size, update => countMapped(path, signal, update))
  const theirs = await shown('fs.createReadStream', size, update => countStreamed(path, signal, update))

  console.log(`${path}: ${inBytes(size)}, limit ${inBytes(maxMappedBytes)}\n`)
  console.log(
    table([
      ['', 'lines', 'time', 'rate', 'peak mapped', 'peak handles', 'RSS growth'],
      row('slidemap', ours, size),
      row('fs.createReadStream', theirs, size)
    ])
  )
  if (ours.lines !== theirs.lines) throw new Error('the two counts differ')
  console.log(`\nThe counts agree; slidemap was ${(theirs.seconds / ours.seconds).toFixed(1)} times as fast.`)
}

/** Count line ends in leased windows: the file's own pages. */
async function countMapped(
  path: string,
  signal: AbortSignal,
  update: (bytes: number) => void
): Promise<Count> {
  const memory = rssWatch()
  const manager = new MapManager({ maxMappedBytes })
  try {
    const begun = performance.now()
    let lines = 0
    const file = await manager.open(path)
    for await (const window of file.windows({ signal })) {
      lines += lineEnds(window.bytes)
      memory.look()
      update(window.offset + window.length)
    }
    const seconds = (performance.now() - begun) / 1000
    const { peakMappedBytes, peakHandles } = manager.stats()
    return { lines, seconds, rssGrowth: memory.growth(), peakMapped: peakMappedBytes, peakHandles }
  } finally {
    await manager.close()
  }
}

/** The same through Node's own stream, with its defaults. */
async function countStreamed(
  path: string,
  signal: AbortSignal,
  update: (bytes: number) => void
): Promise<Count> {
  const memory = rssWatch()
  const begun = performance.now()
  let lines = 0
  let bytes = 0
  let looked = 0
  for await (const chunk of createReadStream(path, { signal }) as AsyncIterable<Buffer>) {
    lines += lineEnds(chunk)
    bytes += chunk.length
    // As seldom as a window: looking at the memory of the process is no part of what is measured.
    if (bytes - looked < 16 * 2 ** 20) continue
    looked = bytes
    memory.look()
    update(bytes)
  }
  const seconds = (performance.now() - begun) / 1000
  memory.look()
  update(bytes)
  return { lines, seconds, rssGrowth: memory.growth() }
}

function lineEnds(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) count++
  return count
}

/** Watches the resident memory of the process grow. */
function rssWatch() {
  const before = process.memoryUsage.rss()
  let peak = before
  return {
    look() {
      peak = Math.max(peak, process.memoryUsage.rss())
    },
    growth: () => peak - before
  }
}

function row(name: string, count: Count, size: number): string[] {
  return [
    name,
    count.lines.toLocaleString('en'),
    `${count.seconds.toFixed(2)} s`,
    `${(size / count.seconds / 1e9).toFixed(2)} GB/s`,
    count.peakMapped === undefined ? '-' : inBytes(count.peakMapped),
    count.peakHandles === undefined ? '-' : String(count.peakHandles),
    inBytes(count.rssGrowth)
  ]
}

async function shown<T>(
  what: string,
  total: number,
  work: (update: (bytes: number) => void) => Promise<T>
): Promise<T> {
  const { update, stop } = progress(what, total)
  try {
    return await work(update)
  } finally {
    stop()
  }
}

class Interrupted extends Error {
  readonly exitCode: number

  constructor(name: 'SIGINT' | 'SIGTERM' | 'SIGHUP') {
    super('interrupted')
    this.exitCode = 128 + constants.signals[name]
  }
}

try {
  await main()
} catch (error) {
  // createReadStream wraps the reason of the signal.
  const reason = error instanceof Error && error.name === 'AbortError' ? error.cause : error
  console.error(`demo: ${reason instanceof Error ? reason.message : reason}`)
  process.exitCode = reason instanceof Interrupted ? reason.exitCode : 1
}
