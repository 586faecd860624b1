import { pathToFileURL } from 'node:url'
import { open } from 'node:fs/promises'
import { expect } from 'chai'
import { MapManager, type Source } from '../lib/index.js'
import { resolveSource } from '../lib/source.js'
import { tempFile } from './support/files.js'

const END = Number.POSITIVE_INFINITY

/** What a source that is refused is refused with. */
function refusal(source: unknown): { code?: string; message: string } {
  try {
    resolveSource(source as Source)
  } catch (error) {
    expect(error).to.be.an.instanceof(Error)
    return error as Error
  }
  throw new Error('it was not refused')
}

describe('a source', () => {
  it('is a path, as text or as bytes', () => {
    expect(resolveSource('/a')).to.deep.equal({ handle: '/a', start: 0, end: END })
    expect(resolveSource('relative')).to.deep.equal({ handle: 'relative', start: 0, end: END })
    const notUtf8 = Buffer.from([0x2f, 0xff])
    expect(resolveSource(notUtf8)).to.deep.equal({ handle: notUtf8, start: 0, end: END })
  })

  it('is the path that it was when it was given', () => {
    const path = Buffer.from('/a')
    const { handle } = resolveSource(path)
    path.write('/b')
    expect(handle.toString()).to.equal('/a')
  })

  it('is a file: URL', () => {
    expect(resolveSource(new URL('file:///a%20b'))).to.deep.equal({ handle: '/a b', start: 0, end: END })
    expect(resolveSource(pathToFileURL('/ä#?'))).to.include({ handle: '/ä#?' })
  })

  it('is a descriptor, or what has one, asked for each time', () => {
    const descriptor = (source: Source) => (resolveSource(source).handle as () => number)()
    expect(descriptor(0)).to.equal(0)
    expect(descriptor(2 ** 31 - 1)).to.equal(2 ** 31 - 1)
    const opened = { fd: 5 }
    const { handle } = resolveSource(opened as unknown as Source)
    opened.fd = -1
    expect((handle as () => number)()).to.equal(-1)
  })

  it('is the descriptor of a FileHandle, and -1 once that is closed', async () => {
    const file = await open(tempFile('handle', 'content'))
    const { handle } = resolveSource(file)
    expect((handle as () => number)()).to.equal(file.fd)
    await file.close()
    expect((handle as () => number)()).to.equal(-1)
  })

  it('is an open file: what it was opened by, as far as it reaches', async () => {
    await using manager = new MapManager({ mapper: 'read' })
    const path = tempFile('mapped', Buffer.alloc(100))
    const file = await manager.open({ source: path, start: 10, end: 30 })
    expect(resolveSource(file)).to.include({ handle: path, start: 10, end: 30 })
    expect(resolveSource({ source: file, start: 5 })).to.include({ handle: path, start: 15, end: 30 })
  })

  it('is a range of any of these, and of a range, whose offsets count from its start', () => {
    const ranges: [Source, number, number][] = [
      [{ source: '/a' }, 0, END],
      [{ source: '/a', end: END }, 0, END],
      [{ source: '/a', start: 5 }, 5, END],
      [{ source: '/a', end: 9 }, 0, 9],
      [{ source: '/a', start: 5, end: 5 }, 5, 5],
      [{ source: { source: '/a', start: 5, end: 20 }, start: 2 }, 7, 20],
      [{ source: { source: '/a', start: 5, end: 20 }, start: 2, end: 4 }, 7, 9],
      [{ source: { source: '/a', start: 5, end: 20 }, end: 100 }, 5, 20],
      [{ source: '/a', start: Number.MAX_SAFE_INTEGER }, Number.MAX_SAFE_INTEGER, END]
    ]
    for (const [source, start, end] of ranges) {
      expect(resolveSource(source)).to.deep.equal({ handle: '/a', start, end })
    }
  })

  it('is refused as an argument of the wrong type where it is none of these, by what it may be', () => {
    for (const source of [
      undefined,
      null,
      true,
      1n,
      Symbol('a'),
      () => '/a',
      {},
      [],
      { path: '/a' },
      new Uint8Array(2)
    ]) {
      const { code, message } = refusal(source)
      expect(code).to.equal('ERR_INVALID_ARG_TYPE')
      expect(message).to.match(/^The "source" argument must be a path, a file: URL, .*\. Received /)
    }
    expect(refusal({ source: null }).code).to.equal('ERR_INVALID_ARG_TYPE')
    // A stream of node:fs that has not opened its file yet.
    expect(refusal({ fd: null }).code).to.equal('ERR_INVALID_ARG_TYPE')
  })

  it('is refused as a URL where it is of another scheme', () => {
    expect(refusal(new URL('https://example.com/a')).code).to.equal('ERR_INVALID_URL_SCHEME')
  })

  it('is refused as out of range where it is no descriptor', () => {
    for (const source of [-1, 1.5, Number.NaN, END, 2 ** 31]) {
      const { code, message } = refusal(source)
      expect(code).to.equal('ERR_OUT_OF_RANGE')
      expect(message).to.include('"source"')
    }
  })

  it('is refused as out of range where its path has a null byte, which would end it', () => {
    for (const source of ['/a\0b', Buffer.from('/a\0b'), new URL('file:///a%00b')]) {
      const { code, message } = refusal(source)
      expect(code).to.equal('ERR_OUT_OF_RANGE')
      expect(message).to.include('"source"')
    }
  })

  it('is refused where the ends of its range are no offsets, or the wrong way round', () => {
    for (const value of [-1, 0.5, Number.NaN, -END, Number.MAX_SAFE_INTEGER + 1]) {
      expect(refusal({ source: '/a', start: value })).to.include({ code: 'ERR_OUT_OF_RANGE' })
      expect(refusal({ source: '/a', start: value }).message).to.include('"source.start"')
      expect(refusal({ source: '/a', end: value }).message).to.include('"source.end"')
    }
    for (const value of ['5', 5n, {}]) {
      expect(refusal({ source: '/a', start: value }).code).to.equal('ERR_INVALID_ARG_TYPE')
      expect(refusal({ source: '/a', end: value }).code).to.equal('ERR_INVALID_ARG_TYPE')
    }
    expect(refusal({ source: '/a', start: END })).to.include({ code: 'ERR_OUT_OF_RANGE' })
    expect(refusal({ source: '/a', start: 5, end: 4 })).to.include({ code: 'ERR_OUT_OF_RANGE' })
    expect(refusal({ source: { source: '/a', start: -1 } })).to.include({ code: 'ERR_OUT_OF_RANGE' })
  })
})
