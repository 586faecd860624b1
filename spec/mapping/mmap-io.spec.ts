import { Buffer } from 'node:buffer'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type MmapIo, mmapIoMapper } from '../../lib/mapping/mmap-io.js'
import { bytesAt, tempFile } from '../support/files.js'
import { mmapIo, requireMmapIo } from './installed.js'

/** A stand-in that maps nothing, and notes what it is asked. */
function standIn(change: Partial<MmapIo> = {}): { module: MmapIo; calls: unknown[][] } {
  const calls: unknown[][] = []
  const module: MmapIo = {
    map(...args) {
      calls.push(['map', ...args])
      return Buffer.from(new ArrayBuffer(args[0]))
    },
    advise(buffer, advice) {
      calls.push(['advise', buffer.buffer, buffer.length, advice])
    },
    PROT_READ: 1,
    PROT_WRITE: 2,
    MAP_PRIVATE: 2,
    MADV_DONTNEED: 4,
    PAGESIZE: 4096,
    ...change
  }
  return { module, calls }
}

describe('the mmap-io mapper', () => {
  it('maps privately and writable, and lets the pages go once, at the release', () => {
    const { module, calls } = standIn()
    const mapper = mmapIoMapper(module)
    const { fd, mapping } = mapper.runSync({
      target: tempFile('asked', bytesAt(1, 0, 9000)),
      offset: 4096,
      length: 99
    })
    mapper.closeSync(fd)
    expect(calls).to.deep.equal([['map', 99, 3, 2, fd, 4096]])
    mapping?.unmap()
    mapping?.unmap()
    expect(calls.slice(1)).to.deep.equal([['advise', mapping?.buffer, 99, 4]])
  })

  it('never asks for a range that ends past 2 ** 31 - 1', () => {
    const { module, calls } = standIn()
    const mapper = mmapIoMapper(module)
    expect(mapper.maxOffset).to.equal(2 ** 31 - 1)
    const last = 2 ** 31 - 4096
    const target = tempFile('mmap-io-limit')
    fs.truncateSync(target, 2 ** 31 + 4096)
    const { fd } = mapper.runSync({ target, offset: last, length: 4095 })
    expect(calls).to.deep.equal([['map', 4095, 3, 2, fd, last]])
    for (const [offset, length] of [
      [last, 4096],
      [0, 2 ** 31],
      [2 ** 31, 1],
      [2 ** 32, 1]
    ] as const) {
      expect(() => mapper.runSync({ target: fd, offset, length }))
        .to.throw('the mmap-io mapper reaches no further than byte 2147483647 of a file')
        .with.property('code', 'ERR_MAP_UNSUPPORTED')
    }
    mapper.closeSync(fd)
    expect(calls.length).to.equal(1)
  })

  it('says what the OS said, out of mmap-io’s words', async () => {
    const thrown = (message: string) =>
      mmapIoMapper(
        standIn({
          map() {
            throw new Error(message)
          }
        }).module
      )
    const target = tempFile('refused', 'x')
    const nodev = await thrown('mmap failed, 19')
      .run({ target, length: 1 })
      .catch(error => error)
    expect(nodev).to.include({ code: 'ENODEV', errno: -19, syscall: 'mmap', path: target })
    expect(nodev.cause.message).to.equal('mmap failed, 19')
    expect(() => thrown('mmap failed, 12').runSync({ target, length: 1 })).to.throw(
      /^ENOMEM: .*vm\.max_map_count/
    )
    expect(() => thrown('madvise() failed, 1').runSync({ target, length: 1 })).to.throw('madvise() failed, 1')
  })

  it('lets go of a mapping whose file was truncated meanwhile', () => {
    const target = tempFile('truncated', bytesAt(1, 0, 9000))
    const { module, calls } = standIn()
    const mapper = mmapIoMapper({
      ...module,
      map(...args) {
        fs.truncateSync(target, 100)
        return module.map(...args)
      }
    })
    const { fd, info, mapping } = mapper.runSync({ target, length: 9000 })
    mapper.closeSync(fd)
    expect(mapping).to.equal(undefined)
    expect(info.size).to.equal(100)
    expect(calls.map(([name]) => name)).to.deep.equal(['map', 'advise'])
  })

  it('lets go of a mapping when the job is aborted after it', async () => {
    const controller = new AbortController()
    const { module, calls } = standIn()
    const mapper = mmapIoMapper({
      ...module,
      map(...args) {
        controller.abort('late')
        return module.map(...args)
      }
    })
    const task = { target: tempFile('late', bytesAt(1, 0, 9000)), length: 9000 }
    expect(await mapper.run(task, controller.signal).catch(error => error)).to.equal('late')
    expect(calls.map(([name]) => name)).to.deep.equal(['map', 'advise'])
  })

  it('releases what cannot be advised without an error', () => {
    const { module } = standIn({
      advise() {
        throw new Error('madvise() failed, 22')
      }
    })
    const mapper = mmapIoMapper(module)
    const { fd, mapping } = mapper.runSync({ target: tempFile('locked', 'x'), length: 1 })
    mapper.closeSync(fd)
    expect(mapping?.unmap()).to.equal(-1)
  })

  describe('with mmap-io itself', () => {
    before(requireMmapIo)

    it('drops what was written into a page when it lets the page go', () => {
      const content = bytesAt(2, 0, 10_000)
      // Outside the spec's folder: the collector unmaps, later than the check after this test.
      const folder = fs.mkdtempSync(join(tmpdir(), 'slidemap-mmap-io-'))
      const target = join(folder, 'file')
      fs.writeFileSync(target, content)
      const mapper = mmapIoMapper(mmapIo())
      const { fd, mapping } = mapper.runSync({ target, length: 10_000 })
      const bytes = Buffer.from(mapping?.buffer as ArrayBuffer)
      bytes.fill(0)
      mapping?.unmap()
      expect(bytes.equals(content)).to.equal(true)
      mapper.closeSync(fd)
      fs.rmSync(folder, { recursive: true })
    })
  })
})
