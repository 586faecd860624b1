/** Where misuse is tried: some files whose words say where they are from, and managers over them. */
import { join } from 'node:path'
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { MapManager, type MappedFile, type Window } from '../../lib/index.js'
import type { Random } from '../random.js'
import { type Given, judge, marked, ofOneFile, type Verdict, WORD } from './marked.js'
import { type Outcome, type Target, Unusable } from './targets.js'

const PAGE = 4096
const LETTERS = ['A', 'B', 'C', 'D'] as const
export type Letter = (typeof LETTERS)[number]
export type MapperName = 'native' | 'read'

/**
 * What became of one try. `nothing` where the sink makes nothing of what it is given, `refused` where it says so with an
 * error of its own.
 */
export type Fate = Verdict | 'nothing' | 'misplaced' | 'refused'

export class Stage {
  readonly mapper: MapperName
  readonly #folder: string
  readonly #truth: ReadonlyMap<Letter, Buffer>
  readonly #size: number
  #manager: MapManager
  #paths = 0

  /** @param size bytes of each file, a multiple of a page */
  constructor(mapper: MapperName, size: number) {
    this.mapper = mapper
    this.#size = size
    this.#folder = mkdtempSync(join(realpathSync(tmpdir()), 'slidemap-misuse-'))
    this.#truth = new Map(LETTERS.map(letter => [letter, marked(letter, size)]))
    for (const [letter, bytes] of this.#truth) writeFileSync(this.pathOf(letter), bytes)
    this.#manager = this.#newManager()
  }

  pathOf(letter: Letter): string {
    return join(this.#folder, `${letter}.txt`)
  }

  /** A path nobody else uses. */
  newPath(): string {
    return join(this.#folder, `${++this.#paths}`)
  }

  /** What is in a file at `[offset, offset + length)`. */
  truthOf(letter: Letter, offset: number, length: number): Buffer {
    return (this.#truth.get(letter) as Buffer).subarray(offset, offset + length)
  }

  /**
   * Give some windows of a file to a target without awaiting it, advance, let other files' windows take the place, and
   * look at what came out.
   */
  async try(target: Target, random: Random): Promise<Fate> {
    const letter = random.pick(LETTERS)
    // What all of a manager's files go through must not reach other tries under way.
    const ownManager = random.chance(0.1)
    const manager = ownManager ? this.#newManager() : this.#manager
    const file = await manager.open(this.pathOf(letter))
    const session = await target.open({
      path: () => this.newPath(),
      choose: count => random.integer(0, count - 1)
    })
    const given = await this.#give(file, letter, random, (bytes, truth) => session.give(bytes, truth))
    if (ownManager && random.chance(0.5)) manager.unmapFile(this.pathOf(letter))
    if (random.chance(0.2)) await file.close()
    if (ownManager) await manager.close()
    const held = await this.hold(random, random.integer(0, 4))
    let outcomes: Outcome[] | undefined
    try {
      outcomes = await session.end()
    } catch (error) {
      if (!(error instanceof Unusable)) throw error
    }
    const untouched = held.letGo()
    await file.close()
    if (!outcomes) return untouched ? 'refused' : 'foreign'
    return untouched ? fateOf(outcomes, given, target.rereads) : 'foreign'
  }

  /** Walk some windows, give each away, and leave them in one of several ways. */
  async #give(
    file: MappedFile,
    letter: Letter,
    random: Random,
    give: (bytes: Buffer, truth: Buffer) => void
  ): Promise<Given[]> {
    const size = random.integer(1, 8) * PAGE
    const count = random.integer(1, 3)
    const start = random.integer(0, (this.#size - 4 * size) / WORD) * WORD
    const windows = file.windows({ start, size, prefetch: random.integer(0, 2) })
    const given: Given[] = []
    for (let i = 0; i < count; i++) {
      const { value: window } = await windows.next()
      if (!window) throw new Error('the windows ended early')
      const truth = this.truthOf(letter, window.offset, window.length)
      given.push({ letter, offset: window.offset, truth })
      give(window.bytes, truth)
      for (let turn = random.integer(-2, 3); turn > 0; turn--)
        await new Promise(resolve => setImmediate(resolve))
      if (random.chance(0.3)) window.release()
    }
    if (random.chance(0.5)) await windows.next()
    await windows.return?.()
    return given
  }

  /** Lease windows of every file, so that addresses that were given back too early belong to somebody. */
  async hold(random: Random, count: number, size = PAGE * random.integer(1, 8)): Promise<Held> {
    const held: { window: Window; truth: Buffer }[] = []
    const files: MappedFile[] = []
    const letGo = () => {
      const right = held.every(({ window, truth }) => window.bytes.equals(truth))
      for (const { window } of held) window.release()
      for (const file of files) void file.close()
      return right
    }
    if (count === 0) return { letGo, add() {} }
    const letter = random.pick(LETTERS)
    const file = await this.#manager.open(this.pathOf(letter))
    files.push(file)
    const add = () => {
      const start = random.integer(0, (this.#size - size) / WORD) * WORD
      const window = file.windowsSync({ start, end: start + size, size }).next().value
      if (!window) throw new Error('there is no window')
      held.push({ window: window.retain(), truth: this.truthOf(letter, start, size) })
    }
    for (let i = 0; i < count; i++) add()
    return { letGo, add }
  }

  /** Nothing is left, in memory or on the disk. */
  async close(): Promise<void> {
    await this.#manager.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  get manager(): MapManager {
    return this.#manager
  }

  #newManager(): MapManager {
    return new MapManager({ mapper: this.mapper })
  }
}

export interface Held {
  /** Lease one more. */
  add(): void
  /** Release them all; whether each of their bytes was still the file's. */
  letGo(): boolean
}

/** @param rereads see {@link Target.rereads} */
export function fateOf(outcomes: readonly Outcome[], given: readonly Given[], rereads = false): Fate {
  if (outcomes.some(outcome => typeof outcome === 'boolean' && !outcome)) return 'foreign'
  const parts = outcomes.filter(outcome => typeof outcome !== 'boolean')
  if (parts.length === 0) return 'nothing'
  const bytes = Buffer.concat(parts)
  const verdict = judge(bytes, given)
  const misplaced = rereads && verdict === 'foreign' && ofOneFile(bytes, given[0]?.letter ?? '')
  return misplaced ? 'misplaced' : verdict
}
