/**
 * Leases: windows over bytes that someone asked for by their place.
 */
import type { Region } from '../manager/region.js'
import type { Range } from '../range.js'
import { BaseWindow, LeasedWindow, type Window } from '../window.js'
import { Cursor, type CursorView } from './cursor.js'
import { throwIfEnded } from './sights.js'

/** A window over a part of a shared region. */
class SharedWindow extends BaseWindow {
  readonly lifetime = 'leased'
  readonly #cursor: Cursor

  /** @param cursor owned by this window from now on */
  constructor(cursor: Cursor) {
    super(cursor.offset, cursor.length)
    this.#cursor = cursor
  }

  get bytes() {
    if (!this.#cursor.valid) throw this.released()
    return this.#cursor.bytes
  }

  get lost(): number {
    const { lost } = this.#cursor
    return lost < 0 ? -1 : Math.max(lost, this.offset)
  }

  retain(): this {
    if (!this.#cursor.valid) throw this.released()
    return this
  }

  release(): void {
    this.#cursor[Symbol.dispose]()
  }
}

/** A window over a region of its own, which tells of a loss when it is released, as cursors do. */
class OwnWindow extends LeasedWindow {
  readonly #view: CursorView

  /** @param view held: who holds a window, holds the file */
  constructor(view: CursorView, region: Region, range: Range) {
    super(region, range, view.base)
    this.#view = view
  }

  override release(): void {
    if (this.over) return
    super.release()
    const { file } = this.#view
    const { lostAt } = this
    if (lostAt !== -1 && lostAt < this.end) throw file.explainLossSync(lostAt)
    if (this.doubtful) file.reachSync(this.end)
  }
}

/**
 * Lease the bytes `[offset, offset + length)` of a view if one shared region holds them all, or can be made to.
 *
 * @param length bytes, clamped at the end of the view
 * @throws what {@link Cursor.use} does; {@link throwIfEnded}
 */
export function tryLease(view: CursorView, offset: number, length: number): Window | undefined {
  const place = view.base + offset
  view.file.throwIfClosed()
  if (place < view.limit) throwIfEnded(view, place)
  const wanted = within(view, offset, length)
  // A new region would not hold it, and take the room of another.
  if (wanted > view.windowSize && view.file.shared.find(place) === undefined) return undefined
  const cursor = new Cursor(view)
  try {
    cursor.use(offset, length)
    if (cursor.length === wanted) return new SharedWindow(cursor)
  } catch (error) {
    cursor[Symbol.dispose]()
    throw error
  }
  cursor[Symbol.dispose]()
  return undefined
}

/**
 * The same, in a region of its own if need be.
 *
 * @throws {SlidemapError} what {@link tryLease} does; ERR_MAP_UNSUPPORTED where it is longer than one mapping can be
 */
export function lease(view: CursorView, offset: number, length: number): Window {
  const shared = tryLease(view, offset, length)
  if (shared) return shared
  const { file, base } = view
  const range = { offset: base + offset, length: within(view, offset, length) }
  const region = file.mapSync(range)
  // Should it be dropped unreleased, the collector finds it.
  region.loosen()
  return new OwnWindow(view, region, range)
}

function within({ base, limit }: CursorView, offset: number, length: number): number {
  return Math.min(length, limit - base - offset)
}
