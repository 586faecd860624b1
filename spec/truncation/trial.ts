/**
 * One trial: a file, somebody who reads it, and somebody who cuts it short meanwhile. It knows what was in the file,
 * and so what may come out: those bytes, or an error.
 */
import type { MapManager, MappedFile } from '../../lib/index.js'
import { KiB } from '../support/files.js'

/** Pages are at least so long, and a cut inside one raises nothing. */
export const PAGE = 4 * KiB
/** Bytes of a file at the most. */
export const LONGEST = 64 * KiB

/** How a file is filled: `holes` has pages that end with zeros of their own, so that these do not tell. */
export type Filling = 'dense' | 'holes' | 'text' | 'nul'

/** What is done to a file. */
export interface Cut {
  /** Bytes left. */
  readonly size: number
  /** Whether it gets its old size back, at once: by zeros. */
  readonly regrow: boolean
}

/** Numbers that look random, the same ones for the same seed: mulberry32. */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** 0 <= n < bound, a whole number. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * bound)
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T
  }
}

const pools = new Map<Filling, Buffer>()

/** What is in a file of this filling: always the same. */
export function contentOf(filling: Filling, size: number): Buffer {
  let pool = pools.get(filling)
  if (pool === undefined) {
    pool = fill(filling)
    pools.set(filling, pool)
  }
  return pool.subarray(0, size)
}

function fill(filling: Filling): Buffer {
  const dice = new Dice(filling.length)
  const bytes = Buffer.alloc(LONGEST, 0)
  let left = 0
  for (let at = 0; at < LONGEST; at++) {
    bytes[at] = 33 + dice.below(94)
    if (filling === 'holes' && at % PAGE >= 1500) bytes[at] = 0
    if (filling !== 'text' && filling !== 'nul') continue
    if (left-- > 0) continue
    bytes[at] = filling === 'text' ? 10 : 0
    left = dice.below(150)
  }
  return bytes
}

/** Bytes to leave of a file: with a liking for the ends of pages and windows, and for the middle of the last page. */
export function cutOf(dice: Dice, size: number, window: number): Cut {
  const page = PAGE * dice.below(Math.ceil(size / PAGE) + 1)
  const places = [
    0,
    dice.below(size),
    dice.below(size),
    page + dice.of([-1, 0, 1, 1000, 2048]),
    window * dice.below(Math.ceil(size / window) + 1) + dice.of([-1, 0, 1]),
    size - 1 - dice.below(Math.min(size, 200))
  ]
  const left = Math.max(0, Math.min(size - 1, dice.of(places)))
  return { size: left, regrow: dice.below(5) === 0 }
}

function textsOf(bytes: Buffer): string[] {
  const texts = bytes.toString('latin1').split('\0')
  // After the last delimiter there is one more only if there are bytes.
  if (texts.at(-1) === '') texts.pop()
  return texts
}

/** What a trial came to. */
export interface Verdict {
  readonly outcome: 'whole' | 'error'
  /** The error's, where one was told. */
  readonly code: string
  /** Why this must not be; undefined where it may. */
  readonly wrong: string | undefined
}

/** What a file may be told to be that was cut short, and no more than that. */
const CUT = new Set(['ERR_MAP_FILE_TRUNCATED'])

/** The same where its descriptor was closed before: what is opened again has to be what was opened first. */
const CUT_CLOSED = new Set([...CUT, 'ERR_MAP_FILE_CHANGED'])

/** Of one that has grown again, nobody can say what became of the bytes that were there. */
const REGROWN = new Set([...CUT_CLOSED, 'ERR_MAP_IO'])

export type TrialOptions = Pick<
  Trial,
  'manager' | 'file' | 'path' | 'content' | 'window' | 'dice' | 'cut' | 'step' | 'reopens' | 'whole'
>

export class Trial {
  readonly manager: MapManager
  readonly file: MappedFile
  readonly path: string
  readonly content: Buffer
  /** Bytes of a window. */
  readonly window: number
  readonly dice: Dice
  readonly cut: Cut
  /** Whether the consumer opens the file itself, perhaps after it was cut. */
  readonly reopens: boolean
  /** Whether random access maps the whole file at once, and closes its descriptor after that. */
  readonly whole: boolean
  /** Called between two steps of the consumer. */
  readonly step: () => void
  /** The first byte that read as zero in place of another, -1 for none. */
  #blank = -1
  #wrong: string | undefined

  constructor(given: TrialOptions) {
    this.manager = given.manager
    this.file = given.file
    this.path = given.path
    this.content = given.content
    this.window = given.window
    this.dice = given.dice
    this.cut = given.cut
    this.step = given.step
    this.reopens = given.reopens
    this.whole = given.whole
  }

