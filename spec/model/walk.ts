/**
 * Walks: whoever goes through a file or several from a beginning to an end, one step at a time, and what it must see.
 */
import type { MapManager, Window } from '../../lib/index.js'
import type { Disk, History } from './disk.js'
import { attempt, type Opened, reason, unexcused } from './excuses.js'
import type { Kind } from './program.js'

/** Where, in bytes. */
export interface Range {
  readonly start: number
  readonly end: number
  readonly size: number
  readonly overlap: number
  readonly prefetch: number
}

type Sequence = Pick<Opened['file'], 'stream' | 'nodeStream' | 'webStream' | 'lines' | 'records'> & {
  windows(options: object): AsyncIterable<Window>
}

/** A stretch of bytes that came out of a step. */
interface Step {
  readonly offset: number
  readonly bytes: Uint8Array
  readonly window?: Window
}

export interface WalkGiven {
  readonly kind: Kind
  readonly range: Range
  readonly files: readonly Opened[]
  /** Of several files: they may be opened after they have changed. */
  readonly concat: boolean
  readonly disk: Disk
  readonly manager: MapManager
  /** A cut within a page is always told of. */
  readonly strict: boolean
  /** Pages of the limit, and bytes of a page. */
  readonly most: number
  readonly unit: number
}

export class Walk {
  readonly stop = new AbortController()
  readonly files: readonly Opened[]
  readonly kind: Kind
  pending: Promise<void> | undefined
  over = false
  released = false
  /** The window at hand, and those kept beyond it. */
  window: Window | undefined
  readonly #given: WalkGiven
  readonly #iterator: AsyncIterator<unknown>
  #place: number
  #count = 0
  /** The first zero in place of another byte. */
  #blank = -1
  readonly #expected: Step[] | undefined

  constructor(given: WalkGiven, sequence: Sequence) {
    this.#given = given
    this.files = given.files
    this.kind = given.kind
    this.#place = given.range.start
    this.#iterator = this.#open(sequence)
    this.#expected = this.#unchanged ? this.#foresee() : undefined
  }

