/**
 * mocha's own reporter, and its counts once more on a line that a script can find: `N passed, N failed`, with
 * `, N skipped` where there are any. A test that passed and then left something behind counts as failed only.
 */
import Mocha, { type MochaOptions, type Runnable, type Runner } from 'mocha'

const { EVENT_TEST_FAIL, EVENT_TEST_PASS, EVENT_TEST_PENDING } = Mocha.Runner.constants

export default class CountingReporter extends Mocha.reporters.Spec {
  readonly #passed = new Set<Runnable>()
  readonly #failed = new Set<Runnable>()
  #skipped = 0

  constructor(runner: Runner, options: MochaOptions) {
    super(runner, options)
    runner.on(EVENT_TEST_PASS, test => this.#passed.add(test))
    runner.on(EVENT_TEST_PENDING, () => this.#skipped++)
    runner.on(EVENT_TEST_FAIL, test => {
      this.#passed.delete(test)
      this.#failed.add(test)
    })
  }

  override epilogue(): void {
    super.epilogue()
    const skipped = this.#skipped > 0 ? `, ${this.#skipped} skipped` : ''
    console.log(`${this.#passed.size} passed, ${this.#failed.size} failed${skipped}`)
  }
}
