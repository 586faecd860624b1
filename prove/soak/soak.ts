/** A soak: many consumers on a small budget, for long, while somebody asks the system what the process holds. */
import { setImmediate } from 'node:timers/promises'
import { readdirSync, readFileSync } from 'node:fs'
import { MapManager } from '../../lib/index.js'
import { descriptorsBelow, mappingsBelow } from '../../spec/support/os.js'
import { Random } from '../random.js'
import { type Growth, growthOf } from './growth.js'
import { consume, Pool, type Tally } from './work.js'

const MiB = 2 ** 20

export interface SoakOptions {
  /** Consumers at a time. */
  consumers: number
  /** It ends when so many bytes were seen, */
  bytes: number
  /** and so much time has passed. */
  minutes: number
  seed: number
  /** 0 to 1 */
  progress(done: number): void
  signal: AbortSignal
}

/** What the process held at a moment. */
export interface Sample {
  /** Seconds since the beginning. */
  at: number
  /** Bytes seen until then. */
  bytes: number
  /** MiB of memory that is in RAM, mapped files included. */
  rss: number
  /** MiB of JavaScript's heap in use. */
  heap: number
  /** Mappings of the process, of whatever kind. */
  maps: number
  /** Descriptors of the process. */
  fds: number
  /** Whether everything that nobody holds had been collected just before. */
  collected: boolean
}

/**
 * What is watched, and what may come and go by itself: some windows more or less in RAM, some code that is compiled,
 * the places that windows of different sizes leave between those that rest, descriptors that are just being opened.
 */
export const WATCHED = {
  rss: { title: 'memory in RAM, MiB', floor: 32 },
  heap: { title: 'heap in use, MiB', floor: 8 },
  // 1,024 released ranges rest once so many have been released: in a short run they come to that only by its end.
  maps: { title: 'mappings of any kind', floor: 1024 + 256 },
  fds: { title: 'descriptors', floor: 16 }
} as const
export type Watched = keyof typeof WATCHED

export interface SoakResult {
  tally: Tally
  seconds: number
  samples: Sample[]
  /** Seconds after which it is held to grow no more. */
  warm: number
  growth: Record<Watched, Growth>
  /** Bytes mapped at most at any instant, and how often somebody had to wait. */
  peakMappedBytes: number
  maxMappedBytes: number
  waits: number
  /** Mappings of files and descriptors on them when all was closed. */
  left: number
  passed: boolean
}

/** So much of the time is warm-up: the first collections, the page cache, the code that gets compiled. */
const WARM_UP = 0.2

/** Samples of a run, at least. */
const SAMPLES = 200

/**
 * So many of them are taken after a collection, and these are judged: between two collections the heap and the addresses
 * that rest grow, and V8 lets them grow further the longer it runs.
 */
const COLLECTED = 25

/** Soak until it is enough. */
export async function soak({
  consumers,
  bytes,
  minutes,
  seed,
  progress,
  signal
}: SoakOptions): Promise<SoakResult> {
  if (!globalThis.gc)
    throw new Error('a soak needs node --expose-gc, to tell what is held from what is left over')
  const pool = new Pool()
  const manager = new MapManager({ maxMappedBytes: 64 * MiB, windowSize: MiB, maxHandles: 64 })
  const tally: Tally = { bytes: 0, consumers: 0, wrong: 0 }
  const samples: Sample[] = []
  const began = performance.now()
  const seconds = () => (performance.now() - began) / 1000
  const done = () => Math.min(tally.bytes / bytes, minutes > 0 ? seconds() / (60 * minutes) : 1)
  let next = 0
  let nextCollected = 0
  const collect = async () => {
    globalThis.gc?.()
    // What is collected is given back on later turns.
    await setImmediate()
    await setImmediate()
    samples.push(sample(seconds(), tally.bytes, true))
  }
  const enough = () => {
    const now = done()
    if (now >= 1 || signal.aborted) return true
    if (now >= next || seconds() - (samples.at(-1)?.at ?? 0) > 5) {
      next = now + 1 / SAMPLES
      samples.push(sample(seconds(), tally.bytes, false))
      progress(now)
    }
    if (now >= nextCollected) {
      nextCollected = now + 1 / COLLECTED
      void collect()
    }
    return false
  }
  try {
    const random = new Random(seed)
    await Promise.all(Array.from({ length: consumers }, () => consume(manager, pool, random, tally, enough)))
    signal.throwIfAborted()
    const took = seconds()
    const { peakMappedBytes, maxMappedBytes, waits } = manager.stats()
    await manager.close()
    await setImmediate()
    const left = mappingsBelow(pool.folder).length + descriptorsBelow(pool.folder).length
    const warm = took * WARM_UP
    const growth = growthAfter(samples, warm)
    const passed =
      tally.wrong === 0 &&
      left === 0 &&
      peakMappedBytes <= maxMappedBytes &&
      Object.values(growth).every(({ grew }) => !grew)
    const limits = { peakMappedBytes, maxMappedBytes, waits }
    return { tally, seconds: took, samples, warm, growth, ...limits, left, passed }
  } finally {
    await manager.close()
    pool.remove()
  }
}

function growthAfter(samples: readonly Sample[], warm: number): Record<Watched, Growth> {
  const judged = samples.filter(({ at, collected }) => at >= warm && collected)
  const entries = Object.entries(WATCHED).map(([name, { floor }]) => [
    name,
    growthOf(
      judged.map(each => ({ at: each.at, value: each[name as Watched] })),
      floor
    )
  ])
  return Object.fromEntries(entries)
}

function sample(at: number, bytes: number, collected: boolean): Sample {
  const { rss, heapUsed } = process.memoryUsage()
  const [maps, fds] = counted()
  return { at, bytes, rss: rss / MiB, heap: heapUsed / MiB, maps, fds, collected }
}

/** What Linux says; nothing where nobody does. */
function counted(): [maps: number, fds: number] {
  try {
    return [
      readFileSync('/proc/self/maps', 'latin1').split('\n').length - 1,
      readdirSync('/proc/self/fd').length
    ]
  } catch {
    return [0, 0]
  }
}

/** The result in words, a line for each thing that is watched. */
export function inWords({ tally, seconds, growth, ...result }: SoakResult): string[] {
  const number = (value: number) => value.toLocaleString('en', { maximumFractionDigits: 1 })
  const { peakMappedBytes, maxMappedBytes, waits, left } = result
  return [
    `${number(tally.bytes / 2 ** 30)} GiB seen by ${number(tally.consumers)} consumers in ${number(seconds)} s, ${tally.wrong} wrong`,
    `${number(peakMappedBytes / MiB)} MiB mapped at most, of ${number(maxMappedBytes / MiB)}; ${number(waits)} waits; ${left} mappings and descriptors left`,
    ...Object.entries(growth).map(
      ([name, { median, growth: by, allowed, grew }]) =>
        `${WATCHED[name as Watched].title}, after collections: ${number(median)}, slope ${number(by)} over the run, ${number(allowed)} allowed${grew ? ': IT GREW' : ''}`
    )
  ]
}