  get size(): number {
    return this.content.length
  }

  /** Bytes that were lent, or handed over ahead of an error: zeros in place of others must be told of by the next window. */
  lent(offset: number, bytes: Uint8Array): void {
    if (this.#blank >= 0 && Math.floor(this.#blank / this.window) < Math.floor(offset / this.window)) {
      this.#blame(this.#blank, `zeros at ${this.#blank}, and it went on at ${offset}`)
    }
    this.#compare(offset, bytes)
  }

  /** Bytes of the consumer's own, which nothing follows that could tell: exact. */
  own(offset: number, bytes: Uint8Array): void {
    const before = this.#blank
    this.#blank = -1
    this.#compare(offset, bytes)
    if (this.#blank >= 0) this.#blame(this.#blank, `zeros at ${this.#blank} in a copy`)
    this.#blank = before
  }

  /** What is not bytes: a number, an index, a text. */
  same(offset: number, what: string, seen: unknown, expected: unknown): void {
    // Where it has grown again, zeros that it did not have are its bytes, and the answer another.
    if (seen !== expected && !this.cut.regrow)
      this.#fail(`${what} at ${offset} is ${String(seen)}, not ${String(expected)}`)
  }

  /** Sizes of records that leave no rest. */
  get divisors(): number[] {
    return [1, 2, 3, 4, 5].filter(
      size => this.size % size === 0 && (!this.reopens || this.cut.size % size === 0)
    )
  }

  /** The consumer is at its end, having seen so many bytes. */
  end(seen: number, expected = this.size): void {
    const late = this.reopens && seen === this.cut.size
    if (seen !== expected && !late) this.#fail(`it ended after ${seen} bytes of ${expected}`)
    this.settle()
  }

  /** Where lines end that were taken to have a delimiter each: the last one may have none. */
  past(end: number): number {
    return [this.size, this.cut.size].includes(end - 1) ? end - 1 : end
  }

  /** The consumer is at its end, having seen these texts, with a null byte after each; not more of them than `limit`. */
  texts(seen: readonly string[], limit = Number.POSITIVE_INFINITY): void {
    const { content, cut } = this
    const all = textsOf(content).slice(0, limit)
    const left = textsOf(content.subarray(0, cut.size)).slice(0, limit)
    // Of a file that has grown again, nobody can say what of the rest was read before and what after.
    const sure = cut.regrow ? left.slice(0, -1) : all
    const whole = (cut.regrow || seen.length === sure.length) && sure.every((text, i) => text === seen[i])
    if (whole || (this.reopens && left.length === seen.length && left.every((text, i) => text === seen[i])))
      return
    const at = sure.findIndex((text, i) => text !== seen[i])
    this.#fail(`text ${at} of ${seen.length} is ${JSON.stringify(seen[at])}, not ${JSON.stringify(sure[at])}`)
  }

  /** From here on nothing can be told any more of what was seen so far. */
  settle(): void {
    if (this.#blank >= 0) this.#blame(this.#blank, `zeros at ${this.#blank}, and no error`)
    this.#blank = -1
  }

  /** @param cut whether it was cut by then */
  judge(error: unknown, cut: boolean): Verdict {
    if (error === undefined) return { outcome: 'whole', code: '', wrong: this.#wrong }
    const { code = '', path, offset } = error as { code?: string; path?: string; offset?: number }
    if (!this.#told.has(code)) this.#fail(`it failed with ${String(error)}`)
    else if (!cut) this.#fail(`it failed before it was cut, with ${String(error)}`)
    else if (path === undefined) this.#fail(`the error has no path: ${String(error)}`)
    else if (code !== 'ERR_MAP_FILE_CHANGED' && offset === undefined)
      this.#fail(`the error has no offset: ${String(error)}`)
    return { outcome: 'error', code, wrong: this.#wrong }
  }

  get #told(): ReadonlySet<string> {
    if (this.cut.regrow) return REGROWN
    return this.whole ? CUT_CLOSED : CUT
  }

  #compare(offset: number, bytes: Uint8Array): void {
    const expected = this.content.subarray(offset, offset + bytes.length)
    if (expected.length === bytes.length && expected.equals(bytes)) return
    for (let at = 0; at < bytes.length; at++) {
      if (bytes[at] === expected[at]) continue
      if (bytes[at] !== 0) {
        this.#fail(`another byte at ${offset + at}`)
        return
      }
      if (this.#blank < 0) this.#blank = offset + at
    }
  }

  /** Zeros that the file itself had once it had grown again are its bytes. */
  #blame(offset: number, what: string): void {
    if (!this.cut.regrow || offset < this.cut.size) this.#fail(what)
  }

  #fail(what: string): void {
    this.#wrong ??= what
  }
}
