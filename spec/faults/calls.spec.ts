import { expect } from 'chai'
import { needsInjected } from './inject.js'
import { type Fixtures, makeFixtures } from './operations.js'
import {
  failingNative,
  failingRead,
  nativeSuites,
  readSuites,
  type SetUp,
  type Suite,
  walkSuite
} from './suites.js'
import { newTally } from './walk.js'

const long = process.env.SLIDEMAP_LONG !== undefined

/** Let the first call fail, then the second, and so on, in every operation; and in the end all of them. */
function specify<E>(suites: readonly Suite<E>[], fixtures: () => Fixtures, setUp: () => SetUp<E>): void {
  for (const suite of suites) {
    const forms = suite.neverLasts || (suite.lastsLong && !long) ? [false] : [false, true]
    for (const lasting of forms) {
      it(`the n-th${lasting ? ' and all after it' : ''}, ${suite.title}`, async () => {
        const tally = newTally()
        await walkSuite(suite, setUp(), fixtures(), lasting, tally)
        expect(tally.faults).to.be.greaterThan(0)
        if (suite.allows === undefined) expect(tally.rejected).to.equal(0)
      })
    }
  }
}

describe('Where a call of the native mapper fails, nothing is lost:', () => {
  let setUp: ReturnType<typeof failingNative>
  let fixtures: Fixtures
  before(function () {
    setUp = failingNative(needsInjected.call(this))
    fixtures = makeFixtures('failing-native')
  })
  specify(
    nativeSuites,
    () => fixtures,
    () => setUp
  )
})

describe('Where a call of the read mapper fails, nothing is lost:', () => {
  let fixtures: Fixtures
  before(() => {
    fixtures = makeFixtures('failing-read')
  })
  specify(
    readSuites,
    () => fixtures,
    () => failingRead
  )
})
