import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { request, type IncomingMessage, type RequestOptions } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { expect } from 'chai'
import fc from 'fast-check'
import { type FileServer, serve } from '../examples/http-range.js'
import { answerTo } from '../examples/http/range.js'
import { type Block, bytesAt, GiB, KiB, MiB, sparseBytes, sparseFile } from './support/files.js'
import { eventually } from './support/mappers.js'
import { mappedBytesOf } from './support/os.js'

const turn = () => new Promise<void>(resolve => setImmediate(resolve))
const size = 5 * GiB + 777
const blocks: Block[] = [0, 2 * GiB - 100 * KiB, 4 * GiB - 100 * KiB, size - 300 * KiB].map(offset => ({
  offset,
  bytes: bytesAt(12, offset, 300 * KiB)
}))

describe('examples/http-range.ts', () => {
  let path: string
  let served: FileServer

  before(async () => {
    path = sparseFile('served.bin', size, blocks)
    served = await serve(path, 0)
  })

  after(async () => {
    await served.close()
    expect(served.manager.stats()).to.include({ mappedBytes: 0, regions: 0, handles: 0, files: 0 })
  })

  async function expectNothingUnderWay() {
    await eventually(() => served.manager.stats().regions === 0)
    expect(served.manager.stats()).to.include({ mappedBytes: 0, waiters: 0, files: 1 })
    expect(mappedBytesOf(path)).to.equal(0)
  }

  const get = (headers: Record<string, string> = {}, method = 'GET') => fetch(served.url, { method, headers })

  async function bytesOf(response: Response): Promise<Buffer> {
    return Buffer.from(await response.arrayBuffer())
  }

  describe('with fetch', () => {
    for (const [range, start, end] of [
      ['bytes=0-0', 0, 1],
      ['bytes=0-99999', 0, 100_000],
      [`bytes=${4 * GiB - 5}-${4 * GiB + 99_999}`, 4 * GiB - 5, 4 * GiB + 100_000],
      [`bytes=${2 * GiB - 1}-${2 * GiB}`, 2 * GiB - 1, 2 * GiB + 1],
      [`bytes=${size - 1000}-`, size - 1000, size],
      [`bytes=${size - 1000}-${size + 1000}`, size - 1000, size],
      ['bytes=-500', size - 500, size]
    ] as const) {
      it(`answers ${range} with these bytes`, async () => {
        const response = await get({ range })
        expect(response.status).to.equal(206)
        expect(response.headers.get('content-range')).to.equal(`bytes ${start}-${end - 1}/${size}`)
        expect(response.headers.get('content-length')).to.equal(`${end - start}`)
        expect((await bytesOf(response)).equals(sparseBytes(blocks, start, end - start))).to.equal(true)
        await expectNothingUnderWay()
      })
    }

    it('answers any range with the right bytes', async () => {
      await fc.assert(
        fc.asyncProperty(fc.nat(size - 1), fc.nat(3 * MiB), async (start, length) => {
          const end = Math.min(size, start + length + 1)
          const bytes = await bytesOf(await get({ range: `bytes=${start}-${end - 1}` }))
          expect(bytes.equals(sparseBytes(blocks, start, end - start))).to.equal(true)
        }),
        { numRuns: 20 }
      )
      await expectNothingUnderWay()
    })

    it('answers 416 past the end, and tells the size', async () => {
      for (const range of [`bytes=${size}-`, `bytes=${size + 5}-${size + 9}`, 'bytes=-0']) {
        const response = await get({ range })
        expect(response.status).to.equal(416)
        expect(response.headers.get('content-range')).to.equal(`bytes */${size}`)
        expect(await response.text()).to.equal('')
      }
    })

    it('answers HEAD with the headers of the whole, range or not', async () => {
      for (const headers of [{}, { range: 'bytes=0-9' }]) {
        const response = await get(headers, 'HEAD')
        expect(response.status).to.equal(200)
        expect(response.headers.get('content-length')).to.equal(`${size}`)
        expect(response.headers.get('accept-ranges')).to.equal('bytes')
      }
    })

    it('answers conditions on its entity tag and on its date', async () => {
      const head = await get({}, 'HEAD')
      const etag = head.headers.get('etag') ?? ''
      const date = head.headers.get('last-modified') ?? ''
      const range = 'bytes=0-9'
      const status = async (headers: Record<string, string>, method = 'HEAD') => {
        const response = await get(headers, method)
        await response.body?.cancel()
        return response.status
      }
      expect(await status({ 'if-none-match': etag })).to.equal(304)
      expect(await status({ 'if-none-match': `"other", W/${etag}` })).to.equal(304)
      expect(await status({ 'if-none-match': '"other"' })).to.equal(200)
      expect(await status({ 'if-modified-since': date })).to.equal(304)
      expect(await status({ 'if-modified-since': new Date(0).toUTCString() })).to.equal(200)
      expect(await status({ 'if-match': '"other"' })).to.equal(412)
      expect(await status({ 'if-match': '*' })).to.equal(200)
      expect(await status({ 'if-unmodified-since': new Date(0).toUTCString() })).to.equal(412)
      expect(await status({ range, 'if-range': etag }, 'GET')).to.equal(206)
      expect(await status({ range, 'if-range': `W/${etag}` }, 'GET')).to.equal(200)
      expect(await status({ range, 'if-range': '"other"' }, 'GET')).to.equal(200)
      expect(await status({ range, 'if-range': date }, 'GET')).to.equal(206)
      expect(await status({ range, 'if-range': new Date(0).toUTCString() }, 'GET')).to.equal(200)
      await expectNothingUnderWay()
    })

    it('answers 405 to what neither gets nor asks', async () => {
      const response = await get({}, 'DELETE')
      expect([response.status, response.headers.get('allow')]).to.deep.equal([405, 'GET, HEAD'])
    })

    it('has nothing mapped after clients that left in the middle', async () => {
      for (let i = 0; i < 5; i++) {
        const stop = new AbortController()
        const response = await fetch(served.url, { signal: stop.signal })
        await response.body?.getReader().read()
        stop.abort()
      }
      await expectNothingUnderWay()
    })
  })

  describe('with curl', () => {
    const curl = async (...args: string[]) =>
      (
        await promisify(execFile)('curl', ['--silent', ...args, served.url], {
          encoding: 'buffer',
          maxBuffer: 64 * MiB
        })
      ).stdout

    before(async function () {
      await promisify(execFile)('curl', ['--version']).catch(() => this.skip())
    })

    for (const [range, start, end] of [
      ['0-499', 0, 500],
      [`${4 * GiB + 1}-${4 * GiB + 150_000}`, 4 * GiB + 1, 4 * GiB + 150_001],
      ['-300000', size - 300_000, size],
      [`${size - 5 * MiB}-`, size - 5 * MiB, size]
    ] as const) {
      it(`gets --range ${range}`, async () => {
        expect((await curl('--range', range)).equals(sparseBytes(blocks, start, end - start))).to.equal(true)
      })
    }

    it('resumes with --continue-at, past 4 GiB', async () => {
      const bytes = await curl('--continue-at', `${size - MiB}`)
      expect(bytes.equals(sparseBytes(blocks, size - MiB, MiB))).to.equal(true)
    })

    it('reads the size out of --head', async () => {
      expect((await curl('--head')).toString()).to.match(new RegExp(`content-length: ${size}\r\n`, 'i'))
    })
  })

  it('maps nothing for a reader that rests, and goes on when it does', async () => {
    const ask = async (options: RequestOptions) => {
      const sent = request(served.url, options).end()
      const [response] = (await once(sent, 'response')) as [IncomingMessage]
      return response
    }
    const length = 48 * MiB
    const response = await ask({ headers: { range: `bytes=0-${length - 1}` } })
    response.pause()
    const { maps } = served.manager.stats()
    let settled = maps
    // Until the buffers of both ends are full.
    for (let quiet = 0; quiet < 2000; quiet++) {
      await turn()
      if (served.manager.stats().maps !== settled) quiet = 0
      settled = served.manager.stats().maps
    }
    expect(settled * 4 * MiB).to.be.below(maps * 4 * MiB + length)
    expect(served.manager.stats().mappedBytes).to.be.within(1, 12 * MiB)
    expect((await buffer(response)).equals(sparseBytes(blocks, 0, length))).to.equal(true)
    await expectNothingUnderWay()
  })

  it('serves more clients at once than its limit has windows', async () => {
    const ranges = Array.from({ length: 20 }, (_, i) => 4 * GiB - 2 * MiB + i * 100_003)
    await Promise.all(
      ranges.map(async start => {
        const bytes = await bytesOf(await get({ range: `bytes=${start}-${start + 5 * MiB - 1}` }))
        expect(bytes.equals(sparseBytes(blocks, start, 5 * MiB))).to.equal(true)
      })
    )
    expect(served.manager.stats().peakMappedBytes).to.be.at.most(64 * MiB)
    await expectNothingUnderWay()
  })

  it('ignores ranges that it does not know, as it may', () => {
    const what = { size: 100, etag: '"a"', modified: new Date(0) }
    for (const range of [
      'lines=1-2',
      'bytes=',
      'bytes=-',
      'bytes=5-4',
      'bytes=a-b',
      'bytes=0-1,5-6',
      'bytes 0-1'
    ])
      expect(answerTo('GET', { range }, what), range).to.deep.equal({ status: 200, start: 0, end: 100 })
    expect(answerTo('GET', { range: 'bytes=0-0' }, { ...what, size: 0 })).to.deep.equal({ status: 416 })
    expect(answerTo('GET', { range: 'bytes=-7' }, { ...what, size: 3 })).to.deep.equal({
      status: 206,
      start: 0,
      end: 3
    })
  })
})
