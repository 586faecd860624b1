import { realMappers } from '../support/mappers.js'
import { holdsOnAll } from './property.js'
import type { ModelMapper } from './run.js'

const numRuns = Number(process.env.SLIDEMAP_CASES ?? 100)
const seed = Number(process.env.SLIDEMAP_SEED ?? Math.floor(Math.random() * 2 ** 31))

for (const mapper of [...realMappers, 'fake'] as ModelMapper[]) {
  describe(`any program on the ${mapper} mapper`, function () {
    this.timeout(0)

    it(`finds what the files held or an error with a reason, and leaves nothing behind (seed ${seed})`, () =>
      holdsOnAll(mapper, { numRuns, seed }))
  })
}
