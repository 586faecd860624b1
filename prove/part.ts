/** What every part of `npm run prove` is: some claims, each tried many times, with what came out. */

/** One claim and what came out of trying it. */
export interface Row {
  /** A sentence that holds. */
  claim: string
  /** How often it was tried. */
  tried: number
  /** What was counted: 'truncations', 'Workers'. */
  unit: string
  /** What was seen, in a few words: '0 crashes, 8,211 errors, 1,789 whole'. */
  result: string
  passed: boolean
}

/** What a part is given. */
export interface Proof {
  /** 1 for the default run of some minutes in all parts together; less for the short form, more on request. */
  scale: number
  /** Every random choice comes from it. */
  seed: number
  /** Tell how far the part is, 0 to 1. */
  progress(done: number): void
  /** Aborts when the run is interrupted: the part cleans up and rejects with its reason. */
  signal: AbortSignal
}

/** One of `prove/parts/*.ts`, exported as `part`. */
export interface Part {
  name: string
  title: string
  /** @returns at least one row; it rejects only where it could not be tried at all */
  run(proof: Proof): Promise<Row[]>
}
