import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { MapManager, type MappedFile } from '../lib/index.js'
import { type Block, bytesAt, GiB, KiB, MiB, sparseFile } from './support/files.js'
import { realMappers } from './support/mappers.js'
import { mappedBytesOf } from './support/os.js'

/** Blocks across the places where 31, 32 and more bits end, and at both ends of the file. */
function blocksAcross(...places: number[]): Block[] {
  return places.map((place, seed) => ({ offset: place - 300_001, bytes: bytesAt(seed, 0, 600_003) }))
}

describe('Files beyond 4 GiB', function () {
  // Some tests go through the whole of a file several times: minutes, where others are at work too.
  this.timeout(1_200_000)

  const size = 6 * GiB + 400_000
  let path: string
  let fd: number
  let manager: MapManager
  let file: MappedFile

  before(() => {
    path = sparseFile('six.bin', size, [
      ...blocksAcross(2 * GiB, 4 * GiB, 6 * GiB),
      { offset: 0, bytes: bytesAt(10, 0, MiB) },
      { offset: size - 77_777, bytes: bytesAt(11, 0, 77_777) }
    ])
  })

  beforeEach(() => {
    fd = openSync(path, 'r')
  })

  afterEach(async () => {
    closeSync(fd)
    await manager.close()
    expect(manager.stats()).to.include({ mappedBytes: 0, regions: 0, handles: 0, waiters: 0 })
  })

  const expected = Buffer.alloc(16 * MiB + 64 * KiB)

  /** The bytes are those that the file has there, read piece by piece. */
  function expectBytes(bytes: Buffer, offset: number) {
    for (let done = 0; done < bytes.length; ) {
      const piece = bytes.subarray(done, done + expected.length)
      const count = readSync(fd, expected, 0, piece.length, offset + done)
      if (count === 0 || !expected.subarray(0, count).equals(piece.subarray(0, count))) {
        throw new Error(`wrong bytes in [${offset + done}, ${offset + done + piece.length})`)
      }
      done += count
    }
  }

  /** Walks a range, window by window, and holds every byte and both limits against the file and the OS. */
  async function walk(options: Record<'start' | 'end' | 'size' | 'overlap', number>) {
    let next = options.start
    for await (const window of file.windows({ ...options, prefetch: 1 })) {
      expect(window.offset).to.equal(next)
      expectBytes(window.bytes, window.offset)
      const { mappedBytes, maxMappedBytes } = manager.stats()
      expect(mappedBytes).to.be.at.most(maxMappedBytes)
      expect(mappedBytesOf(path)).to.be.at.most(mappedBytes)
      const end = window.offset + window.length
      next = end === options.end ? end : end - options.overlap
    }
    expect(next).to.equal(options.end)
    expect(mappedBytesOf(path)).to.equal(0)
  }

  for (const mapper of realMappers) {
    describe(`on the ${mapper} mapper`, () => {
      beforeEach(async () => {
        manager = new MapManager({ mapper, maxMappedBytes: 64 * MiB })
        file = await manager.open(path)
        expect(file.size).to.equal(size)
      })

      // Every size meets every overlap; the large ones, which are most of the time, fewer borders.
      for (const [name, windowSize, borders] of [
        ['1 page', 4096, [2 * GiB, 4 * GiB, 6 * GiB]],
        ['64 KiB', 64 * KiB, [2 * GiB, 4 * GiB, 6 * GiB]],
        ['1 MiB', MiB, [4 * GiB]],
        ...(mapper === 'native' ? ([['16 MiB', 16 * MiB, [4 * GiB]]] as const) : [])
      ] as const) {
        it(`walks across ${borders.map(border => border / GiB).join(', ')} GiB in windows of ${name}, from and to any byte, with any overlap`, async () => {
          const ends =
            windowSize < MiB
              ? [
                  [0, 0],
                  [1, 1],
                  [4095, 4097]
                ]
              : [[4095, 4097]]
          for (const border of borders) {
            for (const overlap of [0, 1, 4095, 4096, windowSize - 1].filter(bytes => bytes < windowSize)) {
              // A few windows each: with an overlap of all but a byte they advance by one.
              const reach = Math.min(2 * (windowSize - overlap), 300_000)
              for (const [before = 0, after = 0] of ends) {
                const start = border - reach - before
                const end = Math.min(size, border + windowSize + (overlap < windowSize - 1 ? after : 2))
                await walk({
                  start: overlap < windowSize - 1 ? start : border - 2,
                  end,
                  size: windowSize,
                  overlap
                })
              }
            }
          }
        })
      }

      it('streams the stretches across 2, 4 and 6 GiB in chunks, copied and leased', async () => {
        for (const lifetime of ['copied', 'leased'] as const) {
          for (const border of [2 * GiB, 4 * GiB, 6 * GiB]) {
            let offset = border - MiB - 1
            const end = Math.min(size, border + MiB + 1)
            for await (const chunk of file.stream({ start: offset, end, lifetime, size: MiB })) {
              expectBytes(chunk, offset)
              offset += chunk.length
            }
            expect(offset).to.equal(end)
          }
        }
      })
    })
  }

  if (realMappers.includes('native')) {
    it('walks the whole of it in windows of 16 MiB, every byte right', async () => {
      manager = new MapManager({ mapper: 'native', maxMappedBytes: 64 * MiB })
      file = await manager.open(path)
      await walk({ start: 0, end: size, size: 16 * MiB, overlap: 0 })
    })

    it('streams the whole of it, every chunk right', async () => {
      manager = new MapManager({ mapper: 'native', maxMappedBytes: 64 * MiB })
      file = await manager.open(path)
      let offset = 0
      for await (const chunk of file.stream({ chunkSize: MiB })) {
        expectBytes(chunk, offset)
        offset += chunk.length
      }
      expect(offset).to.equal(size)
    })

    it('refuses windows of 3 GiB and a byte where the limit does not hold them, and is right where it does', async () => {
      const large = 3 * GiB + 1
      manager = new MapManager({ mapper: 'native', maxMappedBytes: 3 * GiB })
      file = await manager.open(path)
      const error = await file
        .windows({ size: large })
        .next()
        .catch(error => error)
      expect(error).to.include({ code: 'ERR_MAP_LIMIT' })
      await manager.close()

      manager = new MapManager({ mapper: 'native', maxMappedBytes: 3 * GiB + 8192 })
      file = await manager.open(path)
      const windows = file.windows({ start: GiB + 1, size: large })
      const window = (await windows.next()).value
      expect(window).to.include({ offset: GiB + 1, length: large })
      for (const place of [GiB + 1, 2 * GiB - 300_001, 4 * GiB - 300_001, GiB + large - MiB]) {
        const from = place - GiB - 1
        expectBytes(window?.bytes.subarray(from, from + MiB) as Buffer, place)
      }
      await windows.return?.()
    })

    it('serves 50 consumers under a limit of 64 MiB, in turn and none ahead of the others', async () => {
      manager = new MapManager({ mapper: 'native', maxMappedBytes: 64 * MiB })
      file = await manager.open(path)
      const progress = new Array<number>(50).fill(0)
      let spread = 0
      let most = 0
      await Promise.all(
        progress.map(async (_, consumer) => {
          for await (const window of file.windows({ start: 4 * GiB - 40 * MiB, end: 4 * GiB + 40 * MiB })) {
            expectBytes(window.bytes.subarray(0, 64 * KiB), window.offset)
            progress[consumer] = (progress[consumer] ?? 0) + 1
            spread = Math.max(spread, Math.max(...progress) - Math.min(...progress))
            most = Math.max(most, mappedBytesOf(path))
          }
        })
      )
      expect(new Set(progress)).to.deep.equal(new Set([5]))
      expect(spread).to.equal(1)
      expect(most).to.be.within(16 * MiB, 64 * MiB)
      expect(manager.stats().waits).to.be.above(100)
    })

    it('gives the SHA-256 that sha256sum gives, through windows and through streams of either lifetime', async () => {
      const five = sparseFile('five.bin', 5 * GiB, blocksAcross(2 * GiB, 4 * GiB, 5 * GiB - 400_000))
      const { stdout } = await promisify(execFile)('sha256sum', [five])
      const right = stdout.slice(0, 64)
      manager = new MapManager({ mapper: 'native', maxMappedBytes: 64 * MiB })
      file = await manager.open(five)
      for (const lifetime of ['leased', 'copied'] as const) {
        const byWindows = createHash('sha256')
        for await (const window of file.windows({ lifetime })) byWindows.update(window.bytes)
        expect(byWindows.digest('hex')).to.equal(right)
        const byStream = createHash('sha256')
        for await (const chunk of file.stream({ lifetime })) byStream.update(chunk)
        expect(byStream.digest('hex')).to.equal(right)
      }
    })
  }
})
