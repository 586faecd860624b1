import { expect } from 'chai'
import fc from 'fast-check'
import { Queue } from '../lib/queue.js'

describe('a queue', () => {
  it('answers first in, first out, as an array does', () => {
    const step = fc.oneof(
      fc.record({ push: fc.integer({ min: 1, max: 100 }) }),
      fc.record({ shift: fc.integer({ min: 1, max: 100 }) })
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), steps => {
        const queue = new Queue<number>()
        const array: number[] = []
        let next = 0
        for (const step of steps) {
          if ('push' in step) {
            for (let i = 0; i < step.push; i++, next++) {
              queue.push(next)
              array.push(next)
            }
          } else {
            for (let i = 0; i < step.shift; i++) expect(queue.shift()).to.equal(array.shift())
          }
          expect(queue.length).to.equal(array.length)
          for (const i of [0, 1, array.length - 1, array.length]) expect(queue.at(i)).to.equal(array[i])
        }
      })
    )
  })

  it('does not hold what it gave away', async function () {
    const { gc } = globalThis
    if (!gc) this.skip()
    const queue = new Queue<object>()
    const given = (() => {
      queue.push({})
      queue.push({})
      return new WeakRef(queue.shift() as object)
    })()
    await new Promise(setImmediate)
    gc()
    expect(given.deref()).to.equal(undefined)
    expect(queue.length).to.equal(1)
  })
})
