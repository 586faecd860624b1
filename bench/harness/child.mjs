// One contestant, one run, in a process and a heap of its own: node --expose-gc child.mjs WORK NAME FILE VARIANT
// Prints one line of JSON: bytes, ns, CPU of all threads (ns), growth of RSS at its peak (bytes), collections.
import fs from 'node:fs'
import { PerformanceObserver, constants } from 'node:perf_hooks'
import { setImmediate, setTimeout } from 'node:timers/promises'

const [workName, name, file, variant] = process.argv.slice(2)
const { default: work } = await import(`../works/${workName}.mjs`)
const contestant = work.contestants.find(each => each.name === name)
const run = await contestant.prepare(variant === '' ? undefined : Number(variant), file)
const live = contestant.liveHeap ? fillHeap(contestant.liveHeap) : []

const collections = { minor: 0, major: 0 }
const observer = new PerformanceObserver(list => list.getEntries().forEach(countCollection))

globalThis.gc()
globalThis.gc()
await swept()
const rssBefore = resetPeakRss()
observer.observe({ entryTypes: ['gc'] })
const cpuBefore = process.cpuUsage()
const start = process.hrtime.bigint()
const outcome = await run(file)
const elapsed = Number(process.hrtime.bigint() - start)
// Who has more to do than what is measured, times itself.
const { bytes, ns } = typeof outcome === 'object' ? outcome : { bytes: outcome, ns: elapsed }
const { user, system } = process.cpuUsage(cpuBefore)
const cpu = (user + system) * 1000
const rssGrowth = peakRss() - rssBefore
await setImmediate()
observer.takeRecords().forEach(countCollection)
if (live.length === 0 && contestant.liveHeap) throw new Error('unreachable: keeps the live objects alive')
console.log(JSON.stringify({ bytes, ns, cpu, rssGrowth, collections }))

function countCollection({ detail }) {
  collections[detail.kind === constants.NODE_PERFORMANCE_GC_MINOR ? 'minor' : 'major'] += 1
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
