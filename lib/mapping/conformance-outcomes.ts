/** The part of the conformance suite about what a job comes to: what is said of the file, bytes, refusals, errors. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { Buffer, constants as limits } from 'node:buffer'
import * as fs from 'node:fs'
import { join } from 'node:path'
import type { ConformanceOptions, Test } from './conformance.js'
import { assertBytes, assertCode, noise, readRange, ways } from './conformance-bench.js'
import type { FileInfo } from './mapper.js'

const windows = process.platform === 'win32'
const linux = process.platform === 'linux'
const GiB = 2 ** 30
/** No file system reaches there, and every descriptor table ends before it. */
const noDescriptor = 0x7ffffffe

export function outcomes(test: Test, options: ConformanceOptions): void {
  declarations(test)
  for (const way of ways) {
    ofFiles(test, way)
    ofPaths(test, way, options)
    ofBytes(test, way)
    ofRanges(test, way)
    if (linux) ofPseudoFiles(test, way)
  }
}

type Way = (typeof ways)[number]

function declarations(test: Test): void {
  test('declares what it is and how far it reaches', async ({ mapper }) => {
    assert.ok(typeof mapper.name === 'string' && mapper.name !== '', 'name')
    assert.ok(Number.isInteger(mapper.granularity) && mapper.granularity >= 1, 'granularity')
    assert.ok(Number.isInteger(mapper.pageSize) && mapper.pageSize >= 1, 'pageSize')
    assert.equal(mapper.granularity % mapper.pageSize, 0, 'the granularity is in whole pages')
    assert.ok(Number.isSafeInteger(mapper.maxOffset) && mapper.maxOffset >= mapper.granularity, 'maxOffset')
    assert.ok(Number.isInteger(mapper.maxLength) && mapper.maxLength >= mapper.granularity, 'maxLength')
    assert.ok(mapper.maxLength <= limits.MAX_LENGTH, 'no longer than the runtime lets a buffer be')
    assert.equal(typeof mapper.detaches, 'boolean', 'detaches')
    assert.equal(typeof mapper.servesAnyFile, 'boolean', 'servesAnyFile')
  })
}

function assertInfo(info: FileInfo, path: string, kind: FileInfo['kind']): void {
  const { size, dev, ino, mtimeNs } = fs.statSync(path, { bigint: true })
  assert.deepEqual({ ...info }, { kind, size: Number(size), dev, ino, mtimeNs })
}

function ofFiles(test: Test, way: Way): void {
  test(`${way} says of a file what fs.stat says, and maps nothing unless asked to`, async bench => {
    const path = bench.file('plain', noise(12_345))
    const { fd, info, mapping } = await bench.run(way, { target: path })
    assertInfo(info, path, 'file')
    assert.equal(mapping, undefined)
    assert.equal((await bench.run(way, { target: fd, length: 0 })).mapping, undefined)
    assertInfo((await bench.run(way, { target: fd, length: 100 })).info, path, 'file')
  })

  test(`${way} opens an empty file and has no byte of it to map`, async bench => {
    const path = bench.file('empty')
    const { fd, info } = await bench.run(way, { target: path })
    assertInfo(info, path, 'file')
    const outcome = await bench.run(way, { target: fd, length: 1 })
    assert.equal(outcome.mapping, undefined)
    assert.equal(outcome.info.size, 0)
  })

  test(`${way} takes a file that is one hole for a file, of zeros`, async bench => {
    const path = bench.sparse('hole', 200_001)
    const { info, bytes } = await bench.map(way, { target: path, length: 200_001 })
    assertInfo(info, path, 'file')
    assertBytes(bytes, Buffer.alloc(200_001), 'the hole')
  })

  test(`${way} opens a folder, and refuses its bytes with EISDIR`, async bench => {
    const { fd, info } = await bench.run(way, { target: bench.folder })
    assert.equal(info.kind, 'directory')
    await assertCode(bench.run(way, { target: fd, length: 1 }), 'EISDIR')
    await bench.close(fd)
    const error = await assertCode(bench.run(way, { target: bench.folder, length: 1 }), 'EISDIR')
    assert.equal(error.path, bench.folder)
  })

  if (windows) return
  test(`${way} opens a FIFO without waiting for a writer, and refuses its bytes`, async bench => {
    const path = join(bench.folder, 'fifo')
    execFileSync('mkfifo', [path])
    const { info } = await bench.run(way, { target: path })
    assert.equal(info.kind, 'other')
    await assertCode(bench.run(way, { target: path, length: 1 }), 'ERR_MAP_UNSUPPORTED')
  })

  test(`${way} opens a character device, and refuses its bytes`, async bench => {
    assert.equal((await bench.run(way, { target: '/dev/zero' })).info.kind, 'other')
    await assertCode(bench.run(way, { target: '/dev/zero', length: 1 }), 'ERR_MAP_UNSUPPORTED')
  })
}

