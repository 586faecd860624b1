import { getEventListeners } from 'node:events'
import { expect } from 'chai'
import { Jobs } from '../../lib/manager/jobs.js'
import { failure } from '../support/failure.js'
import { settled } from '../support/fake-mapper.js'

/** Jobs that end when they are told to, by name; and who is running, in the order of starting. */
class Work {
  readonly started: string[] = []
  readonly running: string[] = []
  readonly #ends = new Map<string, (error?: unknown) => void>()

  job(name: string): () => Promise<string> {
    return () => {
      this.started.push(name)
      this.running.push(name)
      return new Promise((resolve, reject) => {
        this.#ends.set(name, error => {
          this.running.splice(this.running.indexOf(name), 1)
          if (error) reject(error)
          else resolve(name)
        })
      })
    }
  }

  async end(name: string, error?: unknown): Promise<void> {
    this.#ends.get(name)?.(error)
    await settled()
  }
}

describe('jobs', () => {
  const reason = new Error('reason')
  let work: Work
  beforeEach(() => {
    work = new Work()
  })

  it('start at once where their turn is now', () => {
    void new Jobs(1).run(work.job('a'))
    expect(work.running).to.deep.equal(['a'])
  })

  it('run so many at a time and no more, in the order they were given', async () => {
    const jobs = new Jobs(2)
    const all = ['a', 'b', 'c', 'd'].map(name => jobs.run(work.job(name)))
    await settled()
    expect(work.running).to.deep.equal(['a', 'b'])
    await work.end('b')
    expect(work.running).to.deep.equal(['a', 'c'])
    await work.end('a')
    await work.end('c')
    await work.end('d')
    expect(await Promise.all(all)).to.deep.equal(['a', 'b', 'c', 'd'])
    expect(work.started).to.deep.equal(['a', 'b', 'c', 'd'])
  })

  it('are idle while a job given now would start now', async () => {
    const jobs = new Jobs(2)
    expect(jobs.idle).to.equal(true)
    const first = jobs.run(work.job('a'))
    expect(jobs.idle, 'with one of two').to.equal(true)
    const second = failure(jobs.run(work.job('b')))
    expect(jobs.idle, 'at once').to.equal(false)
    await settled()
    expect(jobs.idle).to.equal(false)
    await work.end('a')
    expect(jobs.idle).to.equal(true)
    await work.end('b', reason)
    await Promise.all([first, second])
    expect(jobs.idle).to.equal(true)
  })

  it('give the next its turn when one fails, whether it rejects or throws', async () => {
    const jobs = new Jobs(1)
    const thrown = failure(
      jobs.run(() => {
        throw reason
      })
    )
    const rejected = failure(jobs.run(work.job('a')))
    const last = jobs.run(work.job('b'))
    expect(await thrown).to.equal(reason)
    await settled()
    await work.end('a', reason)
    expect(await rejected).to.equal(reason)
    await work.end('b')
    expect(await last).to.equal('b')
  })

  describe('under a signal', () => {
    it('reject at once and never start where it is aborted before their turn', async () => {
      const jobs = new Jobs(1)
      const stop = new AbortController()
      const first = jobs.run(work.job('a'))
      const second = failure(jobs.run(work.job('b'), stop.signal))
      const third = jobs.run(work.job('c'))
      await settled()
      stop.abort(reason)
      expect(await second, 'while the first runs').to.equal(reason)
      await work.end('a')
      await first
      await work.end('c')
      await third
      expect(work.started).to.deep.equal(['a', 'c'])
    })

    it('never start where it is aborted between the end of the job before and the starting', async () => {
      const jobs = new Jobs(1)
      const stop = new AbortController()
      const first = jobs.run(async () => stop.abort(reason))
      const second = failure(jobs.run(work.job('a'), stop.signal))
      await first
      expect(await second).to.equal(reason)
      await settled()
      expect([work.started, jobs.idle]).to.deep.equal([[], true])
    })

    it('reject at once where it was aborted before', async () => {
      const jobs = new Jobs(1)
      expect(await failure(jobs.run(work.job('a'), AbortSignal.abort(reason)))).to.equal(reason)
      await settled()
      expect([work.started, jobs.idle]).to.deep.equal([[], true])
    })

    it('end as they will once they run', async () => {
      const jobs = new Jobs(1)
      const stop = new AbortController()
      const job = jobs.run(work.job('a'), stop.signal)
      await settled()
      stop.abort(reason)
      await settled()
      expect(work.running).to.deep.equal(['a'])
      await work.end('a')
      expect(await job).to.equal('a')
    })

    it('leave no listener behind', async () => {
      const jobs = new Jobs(1)
      const stop = new AbortController()
      const first = jobs.run(work.job('a'), stop.signal)
      const second = jobs.run(async () => {}, stop.signal)
      await settled()
      await work.end('a')
      await Promise.all([first, second])
      expect(getEventListeners(stop.signal, 'abort')).to.have.length(0)
    })
  })
})
