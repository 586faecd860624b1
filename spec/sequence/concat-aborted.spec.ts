import { Writable } from 'node:stream'
import { expect } from 'chai'
import type { Concatenation } from '../../lib/index.js'
import { ConcatWindows } from '../../lib/sequence/concat.js'
import { SourceList } from '../../lib/sequence/source-list.js'
import { Ledger } from '../../lib/manager/region.js'
import { concatSuite } from '../support/concat-suite.js'
import { FakeManager } from '../support/fake-manager.js'
import { failure, stopOfMany } from '../support/failure.js'

const mine = new Error('mine')

/** A list that notes how often it was left. */
class Leaving {
  left = 0
  readonly given: Iterable<string> | AsyncIterable<string>

  constructor(kind: 'list' | 'generator' | 'async generator', paths: readonly string[]) {
    if (kind === 'list') this.given = { [Symbol.iterator]: () => this.#noting(paths.values()) }
    else if (kind === 'generator') this.given = this.#noting(generator(paths))
    else this.given = this.#noting(asyncGenerator(paths))
  }

  #noting<I extends Iterator<string> | AsyncIterator<string>>(iterator: I): I {
    const leave = iterator.return?.bind(iterator)
    const noted = () => {
      this.left++
      return leave?.() ?? { done: true, value: undefined }
    }
    return Object.assign(iterator, { return: noted })
  }
}

function* generator(paths: readonly string[]): Generator<string> {
  yield* paths
}

async function* asyncGenerator(paths: readonly string[]): AsyncGenerator<string> {
  yield* paths
}

type Walked = Concatenation<string>

/** Begins a walk; what it answers reads for the first time. */
const consumers: Record<string, (walked: Walked, signal: AbortSignal) => () => Promise<unknown>> = {
  windows: (walked, signal) => firstOf(walked.windows({ signal })),
  lines: (walked, signal) => firstOf(walked.lines({ signal })),
  lineBatches: (walked, signal) => firstOf(walked.lineBatches({ signal, end: 100 })),
  records: (walked, signal) => firstOf(walked.records({ recordSize: 8, signal })),
  recordBatches: (walked, signal) => firstOf(walked.recordBatches({ delimiter: '\n', signal })),
  stream: (walked, signal) => firstOf(walked.stream({ signal })),
  nodeStream: (walked, signal) => firstOf(walked.nodeStream({ signal })),
  webStream: (walked, signal) => firstOf(walked.webStream({ signal })),
  pipeTo: (walked, signal) => {
    const piped = failure(walked.pipeTo(new Writable({ write: (_, __, done) => done() }), { signal }))
    return async () => {
      throw await piped
    }
  }
}

function firstOf(walk: AsyncIterable<unknown>): () => Promise<unknown> {
  return () => walk[Symbol.asyncIterator]().next()
}

concatSuite('under a signal that is aborted before the first window', bench => {
  for (const kind of ['list', 'generator', 'async generator'] as const) {
    for (const [name, begin] of Object.entries(consumers)) {
      it(`rejects ${name}() with its reason, leaves the ${kind}, and can be closed`, async () => {
        for (const when of ['before the walk', 'before it is read'] as const) {
          const stop = stopOfMany()
          const list = new Leaving(kind, bench.paths)
          const concatenation = bench.manager.concat(list.given, bench.options)
          if (when === 'before the walk') stop.abort(mine)
          const read = begin(concatenation, stop.signal)
          stop.abort(mine)
          expect(await failure(read()), when).to.equal(mine)
          await concatenation.close()
          expect(list.left, when).to.equal(1)
          bench.expectNothingHeld()
        }
      })
    }
  }

  it('can be walked again, and closed, where the walk was never asked for a window', async () => {
    const concatenation = bench.manager.concat(bench.paths, bench.options)
    concatenation.windows({ signal: AbortSignal.abort(mine) })
    expect(await failure(concatenation.windows({ signal: AbortSignal.abort(mine) }).next())).to.equal(mine)
    let bytes = 0
    for await (const window of concatenation.windows()) bytes += window.length
    expect(bytes).to.equal(bench.paths.length * bench.content.length)
    await concatenation.close()
  })
})

describe('a walk through a concatenation', () => {
  it('is known to nobody once its signal was aborted, before it began or after', async () => {
    const manager = new FakeManager()
    const walks = new Set<never>()
    const share = {
      manager,
      locate: () => ({ handle: '/none', start: 0, end: Number.POSITIVE_INFINITY, lent: undefined }),
      windowSize: 16,
      prefetch: 0,
      lookahead: 0,
      smallFileSize: 0,
      flags: 0,
      files: new Set<never>(),
      regions: new Ledger(manager.bytes, manager),
      walks
    }
    for (const early of [true, false]) {
      const stop = stopOfMany()
      if (early) stop.abort(mine)
      const { signal } = stop
      const plan = {
        start: 0,
        end: Number.POSITIVE_INFINITY,
        size: 16,
        lifetime: 'leased',
        signal,
        options: {},
        whole: true
      } as const
      const list = new SourceList(['/none'], ['/none'].values())
      const windows = new ConcatWindows(share as never, plan, list)
      stop.abort(mine)
      expect(await failure(windows.next())).to.equal(mine)
      expect([walks.size, manager.consumers.size]).to.deep.equal([0, 0])
    }
    await manager.closeClean()
  })
})
