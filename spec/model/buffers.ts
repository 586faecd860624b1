/** Buffers of a program, and leases of their bytes. */
import type { MappedBuffer, Window } from '../../lib/index.js'
import { attempt, type Opened } from './excuses.js'
import { type Lent, lookAt, mustTell } from './lent.js'
import { isCode, type Scene } from './scene.js'

export interface BufferSlot {
  readonly buffer: MappedBuffer
  readonly of: Opened
  readonly base: number
}

export interface LeaseSlot extends Lent {
  readonly window: Window
}

export class Buffers {
  readonly slots: BufferSlot[] = []
  readonly leases: LeaseSlot[] = []
  readonly #scene: Scene
  /** Whether somebody has, or waits for, something. */
  readonly #crowded: () => boolean

  constructor(scene: Scene, crowded: () => boolean) {
    this.#scene = scene
    this.#crowded = crowded
  }

  ask(what: 'at' | 'number' | 'find' | 'find back', slot: BufferSlot | undefined, index: number): void {
    if (slot === undefined) return
    const { buffer, of, base } = slot
    const { now } = of.history
    const width = what === 'number' ? 2 : what === 'at' ? 1 : 3
    if (index + width > buffer.length) return
    const needle = now.subarray(base + index, base + index + width)
    const crowded = this.#crowded()
    const { value, error } = attempt(() => {
      if (what === 'at') return buffer.at(index)
      if (what === 'number') return buffer.readUInt16BE(index)
      return what === 'find' ? buffer.indexOf(needle, index) : buffer.lastIndexOf(needle, index)
    })
    if (error !== undefined) {
      this.#scene.excuse(error, { files: [of], crowded })
      return
    }
    if (what === 'find' || what === 'find back') {
      // It is there: where nothing happened to the file, it is found at once.
      if (this.#scene.unchanged(of) && value !== index) throw new Error(`found at ${value}, not at ${index}`)
      return
    }
    const bytes = Buffer.alloc(width)
    bytes.writeUIntBE(value as number, 0, width)
    this.#scene.own(of, base + index, bytes)
  }

  take(
    what: 'slice' | 'lease' | 'subarray',
    slot: BufferSlot | undefined,
    index: number,
    length: number
  ): void {
    if (slot === undefined) return
    const { buffer, of, base } = slot
    const crowded = this.#crowded() || this.#scene.cost(base + index, length)
    if (what === 'slice') {
      const { value, error } = attempt(() => buffer.slice(index, index + length))
      if (value === undefined) {
        this.#scene.excuse(error, { files: [of], crowded })
        return
      }
      const whole = Math.max(0, Math.min(length, buffer.length - index))
      if (value.length !== whole) throw new Error(`slice() answered ${value.length} bytes, not ${whole}`)
      this.#scene.own(of, base + index, value)
      return
    }
    const { value: window, error } = attempt(() =>
      what === 'lease' ? buffer.lease(index, length) : buffer.subarray(index, index + length)
    )
    const past = index >= buffer.length
    if (window === undefined) {
      if (past && isCode(error, 'ERR_MAP_OUT_OF_RANGE')) return
      this.#scene.excuse(error, { files: [of], crowded })
      return
    }
    if (window.length === 0) {
      window.release()
      return
    }
    if (window.length !== Math.min(length, buffer.length - index))
      throw new Error(`it leased ${window.length} bytes`)
    if (window.lifetime === 'copied') {
      this.#scene.own(of, base + index, window.bytes)
      return
    }
    const lease = { of, window, offset: base + index, length: window.length, gone: false, blank: -1 }
    this.leases.push(lease)
    lookAt(lease, () => window.bytes)
  }

  onLease(what: 'look at lease' | 'release', lease: LeaseSlot | undefined): void {
    if (lease === undefined) return
    if (what === 'look at lease') {
      lookAt(lease, () => lease.window.bytes)
      return
    }
    this.leases.splice(this.leases.indexOf(lease), 1)
    const { error } = attempt(() => lease.window.release())
    if (error === undefined) mustTell(this.#scene, lease)
    else this.#scene.excuse(error, { files: [lease.of] })
  }
}
