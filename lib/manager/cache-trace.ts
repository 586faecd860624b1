/**
 * What reading a file leaves behind in the page cache, so that the cache can be left as it was found.
 */
import { endOf, type Range } from '../range.js'
import type { OpenFile } from './open-file.js'

/** The pages of one file that the cache lacked before they were read. */
export class CacheTrace {
  readonly #file: OpenFile
  /** Ranges that were visited, and are mapped or about to be. */
  readonly #mapped = new Set<Range>()
  /** What was lacking in those that are not mapped any more. */
  #due: Range[] = []

  constructor(file: OpenFile) {
    this.#file = file
  }

  /**
   * Find out what the cache lacks of a range, and have exactly that read in. Never fails: where it cannot be told,
   * nothing is lacking.
   *
   * @param area whole pages, granted by the budget and not mapped yet
   * @returns to be called once the range is not mapped any more, or was not mapped after all
   */
  async visit(area: Range, signal: AbortSignal): Promise<() => void> {
    this.#mapped.add(area)
    const absent = await this.#call(area, signal).catch(() => [])
    return () => {
      this.#mapped.delete(area)
      this.#owe(absent)
    }
  }

  /** Let the cache forget what was lacking and is not mapped any more. Never fails. */
  async forget(): Promise<void> {
    if (this.#due.length > 0) await this.#call(NOTHING, new AbortController().signal).catch(() => {})
  }

  async #call(area: Range, signal: AbortSignal): Promise<readonly Range[]> {
    const { manager, handle } = this.#file
    if (handle.mapper.visitCache === undefined) return []
    const outcome = await manager.handles.use(
      handle,
      target =>
        manager.jobs.run(async () => {
          // Nobody would close it again.
          if (typeof target !== 'number') this.#file.throwIfClosed()
          const { mapper, flags, info } = handle
          // A descriptor is given for a file that is known.
          const opened =
            typeof target === 'number' && info
              ? { fd: target, info }
              : await mapper.run({ target, flags }, signal)
          const due = this.#takeDue()
          // It ends well whatever happens, so that the descriptor has an owner.
          const absent = await mapper.visitCache?.(opened.fd, area, due, signal).catch(() => {
            this.#owe(due)
          })
          return { ...opened, mapper, absent: absent ?? [] }
        }, signal),
      signal
    )
    return outcome.absent
  }

  /** In a loop: of a file in a fragmented cache there are more than fit into the arguments of a call. */
  #owe(ranges: readonly Range[]): void {
    for (const range of ranges) this.#due.push(range)
  }

  /** A page that is mapped cannot be forgotten: where windows overlap, or share a page, the later one has it still. */
  #takeDue(): Range[] {
    const isMapped = (range: Range) => [...this.#mapped].some(area => intersect(area, range))
    const due = this.#due.filter(range => !isMapped(range))
    this.#due = this.#due.filter(isMapped)
    return due
  }
}

const NOTHING: Range = { offset: 0, length: 0 }

function intersect(a: Range, b: Range): boolean {
  return a.offset < endOf(b) && b.offset < endOf(a)
}
