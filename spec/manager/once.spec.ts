import { expect } from 'chai'
import { Once } from '../../lib/manager/once.js'
import { failure } from '../support/failure.js'

describe('what is done once', () => {
  it('begins at once, and is waited for by all who ask for it', async () => {
    const once = new Once()
    const log: string[] = []
    let end = () => {}
    const work = () => {
      log.push('begun')
      return new Promise<void>(resolve => {
        end = resolve
      })
    }
    expect(once.begun).to.equal(false)
    const all = [once.do(work), once.do(work)].map(done => done.then(() => log.push('ended')))
    expect([once.begun, log]).to.deep.equal([true, ['begun']])
    end()
    await Promise.all(all)
    await once.do(work)
    expect(log).to.deep.equal(['begun', 'ended', 'ended'])
  })

  it('has begun for whoever asks from within it', async () => {
    const once = new Once()
    let times = 0
    const work = async () => {
      times++
      expect(once.begun).to.equal(true)
      void once.do(work)
    }
    await once.do(work)
    expect(times).to.equal(1)
  })

  it('fails for all who ask', async () => {
    const once = new Once()
    const work = () => Promise.reject(new Error('reason'))
    for (const error of await Promise.all([once.do(work), once.do(work)].map(failure))) {
      expect(error.message).to.equal('reason')
    }
  })
})
