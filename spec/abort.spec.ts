import { getEventListeners } from 'node:events'
import { expect } from 'chai'
import { follow, UnderWay } from '../lib/abort.js'
import { settled } from './support/fake-mapper.js'

describe('a controller that follows a signal', () => {
  it('is aborted with it, for the same reason', () => {
    const leader = new AbortController()
    const follower = new AbortController()
    follow(leader.signal, follower)
    const reason = { any: 'thing' }
    leader.abort(reason)
    expect(follower.signal.reason).to.equal(reason)
  })

  it('is aborted at once by one that is aborted already', () => {
    const follower = new AbortController()
    const unfollow = follow(AbortSignal.abort(null), follower)
    expect([follower.signal.aborted, follower.signal.reason]).to.deep.equal([true, null])
    unfollow()
  })

  it('aborts nobody itself', () => {
    const leader = new AbortController()
    const follower = new AbortController()
    follow(leader.signal, follower)
    follower.abort()
    expect(leader.signal.aborted).to.equal(false)
  })

  it('keeps its own reason where it was aborted before', () => {
    const leader = new AbortController()
    const follower = new AbortController()
    follow(leader.signal, follower)
    follower.abort(1)
    leader.abort(2)
    expect(follower.signal.reason).to.equal(1)
  })

  it('follows no longer, and is held no longer, once the link is cut', () => {
    const leader = new AbortController()
    const follower = new AbortController()
    const unfollow = follow(leader.signal, follower)
    expect(getEventListeners(leader.signal, 'abort')).to.have.length(1)
    unfollow()
    unfollow()
    expect(getEventListeners(leader.signal, 'abort')).to.have.length(0)
    leader.abort()
    expect(follower.signal.aborted).to.equal(false)
  })

  it('is not held by a signal that was aborted', () => {
    const leader = new AbortController()
    follow(leader.signal, new AbortController())
    leader.abort()
    follow(leader.signal, new AbortController())
    expect(getEventListeners(leader.signal, 'abort')).to.have.length(0)
  })

  it('may be one of many, and may have many waiting for it, without a warning', async () => {
    const warnings: Error[] = []
    const warned = (warning: Error) => warnings.push(warning)
    process.on('warning', warned)
    const leader = new AbortController()
    const followers = Array.from({ length: 50 }, () => new AbortController())
    for (const follower of followers) follow(leader.signal, follower)
    followers.push(new AbortController())
    follow(undefined, followers[50] as AbortController)
    for (const { signal } of followers) {
      for (let i = 0; i < 20; i++) signal.addEventListener('abort', () => {})
    }
    await settled()
    process.off('warning', warned)
    expect(warnings).to.deep.equal([])
  })

  it('may follow a signal that is not Node’s own', () => {
    let abort = () => {}
    const leader = {
      aborted: false,
      reason: 1,
      addEventListener: (_: string, listener: () => void) => {
        abort = listener
      },
      removeEventListener: () => {}
    }
    const follower = new AbortController()
    follow(leader as unknown as AbortSignal, follower)
    abort()
    expect(follower.signal.reason).to.equal(1)
  })

  it('follows nobody where there is no signal', () => {
    const follower = new AbortController()
    follow(undefined, follower)()
    expect(follower.signal.aborted).to.equal(false)
  })
})

describe('What is under way under signals', () => {
  const listeners = ({ signal }: AbortController) => getEventListeners(signal, 'abort').length
  let ended: string[]
  let underWay: UnderWay<string>
  beforeEach(() => {
    ended = []
    underWay = new UnderWay(work => ended.push(work))
  })

  it('is ended by its own signal, unless it was over before', () => {
    const [one, other] = [new AbortController(), new AbortController()]
    for (const work of ['a', 'b', 'c']) underWay.add(one.signal, work)
    underWay.add(other.signal, 'd')
    underWay.delete(one.signal, 'b')
    one.abort()
    expect(ended).to.deep.equal(['a', 'c'])
    other.abort()
    expect(ended).to.deep.equal(['a', 'c', 'd'])
  })

  it('shares one listener, which goes with the last of it', () => {
    const stop = new AbortController()
    for (const work of ['a', 'b']) underWay.add(stop.signal, work)
    expect(listeners(stop)).to.equal(1)
    for (const work of ['a', 'a', 'nobody’s']) underWay.delete(stop.signal, work)
    expect(listeners(stop)).to.equal(1)
    underWay.delete(stop.signal, 'b')
    expect(listeners(stop)).to.equal(0)
    underWay.add(stop.signal, 'c')
    stop.abort()
    expect(ended).to.deep.equal(['c'])
  })
})
