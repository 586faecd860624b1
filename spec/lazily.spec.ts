import { expect } from 'chai'
import { lazily } from '../lib/lazily.js'

describe('what is made lazily', () => {
  it('is made when it is asked for first, and then kept', () => {
    let made = 0
    const get = lazily(() => ({ number: ++made }))
    expect(made).to.equal(0)
    expect(get()).to.equal(get())
    expect(made).to.equal(1)
  })

  it('is kept where it is undefined, too', () => {
    let made = 0
    const get = lazily(() => void made++)
    get()
    get()
    expect(made).to.equal(1)
  })

  it('is tried again where making it failed', () => {
    let tries = 0
    const get = lazily(() => {
      if (++tries === 1) throw new Error('not yet')
      return tries
    })
    expect(get).to.throw('not yet')
    expect(get()).to.equal(2)
  })
})