function ofPaths(test: Test, way: Way, { unprivileged }: ConformanceOptions): void {
  const name = "a b\t'ü' 日本 🗺.bin"
  test(`${way} takes paths with spaces and of any script, as string and as Buffer`, async bench => {
    const content = noise(5000)
    const path = bench.file(windows ? name.replace('\t', '') : name, content)
    for (const target of [path, Buffer.from(path)]) {
      const { bytes } = await bench.map(way, { target, length: 5000 })
      assertBytes(bytes, content, `the file at a ${typeof target}`)
    }
  })

  test(`${way} rejects with ENOENT, the call and the path for a file that is not there`, async bench => {
    const target = join(bench.folder, 'missing')
    for (const task of [{ target }, { target: Buffer.from(target) }, { target, length: 1 }]) {
      const error = await assertCode(bench.run(way, task), 'ENOENT')
      assert.equal(error.syscall, 'open')
      assert.equal(String(error.path), target)
      assert.ok((error.errno as number) < 0, 'a negative errno, as Node has it')
    }
  })

  test(`${way} rejects with EBADF for a descriptor that is not open`, async bench => {
    await assertCode(bench.run(way, { target: noDescriptor }), 'EBADF')
    await assertCode(bench.run(way, { target: noDescriptor, length: 1 }), 'EBADF')
  })

  test(`${way} refuses targets that are none`, async bench => {
    for (const target of [-1, 0.5, Number.NaN, 2 ** 31]) {
      await assertCode(bench.run(way, { target }), 'ERR_OUT_OF_RANGE', RangeError)
    }
    for (const target of [undefined, null, {}, true]) {
      await assertCode(bench.run(way, { target: target as never }), 'ERR_INVALID_ARG_TYPE', TypeError)
    }
    const path = bench.file('cut')
    for (const target of [`${path}\0beyond`, Buffer.from(`${path}\0beyond`)]) {
      await assert.rejects(bench.run(way, { target }), 'a path with a null byte')
    }
  })

  if (windows) return
  test(`${way} adds the flags it is given for opening`, async bench => {
    const link = join(bench.folder, 'link')
    fs.symlinkSync(bench.file('linked', 'x'), link)
    assert.equal((await bench.run(way, { target: link })).info.size, 1)
    await assertCode(bench.run(way, { target: link, flags: fs.constants.O_NOFOLLOW }), 'ELOOP')
  })

  const root = process.getuid?.() === 0
  if (!root || unprivileged) {
    test(`${way} rejects with EACCES for a file it has no permission for`, async bench => {
      const target = bench.file('secret', 'x')
      fs.chmodSync(target, 0)
      const attempt = () => assertCode(bench.run(way, { target, length: 1 }), 'EACCES').then(() => {})
      await (root && unprivileged ? unprivileged(attempt) : attempt())
    })
  }

  if (!linux) return
  test(`${way} takes paths that are no text`, async bench => {
    const target = Buffer.concat([Buffer.from(bench.folder), Buffer.from([0x2f, 0xff, 0xfe, 0x80])])
    fs.writeFileSync(target, 'bytes')
    assert.equal((await bench.map(way, { target, length: 5 })).bytes.toString(), 'bytes')
  })

  test(`${way} opens read-only and keeps the descriptor from child processes`, async bench => {
    const { fd } = await bench.run(way, { target: bench.file('private') })
    const flags = /^flags:\s+(\d+)$/m.exec(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1]
    assert.ok(flags, 'flags of the descriptor')
    assert.equal(Number.parseInt(flags, 8) & 0o3, fs.constants.O_RDONLY)
    assert.notEqual(Number.parseInt(flags, 8) & 0o2000000, 0, 'close-on-exec')
  })
}

