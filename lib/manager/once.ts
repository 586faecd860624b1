/**
 * What is done once, however often it is asked for: closing, above all.
 */
export class Once {
  #done: Promise<void> | undefined

  /** Whether it has begun: true before the first line of the work runs, so that the work may ask for itself. */
  get begun(): boolean {
    return this.#done !== undefined
  }

  /** Do `work`, or wait for whoever does it. */
  do(work: () => Promise<void>): Promise<void> {
    if (this.#done === undefined) {
      let begin = () => {}
      this.#done = new Promise(resolve => {
        begin = () => resolve(work())
      })
      begin()
    }
    return this.#done
  }
}
