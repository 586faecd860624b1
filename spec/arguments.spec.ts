import { expect } from 'chai'
import fc from 'fast-check'
import { abortSignal, integer, integerOrInfinity, oneOf, optionsObject } from '../lib/arguments.js'

/** What a check says to a value, as its code; undefined if it lets it pass. */
function verdict(check: () => unknown): string | undefined {
  try {
    check()
    return undefined
  } catch (error) {
    expect((error as Error).message).to.include('"options.x"')
    const { code } = error as { code: string }
    const kind = code === 'ERR_OUT_OF_RANGE' ? RangeError : TypeError
    expect(error).to.be.an.instanceof(kind)
    return code
  }
}

const TYPE = 'ERR_INVALID_ARG_TYPE'
const RANGE = 'ERR_OUT_OF_RANGE'
const MAX = Number.MAX_SAFE_INTEGER
const notNumbers = [undefined, null, '1', 1n, true, {}, [1], new Number(1), Symbol('1'), () => 1]

describe('integer', () => {
  it('answers safe integers within bounds, and nothing else', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.double(), fc.maxSafeInteger(), fc.integer()),
        fc.maxSafeInteger(),
        (value, min) => {
          const fits = Number.isSafeInteger(value) && value >= min
          expect(verdict(() => integer('options.x', value, min))).to.equal(fits ? undefined : RANGE)
          if (fits) expect(integer('options.x', value, min)).to.equal(value)
        }
      )
    )
  })

  it('takes both bounds in', () => {
    for (const value of [3, 5]) expect(integer('options.x', value, 3, 5)).to.equal(value)
    for (const value of [2, 6]) expect(verdict(() => integer('options.x', value, 3, 5))).to.equal(RANGE)
    expect(integer('options.x', MAX, 0)).to.equal(MAX)
  })

  it('refuses fractions, NaN, infinities and what a double cannot count, saying the bounds', () => {
    for (const value of [
      0.5,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      -1,
      MAX + 1,
      1e300
    ]) {
      expect(
        verdict(() => integer('options.x', value, 0)),
        `${value}`
      ).to.equal(RANGE)
    }
    expect(() => integer('options.x', 7, 0, 6)).to.throw(RangeError, '>= 0 and <= 6. Received 7')
  })

  it('refuses what is no number, even what could be made one', () => {
    for (const value of notNumbers) expect(verdict(() => integer('options.x', value, 0))).to.equal(TYPE)
  })
})

describe('integerOrInfinity', () => {
  it('answers Infinity, and what integer answers', () => {
    expect(integerOrInfinity('options.x', Number.POSITIVE_INFINITY, 1)).to.equal(Number.POSITIVE_INFINITY)
    expect(integerOrInfinity('options.x', 1, 1)).to.equal(1)
    for (const value of [0, 1.5, Number.NaN, Number.NEGATIVE_INFINITY]) {
      expect(verdict(() => integerOrInfinity('options.x', value, 1))).to.equal(RANGE)
    }
    for (const value of notNumbers)
      expect(verdict(() => integerOrInfinity('options.x', value, 1))).to.equal(TYPE)
  })
})

describe('oneOf', () => {
  it('answers one of the words, and lists them where it is none', () => {
    expect(oneOf('options.x', 'b', ['a', 'b'])).to.equal('b')
    expect(() => oneOf('options.x', 'c', ['a', 'b'])).to.throw(RangeError, "one of 'a', 'b'. Received 'c'")
    for (const value of ['', 'A', 'toString'])
      expect(verdict(() => oneOf('options.x', value, ['a']))).to.equal(RANGE)
    for (const value of [undefined, null, 1, ['a']]) {
      expect(verdict(() => oneOf('options.x', value, ['a']))).to.equal(TYPE)
    }
  })
})

describe('abortSignal', () => {
  it('answers a signal, an aborted one too, and undefined for none', () => {
    for (const signal of [new AbortController().signal, AbortSignal.abort(), undefined]) {
      expect(abortSignal('options.x', signal)).to.equal(signal)
    }
  })

  it('refuses the controller, and all else', () => {
    for (const value of [new AbortController(), null, true, {}, { aborted: false }, 'abort', () => {}]) {
      expect(verdict(() => abortSignal('options.x', value))).to.equal(TYPE)
    }
  })
})

describe('optionsObject', () => {
  it('answers the object itself, and an empty one for none', () => {
    const given = { size: 1 }
    expect(optionsObject('options.x', given)).to.equal(given)
    expect(optionsObject('options.x', undefined)).to.deep.equal({})
  })

  it('refuses null, which is an object to typeof only, and all else', () => {
    for (const value of [null, 0, '', false, 'read', () => {}]) {
      expect(verdict(() => optionsObject('options.x', value as unknown as object))).to.equal(TYPE)
    }
  })
})
