/**
 * Fairness towards the rest of the program: who is always served from what is ready would never let the event loop turn.
 */

/** The event loop, as far as it matters here; driven by specs. */
export interface Loop {
  /** Milliseconds; may be set back. */
  now(): number
  /** Call back in a later turn, once others have had theirs. */
  later(call: () => void): void
}

// The clock that is read fastest, and needs nothing loaded: a chunk of 64 KiB is looked through in 2 us.
const LOOP: Loop = { now: Date.now, later: setImmediate }

/**
 * Milliseconds that a consumer is served without a turn of the loop. Timers are late by that and by what it does with
 * one item. A turn costs some 10 us: less than a hundredth of it.
 */
const SLICE_MS = 4

/**
 * After so many looks at the clock that saw one millisecond, as many items are served without a look: of a chunk that takes
 * 3 us a look is a fiftieth.
 */
const SPARED = 8

/**
 * Tells one consumer's producer when to let the loop turn. It looks at the clock once a batch or chunk, never
 * once a line or record. A turn that the loop takes by itself, since somebody waits, begins the slice anew.
 */
export class Fairness {
  readonly #loop: Loop
  /** When the slice began; undefined until something is asked for in this turn of the loop. */
  #since: number | undefined
  /** What the clock said last, and how many looks in a row it has said that. */
  #looked = Number.NaN
  #looks = 0
  /** Items to come without a look. */
  #spared = 0
  #wake: (() => void) | undefined
  #ended = false
  readonly #turned = () => {
    this.#since = undefined
    this.#wake?.()
  }

  constructor(loop = LOOP) {
    this.#loop = loop
  }

  /** Whether the next item is to come after a {@link turn}; to be asked once an item. */
  isDue(): boolean {
    if (this.#spared > 0) {
      this.#spared--
      return false
    }
    if (this.#ended) return false
    const now = this.#loop.now()
    this.#looks = now === this.#looked ? this.#looks + 1 : 1
    this.#looked = now
    if (this.#looks >= SPARED) this.#spared = SPARED
    if (this.#since === undefined) this.#begin(now)
    // The clock was set back.
    else if (now < this.#since) this.#since = now
    return now - (this.#since ?? now) >= SLICE_MS
  }

  /** Settles in a later turn of the loop, or at {@link end}. One call at a time. */
  async turn(): Promise<void> {
    if (this.#ended) return
    if (this.#since === undefined) this.#begin(this.#loop.now())
    await new Promise<void>(resolve => {
      this.#wake = resolve
    })
    // What is done with the item that comes now counts.
    if (!this.#ended) this.#begin(this.#loop.now())
  }

  /** The consumer leaves: it waits for nothing any more. */
  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  #begin(now: number): void {
    this.#since = now
    this.#loop.later(this.#turned)
  }
}
