import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MapManager } from '../../lib/index.js'
import { marked } from '../misuse/marked.js'
import type { Part, Proof, Row } from '../part.js'
import { Random } from '../random.js'
import { buildLibrary } from '../runner/build.js'
import { KINDS, leftBehind, terminateOne } from '../workers/terminate.js'

const WORKERS = 1000

/** So many at a time: one is terminated while others work. */
const TOGETHER = 4

/** Bytes of each file. */
const SIZE = 2 ** 20

export const part: Part = {
  name: 'workers',
  title: 'Workers that are terminated half way',
  async run(proof) {
    const { url, remove } = await buildLibrary()
    const folder = mkdtempSync(join(realpathSync(tmpdir()), 'slidemap-workers-'))
    try {
      return await terminateMany(folder, url, proof)
    } finally {
      remove()
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

async function terminateMany(folder: string, library: string, proof: Proof): Promise<Row[]> {
  const { scale, seed, progress, signal } = proof
  const random = new Random(seed)
  const letters = ['A', 'B', 'C', 'D']
  const paths = letters.map(letter => join(folder, letter))
  for (const [i, path] of paths.entries()) writeFileSync(path, marked(letters[i] ?? '', SIZE))
  const own = `${folder}-own`
  writeFileSync(own, marked('E', SIZE))
  const grounds = { library, folder, paths }
  const count = Math.max(2 * TOGETHER, Math.round(WORKERS * scale))
  const seen = { early: 0, 'at work': 0 }
  const left: string[] = []
  let reads = 0
  let wrong = 0
  let warm: Held | undefined
  await using manager = new MapManager({ windowSize: 64 * 1024, maxMappedBytes: 2 ** 20 })
  try {
    for (let done = 0; done < count; done += TOGETHER) {
      signal.throwIfAborted()
      const gone = Array.from({ length: TOGETHER }, (_, i) =>
        terminateOne(grounds, KINDS[(done + i) % KINDS.length] ?? 'mapping', random)
      )
      // Meanwhile this thread reads on.
      let settled = false
      const all = Promise.all(gone).finally(() => {
        settled = true
      })
      while (!settled) {
        reads++
        if (!(await readsRight(manager, own))) wrong++
      }
      for (const when of await all) seen[when]++
      left.push(...(await leftBehind(folder)))
      if (done >= count / 4) warm ??= held()
      progress(done / count)
    }
  } finally {
    rmSync(own)
  }
  const [before, after] = [warm ?? held(), held()]
  const grown = `descriptors ${before.descriptors} after a quarter, ${after.descriptors} in the end; mappings of any kind ${before.mappings}, ${after.mappings}`
  return [
    {
      claim: `Of Workers that are terminated while they load, map, stream, open files or wait for budget, no mapping and no descriptor is left.`,
      tried: seen.early + seen['at work'],
      unit: 'Workers',
      result: `${left.length} left behind${left[0] ? ` (${left[0]})` : ''}; ${seen['at work']} were at work, ${seen.early} still starting; ${grown}`,
      // The C library keeps some arenas of threads that were; they do not go on growing.
      passed:
        left.length === 0 &&
        after.descriptors <= before.descriptors &&
        after.mappings <= before.mappings * 1.5
    },
    {
      claim: 'The thread that terminates them goes on reading, and reads right.',
      tried: reads,
      unit: 'reads of 1 MiB',
      result: `${wrong} wrong`,
      passed: wrong === 0 && reads > 0
    }
  ]
}

interface Held {
  mappings: number
  descriptors: number
}

/** All of this process, whatever it is for. */
function held(): Held {
  return {
    mappings: readFileSync('/proc/self/maps', 'utf8').split('\n').length - 1,
    descriptors: readdirSync('/proc/self/fd').length
  }
}

const truth = marked('E', SIZE)

async function readsRight(manager: MapManager, path: string): Promise<boolean> {
  await using file = await manager.open(path)
  let at = 0
  for await (const { bytes, offset } of file.windows()) {
    if (offset !== at || !bytes.equals(truth.subarray(at, at + bytes.length))) return false
    at += bytes.length
  }
  return at === SIZE
}
