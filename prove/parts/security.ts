import { type ChildProcess, execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { constants, linkSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { MapManager } from '../../lib/index.js'
import type { Part, Proof, Row } from '../part.js'
import { specRow } from '../support/spec-row.js'

const execute = promisify(execFile)

const OPENINGS = 20_000
const REOPENINGS = 20_000
const CHILDREN = 500

const SIZE = 64 * 1024

/** How long the program that flips the name may be held up, by a disk or by others at work, in ms. */
const PATIENCE = 60_000
const flipper = fileURLToPath(new URL('../security/flipper.ts', import.meta.url))

export const part: Part = {
  name: 'security',
  title: 'Links, replaced files and children',
  async run(proof) {
    const folder = mkdtempSync(join(realpathSync(tmpdir()), 'slidemap-security-'))
    try {
      const rows: Row[] = []
      const steps = [openings, reopenings, children]
      for (const [i, step] of steps.entries()) {
        const progress = (done: number) => proof.progress((i + done) / (steps.length + 1))
        rows.push(await step(folder, { ...proof, progress }))
      }
      rows.push(
        await specRow(proof, {
          claim:
            'What is no file is refused, links where that is asked for, and nothing is opened that was not named.',
          unit: 'specs',
          specs: ['spec/security.spec.ts', 'spec/security-memory.spec.ts']
        })
      )
      return rows
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

/** Two files, and a name that leads to the one, and by way of a link to the other, many thousand times a second. */
async function flipped<T>(folder: string, use: (name: string) => Promise<T>): Promise<T> {
  const [name, first, other] = ['name', 'first', 'other'].map(file => join(folder, file)) as [
    string,
    string,
    string
  ]
  writeFileSync(first, Buffer.alloc(SIZE, 'a'))
  writeFileSync(other, Buffer.alloc(SIZE, 'b'))
  rmSync(name, { force: true })
  rmSync(`${name}.next`, { force: true })
  linkSync(first, name)
  const child: ChildProcess = fork(flipper, [name, first, other])
  try {
    await Promise.race([once(child, 'message'), once(child, 'exit').then(gone)])
    return await use(name)
  } finally {
    const ended = once(child, 'exit')
    child.disconnect()
    await ended
  }
}

function gone([code]: unknown[]): never {
  throw new Error(`the program that gives one name to two files ended with ${code}`)
}

/**
 * Numbers of tries: so many, and on until both answers have been seen, since all of them may fall into one moment in
 * which nobody flips the name.
 */
function* numbers(tries: number, counts: Map<string, number>): Generator<number> {
  const end = performance.now() + PATIENCE
  for (let i = 0; i < tries || (counts.size < 2 && performance.now() < end); i++) yield i
}

/** How often each came. */
function count(counts: Map<string, number>, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1)
}

function sum(counts: Map<string, number>): number {
  return [...counts.values()].reduce((all, times) => all + times, 0)
}

function listed(counts: Map<string, number>): string {
  return [...counts].map(([what, times]) => `${times.toLocaleString('en')} ${what}`).join(', ')
}

function codeOf(error: unknown): string {
  return String((error as { code?: string }).code ?? error)
}

/** Whose bytes these are. */
function owner(bytes: Buffer): string {
  if (bytes.length !== SIZE) return `${bytes.length} bytes`
  if (bytes.every(byte => byte === 0x61)) return 'right'
  return bytes.every(byte => byte === 0x62) ? "the other's" : 'mixed'
}

function openings(folder: string, { scale, signal, progress }: Proof): Promise<Row> {
  return flipped(folder, async name => {
    const tries = Math.max(100, Math.round(OPENINGS * scale))
    const counts = new Map<string, number>()
    await using manager = new MapManager()
    for (const i of numbers(tries, counts)) {
      signal.throwIfAborted()
      try {
        // Closed by hand: `await using` in a loop, as it is compiled here, throws what an earlier round threw once more.
        const file = await manager.open(name, { flags: constants.O_NOFOLLOW })
        const bytes = await file.read(0).finally(() => file.close())
        count(counts, owner(bytes))
      } catch (error) {
        count(counts, codeOf(error))
      }
      if (i % 100 === 0) progress(i / tries)
    }
    return {
      claim:
        'With O_NOFOLLOW, a name that becomes a link to another file and back again all the time: right bytes or ELOOP.',
      tried: sum(counts),
      unit: 'openings',
      result: listed(counts),
      passed: counts.size === 2 && counts.has('right') && counts.has('ELOOP')
    }
  })
}

function reopenings(folder: string, { scale, signal, progress }: Proof): Promise<Row> {
  return flipped(folder, async name => {
    const tries = Math.max(100, Math.round(REOPENINGS * scale))
    const counts = new Map<string, number>()
    await using manager = new MapManager()
    let file = await manager.open(name)
    let first = owner(await file.read(0))
    for (const i of numbers(tries, counts)) {
      signal.throwIfAborted()
      // Its descriptor is closed: what comes next opens it again.
      manager.unmapFile(name)
      try {
        const now = owner(await file.read(0))
        count(counts, now === first ? 'right' : `another file's: ${now}`)
      } catch (error) {
        count(counts, codeOf(error))
      }
      if (i % 20 === 0) {
        await file.close()
        file = await manager.open(name)
        first = await file.read(0).then(owner, () => 'right')
      }
      if (i % 100 === 0) progress(i / tries)
    }
    const allowed = ['right', 'ERR_MAP_FILE_CHANGED']
    return {
      claim:
        'A file whose name leads elsewhere by turns, closed and opened again: its own bytes or ERR_MAP_FILE_CHANGED.',
      tried: sum(counts),
      unit: 'openings again',
      result: listed(counts),
      passed: [...counts.keys()].every(what => allowed.includes(what)) && counts.size === 2
    }
  })
}

async function children(folder: string, { scale, signal, progress }: Proof): Promise<Row> {
  const tries = Math.max(10, Math.round(CHILDREN * scale))
  const paths = Array.from({ length: 100 }, (_, i) => join(folder, `child-${i}`))
  for (const path of paths) writeFileSync(path, Buffer.alloc(SIZE, 'c'))
  await using manager = new MapManager({ windowSize: SIZE / 4 })
  let walking = true
  let windows = 0
  const walk = (async () => {
    while (walking) for await (const _ of manager.concat(paths, { smallFileSize: 0 }).windows()) windows++
  })()
  let leaked = 0
  let opened = 0
  try {
    for (let i = 0; i < tries; i++) {
      signal.throwIfAborted()
      opened += manager.stats().handles
      const { stdout } = await execute('sh', ['-c', 'ls -l /proc/self/fd; cat /proc/self/maps'])
      if (stdout.includes(folder)) leaked++
      progress(i / tries)
    }
  } finally {
    walking = false
    await walk
  }
  return {
    claim:
      'Children that are executed while files are opened and mapped have neither a descriptor nor a mapping of them.',
    tried: tries,
    unit: 'children',
    result: `${leaked} have one, during ${windows.toLocaleString('en')} windows`,
    passed: leaked === 0 && windows > 0 && opened > 0
  }
}
