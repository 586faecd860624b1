/** What a process holds over time, as the operating system says: a witness that is not the library. Linux. */
import fs from 'node:fs'

const EVERY_MS = 5
/** How often to look whether a process stands still, before a sample is given up. */
const LOOKS = 10_000
/** A series in the results has no more points than this; each is the most of what it stands for. */
const POINTS = 200

/**
 * Sample a process's RSS and what it has mapped of `file`, until `stop()`, which answers
 * `{ figures: { sampledMapped }, series: [{ ms, mapped, rss }] }` with bytes.
 */
export function sampleMemory(pid, file) {
  const samples = []
  const start = performance.now()
  const real = fs.realpathSync(file)
  const take = () => {
    try {
      const sample = standingStill(pid, () => ({
        ms: performance.now() - start,
        rss: rssOf(fs.readFileSync(`/proc/${pid}/status`, 'latin1')),
        mapped: mappedOf(fs.readFileSync(`/proc/${pid}/maps`, 'latin1'), real)
      }))
      if (sample?.rss) samples.push(sample)
    } catch {
      // It has ended.
    }
  }
  take()
  const timer = setInterval(take, EVERY_MS)
  return {
    stop() {
      clearInterval(timer)
      const most = samples.reduce((peak, { mapped }) => Math.max(peak, mapped), 0)
      return { figures: { sampledMapped: most }, series: thin(samples, POINTS) }
    }
  }
}

/**
 * The list of mappings comes in many pieces, each as of its own moment: what moves meanwhile is there twice, or not at
 * all. So the process is stopped while it is read; undefined where it does not stop.
 */
function standingStill(pid, look) {
  process.kill(pid, 'SIGSTOP')
  try {
    for (let i = 0; i < LOOKS; i++) if (isStopped(pid)) return look()
  } finally {
    process.kill(pid, 'SIGCONT')
  }
}

/** Whether each of its threads is. */
function isStopped(pid) {
  return fs
    .readdirSync(`/proc/${pid}/task`)
    .every(task => /\) T /.test(fs.readFileSync(`/proc/${pid}/task/${task}/stat`, 'latin1')))
}

/** VmRSS of /proc/PID/status in bytes; 0 of a process that has ended. */
export function rssOf(status) {
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024
}

/** Bytes of all mappings of one file in /proc/PID/maps. */
export function mappedOf(maps, file) {
  let bytes = 0
  for (const line of maps.split('\n')) {
    if (!line.endsWith(file)) continue
    const [start, end] = line.slice(0, line.indexOf(' ')).split('-')
    bytes += Number.parseInt(end, 16) - Number.parseInt(start, 16)
  }
  return bytes
}

/** At most `points` of the samples: of each run of neighbours the most, so that no peak is lost. */
export function thin(samples, points) {
  const step = Math.ceil(samples.length / points)
  const kept = []
  for (let i = 0; i < samples.length; i += step) {
    const group = samples.slice(i, i + step)
    const most = key => Math.max(...group.map(each => each[key]))
    kept.push({ ms: Math.round(group[0].ms), mapped: most('mapped'), rss: most('rss') })
  }
  return kept
}
