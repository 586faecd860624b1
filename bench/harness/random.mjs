import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Places in a file, the same ones for everybody: 32 bits of a linear congruence, scaled. */
export class Places {
  // A signed number of 32 bits, which V8 keeps as it is; one without a sign it keeps in memory of its own.
  #state = 1
  #size

  /** @param size every place is below */
  constructor(size) {
    this.#size = size
  }

  next() {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) | 0
    return Math.floor(((this.#state >>> 0) / 2 ** 32) * this.#size)
  }
}

/** Each number below `count` once, all over the place, and then again in the same order. */
export function* everyPlace(count) {
  // A prime that does not divide it has no divisor in common with it.
  const step = [7_368_787, 15_485_863].find(prime => count % prime !== 0)
  for (let at = 0; ; at = (at + step) % count) yield at
}

/** What every reader does with what it got, so that it is there: it looks at the first byte. */
export class Sum {
  value = 0

  take(bytes) {
    this.value += bytes[0]
  }
}

const script = fileURLToPath(new URL('../python/smmap_random.py', import.meta.url))

/** Python's smmap, out of the folder `SMMAP` (a checkout of its repository) or as installed; undefined without it. */
function findSmmap() {
  const env = { ...process.env, PYTHONPATH: process.env.SMMAP ?? process.env.PYTHONPATH ?? '' }
  try {
    execFileSync('python3', ['-c', 'import smmap'], { env, stdio: 'ignore' })
    return env
  } catch {
    return undefined
  }
}

/** Contestants on smmap: they time themselves, without Python's start. None where it cannot be had. */
export function smmapContestants(reads, kinds) {
  // Asked by the parent and by each child: the answer is the same.
  const env = findSmmap()
  if (!env) return []
  return kinds.map(([kind, length]) => ({
    name: `smmap ${kind}, ${length} B`,
    role: 'peer',
    prepare: () => file => {
      const part = 40
      const args = [script, file, kind, String(length), String(reads / part)]
      const ns = Number(execFileSync('python3', args, { env, encoding: 'utf8' }))
      return { bytes: reads, ns: ns * part }
    }
  }))
}
