// One contestant, one run, in a process and a heap of its own: node --expose-gc child.mjs '{ work, table, name, ... }'
// Prints `start` when the clock starts, then one line of JSON: bytes, ns, and figures (units.mjs says which).
import fs from 'node:fs'
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { tablesOf } from './works.mjs'

const RESOLUTION_MS = 1

const { work, table: tableName, name, file, variant, loop } = JSON.parse(process.argv[2])
const table = (await tablesOf(work)).find(each => each.name === tableName)
const contestant = table.contestants.find(each => each.name === name)
const run = await contestant.prepare(variant, file)
const live = contestant.liveHeap ? fillHeap(contestant.liveHeap) : []

let collections = 0
const observer = new PerformanceObserver(list => {
  collections += list.getEntries().length
})

// Not in a process that is to be as it began: V8 lets a heap grow by what the last collection left of it, and the first
// window would meet the end of that.
if (!table.fresh) await collect()
const delay = loop && monitorEventLoopDelay({ resolution: RESOLUTION_MS })
if (delay) {
  delay.enable()
  // It counts from its second tick on: a run that blocks at once would not be seen.
  await setTimeout(20)
}
fs.writeSync(1, 'start\n')
const rssBefore = resetPeakRss()
observer.observe({ entryTypes: ['gc'] })
const cpuBefore = process.cpuUsage()
const start = process.hrtime.bigint()
const outcome = await run(file)
const elapsed = Number(process.hrtime.bigint() - start)
// Who has more to do than what is measured, times itself.
const { bytes, ns = elapsed, figures } = typeof outcome === 'object' ? outcome : { bytes: outcome }
const { user, system } = process.cpuUsage(cpuBefore)
const rssGrowth = peakRss() - rssBefore
await setImmediate()
collections += observer.takeRecords().length
if (live.length === 0 && contestant.liveHeap) throw new Error('unreachable: keeps the live objects alive')
const measured = { cpuPerGiB: ((user + system) / 1e6 / bytes) * 2 ** 30, rssGrowth, collections }
console.log(JSON.stringify({ bytes, ns, figures: { ...measured, ...(await delays()), ...figures } }))

/** How late timers were, in ms: what the histogram has, less the time between its ticks. */
async function delays() {
  if (!delay) return {}
  await setTimeout(20)
  delay.disable()
  const late = ns => Math.max(0, ns / 1e6 - RESOLUTION_MS)
  return {
    loopP50: late(delay.percentile(50)),
    loopP99: late(delay.percentile(99)),
    loopMax: late(delay.max)
  }
}

async function collect() {
  globalThis.gc()
  globalThis.gc()
  await swept()
}

/** V8 goes on sweeping on threads of its own after a collection: on two cores that is half of the machine. */
async function swept() {
  for (let tries = 0; tries < 50; tries++) {
    const before = process.cpuUsage()
    await setTimeout(50)
    const { user, system } = process.cpuUsage(before)
    if (user + system < 2000) return
  }
}

/** Small linked objects with strings, as programs have them: work for every collection, `bytes` of heap in all. */
function fillHeap(bytes) {
  const objects = []
  const before = process.memoryUsage().heapUsed
  do {
    for (let i = 0; i < 100_000; i++) objects.push({ id: i, name: `object ${i}`, previous: objects.at(-1) })
  } while (process.memoryUsage().heapUsed - before < bytes)
  return objects
}

/** The kernel keeps the peak: exact, where samples would miss it while the loop is busy. Linux only, else 0. */
function peakRss() {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(fs.readFileSync('/proc/self/status', 'latin1'))[1]) * 1024
  } catch {
    return 0
  }
}

function resetPeakRss() {
  try {
    fs.writeFileSync('/proc/self/clear_refs', '5')
  } catch {}
  return peakRss()
}
