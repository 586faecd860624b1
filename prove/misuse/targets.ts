/** What leased bytes are given to without being awaited, and how what came out is got back. */
import type { Buffer } from 'node:buffer'

/** What came of one giving: bytes to be judged, or whether what was made of them is what it should be. */
export type Outcome = Uint8Array | boolean

/** What came out cannot be read, or the sink said with an error of its own that nothing will. */
export class Unusable extends Error {}

/** One sink at work. */
export interface Session {
  /**
   * Take leased bytes, and return before they are used.
   *
   * @param truth what they are, for comparing what cannot be turned back into bytes
   */
  give(bytes: Buffer, truth: Buffer): void
  /** What came out, and nothing is left open. Rejects with {@link Unusable} where nothing did. */
  end(): Promise<Outcome[]>
}

/** Where a session finds what it needs. */
export interface Place {
  /** A path nobody else uses. */
  path(): string
  /** A choice among so many. */
  choose(count: number): number
}

export interface Target {
  name: string
  /** What is given, for the table. */
  words: string
  /** What is promised of it, where that is less than that each byte is right or zero. */
  promise?: string
  /**
   * It reads its input more than once, so that it may put bytes of it in a wrong place where they vanish in between:
   * told apart by their file only.
   */
  rereads?: boolean
  open(place: Place): Promise<Session>
}

/** What promises come to, once all have settled; one that rejects before it is looked at ends nothing. */
export class Settling<T> {
  readonly #promises: Promise<T>[] = []

  add(promise: Promise<T>): void {
    promise.catch(() => {})
    this.#promises.push(promise)
  }

  /** @throws the first reason, once nothing is under way any more */
  async all(): Promise<T[]> {
    await Promise.allSettled(this.#promises)
    return await Promise.all(this.#promises)
  }
}
