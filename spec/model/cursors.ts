/** Cursors of a program, and what they show. */
import type { Cursor } from '../../lib/index.js'
import { attempt, type Opened } from './excuses.js'
import { type Lent, lookAt, mustTell } from './lent.js'
import { isCode, type Scene } from './scene.js'

export interface CursorSlot {
  readonly cursor: Cursor
  readonly of: Opened
  shown: Lent | undefined
  /** Changes as it is sent elsewhere. */
  turn: number
  loading: boolean
  disposed: boolean
}

export class Cursors {
  readonly slots: CursorSlot[] = []
  readonly #scene: Scene
  /** Whether somebody else has, or waits for, something. */
  readonly #crowded: (but: CursorSlot) => boolean

  constructor(scene: Scene, crowded: (but: CursorSlot) => boolean) {
    this.#scene = scene
    this.#crowded = crowded
  }

  add(cursor: Cursor, of: Opened, shown?: Lent): void {
    this.slots.push({ cursor, of, shown, turn: 0, loading: false, disposed: false })
  }

  send(how: 'use' | 'load', slot: CursorSlot | undefined, at: number, size: number): void {
    if (slot === undefined) return
    const { of, cursor } = slot
    const past = at >= of.file.size
    const refused = slot.disposed || past || this.#scene.closed(of)
    if (how === 'load') {
      this.#scene.start(this.#load(slot, at, size, past))
      return
    }
    const before = slot.shown
    const crowded = this.#crowded(slot)
    const { error } = attempt(() => cursor.use(at, size))
    if (!refused) this.#moved(slot)
    if (error === undefined) {
      if (refused) throw new Error('it was used where it must not be')
      mustTell(this.#scene, before)
      this.#show(slot, at, size)
      return
    }
    if (slot.disposed && isCode(error, 'ERR_MAP_RELEASED')) return
    if (past && isCode(error, 'ERR_MAP_OUT_OF_RANGE')) return
    this.#scene.excuse(error, {
      files: [of],
      crowded: crowded || this.#scene.cost(at, Math.min(size, of.file.size - at))
    })
  }

  async #load(slot: CursorSlot, at: number, size: number, past: boolean): Promise<void> {
    const { of, cursor } = slot
    const refused = slot.disposed || past || this.#scene.closed(of)
    const cost = this.#scene.cost(at, Math.min(size, of.file.size - at))
    const released = this.#scene.watchUnmap(of)
    const loading = cursor.load(at, size)
    // It begins at once.
    if (!refused) this.#moved(slot)
    const { turn } = slot
    slot.loading = !refused
    try {
      await loading
    } catch (error) {
      if (slot.turn === turn) slot.loading = false
      if (slot.disposed && isCode(error, 'ERR_MAP_RELEASED')) return
      if (past && isCode(error, 'ERR_MAP_OUT_OF_RANGE')) return
      const superseded = slot.turn !== turn
      this.#scene.excuse(error, { files: [of], released: released() || superseded, crowded: cost })
      return
    }
    // It had come to its end when another call sent it elsewhere.
    if (slot.turn !== turn) return
    slot.loading = false
    if (refused) throw new Error('it was loaded where it must not be')
    if (cursor.valid || !(released() || this.#scene.closed(of))) this.#show(slot, at, size)
  }

  #moved(slot: CursorSlot): void {
    slot.turn++
    slot.loading = false
    slot.shown = undefined
  }

  #show(slot: CursorSlot, at: number, size: number): void {
    const { cursor, of } = slot
    if (cursor.offset !== at) throw new Error(`the cursor is at ${cursor.offset}, not ${at}`)
    const { length } = cursor
    if (length < 1 || length > size || at + length > of.file.size)
      throw new Error(`it shows ${length} bytes of ${size}`)
    if (!cursor.includes(at) || cursor.includes(at + length))
      throw new Error('it does not include what it shows')
    slot.shown = { of, offset: at, length, gone: false, blank: -1 }
    lookAt(slot.shown, () => cursor.bytes)
  }

  on(what: 'unuse' | 'clone' | 'dispose' | 'look', slot: CursorSlot | undefined): void {
    if (slot === undefined) return
    const { cursor, of, shown } = slot
    switch (what) {
      case 'look':
        if (shown) lookAt(shown, () => cursor.bytes)
        else if (cursor.valid && !slot.loading) throw new Error('a cursor without a window is valid')
        return
      case 'clone': {
        const closed = this.#scene.closed(of) ? 'ERR_MAP_CLOSED' : undefined
        const refusal = slot.disposed ? 'ERR_MAP_RELEASED' : closed
        const { value, error } = attempt(() => cursor.clone())
        if (value === undefined) {
          if (refusal === undefined || !isCode(error, refusal)) throw error
          return
        }
        if (refusal !== undefined) throw new Error('it was cloned where it must not be')
        const copy = shown && value.valid ? { ...shown } : undefined
        this.add(value, of, copy)
        return
      }
      default: {
        if (slot.disposed && what === 'unuse') return
        const { error } = attempt(() => (what === 'unuse' ? cursor.unuse() : cursor[Symbol.dispose]()))
        this.#moved(slot)
        slot.disposed ||= what === 'dispose'
        if (error === undefined) mustTell(this.#scene, shown)
        else this.#scene.excuse(error, { files: [of] })
      }
    }
  }
}
