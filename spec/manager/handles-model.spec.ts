import { expect } from 'chai'
import fc from 'fast-check'
import type { Handle } from '../../lib/manager/handles.js'
import { settled } from '../support/fake-mapper.js'
import { stopOfMany } from '../support/failure.js'
import { HandleBench } from './handle-bench.js'

const reason = new Error('reason')

describe('handles', () => {
  it('keep the limit and lose nothing, whatever the order of things', async () => {
    const step = fc.oneof(
      fc.record({ does: fc.constant('use' as const), which: fc.nat(4), length: fc.nat(3) }),
      fc.record({
        does: fc.constantFrom(
          'abort',
          'replace',
          'close',
          'let go',
          'fail',
          'turn',
          'settle',
          'fail to close'
        ),
        which: fc.nat(4)
      })
    )
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.array(step, { maxLength: 50, size: 'max' }),
        async (limit, steps) => {
          const paths = ['/a', '/b', '/c', '/d', '/e']
          const bench = new HandleBench(limit, ...paths)
          const { mapper, handles } = bench
          const all = paths.map(path => bench.handle(path))
          for (const handle of all) handle.info = mapper.disk.file(handle.path ?? '').info
          const stops = paths.map(stopOfMany)
          const jobs: Promise<unknown>[] = []
          mapper.hold('and closes')
          for (const step of steps) {
            const handle = all[step.which] as Handle
            const stop = stops[step.which] as AbortController
            if (step.does === 'use') {
              const job = bench.use(handle, step.length, stop.signal)
              jobs.push(job.then(({ mapping }) => mapping?.unmap()).catch(() => {}))
            } else if (step.does === 'abort') {
              stops[step.which] = stopOfMany()
              stop.abort(reason)
            } else if (step.does === 'replace') mapper.disk.add(handle.path ?? '', 'other')
            else if (step.does === 'close') jobs.push(handles.close(handle).catch(() => {}))
            else if (step.does === 'let go' && mapper.held.length > 0) mapper.letGo()
            else if (step.does === 'fail' && mapper.held.length > 0) mapper.fail(reason)
            else if (step.does === 'fail to close') mapper.failNextClose(reason)
            else if (step.does === 'turn') await Promise.resolve()
            else await settled()
            expect(mapper.handles).to.be.at.most(handles.budget.held)
          }
          do {
            mapper.resume()
            await settled()
          } while (mapper.held.length > 0)
          await Promise.all(jobs)
          await Promise.allSettled(all.map(handle => handles.close(handle)))
          await bench.closeAll(...all)
          expect(mapper.peakHandles).to.be.at.most(limit)
          expect(handles.budget.peak).to.be.at.most(limit)
        }
      ),
      { numRuns: 500 }
    )
  })
})
