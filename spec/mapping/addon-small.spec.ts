import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { expect } from 'chai'
import { addon, collectUntil, nextJob } from '../support/addon.js'
import { failure } from '../support/failure.js'
import { bytesAt, tempFile } from '../support/files.js'
import { needsMappings } from '../support/mappers.js'
import { MapManager } from '../../lib/index.js'

const page = addon.pageSize
const SIZE = 2 * page + 10
/** Bytes of whole pages for all of them, */
const ROOM = 4 * 3 * page
/** and of memory. */
const SPAN = 8 * 4 * page

const contents = [1, 2, 3, 4].map(seed => bytesAt(seed, 0, SIZE))
const files = contents.map((content, i) => tempFile(`in-memory-${i}`, content))
const list = Buffer.from(files.map(path => `${path}\0`).join(''))

interface Memory {
  slot: number
  serial: number
  seen: object | undefined
}

function blank(): Memory {
  const memory = addon.blank(SPAN)
  if (memory === undefined) throw new Error('no memory')
  return memory
}

async function readInto({ slot, serial }: Memory, offset = 0): Promise<ArrayBuffer[]> {
  const { buffers, copied } = await addon.readSmall(nextJob(), list, SIZE, ROOM, slot, serial, offset)
  expect(copied).to.equal(false)
  return buffers as ArrayBuffer[]
}

describe('memory that small files are read into', () => {
  before(needsMappings)

  it('shows each file by an ArrayBuffer of its own, until that is detached', async () => {
    const before = addon.counters().mappings
    const memory = blank()
    const buffers = await readInto(memory)
    expect(
      buffers.map(buffer => Buffer.from(buffer).equals(contents[buffers.indexOf(buffer)] as Buffer))
    ).to.deep.equal([true, true, true, true])
    for (const buffer of buffers) {
      addon.detach(memory.slot, memory.serial, buffer)
      addon.detach(memory.slot, memory.serial, buffer)
      expect(buffer.byteLength).to.equal(0)
    }
    addon.unmap(memory.slot, memory.serial, null)
    addon.unmap(memory.slot, memory.serial, null)
    expect(addon.counters().mappings).to.equal(before)
  })

  it('detaches no buffer of others', () => {
    const memory = blank()
    const other = new ArrayBuffer(1)
    addon.detach(memory.slot, memory.serial, other)
    addon.detach(memory.slot, memory.serial + 1, other)
    expect(other.byteLength).to.equal(1)
    addon.unmap(memory.slot, memory.serial, null)
  })

  it('rests when all were detached, and goes once nobody can know its addresses', async () => {
    addon.drain()
    let memory: Memory | undefined = blank()
    const buffers = await readInto(memory)
    for (const buffer of buffers) addon.detach(memory.slot, memory.serial, buffer)
    addon.unmap(memory.slot, memory.serial, null)
    expect(addon.counters().resting).to.equal(1)
    memory = undefined
    addon.drain()
  })

  it('is covered at once where a buffer was not detached, and its addresses stay while that is there', async () => {
    addon.drain()
    const memory = blank()
    const buffers = await readInto(memory)
    const [kept, ...others] = buffers as [ArrayBuffer, ...ArrayBuffer[]]
    for (const buffer of others) addon.detach(memory.slot, memory.serial, buffer)
    addon.unmap(memory.slot, memory.serial, null)
    expect(addon.counters()).to.include({ resting: 0, outlasting: 0 })
    addon.drain()
    expect(Buffer.from(kept).equals(Buffer.alloc(SIZE))).to.equal(true)
  })

  it('ends by itself when it was dropped', async () => {
    const before = addon.counters().mappings
    await (async () => void (await readInto(blank())))()
    expect(await collectUntil(() => addon.counters().mappings === before)).to.equal(true)
  })

  it('stays for a job that is under way when it is unmapped', async () => {
    for (let i = 0; i < 100; i++) {
      const memory = blank()
      const reading = readInto(memory)
      addon.unmap(memory.slot, memory.serial, null)
      addon.drain()
      expect((await reading).length).to.equal(4)
    }
  })

  it('is not read into beyond its end, nor what is a file’s', async () => {
    const { slot, serial } = blank()
    const wrong: [number, number, number][] = [
      [slot, serial, SPAN],
      [slot, serial, SPAN - page],
      [slot, serial, 1]
    ]
    const mapped = addon.runSync(-1, Buffer.from(tempFile('a file', Buffer.alloc(SPAN))), 0, 0, SPAN, true)
    wrong.push([mapped.slot, mapped.serial, 0])
    for (const place of wrong) {
      const call = async () => addon.readSmall(nextJob(), list, SIZE, ROOM, ...place)
      expect(await failure(call())).to.include({ code: 'ERR_OUT_OF_RANGE' })
    }
    addon.unmap(slot, serial, null)
    addon.unmap(mapped.slot, mapped.serial, mapped.buffer ?? null)
    addon.closeSync(mapped.fd)
  })

  it('is the heap’s where there is none', async () => {
    const { buffers, copied } = await addon.readSmall(nextJob(), list, SIZE, ROOM, 0, 0, 0)
    expect(copied).to.equal(true)
    expect(
      buffers.map((buffer, i) => Buffer.from(buffer as ArrayBuffer).equals(contents[i] as Buffer))
    ).to.deep.equal([true, true, true, true])
  })
})

describe('A late reader of small files', () => {
  it('finds its bytes or zeros, however many files have passed meanwhile', async () => {
    const size = 16 * page
    // One byte all over a file, another in each: foreign bytes show.
    const paths = Array.from({ length: 200 }, (_, i) =>
      tempFile(`late-small-${i}`, Buffer.alloc(size, i + 1))
    )
    const manager = new MapManager()
    const late: [number, Promise<Buffer>][] = []
    for (let round = 0; round < 5; round++) {
      for await (const { bytes, index } of manager.concat(paths).windows()) {
        if (index % 20 === round) late.push([index, promisify(gzip)(bytes, { chunkSize: 2 * size })])
      }
    }
    await manager.close()
    for (const [index, packed] of late) {
      const bytes = await promisify(gunzip)(await packed)
      expect(bytes.length).to.equal(size)
      const foreign = bytes.find(byte => byte !== 0 && byte !== index + 1)
      expect(foreign).to.equal(undefined)
    }
  })

  it('finds what it retained right, while others pass, until it releases it', async () => {
    const paths = Array.from({ length: 300 }, (_, i) => tempFile(`kept-small-${i}`, bytesAt(i, 0, SIZE)))
    await using manager = new MapManager()
    const kept = []
    for await (const window of manager.concat(paths).windows()) {
      if (window.index % 7 === 0) kept.push(window.retain())
    }
    expect(manager.stats().mappedBytes).to.equal(kept.length * 3 * page)
    for (const { bytes, index } of kept) expect(bytes.equals(bytesAt(index, 0, SIZE))).to.equal(true)
    for (const window of kept) window.release()
    expect(manager.stats().mappedBytes).to.equal(0)
  })
})
