import { expect } from 'chai'
import { realMappers } from '../support/mappers.js'
import { readers } from './consumers.js'
import { type CutterKind, tryCuts } from './trials.js'

const trials = Number(process.env.SLIDEMAP_CASES ?? 3 * readers.length)
const seed = Number(process.env.SLIDEMAP_SEED ?? Math.floor(Math.random() * 2 ** 31))

const cutters: Record<CutterKind, string> = {
  steps: 'between two steps of whoever reads it',
  thread: 'by another thread at any moment',
  process: 'by another process at any moment'
}

for (const mapper of realMappers) {
  describe(`a file that is cut short on the ${mapper} mapper`, function () {
    this.timeout(0)

    for (const [kind, words] of Object.entries(cutters) as [CutterKind, string][]) {
      it(`${words}, reads as it was or fails, however it is read (seed ${seed})`, async () => {
        const { crashes, wrong, whole, errors, ...report } = await tryCuts(mapper, kind, seed, trials)
        expect(crashes).to.deep.equal([])
        expect(wrong).to.deep.equal([])
        expect(report.trials).to.equal(trials)
        const failed = Object.values(errors).reduce((sum, count) => sum + count, 0)
        expect(whole + failed).to.equal(trials)
        // Else nothing was cut while it was read.
        expect(failed).to.be.above(trials / 10)
      })
    }
  })
}