function ofBytes(test: Test, way: Way): void {
  test(`${way} gets the right bytes for lengths from 1 byte to megabytes, with unaligned ends`, async bench => {
    const { granularity: step, pageSize: page } = bench.mapper
    const content = noise(6 * 2 ** 20 + 777)
    const { fd } = await bench.run(way, { target: bench.file('content', content) })
    const lengths = [1, 2, page - 1, page, page + 1, 65_535, 65_536, 2 ** 20 + 1, 5 * 2 ** 20].filter(
      n => n > 0
    )
    for (const offset of [0, step, 3 * step, bench.aligned(2 ** 20)]) {
      for (const length of [...lengths, content.length - offset]) {
        if (length > bench.mapper.maxLength || offset + length > content.length) continue
        const { bytes, mapping } = await bench.map(way, { target: fd, offset, length })
        assertBytes(bytes, content.subarray(offset, offset + length), `[${offset}, ${offset + length})`)
        mapping.unmap()
      }
    }
  })

  test(`${way} gets the right bytes for any aligned range`, async bench => {
    const content = noise(2 ** 20 + 1, 3)
    const { fd } = await bench.run(way, { target: bench.file('content', content) })
    const dice = noise(800, 7)
    for (let i = 0; i < 100; i++) {
      const offset = bench.aligned(dice.readUInt32LE(i * 8) % content.length)
      const length = 1 + (dice.readUInt32LE(i * 8 + 4) % (content.length - offset))
      const { bytes, mapping } = await bench.map(way, { target: fd, offset, length })
      assertBytes(bytes, content.subarray(offset, offset + length), `[${offset}, ${offset + length})`)
      mapping.unmap()
    }
  })

  test(`${way} gets the right bytes beyond 2, 4 and 8 GiB, as far as it reaches`, async bench => {
    const places = [GiB, 2 * GiB, 3 * GiB, 4 * GiB, 6 * GiB, 8 * GiB]
    const blocks = new Map(places.map((place, i) => [place - 70_000, noise(140_000, i + 11)]))
    const path = bench.sparse('huge', 9 * GiB, blocks)
    const { fd, info } = await bench.run(way, { target: path })
    assert.equal(info.size, 9 * GiB)
    for (const place of places) {
      for (const from of [place - 65_536, place]) {
        const task = { target: fd, offset: bench.aligned(from), length: 131_073 }
        if (task.offset + task.length > bench.mapper.maxOffset) {
          await assertCode(bench.run(way, task), 'ERR_MAP_UNSUPPORTED')
        } else {
          const { bytes, mapping } = await bench.map(way, task)
          assertBytes(bytes, readRange(path, task.offset, task.length), `131073 bytes at ${task.offset}`)
          mapping.unmap()
        }
      }
    }
  })
}

