/** A watch over the files of a fake disk that rings when a spec says so. */
import type { Identity } from '../../lib/manager/handles.js'
import type { Alarm, FileWatch } from '../../lib/sequence/file-watch.js'
import type { FakeDisk } from './fake-disk.js'
import { settled } from './fake-mapper.js'

export class HandWatch implements FileWatch {
  readonly #disk: FakeDisk
  readonly #bells = new Set<() => void>()
  /** What alarms were set for, so far. */
  readonly requests: string[] = []

  constructor(disk: FakeDisk) {
    this.#disk = disk
  }

  /** Alarms that were set and not cancelled. */
  get alarms(): number {
    return this.#bells.size
  }

  /** Ring what is set, and let happen what happens then. */
  async ring(): Promise<void> {
    for (const bell of this.#bells) bell()
    await settled()
  }

  set(path: string | Buffer | undefined, intervalMs: number): Alarm {
    this.requests.push(`${path} ${intervalMs}`)
    let bell = () => {}
    const rung = new Promise<void>(resolve => {
      bell = resolve
    })
    this.#bells.add(bell)
    return { rung, cancel: () => this.#bells.delete(bell) }
  }

  async identify(path: string | Buffer): Promise<Identity | undefined> {
    try {
      return this.#disk.file(path.toString()).info
    } catch {
      return undefined
    }
  }
}
