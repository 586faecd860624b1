/**
 * A large file through every kind of stream: 64 MiB by default, 5 GiB with SLIDEMAP_LARGE=1 (some minutes). What is
 * mapped is sampled in /proc/self/maps every few MiB, as the operating system sees it.
 */
import { createHash, type Hash } from 'node:crypto'
import { createReadStream, createWriteStream, rmSync } from 'node:fs'
import { type Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { expect } from 'chai'
import { Writable as StreamxWritable } from 'streamx'
import { MapManager, type MappedFile } from '../../lib/index.js'
import { type Block, bytesAt, GiB, MiB, sparseFile, tempPath } from '../support/files.js'
import { canWitness, mappedBytesOf, mappingsOf } from '../support/os.js'

const large = process.env.SLIDEMAP_LARGE === '1'
const size = large ? 5 * GiB + 12_345 : 64 * MiB + 12_345
const maxMappedBytes = 8 * MiB
const windowSize = 2 * MiB

/** At both ends, across windows, and across 2 GiB and 4 GiB where there are so many. */
const blocks: Block[] = [
  0,
  2 * MiB - 1000,
  17 * MiB,
  2 * GiB - 70_000,
  4 * GiB - 70_000,
  4.5 * GiB,
  size - 140_000
]
  .filter(offset => offset + 140_000 <= size)
  .map(offset => ({ offset, bytes: bytesAt(11, offset, 140_000) }))

/** The SHA-256 of the file, found without reading it. */
function expectedHash(): string {
  const hash = createHash('sha256')
  const zeros = Buffer.alloc(16 * MiB)
  let at = 0
  for (const { offset, bytes } of blocks) {
    for (; at < offset; at += Math.min(zeros.length, offset - at))
      hash.update(zeros.subarray(0, Math.min(zeros.length, offset - at)))
    hash.update(bytes)
    at += bytes.length
  }
  return hash.digest('hex')
}

describe(`a file of ${size} bytes`, function () {
  this.timeout(large ? 1_200_000 : 60_000)

  let path: string
  let expected: string
  let manager: MapManager
  let file: MappedFile
  let hash: Hash
  let seen: number
  let samples: number

  before(() => {
    path = sparseFile('large.bin', size, blocks)
    expected = expectedHash()
  })

  after(() => rmSync(path))

  beforeEach(async () => {
    manager = new MapManager({ maxMappedBytes, windowSize })
    file = await manager.open(path)
    hash = createHash('sha256')
    seen = 0
    samples = 0
  })

  afterEach(async () => {
    await manager.close()
    expect(manager.stats()).to.include({ mappedBytes: 0, regions: 0, handles: 0, files: 0, waiters: 0 })
    expect(mappingsOf(path)).to.deep.equal([])
  })

  function take(chunk: Uint8Array): void {
    hash.update(chunk)
    seen += chunk.length
    if (seen < samples * 4 * MiB) return
    samples++
    expect(mappedBytesOf(path)).to.be.at.most(maxMappedBytes)
  }

  /** Writables of both libraries that take a turn of the event loop for every few chunks. */
  const nodeSink = () =>
    new Writable({
      write(chunk, _, done) {
        take(chunk)
        if (seen % MiB === 0) setImmediate(done)
        else done()
      }
    })
  const streamxSink = () =>
    new StreamxWritable({
      write(chunk, done) {
        take(chunk as Buffer)
        if (seen % MiB === 0) setImmediate(done, null)
        else done(null)
      }
    })

  const ways: Record<string, () => Promise<unknown>> = {
    'windows() and for await': async () => {
      for await (const { bytes } of file.windows()) take(bytes)
    },
    'stream() and for await': async () => {
      for await (const chunk of file.stream()) take(chunk)
    },
    'stream() and for await, leased': async () => {
      for await (const chunk of file.stream({ lifetime: 'leased' })) take(chunk)
    },
    'stream().pipe() to a Writable of node:stream': () =>
      new Promise((resolve, reject) => {
        const sink = nodeSink().on('finish', resolve).on('error', reject)
        file.stream().pipe(sink as never)
      }),
    'stream().pipe() to a Writable of streamx': () =>
      new Promise<void>((resolve, reject) => {
        file.stream().pipe(streamxSink(), error => (error ? reject(error) : resolve()))
      }),
    'pipeline() of stream(), gzip, gunzip and a hash': () =>
      pipeline(file.stream() as unknown as Readable, createGzip({ level: 1 }), createGunzip(), nodeSink()),
    'nodeStream() and pipeline()': () => pipeline(file.nodeStream(), nodeSink()),
    'nodeStream() and for await': async () => {
      for await (const chunk of file.nodeStream()) take(chunk)
    },
    'webStream() and a default reader': async () => {
      for await (const chunk of file.webStream()) take(chunk)
    },
    'webStream() and a BYOB reader': async () => {
      const reader = file.webStream().getReader({ mode: 'byob' })
      for (let view = new Uint8Array(256 * 1024); ; ) {
        const { done, value } = await reader.read(view)
        if (done) return
        take(value)
        view = new Uint8Array(value.buffer)
      }
    },
    'pipeTo() to a Writable': () => file.pipeTo(nodeSink()),
    'pipeTo() to a Writable of streamx': () => file.pipeTo(streamxSink()),
    'pipeTo() to a WritableStream': () => file.pipeTo(new WritableStream({ write: take }) as never),
    'windows() that drop the page cache behind them': async () => {
      for await (const { bytes } of file.windows({ dropBehind: true })) take(bytes)
    }
  }

  for (const [name, way] of Object.entries(ways)) {
    it(`passes through ${name} with the right SHA-256 and never more mapped than the limit`, async () => {
      await way()
      expect(seen).to.equal(size)
      expect(hash.digest('hex')).to.equal(expected)
      if (canWitness) expect(samples).to.be.at.least(Math.floor(size / (8 * MiB)))
      expect(manager.stats().peakMappedBytes).to.be.at.most(maxMappedBytes)
    })
  }

  it('passes through pipeTo() to a hash, without a copy', async () => {
    await file.pipeTo(hash)
    expect(hash.digest('hex')).to.equal(expected)
    expect(manager.stats().bytesCopied).to.equal(0)
    expect(manager.stats().peakMappedBytes).to.be.at.most(maxMappedBytes)
  })

  it('passes through pipeTo() to a file, without a copy', async () => {
    const target = tempPath('large.out')
    try {
      await file.pipeTo(createWriteStream(target), {
        onProgress: () => expect(mappedBytesOf(path)).to.be.at.most(maxMappedBytes)
      })
      await pipeline(createReadStream(target, { highWaterMark: MiB }), hash)
      expect(hash.digest('hex')).to.equal(expected)
      expect(manager.stats().bytesCopied).to.equal(0)
    } finally {
      rmSync(target, { force: true })
    }
  })
})
