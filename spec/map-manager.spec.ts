import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdirSync, openSync, readFileSync, readSync, truncateSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { type ManagerOptions, MapManager, type MappedFile, type Source, type Window } from '../lib/index.js'
import { failure } from './support/failure.js'
import { settled } from './support/fake-mapper.js'
import { bytesAt, KiB, MiB, tempFile, tempPath } from './support/files.js'
import { collectedUntil, eventually, realMappers } from './support/mappers.js'
import { canWitness, descriptorsOf, mappingsOf } from './support/os.js'

const content = bytesAt(5, 0, 100_000)
const isLinux = process.platform === 'linux'

/** All bytes of a file, through windows that are smaller than it. */
async function bytesOf(file: MappedFile): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const { bytes } of file.windows({ size: 30_000 })) pieces.push(Buffer.from(bytes))
  return Buffer.concat(pieces)
}

for (const mapper of realMappers) {
  describe(`a manager on the ${mapper} mapper`, () => {
    let manager: MapManager
    let path: string
    beforeEach(() => {
      path = tempFile('manager.bin', content)
      manager = new MapManager({ mapper })
    })
    afterEach(async () => {
      await manager.close()
      const { mappedBytes, regions, handles, files, waiters } = manager.stats()
      expect([mappedBytes, regions, handles, files, waiters]).to.deep.equal([0, 0, 0, 0, 0])
    })

    describe('opens', () => {
      const paths: [string, () => Source][] = [
        ['a path', () => path],
        ['a path in bytes', () => Buffer.from(path)],
        ['a file: URL', () => pathToFileURL(path)]
      ]
      for (const [kind, source] of paths) {
        it(`${kind}, under one descriptor of its own`, async () => {
          const file = await manager.open(source())
          expect([file.path, file.size]).to.deep.equal([path, content.length])
          expect(await bytesOf(file)).to.deep.equal(content)
          if (canWitness) expect(descriptorsOf(path)).to.have.length(1)
          await file.close()
          if (canWitness) expect(descriptorsOf(path)).to.have.length(0)
        })
      }

      it('a path whose name is no text', async function () {
        if (!isLinux) return this.skip()
        const odd = Buffer.concat([Buffer.from(tempPath('odd')), Buffer.from([0xff])])
        closeSync(openSync(odd, 'w'))
        const file = await manager.open(odd)
        expect([file.size, file.path?.startsWith(tempPath('odd'))]).to.deep.equal([0, true])
      })

      it('a descriptor, which stays open, and where it was', async () => {
        const fd = openSync(path, 'r')
        try {
          readSync(fd, Buffer.alloc(10))
          const file = await manager.open(fd)
          expect([file.path, file.size, manager.stats().handles]).to.deep.equal([
            undefined,
            content.length,
            0
          ])
          expect(await bytesOf(file)).to.deep.equal(content)
          await file.close()
          const next = Buffer.alloc(10)
          readSync(fd, next)
          expect(next).to.deep.equal(content.subarray(10, 20))
        } finally {
          closeSync(fd)
        }
      })

      it('a FileHandle, which stays open', async () => {
        const handle = await open(path)
        try {
          const file = await manager.open(handle)
          expect(await bytesOf(file)).to.deep.equal(content)
          await file.close()
          expect((await handle.stat()).size).to.equal(content.length)
        } finally {
          await handle.close()
        }
      })

      it('an open file once more, on its own', async () => {
        const first = await manager.open(path)
        const second = await manager.open(first)
        await first.close()
        expect(await bytesOf(second)).to.deep.equal(content)
        expect(await bytesOf(await manager.open(first)), 'a closed one').to.deep.equal(content)
      })

      it('a range, and a range of that', async () => {
        const file = await manager.open({ source: path, start: 5000, end: 95_000 })
        expect(file.size).to.equal(90_000)
        expect(await bytesOf(file)).to.deep.equal(content.subarray(5000, 95_000))
        const part = await manager.open({ source: file, start: 1, end: 80_001 })
        expect(await bytesOf(part)).to.deep.equal(content.subarray(5001, 85_001))
        for await (const { offset } of part.windows()) expect(offset).to.equal(0)
      })

      it('a range that ends past the file as far as the file goes, and an empty one', async () => {
        expect((await manager.open({ source: path, start: 10, end: 2 ** 40 })).size).to.equal(
          content.length - 10
        )
        expect((await manager.open({ source: path, start: 7, end: 7 })).size).to.equal(0)
        const atEnd = await manager.open({ source: path, start: content.length })
        expect([atEnd.size, await bytesOf(atEnd)]).to.deep.equal([0, Buffer.alloc(0)])
      })

      it('an empty file', async () => {
        const file = await manager.open(tempFile('empty'))
        expect([file.size, await bytesOf(file)]).to.deep.equal([0, Buffer.alloc(0)])
      })
    })

    describe('refuses, leaving nothing open,', () => {
      afterEach(() => expect(manager.stats()).to.include({ files: 0, handles: 0 }))

      it('a start past the end of the file, or of the range that it is taken of', async () => {
        const past = await failure(manager.open({ source: path, start: content.length + 1 }))
        expect(past).to.include({ code: 'ERR_MAP_OUT_OF_RANGE', path, offset: content.length + 1 })
        const nested = { source: { source: path, start: 10, end: 20 }, start: 11, end: 12 }
        expect(await failure(manager.open(nested))).to.include({
          code: 'ERR_MAP_OUT_OF_RANGE',
          path,
          offset: 21
        })
      })

      it('what is not there, as the OS says it', async () => {
        for (const missing of [tempPath('missing'), `${path}/below`, '']) {
          const error = await failure(manager.open(missing))
          expect(error).to.include({
            code: missing.endsWith('below') ? 'ENOTDIR' : 'ENOENT',
            syscall: 'open'
          })
          expect(error).to.have.property('path', missing)
        }
      })

      it('a directory, by its path and by its descriptor', async function () {
        if (process.platform === 'win32') return this.skip()
        const folder = tempPath('folder')
        mkdirSync(folder, { recursive: true })
        expect(await failure(manager.open(folder))).to.include({ code: 'EISDIR', path: folder })
        const fd = openSync(folder, 'r')
        try {
          expect(await failure(manager.open(fd))).to.include({ code: 'EISDIR' })
        } finally {
          closeSync(fd)
        }
      })

      it('a FIFO, without waiting for the other end of it, and a device', async function () {
        if (process.platform === 'win32') return this.skip()
        const fifo = tempPath(`fifo-${mapper}`)
        execFileSync('mkfifo', [fifo])
        for (const other of [fifo, '/dev/null']) {
          expect(await failure(manager.open(other))).to.include({ code: 'ERR_MAP_UNSUPPORTED', path: other })
        }
      })

      it('a descriptor and a FileHandle that were closed', async () => {
        const fd = openSync(path, 'r')
        closeSync(fd)
        // Nobody opens another file meanwhile.
        expect(await failure(manager.open(fd))).to.include({ code: 'EBADF', syscall: 'fstat' })
        const handle = await open(path)
        await handle.close()
        expect(await failure(manager.open(handle))).to.include({ code: 'EBADF', syscall: 'fstat' })
      })

      it('what is aborted before, with the reason', async () => {
        const reason = new Error('reason')
        expect(await failure(manager.open(path, { signal: AbortSignal.abort(reason) }))).to.equal(reason)
      })

      it('flags that would open for writing, or change the file', async () => {
        const { O_WRONLY, O_RDWR, O_TRUNC, O_CREAT, O_EXCL } = constants
        const flags = [O_WRONLY, O_RDWR, O_TRUNC, O_CREAT, O_CREAT | O_EXCL, -1, 0.5, Number.NaN, 2 ** 31]
        for (const value of flags) {
          const error = await failure(manager.open(path, { flags: value }))
          expect(error).to.be.an.instanceof(RangeError)
          expect(error).to.include({ code: 'ERR_OUT_OF_RANGE' })
          expect(error.message).to.include('"options.flags"')
        }
        expect(readFileSync(path)).to.deep.equal(content)
        expect(await failure(manager.open(path, { flags: '1' as never }))).to.include({
          code: 'ERR_INVALID_ARG_TYPE'
        })
      })

      it('options that are none', async () => {
        for (const options of [null, 5, 'r', { signal: {} }, { signal: null }]) {
          const error = await failure(manager.open(path, options as never))
          expect(error).to.include({ code: 'ERR_INVALID_ARG_TYPE' })
          expect(error.message).to.include('"options')
        }
      })
    })

    it('takes further flags', async function () {
      if (!isLinux) return this.skip()
      const { O_NOFOLLOW, O_NOATIME } = constants
      const file = await manager.open(path, { flags: O_NOFOLLOW | O_NOATIME })
      expect(await bytesOf(file)).to.deep.equal(content)
      const link = tempPath('link')
      execFileSync('ln', ['-sf', path, link])
      expect(await failure(manager.open(link, { flags: O_NOFOLLOW }))).to.include({ code: 'ELOOP' })
    })

    describe('on a file whose size is not its content’s', () => {
      const pseudo = ['/proc/self/status', '/proc/cpuinfo', '/sys/kernel/mm/transparent_hugepage/enabled']

      it('reads it where it may choose, or reads anyway; refuses it where it has to map', async function () {
        if (!isLinux) return this.skip()
        await using free = new MapManager({ mapper: mapper === 'native' ? 'auto' : 'read' })
        for (const source of pseudo) {
          const file = await free.open(source)
          const bytes = await bytesOf(file)
          expect(bytes.length).to.equal(file.size).and.to.be.above(0)
          const [first, expected] = [bytes.toString(), readFileSync(source, 'utf8')].map(
            text => text.split('\n')[0]
          )
          expect(first).to.equal(expected)
          if (mapper === 'native') {
            expect(await failure(manager.open(source))).to.include({
              code: 'ERR_MAP_UNSUPPORTED',
              path: source
            })
          }
        }
      })
    })

    describe('tells in stats()', () => {
      const pageSize = mapper === 'native' ? 4096 : 1
      const pages = (bytes: number) => Math.ceil(bytes / pageSize) * pageSize

      beforeEach(() => {
        manager = new MapManager({
          mapper,
          maxMappedBytes: 256 * KiB,
          maxHandles: 2,
          windowSize: 64 * KiB,
          prefetch: 0
        })
      })

      it('nothing but its limits and its mapper at first', () => {
        expect(manager.stats()).to.deep.equal({
          mapper,
          mappedBytes: 0,
          peakMappedBytes: 0,
          maxMappedBytes: 256 * KiB,
          regions: 0,
          maps: 0,
          handles: 0,
          peakHandles: 0,
          maxHandles: 2,
          files: 0,
          waiters: 0,
          waits: 0,
          evictions: 0,
          bytesCopied: 0,
          faults: 0
        })
      })

      it('what is mapped and open, and was at most', async () => {
        const file = await manager.open(path)
        const kept: Window[] = []
        for await (const window of file.windows()) kept.push(window.retain())
        const mappedBytes = 64 * KiB + pages(content.length - 64 * KiB)
        expect(manager.stats()).to.include({ mappedBytes, peakMappedBytes: mappedBytes, regions: 2, maps: 2 })
        expect(manager.stats()).to.include({ handles: 1, peakHandles: 1, files: 1 })
        if (canWitness && mapper === 'native') {
          expect(mappingsOf(path).reduce((sum, range) => sum + range.bytes, 0)).to.equal(mappedBytes)
        }
        kept[1]?.release()
        expect(manager.stats()).to.include({
          mappedBytes: 64 * KiB,
          peakMappedBytes: mappedBytes,
          regions: 1
        })
        await file.close()
        expect(manager.stats()).to.include({
          mappedBytes: 0,
          regions: 0,
          maps: 2,
          handles: 0,
          peakHandles: 1,
          files: 0
        })
      })

      it('an object of its own each time', async () => {
        const before = manager.stats()
        await manager.open(path)
        expect(before.files).to.equal(0)
      })

      it('who waits, and how many have had to', async () => {
        const file = await manager.open(path)
        const kept: Window[] = []
        for await (const window of file.windows({ end: 64 * KiB, size: 16 * KiB })) kept.push(window.retain())
        for await (const window of file.windows({ end: 64 * KiB })) kept.push(window.retain())
        for await (const window of file.windows({ end: 64 * KiB })) kept.push(window.retain())
        for await (const window of file.windows({ end: 64 * KiB })) kept.push(window.retain())
        expect(manager.stats()).to.include({ mappedBytes: 256 * KiB, waiters: 0, waits: 0 })
        const windows = file.windows()
        const next = windows.next()
        await settled()
        expect(manager.stats()).to.include({ waiters: 1, waits: 1 })
        kept.pop()?.release()
        await next
        expect(manager.stats()).to.include({ waiters: 0, waits: 1 })
        await windows.return?.()
      })

      it('how many regions were unmapped to make room', async () => {
        const file = await manager.open(path)
        const ahead = file.windows({ size: 32 * KiB, prefetch: 2 })
        await ahead.next()
        await eventually(() => manager.stats().regions === 3)
        const kept: Window[] = []
        // 32 KiB more than is free.
        for await (const window of file.windows({ end: 96 * KiB, size: 96 * KiB })) kept.push(window.retain())
        for await (const window of file.windows({ end: 96 * KiB, size: 96 * KiB })) kept.push(window.retain())
        expect(manager.stats()).to.include({ mappedBytes: 256 * KiB, evictions: 1, regions: 4, waits: 0 })
        await ahead.return?.()
        expect(manager.stats().evictions, 'what is given back is not evicted').to.equal(1)
      })

      it('how many bytes were copied', async () => {
        const file = await manager.open(path)
        for await (const _ of file.windows({ end: 70_000, lifetime: 'copied' })) {
          // Its own.
        }
        expect(manager.stats().bytesCopied).to.equal(70_000)
        for await (const _ of file.stream({ start: 70_000 })) {
          // Its own as well.
        }
        expect(manager.stats().bytesCopied).to.equal(content.length)
        for await (const _ of file.windows()) {
          // Lent.
        }
        expect(manager.stats().bytesCopied).to.equal(content.length)
      })

      it('under how many regions bytes were lost', async function () {
        if (mapper !== 'native') return this.skip()
        const file = await manager.open(path)
        const windows = file.windows()
        const { value } = await windows.next()
        truncateSync(path, 10)
        expect(value?.bytes[60_000]).to.equal(0)
        expect(await failure(windows.next())).to.include({ code: 'ERR_MAP_FILE_TRUNCATED' })
        expect(manager.stats().faults).to.equal(1)
      })
    })

    describe('with few handles', () => {
      it('walks more files than it may have open', async () => {
        manager = new MapManager({ mapper, maxHandles: 2 })
        const paths = ['a', 'b', 'c', 'd', 'e'].map(name => tempFile(`few-${name}`, content))
        const files = []
        for (const one of paths) files.push(await manager.open(one))
        expect(manager.stats()).to.include({ files: 5, handles: 2, peakHandles: 2 })
        await Promise.all(files.map(async file => expect(await bytesOf(file)).to.deep.equal(content)))
        expect(manager.stats().peakHandles).to.equal(2)
        if (canWitness) expect(paths.flatMap(descriptorsOf)).to.have.length(2)
      })

      it('tells when a file was replaced by the time that it is opened again', async () => {
        manager = new MapManager({ mapper, maxHandles: 1 })
        const file = await manager.open(path)
        await manager.open(tempFile('other', content))
        execFileSync('mv', [tempFile('replacement', content), path])
        expect(await failure(bytesOf(file))).to.include({ code: 'ERR_MAP_FILE_CHANGED', path })
      })
    })

    describe('once closed', () => {
      it('has closed its files, and opens no more', async () => {
        const file = await manager.open(path)
        await manager.close()
        await manager.close()
        expect(await failure(manager.open(path))).to.include({ code: 'ERR_MAP_CLOSED' })
        expect(() => file.windows())
          .to.throw()
          .with.property('code', 'ERR_MAP_CLOSED')
        expect([file.size, file.path]).to.deep.equal([content.length, path])
        await file.close()
      })

      it('was closed by leaving an `await using` block', async () => {
        let left: MappedFile
        {
          await using inner = new MapManager({ mapper })
          left = await inner.open(path)
        }
        expect(() => left.windows())
          .to.throw()
          .with.property('code', 'ERR_MAP_CLOSED')
      })

      it('closes what was being opened at that time', async () => {
        const opening = Promise.allSettled([manager.open(path), manager.open(path), manager.open(path)])
        await manager.close()
        if (canWitness) expect(descriptorsOf(path)).to.deep.equal([])
        for (const result of await opening) {
          if (result.status === 'rejected') expect(result.reason).to.include({ code: 'ERR_MAP_CLOSED' })
          else
            expect(() => result.value.windows())
              .to.throw()
              .with.property('code', 'ERR_MAP_CLOSED')
        }
      })
    })

    it('closes a file that was dropped, when it is collected, and warns of it once', async () => {
      const warnings: string[] = []
      const warned = (warning: Error) => warnings.push(`${warning.name}: ${warning.message}`)
      process.on('warning', warned)
      try {
        await (async () => {
          await manager.open(path)
          await manager.open(path)
        })()
        expect(await collectedUntil(() => manager.stats().files === 0)).to.equal(true)
        await eventually(() => manager.stats().handles === 0)
      } finally {
        process.off('warning', warned)
      }
      expect(warnings).to.deep.equal([
        'SlidemapWarning: a file was dropped without close() and has been closed by the garbage collector'
      ])
      if (canWitness) expect(descriptorsOf(path)).to.deep.equal([])
    })
  })
}

