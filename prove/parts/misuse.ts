import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import pLimit from 'p-limit'
import { heldUp } from '../misuse/held-up.js'
import { targets } from '../misuse/targets/index.js'
import type { Counts } from '../misuse/tries.js'
import type { TriesMessage } from '../misuse/tries-process.js'
import type { Part, Proof, Row } from '../part.js'
import { runProgram } from '../runner/program.js'

const TRIES = 10_000
/** Each of them costs a thousand windows. */
const HELD_UP_TRIES = 2_000
/** Each of them is two processes. */
const SECOND_CHUNKS = 10

const program = (name: string) => fileURLToPath(new URL(`../misuse/${name}.ts`, import.meta.url))

interface Kind {
  name: string
  claim: string
  tries: number
  /** Of the time that all of them take. */
  weight: number
}

const kinds: readonly Kind[] = [
  ...targets.map(({ name, words, promise = 'each byte that comes out is right or zero' }) => ({
    name,
    claim: `Leased bytes given, un-awaited, to ${words}: no crash, ${promise}.`,
    tries: TRIES,
    weight: 1
  })),
  ...Object.entries(heldUp).map(([name, { words }]) => ({
    name: `held up: ${name}`,
    claim: `The same for ${words} until 1,024 more windows have passed and others have been mapped.`,
    tries: HELD_UP_TRIES,
    weight: 2
  }))
]

export const part: Part = {
  name: 'misuse',
  title: 'Leased bytes that are used after they are gone',
  async run(proof) {
    const all = kinds.reduce((sum, { weight }) => sum + weight, 0)
    const parts = kinds.map(() => 0)
    const limit = pLimit(Math.min(4, availableParallelism()))
    const rows = await limit.map(kinds, (kind, i) =>
      tryKind(kind, proof, part => {
        parts[i] = part * kind.weight
        proof.progress(parts.reduce((sum, done) => sum + done, 0) / all)
      })
    )
    return [...rows, await trySecondChunk(proof)]
  }
}

async function tryKind(kind: Kind, { scale, seed, signal }: Proof, progress: (part: number) => void) {
  const tries = Math.max(20, Math.round(kind.tries * scale))
  let counts: Counts = {}
  let through = false
  const { how, output } = await runProgram<TriesMessage>(
    program('tries-process'),
    [kind.name, `${tries}`, `${seed}`],
    {
      signal,
      onMessage(message) {
        if ('done' in message) through = true
        else {
          counts = message.counts
          progress(total(counts) / tries)
        }
      }
    }
  )
  const whole = through && how === 0
  return {
    claim: kind.claim,
    tried: total(counts),
    unit: 'tries',
    result: `${whole ? '0 crashes' : `ended with ${how}: ${output}`}, ${told(counts)}`,
    passed: whole && !counts.foreign && total(counts) >= tries
  }
}

function total(counts: Counts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}

const words: Record<keyof Counts, string> = {
  whole: 'all right',
  zeros: 'right and zeros',
  short: 'right with windows missing',
  nothing: 'nothing to come out',
  refused: 'an error of the sink, or nothing that can be read',
  misplaced: 'bytes of its own in a wrong place',
  foreign: 'bytes that are not its own'
}

function told(counts: Counts): string {
  const seen = Object.entries(words).map(
    ([fate, meaning]) => [counts[fate as keyof Counts] ?? 0, meaning] as const
  )
  return seen
    .filter(([count, meaning]) => count > 0 || meaning === words.foreign)
    .map(([count, meaning]) => `${count.toLocaleString('en')} ${meaning}`)
    .join(', ')
}

/** What is Node's own: it does the same where nothing of slidemap is in it. */
async function trySecondChunk({ scale, signal }: Proof): Promise<Row> {
  const tries = Math.max(2, Math.round(SECOND_CHUNKS * scale))
  const ends = { lent: new Map<string, number>(), own: new Map<string, number>() }
  for (let i = 0; i < tries; i++) {
    for (const [which, seen] of Object.entries(ends)) {
      const { how, output } = await runProgram(program('second-chunk'), [which], { signal })
      const end = endOf(how, output)
      seen.set(end, (seen.get(end) ?? 0) + 1)
    }
  }
  const words = (seen: Map<string, number>) =>
    [...seen].map(([end, count]) => `${end} (${count})`).join(' and ')
  const [lent, own] = [words(ends.lent), words(ends.own)]
  return {
    claim:
      'zlib that needs a second chunk of output for bytes that are gone does what it does to any detached buffer, without slidemap: it ends the process. Await it.',
    tried: 2 * tries,
    unit: 'processes',
    result: `leased bytes: ${lent}; a plain ArrayBuffer that is transferred: ${own}`,
    passed: [...ends.lent.keys()].every(end => ends.own.has(end) || end === 'lived')
  }
}

function endOf(how: number | NodeJS.Signals, output: string): string {
  if (how === 0) return 'lived'
  const said = /Assertion[^\n]*|RangeError: [^\n]*/.exec(output)?.[0] ?? 'no word'
  return `${how}, ${said}`
}
