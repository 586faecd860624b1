import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdirSync, openSync, readFileSync, readSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { MapManager, type Source } from '../lib/index.js'
import { bytesOf } from './support/bytes-of.js'
import { failure } from './support/failure.js'
import { bytesAt, tempFile, tempPath } from './support/files.js'
import { realMappers } from './support/mappers.js'
import { canWitness, descriptorsOf } from './support/os.js'

const content = bytesAt(5, 0, 100_000)
const isLinux = process.platform === 'linux'

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
  })
}
