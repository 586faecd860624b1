import { closeSync, openSync } from 'node:fs'
import { expect } from 'chai'
import { addon, nextJob } from '../support/addon.js'
import { needsMappings } from '../support/mappers.js'
import { bytesAt, tempFile } from '../support/files.js'
import { cachedPages, countCached, dropFromCache } from '../support/page-cache.js'

const page = addon.pageSize
const none = new Float64Array()

describe('visitCache() of the addon', () => {
  const pages = 600
  let path: string
  let fd: number

  before(function () {
    needsMappings.call(this)
    path = tempFile('visit.bin', bytesAt(9, 0, pages * page - 100))
    if (process.platform !== 'linux' || !dropFromCache(path)) this.skip()
  })

  beforeEach(() => {
    dropFromCache(path)
    fd = openSync(path, 'r')
  })

  afterEach(() => closeSync(fd))

  const visit = async (offset: number, length: number, forget = none, job = nextJob()) => {
    const absent = await addon.visitCache(job, fd, offset * page, length * page, forget)
    return absent ? [...absent] : ['cancelled']
  }

  it('reads in what is absent, all of it and no more, and tells what it was', async () => {
    expect(await visit(100, 300)).to.deep.equal([100 * page, 300 * page])
    const expected = new Uint8Array(pages).fill(1, 100, 400)
    expect(Buffer.compare(cachedPages(path), expected)).to.equal(0)
  })

  it('tells every run of absent pages, and nothing where all are there', async () => {
    await visit(10, 5)
    await visit(20, 1)
    expect(await visit(8, 20)).to.deep.equal([8, 2, 15, 5, 21, 7].map(n => n * page))
    expect(await visit(8, 20)).to.deep.equal([])
  })

  it('takes the last page of the file for a page, however short', async () => {
    const length = page - 100
    const absent = await addon.visitCache(nextJob(), fd, (pages - 1) * page, length, none)
    expect(Array.from(absent ?? [])).to.deep.equal([(pages - 1) * page, page])
    expect(countCached(path)).to.equal(1)
  })

  it('first forgets what it is told to', async () => {
    await visit(0, 200)
    const forget = Float64Array.of(0, 50 * page, 150 * page, 50 * page)
    expect(await visit(0, 0, forget)).to.deep.equal([])
    expect(Buffer.compare(cachedPages(path), new Uint8Array(pages).fill(1, 50, 150))).to.equal(0)
    expect(await visit(40, 20, Float64Array.of(55 * page, page))).to.deep.equal(
      [40, 10, 55, 1].map(n => n * page)
    )
  })

  it('leaves no mapping and no job behind', async () => {
    const before = addon.counters()
    await Promise.all([visit(0, 600), visit(0, 600), visit(100, 100)])
    expect(addon.counters()).to.deep.equal(before)
  })

  it('finds nothing lacking where it cannot look: past the end, or on what is no file', async () => {
    expect(await visit(pages + 10, 5)).to.be.an('array')
    const closed = openSync(path, 'r')
    closeSync(closed)
    expect(Array.from((await addon.visitCache(nextJob(), closed, 0, page, none)) ?? [])).to.deep.equal([])
  })

  it('ends well where it is cancelled, before its turn or on its way', async () => {
    const jobs = Array.from({ length: 12 }, () => nextJob())
    const visits = jobs.map(job => visit(0, 600, none, job))
    for (const job of jobs) addon.cancel(job)
    for (const absent of await Promise.all(visits)) expect(absent.length).to.be.oneOf([0, 1, 2])
  })

  for (const [name, args, word] of [
    ['an offset off the granularity', [0, 0, 1, page, none], 'offset'],
    ['a range past 2^53', [0, 0, 0, 2 ** 53, none], 'length'],
    ['a negative descriptor', [0, -1, 0, page, none], 'fd'],
    ['a list that is no Float64Array', [0, 0, 0, page, [0, 1]], 'forget'],
    ['half a pair', [0, 0, 0, page, Float64Array.of(1)], 'forget'],
    ['a fraction of a byte', [0, 0, 0, page, Float64Array.of(0, 0.5)], 'forget'],
    ['NaN', [0, 0, 0, page, Float64Array.of(0, Number.NaN)], 'forget'],
    ['an infinite range', [0, 0, 0, page, Float64Array.of(0, Number.POSITIVE_INFINITY)], 'forget']
  ] as const) {
    it(`refuses ${name}`, () => {
      expect(() => (addon.visitCache as (...args: unknown[]) => unknown)(...args)).to.throw(word)
    })
  }
})
