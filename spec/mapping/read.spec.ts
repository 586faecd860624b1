import * as fs from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import { type FileCalls, nodeCalls } from '../../lib/mapping/descriptor.js'
import { Detached, RestingMemory } from '../../lib/mapping/heap.js'
import { readMapper } from '../../lib/mapping/read.js'
import { bytesAt, KiB, MiB, sparseFile, tempFile } from '../support/files.js'

/** Node's calls, but `before` happens before each read and may have it read less. */
function readingThrough(before: (position: number, length: number) => number | undefined): FileCalls {
  return {
    ...nodeCalls,
    read(fd, bytes, position) {
      const piece = () => bytes.subarray(0, before(position, bytes.length) ?? bytes.length)
      return {
        sync: () => nodeCalls.read(fd, piece(), position).sync(),
        async: async () => await nodeCalls.read(fd, piece(), position).async()
      }
    }
  }
}

function failing(code: string): Error {
  return Object.assign(new Error(`${code}: made up`), { code })
}

/** What a promise was rejected with. */
async function reasonOf(job: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await job
  } catch (error) {
    return error as Error & Record<string, unknown>
  }
  return expect.fail('it succeeded')
}

describe('the read mapper', () => {
  it('maps any range, at any offset', () => {
    const content = bytesAt(1, 0, 200_000)
    const path = tempFile('any-range', content)
    const mapper = readMapper()
    const { fd } = mapper.runSync({ target: path })
    try {
      fc.assert(
        fc.property(fc.nat(199_999), fc.integer({ min: 1, max: 300_000 }), (offset, length) => {
          const { mapping, info } = mapper.runSync({ target: fd, offset, length })
          expect(info.size).to.equal(200_000)
          if (offset + length > 200_000) {
            expect(mapping).to.equal(undefined)
          } else {
            const bytes = Buffer.from(mapping?.buffer as ArrayBuffer)
            expect(bytes.equals(content.subarray(offset, offset + length))).to.equal(true)
          }
        })
      )
    } finally {
      mapper.closeSync(fd)
    }
  })

  it('goes on after short reads and interrupted ones', async () => {
    const content = bytesAt(2, 0, 300_000)
    const path = tempFile('short-reads', content)
    let calls = 0
    const mapper = readMapper(
      readingThrough(() => {
        if (++calls % 3 === 0) throw failing('EINTR')
        return 7777
      })
    )
    const { fd, mapping } = await mapper.run({ target: path, offset: 1, length: 299_999 })
    await mapper.close(fd)
    expect(Buffer.from(mapping?.buffer as ArrayBuffer).equals(content.subarray(1))).to.equal(true)
    expect(calls).to.be.greaterThan(40)
  })

  it('never asks for more than 16 MiB at once', () => {
    const path = sparseFile('large', 40 * MiB, [{ offset: 0, bytes: Buffer.from('x') }])
    const lengths: number[] = []
    const mapper = readMapper(
      readingThrough((_position, length) => {
        lengths.push(length)
        return undefined
      })
    )
    const { fd, mapping } = mapper.runSync({ target: path, length: 40 * MiB })
    mapper.closeSync(fd)
    expect(mapping?.buffer.byteLength).to.equal(40 * MiB)
    expect(lengths).to.deep.equal([16 * MiB, 16 * MiB, 8 * MiB])
  })

  it('maps nothing of a file that is truncated while it reads', async () => {
    const path = tempFile('truncated', bytesAt(3, 0, 100_000))
    const mapper = readMapper(
      readingThrough(position => {
        if (position > 0) fs.truncateSync(path, 50_000)
        return 40_000
      })
    )
    const { fd, info, mapping } = await mapper.run({ target: path, length: 100_000 })
    await mapper.close(fd)
    expect(mapping).to.equal(undefined)
    expect(info.size).to.equal(50_000)
  })

  it('maps nothing of a file that is truncated after its last byte was read', () => {
    const path = tempFile('truncated-late', bytesAt(3, 0, 10_000))
    const late: FileCalls = {
      ...nodeCalls,
      read: (fd, bytes, position) => ({
        ...nodeCalls.read(fd, bytes, position),
        sync() {
          const count = nodeCalls.read(fd, bytes, position).sync()
          fs.truncateSync(path, 9_999)
          return count
        }
      })
    }
    const mapper = readMapper(late)
    const { fd, info, mapping } = mapper.runSync({ target: path, length: 10_000 })
    mapper.closeSync(fd)
    expect(mapping).to.equal(undefined)
    expect(info.size).to.equal(9_999)
  })

  it('goes on with a file that was truncated and has grown again', async () => {
    const path = tempFile('regrown', Buffer.alloc(100_000, 'a'))
    let cut = false
    const mapper = readMapper(
      readingThrough(position => {
        if (position === 40_000 && !cut) {
          cut = true
          // The end is here for one read; the stat after it sees the file long again.
          return 0
        }
        return 40_000
      })
    )
    const { fd, mapping } = await mapper.run({ target: path, length: 100_000 })
    await mapper.close(fd)
    expect(Buffer.from(mapping?.buffer as ArrayBuffer).equals(Buffer.alloc(100_000, 'a'))).to.equal(true)
    expect(cut).to.equal(true)
  })

  it('says ERR_MAP_IO of a file that has not the bytes it claims, and closes it', async () => {
    const path = tempFile('boasting', bytesAt(4, 0, 5000))
    const mapper = readMapper(readingThrough(position => (position >= 3000 ? 0 : 3000)))
    const error = await reasonOf(mapper.run({ target: path, offset: 1000, length: 4000 }))
    expect(error).to.include({ code: 'ERR_MAP_IO', path, offset: 4000, length: 1000 })
    expect(error.message).to.equal('the file ends at byte 4000 and says it has 5000')
  })

  it('says ERR_MAP_IO of a failed read, where it failed and what the OS said, and closes the file', async () => {
    const path = tempFile('failing', 'content')
    const mapper = readMapper(
      readingThrough(() => {
        throw failing('EIO')
      })
    )
    const error = await reasonOf(mapper.run({ target: path, offset: 2, length: 5 }))
    expect(error).to.include({ code: 'ERR_MAP_IO', path, offset: 2 })
    expect(error).to.have.nested.property('cause.code', 'EIO')
    expect(() => mapper.runSync({ target: path, length: 7 })).to.throw(`reading '${path}' failed at offset 0`)
  })

  it('hears an abort between two reads', async () => {
    const path = tempFile('aborted', bytesAt(5, 0, 100_000))
    const controller = new AbortController()
    const positions: number[] = []
    const mapper = readMapper(
      readingThrough(position => {
        positions.push(position)
        if (position === 20_000) controller.abort('enough')
        return 10_000
      })
    )
    const reason = await mapper
      .run({ target: path, length: 100_000 }, controller.signal)
      .catch(error => error)
    expect(reason).to.equal('enough')
    expect(positions).to.deep.equal([0, 10_000, 20_000])
  })

  it('says ENOMEM where the heap has no room, and closes the file', () => {
    const path = tempFile('no-room', 'content')
    const { allocUnsafeSlow } = Buffer
    Buffer.allocUnsafeSlow = () => {
      throw new RangeError('Array buffer allocation failed')
    }
    try {
      expect(() => readMapper().runSync({ target: path, length: 7 }))
        .to.throw('ENOMEM: not enough memory, malloc')
        .that.includes({ code: 'ENOMEM', syscall: 'malloc', path })
        .with.nested.property('cause.message', 'Array buffer allocation failed')
    } finally {
      Buffer.allocUnsafeSlow = allocUnsafeSlow
    }
  })

  describe('on files without a size of their own', () => {
    /** Calls that make a file look like one: no blocks, no size, content all the same. */
    function pseudo(read: (position: number, length: number) => number): FileCalls {
      return {
        ...nodeCalls,
        fstat: fd => {
          const stat = () => Object.assign(nodeCalls.fstat(fd).sync(), { size: 0n, blocks: 0n })
          return { sync: stat, async: async () => stat() }
        },
        read: (_fd, bytes, position) => {
          const fill = () => {
            const count = read(position, bytes.length)
            bytes.set(bytesAt(6, position, count))
            return count
          }
          return { sync: fill, async: async () => fill() }
        }
      }
    }

    it('reads to the end in whatever pieces they come', async () => {
      const size = 100_000
      const mapper = readMapper(pseudo((position, length) => Math.min(length, 4095, size - position)))
      const { fd, info, mapping } = await mapper.run({
        target: tempFile('pieces'),
        offset: 5,
        length: 99_995
      })
      await mapper.close(fd)
      expect(info).to.include({ kind: 'pseudo', size })
      expect(Buffer.from(mapping?.buffer as ArrayBuffer).equals(bytesAt(6, 5, 99_995))).to.equal(true)
    })

    it('serves 64 MiB and refuses more', () => {
      const ending = (size: number) => pseudo((position, length) => Math.min(length, size - position))
      const target = tempFile('bounded')
      const mapper = readMapper(ending(64 * MiB))
      const { fd, info } = mapper.runSync({ target })
      mapper.closeSync(fd)
      expect(info.size).to.equal(64 * MiB)
      expect(() => readMapper(ending(64 * MiB + 1)).runSync({ target }))
        .to.throw('read up to 67108864 bytes, and it is longer')
        .with.property('code', 'ERR_MAP_UNSUPPORTED')
    })

    for (const code of ['EAGAIN', 'ESPIPE']) {
      it(`refuses one that has no end to read to (${code})`, async () => {
        const mapper = readMapper(
          pseudo(position => {
            if (position > 0) throw failing(code)
            return 1
          })
        )
        const path = tempFile('endless')
        const error = await reasonOf(mapper.run({ target: path }))
        expect(error).to.include({ code: 'ERR_MAP_UNSUPPORTED', path })
        expect(error.cause).to.include({ code })
      })
    }

    it('forgets what it held when the descriptor is closed', () => {
      let size = 10
      const mapper = readMapper(pseudo((position, length) => Math.min(length, size - position)))
      const target = tempFile('forgotten')
      const first = mapper.runSync({ target })
      size = 20
      expect(mapper.runSync({ target: first.fd }).info.size).to.equal(10)
      mapper.closeSync(first.fd)
      const second = mapper.runSync({ target })
      expect(second.fd).to.equal(first.fd)
      expect(second.info.size).to.equal(20)
      mapper.closeSync(second.fd)
    })

    it('reads anew from a descriptor that others opened', () => {
      let size = 10
      const mapper = readMapper(pseudo((position, length) => Math.min(length, size - position)))
      const fd = fs.openSync(tempFile('anew'), 'r')
      try {
        expect(mapper.runSync({ target: fd }).info.size).to.equal(10)
        size = 20
        expect(mapper.runSync({ target: fd, length: 20 }).mapping?.buffer.byteLength).to.equal(20)
      } finally {
        fs.closeSync(fd)
      }
    })

    it('takes a file for an ordinary one that was written to while it was looked at', () => {
      const path = tempFile('growing')
      const mapper = readMapper(
        readingThrough(() => {
          fs.writeFileSync(path, 'grown')
          return undefined
        })
      )
      const { fd, info } = mapper.runSync({ target: path })
      mapper.closeSync(fd)
      expect(info).to.include({ kind: 'file', size: 5 })
    })

    it('takes a file for an ordinary one that was emptied while it was looked at', () => {
      const path = sparseFile('shrinking', 5000)
      const mapper = readMapper(
        readingThrough(() => {
          fs.truncateSync(path, 0)
          return undefined
        })
      )
      const { fd, info } = mapper.runSync({ target: path })
      mapper.closeSync(fd)
      expect(info).to.include({ kind: 'file', size: 0 })
    })
  })

  describe('on block devices', () => {
    for (const size of [0, 1, 2, 3, 512, 65_537, 2 ** 40]) {
      it(`finds out a size of ${size}`, async () => {
        const device: FileCalls = {
          ...nodeCalls,
          fstat: fd => {
            const stat = () =>
              Object.assign(nodeCalls.fstat(fd).sync(), { mode: BigInt(fs.constants.S_IFBLK) })
            return { sync: stat, async: async () => stat() }
          },
          read: (_fd, bytes, position) => {
            const read = () => Math.max(0, Math.min(bytes.length, size - position))
            return { sync: read, async: async () => read() }
          }
        }
        const mapper = readMapper(device)
        const { fd, info } = await mapper.run({ target: tempFile('device') })
        expect(info).to.include({ kind: 'block', size })
        const tail = mapper.runSync({ target: fd, offset: Math.max(0, size - 7), length: Math.min(7, size) })
        expect(tail.info.size).to.equal(size)
        expect(tail.mapping?.buffer.byteLength ?? 0).to.equal(Math.min(7, size))
        await mapper.close(fd)
      })
    }
  })
})

