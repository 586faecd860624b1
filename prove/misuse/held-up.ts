/**
 * Readers that are held up until long after: a socket whose other end does not read, a thread pool that others keep.
 * Meanwhile more windows pass than rest, and others take the addresses that were given back.
 */
import { execFileSync } from 'node:child_process'
import { close, closeSync, open, openSync, write } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { promisify } from 'node:util'
import { deflateRaw, inflateRawSync } from 'node:zlib'
import type { MappedFile, Window } from '../../lib/index.js'
import type { Random } from '../random.js'
import type { Given } from './marked.js'
import { type Fate, fateOf, type Stage } from './stage.js'
import { type Outcome, Settling } from './targets.js'
import { all, connected } from './targets/sockets.js'

/** Bytes of a window: more than a Unix socket takes before it stalls. */
const SIZE = 512 * 1024

/** Windows given away in a round. */
const GIVEN = 8

/** Bytes of each file of a stage for this. */
export const HELD_UP_FILE = 8 * SIZE

/** Windows that pass meanwhile: no fewer than rest in the addon, or in the other mapper's heap. */
const PASSING = { native: 1024, read: 64 } as const

/** One kind of reader that can be held up. */
interface Kept {
  give(bytes: Buffer): void
  /** Let it go on, and take what comes out, one for each window that was given. */
  goOn(): Promise<Uint8Array[]>
}

export const heldUp: Record<string, { words: string; begin(stage: Stage, random: Random): Promise<Kept> }> = {
  sockets: { words: 'socket writes whose other end does not read', begin: stalledSockets },
  'thread pool': { words: 'fs.write() and deflateRaw() on a thread pool that is taken', begin: takenPool }
}

/** One round: {@link GIVEN} tries. */
export async function heldUpRound(stage: Stage, kind: string, random: Random): Promise<Fate[]> {
  const [mine, others] = await Promise.all([
    stage.manager.open(stage.pathOf('A')),
    stage.manager.open(stage.pathOf('B'))
  ])
  const given: Given[] = []
  const before = take(others, 2 * GIVEN)
  const windows = take(mine, GIVEN)
  const reader = await (heldUp[kind] as (typeof heldUp)[string]).begin(stage, random)
  for (const window of windows) {
    given.push({
      letter: 'A',
      offset: window.offset,
      truth: stage.truthOf('A', window.offset, window.length)
    })
    reader.give(window.bytes)
  }
  for (const window of windows) window.release()
  windows.length = 0
  pass(others, PASSING[stage.mapper] - random.integer(0, GIVEN))
  if (random.chance(0.2)) globalThis.gc?.()
  // One goes, one comes: what is given back is taken at once.
  const after = before.flatMap(window => {
    window.release()
    return take(others, 1)
  })
  const outputs = await reader.goOn()
  const right = after.every(({ bytes, offset, length }) => bytes.equals(stage.truthOf('B', offset, length)))
  for (const window of after) window.release()
  await Promise.all([mine.close(), others.close()])
  return outputs.map((output, i) =>
    right ? fateOf([output] as Outcome[], given.slice(i, i + 1)) : 'foreign'
  )
}

/** The first windows of a file, retained. */
function take(file: MappedFile, count: number): Window[] {
  const taken: Window[] = []
  while (taken.length < count) {
    for (const window of file.windowsSync({ size: SIZE })) {
      taken.push(window.retain())
      if (taken.length === count) break
    }
  }
  return taken
}

/** Map windows and let them go. */
function pass(file: MappedFile, count: number): void {
  let left = count
  while (left > 0) for (const _ of file.windowsSync({ size: SIZE })) if (--left <= 0) break
}

async function stalledSockets(stage: Stage): Promise<Kept> {
  const pairs = await Promise.all(Array.from({ length: GIVEN }, () => connected(stage.newPath())))
  let next = 0
  return {
    // What the kernel takes goes at once, the rest when there is room: libuv has the address of it until then.
    give: bytes => void (pairs[next++] as [Socket, Socket])[0].end(bytes),
    goOn: () => Promise.all(pairs.map(([, far]) => all(far)))
  }
}

async function takenPool(stage: Stage, random: Random): Promise<Kept> {
  const fifo = stage.newPath()
  execFileSync('mkfifo', [fifo])
  const threads = Number(process.env.UV_THREADPOOL_SIZE ?? 4)
  const opened = Array.from({ length: threads }, () => promisify(open)(fifo, 'r'))
  const given = new Settling<Uint8Array>()
  return {
    give: bytes =>
      given.add(
        random.chance(0.5)
          ? promisify(deflateRaw)(bytes, { level: 1, chunkSize: 2 * SIZE }).then(inflateRawSync)
          : written(stage.newPath(), bytes)
      ),
    async goOn() {
      // Whoever waits for the other end of a FIFO goes on, in every thread.
      const end = openSync(fifo, 'r+')
      for (const fd of await Promise.all(opened)) close(fd)
      closeSync(end)
      await rm(fifo)
      return await given.all()
    }
  }
}

async function written(path: string, bytes: Buffer): Promise<Uint8Array> {
  const fd = openSync(path, 'w')
  try {
    await promisify(write)(fd, bytes, 0, bytes.length, 0)
  } finally {
    closeSync(fd)
  }
  const content = await readFile(path)
  await rm(path)
  return content
}
