/**
 * Every public function, given every kind of wrong value in every place: a typed error that names the argument and the
 * value, and nothing opened or mapped.
 */
import { expect } from 'chai'
import { held, heldByBench, makeBench, refuse } from './refusal.js'
import type { Bench } from './row.js'
import { rows } from './rows.js'
import { type Value, wrongValues } from './values.js'

describe('bad arguments', () => {
  let bench: Bench
  let values: readonly Value[]

  before(async () => {
    values = await wrongValues()
  })

  beforeEach(async () => {
    bench = await makeBench()
  })

  afterEach(async () => {
    await bench.manager.close()
  })

  it('are of at least 40 kinds', () => {
    expect(values).to.have.length.above(40)
    expect(new Set(values.map(({ name }) => name))).to.have.property('size', values.length)
  })

  for (const call of new Set(rows.map(row => row.call))) {
    describe(call, () => {
      for (const row of rows.filter(row => row.call === call)) {
        it(`${row.way} where "${row.argument}" is wrong, and does nothing`, async () => {
          const before = held()
          const wrong: string[] = []
          let tried = 0
          for (const value of values) {
            if (row.takes.right(value.value)) continue
            tried++
            try {
              await refuse(row, value, bench)
              expect(bench.manager.stats(), value.name).to.include(heldByBench)
            } catch (error) {
              wrong.push((error as Error).message)
            }
          }
          expect(wrong.join('\n')).to.equal('')
          expect(tried).to.be.above(20)
          expect(held()).to.deep.equal(before)
        })
      }
    })
  }
})