describe('the options of a manager', () => {
  /** The length of the first window of a file of 40 MiB, of zeros. */
  async function windowSize(options: ManagerOptions): Promise<number> {
    await using manager = new MapManager({ mapper: 'read', prefetch: 0, ...options })
    const path = tempFile('zeros')
    truncateSync(path, 40 * MiB)
    const file = await manager.open(path)
    for await (const { length } of file.windows()) return length
    return 0
  }

  it('have the defaults that are documented', async () => {
    await using manager = new MapManager({ mapper: 'read' })
    expect(manager.stats().maxMappedBytes).to.equal(1024 * MiB)
    expect(manager.stats().maxHandles).to.be.within(1, 256)
    expect(await windowSize({})).to.equal(16 * MiB)
    expect(await windowSize({ maxMappedBytes: 10 * MiB }), 'a quarter').to.equal(2.5 * MiB)
    expect(await windowSize({ maxMappedBytes: 3 }), 'not nothing').to.equal(1)
  })

  it('give windows of any size, whole files included', async () => {
    expect(await windowSize({ windowSize: 5 })).to.equal(5)
    expect(await windowSize({ windowSize: Number.POSITIVE_INFINITY })).to.equal(40 * MiB)
    expect(await windowSize({ windowSize: Number.MAX_SAFE_INTEGER })).to.equal(40 * MiB)
  })

  it('round the size of windows up to the granularity', async function () {
    if (!realMappers.includes('native')) return this.skip()
    expect(await windowSize({ mapper: 'native', windowSize: 5 }))
      .to.be.above(5)
      .and.to.satisfy((n: number) => n % 4096 === 0)
    expect(await windowSize({ mapper: 'native', maxMappedBytes: 100 * KiB })).to.equal(24 * KiB)
  })

  it('never allow more handles than the process may have open', async () => {
    await using manager = new MapManager({ mapper: 'read', maxHandles: 2 ** 40 })
    expect(manager.stats().maxHandles).to.be.below(2 ** 40)
  })

  const wrong: Record<string, unknown[]> = {
    windowSize: [0, -1, 1.5, Number.NaN, 2 ** 53],
    maxMappedBytes: [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY],
    maxHandles: [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY],
    prefetch: [-1, 0.5, Number.NaN, 1025],
    concurrency: [0, -1, 1.5, Number.NaN, 1025]
  }
  for (const [name, values] of Object.entries(wrong)) {
    it(`refuse a ${name} that is out of range or no number, and name it`, () => {
      for (const value of values) {
        expect(() => new MapManager({ [name]: value }), `${value}`)
          .to.throw(RangeError, `"options.${name}"`)
          .with.property('code', 'ERR_OUT_OF_RANGE')
      }
      for (const value of ['1', 1n, true, {}, []]) {
        expect(() => new MapManager({ [name]: value }), `${value}`)
          .to.throw(TypeError, `"options.${name}"`)
          .with.property('code', 'ERR_INVALID_ARG_TYPE')
      }
    })
  }

  it('refuse a mapper that is none', () => {
    for (const mapper of ['mmap', '', 5, {}, () => {}]) {
      expect(() => new MapManager({ mapper: mapper as never })).to.throw(TypeError, '"mapper')
    }
  })

  it('are an object', () => {
    for (const options of [null, 5, 'native']) {
      expect(() => new MapManager(options as never)).to.throw(TypeError, '"options"')
    }
  })
})
