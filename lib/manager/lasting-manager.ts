/**
 * A manager that outlives whoever holds it, as long as it has something to give back.
 */
import type { HandleSource } from './handles.js'
import { RegionManager, type RegionManagerOptions } from './manager.js'
import type { OpenFile } from './open-file.js'

/**
 * Managers that have files open, each with an object that nobody holds: with the next collection it is looked whether
 * they still have.
 *
 * Windows and consumers that were dropped are given back by registries of the manager and of its files, and these are
 * collected with it if nobody holds it any more: then nobody would give back anything.
 */
const held = new FinalizationRegistry<LastingManager>(manager => manager.hold())

/** Files that nobody holds any more and nobody closed. One for all managers: the runtime serves one registry a turn. */
const dropped = new FinalizationRegistry<Dropped>(({ file, manager }) => {
  void file.retire().catch(() => {})
  manager.droppedFile()
})

interface Dropped {
  readonly file: OpenFile
  readonly manager: LastingManager
}

export class LastingManager extends RegionManager {
  readonly #warn: (message: string) => void
  #warnedOfDropped = false
  #isHeld = false

  constructor(options: RegionManagerOptions) {
    super(options)
    this.#warn = options.warn
  }

  override async open(source: HandleSource, flags: number, signal?: AbortSignal): Promise<OpenFile> {
    const file = await super.open(source, flags, signal)
    // Once for all of its files: of many, each collection would have to look at each.
    if (!this.#isHeld) this.hold()
    return file
  }

  /** Close a file when what the program has of it is collected, with a warning for the first one. */
  closeWith(facade: object, file: OpenFile): void {
    dropped.register(facade, { file, manager: this }, file)
    file.onClose = () => dropped.unregister(file)
  }

  /** A file was collected that was open. */
  droppedFile(): void {
    if (this.#warnedOfDropped) return
    this.#warnedOfDropped = true
    this.#warn('a file was dropped without close() and has been closed by the garbage collector')
  }

  /** Stay for one more collection if there are files. */
  hold(): void {
    this.#isHeld = this.files.size > 0
    if (this.#isHeld) held.register({}, this)
  }
}