  /** Take a step; settles when it has been looked at. Rejects with what is wrong. */
  next(closing: () => boolean): Promise<void> {
    this.window = undefined
    const step = this.#next(closing).finally(() => {
      this.pending = undefined
    })
    this.pending = step
    return step
  }

  async leave(closing: () => boolean): Promise<void> {
    this.over = true
    this.window = undefined
    try {
      await this.#iterator.return?.()
    } catch (error) {
      // A web stream that has failed says so to whoever cancels it.
      if (this.kind !== 'webStream') throw error
      this.#excuse(error, closing(), this.#tooLarge)
    }
  }

  abort(): void {
    this.stop.abort(reason)
  }

  /** Whether nothing has happened to its files. */
  get #unchanged(): boolean {
    const { disk } = this.#given
    return this.files.every(
      ({ history, since, path }) => history.count === since && disk.file(path) === history
    )
  }

  get #content(): Buffer {
    return Buffer.concat(this.files.map(({ history }) => history.now))
  }

  async #next(closing: () => boolean): Promise<void> {
    const wasOver = this.over
    let answer: IteratorResult<unknown>
    try {
      answer = await this.#iterator.next()
    } catch (error) {
      this.over = true
      if (wasOver) throw new Error(`a walk that was over failed: ${String(error)}`)
      this.#excuse(error, closing(), this.#tooLarge)
      return
    }
    if (answer.done) {
      // Left meanwhile, or over before.
      if (!this.over) this.#end()
      this.over = true
      return
    }
    const { value, error } = attempt(() => this.#stepOf(answer.value))
    if (value !== undefined) this.#see(value)
    // It was taken away between being handed over and being looked at.
    else if (!this.over) this.#excuse(error, closing(), false)
  }

  #excuse(error: unknown, closing: boolean, crowded: boolean): void {
    const { disk, concat } = this.#given
    // They became shorter before they were opened.
    if (concat && !this.#unchanged && (error as { code?: string }).code === 'ERR_MAP_OUT_OF_RANGE') return
    const aborted = this.stop.signal.aborted
    const wrong = unexcused(error, {
      files: this.files,
      disk,
      closing,
      aborted,
      released: this.released,
      crowded
    })
    if (wrong !== undefined) throw new Error(wrong)
  }

  #see(step: Step): void {
    const { offset, bytes } = step
    const { range, strict, concat } = this.#given
    if (this.kind === 'windows' || this.kind === 'copied windows') {
      this.#expect('a window', offset, this.#place)
      const length = Math.min(range.size, range.end - this.#place)
      if (!concat) this.#expect('its length', bytes.length, length)
      this.#place += bytes.length
      if (this.#place < range.end) this.#place -= concat ? 0 : range.overlap
      this.window = step.window
    } else if (this.kind.includes('tream')) {
      this.#place += bytes.length
    }
    const expected = this.#unchanged ? this.#expected?.[this.#count] : undefined
    if (expected !== undefined) {
      this.#expect('a record', offset, expected.offset)
      this.#expect('its length', bytes.length, expected.bytes.length)
    }
    this.#count++
    if (concat && !this.#unchanged) return
    const owned = this.kind === 'copied windows' || this.kind.includes('line')
    const misfit = (blanks: boolean) => this.#misfit(offset, bytes, blanks)
    const at = misfit(!(owned && strict))
    if (at >= 0)
      throw new Error(
        `the byte at ${at} is none that was there: ${Buffer.from(bytes).toString('latin1', at - offset, at - offset + 20)}`
      )
    const blank = owned ? -1 : misfit(false)
    if (blank >= 0 && this.#blank < 0) this.#blank = blank
  }

  #misfit(offset: number, bytes: Uint8Array, blanks: boolean): number {
    if (this.#given.concat) {
      return this.#content.subarray(offset, offset + bytes.length).equals(bytes) ? -1 : offset
    }
    const [{ history, since }] = this.files as [Opened]
    return history.misfit(since, offset, bytes, blanks)
  }

  #end(): void {
    const { range, concat, strict } = this.#given
    const [{ history }] = this.files as [Opened]
    if (this.#blank >= 0 && strict && history.now.length <= this.#blank)
      throw new Error(`zeros at ${this.#blank}, and it ended as if all were well`)
    const places = ['windows', 'copied windows'].includes(this.kind) || this.kind.includes('tream')
    if (places && (!concat || this.#unchanged))
      this.#expect('the end', this.#place, Math.max(range.start, range.end))
    if (this.#expected && this.#unchanged) this.#expect('records in all', this.#count, this.#expected.length)
  }

  /** Whether a window of it may never fit. */
  get #tooLarge(): boolean {
    const { range, most, unit, concat } = this.#given
    const windows = this.kind === 'windows' || this.kind === 'copied windows'
    const longest = this.files.reduce((sum, { history }) => sum + history.longest, 0)
    if (!windows || concat) return Math.min(range.size, longest) + 2 * unit > most
    const end = Math.min(this.#place + range.size, range.end)
    return Math.ceil(end / unit) * unit - Math.floor(this.#place / unit) * unit > most
  }

  #open(sequence: Sequence): AsyncIterator<unknown> {
    const { start, end, size, overlap, prefetch } = this.#given.range
    const { signal } = this.stop
    const part = { start, end, size, prefetch, signal }
    const chunkSize = Math.max(1, Math.floor(size / 3))
    switch (this.kind) {
      case 'windows':
        return sequence.windows({ ...part, overlap })[Symbol.asyncIterator]()
      case 'copied windows':
        return sequence.windows({ ...part, overlap, lifetime: 'copied' })[Symbol.asyncIterator]()
      case 'stream':
        return sequence.stream({ ...part, chunkSize })[Symbol.asyncIterator]()
      case 'leased stream':
        return sequence.stream({ ...part, chunkSize, lifetime: 'leased' })[Symbol.asyncIterator]()
      case 'nodeStream':
        return sequence.nodeStream({ ...part, chunkSize })[Symbol.asyncIterator]()
      case 'webStream':
        return sequence.webStream({ ...part, chunkSize })[Symbol.asyncIterator]()
      case 'lines':
        return sequence.lines({ ...part, offsets: true })[Symbol.asyncIterator]()
      case 'reverse lines':
        return sequence.lines({ ...part, offsets: true, reverse: true })[Symbol.asyncIterator]()
      case 'records':
        return sequence.records({ ...part, recordSize: this.#recordSize })[Symbol.asyncIterator]()
      case 'delimited records':
        return sequence.records({ ...part, delimiter: '\n' })[Symbol.asyncIterator]()
    }
  }

  get #recordSize(): number {
    const { start, end } = this.#given.range
    return [7, 5, 3, 2, 1].find(size => (end - start) % size === 0) as number
  }

  #stepOf(value: unknown): Step {
    if (value instanceof Uint8Array) return { offset: this.#place, bytes: value }
    if (this.kind.includes('line')) {
      const { line, offset } = value as { line: string; offset: number }
      return { offset, bytes: Buffer.from(line) }
    }
    const window = value as Window
    const step = { offset: window.offset, bytes: window.bytes }
    return this.kind.includes('windows') ? { ...step, window } : step
  }

  /** The lines or records that there have to be, if nothing happens to the files. */
  #foresee(): Step[] | undefined {
    const { start, end } = this.#given.range
    const all = this.#content
    if (this.kind === 'delimited records') return cut(all.subarray(0, end), start)
    if (!this.kind.includes('line')) return undefined
    // A line belongs to the range that its first byte is in.
    const lines = cut(all, 0).filter(({ offset }) => offset >= start && offset < end)
    return this.kind === 'lines' ? lines : lines.reverse()
  }

  #expect(what: string, seen: number, expected: number): void {
    if (seen !== expected) throw new Error(`${what} is ${seen}, not ${expected}`)
  }
}

/** What stands between line feeds; nothing stands after the last byte. */
function cut(bytes: Buffer, start: number): Step[] {
  const steps: Step[] = []
  for (let at = start; at < bytes.length; ) {
    const end = bytes.indexOf(10, at)
    const until = end === -1 ? bytes.length : end
    steps.push({ offset: at, bytes: bytes.subarray(at, until) })
    at = until + 1
  }
  return steps
}

/** The file that a walk through several opens: as it is by then. */
export function unopened(path: string, history: History): Opened {
  return { file: undefined as unknown as Opened['file'], path, history, since: history.count, closed: false }
}
