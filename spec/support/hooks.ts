/**
 * Root hooks: after every test the operating system is asked what is left of it. A test that leaves a mapping or a
 * descriptor on a file of the temporary folder fails, with the list of them; the tests after it still run.
 */
import type { Context, Hook } from 'mocha'
import { descriptorsBelow, mappingsBelow } from './os.js'
import { temporaryFolder } from './files.js'

/** What was reported already: a leak fails the test that made it, not every test from there on. */
const reported = new Set<string>()

export const mochaHooks = {
  afterEach(this: Context): void {
    const fresh = leftovers().filter(line => !reported.has(line))
    if (fresh.length === 0) return
    for (const line of fresh)
      reported.add(line)
      // Fails the test; an exception would fail this hook, and with it skip all that follows.
    ;(this.test as Hook).error(new Error(`the test left behind:\n  ${fresh.join('\n  ')}`))
  }
}

function leftovers(): string[] {
  const hex = (address: bigint) => address.toString(16)
  return [
    ...mappingsBelow(temporaryFolder).map(
      ({ start, end, bytes, path }) => `a mapping of ${bytes} bytes at ${hex(start)}-${hex(end)} of ${path}`
    ),
    ...descriptorsBelow(temporaryFolder).map(({ fd, path }) => `descriptor ${fd} on ${path}`)
  ]
}