describe('resting memory', () => {
  it('keeps 64 buffers and 32 MiB at most, and frees them in the order of release', () => {
    const resting = new RestingMemory()
    for (let i = 0; i < 100; i++) resting.detach(new ArrayBuffer(KiB))
    expect(resting).to.include({ count: 64, bytes: 64 * KiB })
    resting.detach(new ArrayBuffer(32 * MiB))
    expect(resting).to.include({ count: 1, bytes: 32 * MiB })
    resting.detach(new ArrayBuffer(16 * MiB))
    expect(resting).to.include({ count: 1, bytes: 16 * MiB })
    resting.drain()
    expect(resting).to.include({ count: 0, bytes: 0 })
  })

  it('does not keep what is too large by itself', () => {
    const resting = new RestingMemory()
    const large = new ArrayBuffer(32 * MiB + 1)
    resting.detach(large)
    expect(large.byteLength).to.equal(0)
    expect(resting).to.include({ count: 0, bytes: 0 })
  })

  it('keeps the memory for as long as the detached buffer is there, frozen or not', () => {
    const resting = new RestingMemory()
    const buffer = Uint8Array.of(1, 2, 3).buffer
    expect(Detached.memoryOf(buffer)).to.equal(undefined)
    resting.detach(buffer)
    resting.drain()
    expect([...new Uint8Array(Detached.memoryOf(buffer) ?? [])]).to.deep.equal([1, 2, 3])
    expect(Reflect.ownKeys(buffer)).to.deep.equal([])
    const frozen = Object.freeze(new ArrayBuffer(10))
    resting.detach(frozen)
    expect(frozen.byteLength).to.equal(0)
  })

  it('takes a buffer once', () => {
    const resting = new RestingMemory()
    const buffer = new ArrayBuffer(10)
    resting.detach(buffer)
    resting.detach(buffer)
    expect(resting).to.include({ count: 1, bytes: 10 })
  })
})
