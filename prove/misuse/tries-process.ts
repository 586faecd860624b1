/** Tries of one kind in a process of its own, since a crash is what they look for: `tries-process.ts KIND TRIES SEED`. */
import { Random } from '../random.js'
import { say, sayLast, toldToStop } from '../runner/program.js'
import { type Counts, heldUpTries, plainTries } from './tries.js'

const [kind = '', tries, seed] = process.argv.slice(2)
const signal = toldToStop()
const progress = (counts: Counts) => say({ counts } satisfies TriesMessage)
const random = new Random(Number(seed))
const held = kind.startsWith('held up: ')
const all = held
  ? heldUpTries(kind.slice('held up: '.length), Number(tries), random, progress, signal)
  : plainTries(kind, Number(tries), random, progress, signal)
await all
sayLast({ done: true } satisfies TriesMessage)

/** What this says: how far it is, over and over, and that it is through. */
export type TriesMessage = { counts: Counts } | { done: true }