function ofRanges(test: Test, way: Way): void {
  test(`${way} maps nothing where the range ends past the file, and the size says so`, async bench => {
    const path = bench.file('short', noise(10_000))
    const far = bench.aligned(bench.mapper.maxOffset - 10)
    const { fd } = await bench.run(way, { target: path })
    for (const [offset, length] of [
      [0, 10_001],
      [0, 10_000_000],
      [bench.aligned(10_000), 10_001],
      [bench.aligned(1_000_000), 1],
      [far, 5]
    ] as const) {
      const outcome = await bench.run(way, { target: fd, offset, length })
      assert.equal(outcome.mapping, undefined, `${length} bytes at ${offset}`)
      assert.equal(outcome.info.size, 10_000)
    }
    const opened = await bench.run(way, { target: path, length: 10_001 })
    assert.equal(opened.mapping, undefined)
    assert.equal(fs.fstatSync(opened.fd).size, 10_000, 'its descriptor is the caller’s all the same')
  })

  test(`${way} sees a file that was cut short, or has grown, since it was opened`, async bench => {
    const path = bench.file('changing', noise(50_000))
    const { fd } = await bench.run(way, { target: path })
    fs.truncateSync(path, 20_000)
    const cut = await bench.run(way, { target: fd, length: 50_000 })
    assert.equal(cut.mapping, undefined)
    assert.equal(cut.info.size, 20_000)
    fs.appendFileSync(path, Buffer.alloc(60_000, 'g'))
    const { info, bytes } = await bench.map(way, { target: fd, length: 80_000 })
    assert.equal(info.size, 80_000)
    assertBytes(bytes, readRange(path, 0, 80_000), 'the grown file')
  })

  test(`${way} refuses ranges beyond its limits before it looks at the file`, async bench => {
    const { maxOffset, maxLength } = bench.mapper
    const target = join(bench.folder, 'missing')
    const last = bench.aligned(maxOffset)
    const ranges = [
      [last, maxOffset - last + 1],
      [0, maxOffset + 1],
      [maxOffset + 1, 1],
      [0, maxLength + 1]
    ] as const
    for (const [offset, length] of ranges) {
      const error = await assertCode(bench.run(way, { target, offset, length }), 'ERR_MAP_UNSUPPORTED')
      assert.deepEqual([error.path, error.offset, error.length], [target, offset, length])
    }
  })

  test(`${way} refuses numbers that are no byte counts, and offsets off the granularity`, async bench => {
    const target = bench.file('numbers', noise(100_000))
    const wrong = [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (const number of wrong) {
      await assertCode(bench.run(way, { target, offset: number, length: 1 }), 'ERR_OUT_OF_RANGE', RangeError)
      await assertCode(bench.run(way, { target, offset: 0, length: number }), 'ERR_OUT_OF_RANGE', RangeError)
    }
    for (const value of ['0', 0n, null]) {
      const task = { target, offset: value as never, length: 1 }
      await assertCode(bench.run(way, task), 'ERR_INVALID_ARG_TYPE', TypeError)
    }
    const offset = bench.mapper.granularity + 1
    if (bench.mapper.granularity === 1) {
      assertBytes(
        (await bench.map(way, { target, offset, length: 9 })).bytes,
        readRange(target, offset, 9),
        'an odd offset'
      )
    } else {
      await assertCode(bench.run(way, { target, offset, length: 9 }), 'ERR_OUT_OF_RANGE', RangeError)
    }
  })
}

function ofPseudoFiles(test: Test, way: Way): void {
  const candidates = ['/sys/kernel/mm/transparent_hugepage/enabled', '/sys/devices/system/cpu/possible']
  const paths = ['/proc/version', ...candidates.filter(fs.existsSync).slice(0, 1)]
  for (const path of paths) {
    test(`${way} knows ${path} for a file without a size, and serves or refuses it as declared`, async bench => {
      const { fd, info } = await bench.run(way, { target: path })
      assert.equal(info.kind, 'pseudo')
      if (!bench.mapper.servesAnyFile) {
        await assertCode(bench.run(way, { target: path, length: 1 }), 'ERR_MAP_UNSUPPORTED')
        await assertRefused(bench.run(way, { target: fd, length: 1 }))
        return
      }
      const content = fs.readFileSync(path)
      assert.equal(info.size, content.length)
      const { bytes } = await bench.map(way, { target: fd, length: content.length })
      assertBytes(bytes, content, path)
      assert.equal((await bench.run(way, { target: fd, length: content.length + 1 })).mapping, undefined)

      const foreign = fs.openSync(path, 'r')
      try {
        assert.equal((await bench.run(way, { target: foreign })).info.size, content.length)
        const part = await bench.map(way, { target: foreign, length: 3 })
        assertBytes(part.bytes, content.subarray(0, 3), 'its head, on a descriptor of others')
        assert.equal(fs.readSync(foreign, Buffer.alloc(2)), 2)
        const again = await bench.map(way, { target: foreign, length: content.length })
        assertBytes(again.bytes, content, 'it, after the descriptor was moved')
      } finally {
        fs.closeSync(foreign)
      }
    })
  }

  test(`${way} keeps to what a file without a size held when it was opened`, async bench => {
    const { fd, info } = await bench.run(way, { target: '/proc/self/stat' })
    assert.equal(info.kind, 'pseudo')
    if (!bench.mapper.servesAnyFile) {
      await assertRefused(bench.run(way, { target: fd, length: 1 }))
      return
    }
    const first = await bench.map(way, { target: fd, length: info.size })
    // Moves the counts of page faults and of time that the file tells.
    noise(4 * 2 ** 20)
    const second = await bench.map(way, { target: fd, length: info.size })
    assertBytes(second.bytes, first.bytes, 'the second look')
  })
}

/** On a descriptor the OS may be the one to refuse. */
async function assertRefused(job: Promise<unknown>): Promise<void> {
  await assert.rejects(job, (error: NodeJS.ErrnoException) => {
    assert.ok(error.code === 'ERR_MAP_UNSUPPORTED' || error.code === 'ENODEV', error.message)
    return true
  })
}
