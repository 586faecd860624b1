import fs from 'node:fs'
import fsp from 'node:fs/promises'
import RandomAccessFile from 'random-access-file'
import { mmapIoWhole } from '../harness/mmap-io.mjs'
import { Places, smmapContestants, Sum } from '../harness/random.mjs'
import { withFile } from '../harness/slidemap.mjs'
import { GiB, KiB } from '../harness/units.mjs'
import { makeWorkFile } from '../harness/work-file.mjs'

/** Reads of each contestant: so many that what is read counts, and not what is compiled first. */
const READS = 4_000_000
const SIZE = GiB
const LENGTHS = [64, 4 * KiB]

/** Look at `length` bytes in READS places, through what `view(offset, length)` answers. */
function readAll(length, view, reads = READS) {
  const places = new Places(SIZE - length)
  const sum = new Sum()
  for (let i = 0; i < reads; i++) sum.take(view(places.next(), length))
  return READS
}

const cursorView = length =>
  withFile(file => {
    const cursor = file.cursor()
    return readAll(length, (offset, size) => cursor.use(offset, size).bytes)
  })

const cursorCopy = length =>
  withFile(file => {
    const cursor = file.cursor()
    const target = Buffer.allocUnsafeSlow(length)
    return readAll(length, (offset, size) => {
      // A region ends where it ends: what it lacks is in the next.
      for (let at = 0; at < size; at += cursor.length)
        cursor.use(offset + at, size - at).bytes.copy(target, at)
      return target
    })
  })

const numbers = withFile(file => {
  const bytes = file.buffer()
  const places = new Places(SIZE - 4)
  let sum = 0
  for (let i = 0; i < READS; i++) sum ^= bytes.readUInt32LE(places.next())
  return sum === undefined ? 0 : READS
})

const slices = length =>
  withFile(file => {
    const bytes = file.buffer()
    return readAll(length, (offset, size) => bytes.slice(offset, offset + size))
  })

const readSync = length => () => file => {
  const fd = fs.openSync(file)
  const target = Buffer.allocUnsafeSlow(length)
  const read = readAll(length, (offset, size) => {
    fs.readSync(fd, target, 0, size, offset)
    return target
  })
  fs.closeSync(fd)
  return read
}

const readSyncNumbers = () => file => {
  const fd = fs.openSync(file)
  const target = Buffer.allocUnsafeSlow(4)
  const places = new Places(SIZE - 4)
  let sum = 0
  for (let i = 0; i < READS; i++) {
    fs.readSync(fd, target, 0, 4, places.next())
    sum ^= target.readUInt32LE(0)
  }
  fs.closeSync(fd)
  return sum === undefined ? 0 : READS
}

/** A part of the reads, timed for all: it is two orders of magnitude slower. */
const fileHandle = length => () => async file => {
  const part = 80
  const handle = await fsp.open(file)
  const target = Buffer.allocUnsafeSlow(length)
  const places = new Places(SIZE - length)
  const sum = new Sum()
  const start = process.hrtime.bigint()
  for (let i = 0; i < READS / part; i++) {
    await handle.read(target, 0, length, places.next())
    sum.take(target)
  }
  const ns = Number(process.hrtime.bigint() - start) * part
  await handle.close()
  return { bytes: READS, ns }
}

/** The same of random-access-file, which reads on the thread pool and calls back. */
const randomAccessFile = length => () => async path => {
  const part = 80
  const file = new RandomAccessFile(path)
  const places = new Places(SIZE - length)
  const sum = new Sum()
  const start = process.hrtime.bigint()
  for (let i = 0; i < READS / part; i++) {
    await new Promise((resolve, reject) => {
      file.read(places.next(), length, (error, bytes) => {
        if (error) return reject(error)
        sum.take(bytes)
        resolve()
      })
    })
  }
  const ns = Number(process.hrtime.bigint() - start) * part
  await new Promise(resolve => file.close(resolve))
  return { bytes: READS, ns }
}

/** One mapping of the whole file. */
const whole = length => bytes => readAll(length, (offset, size) => bytes.subarray(offset, offset + size))

const each = make => LENGTHS.map(make)

export default {
  title: `${READS.toLocaleString('en')} reads in random places of a file of 1 GiB in the page cache`,
  unit: 'read',
  chart: { kind: 'rates', title: 'Reads in random places' },
  fixture: async folder => ({ file: await makeWorkFile(folder, SIZE), size: READS }),
  contestants: [
    ...each(length => ({ name: `cursor view, ${length} B`, role: 'ours', prepare: cursorView(length) })),
    ...each(length => ({ name: `cursor copy, ${length} B`, role: 'ours', prepare: cursorCopy(length) })),
    { name: 'buffer.readUInt32LE()', role: 'ours', prepare: numbers },
    ...each(length => ({ name: `buffer.slice(), ${length} B`, role: 'ours', prepare: slices(length) })),
    { name: 'C, one byte of a map', role: 'limit', mode: 'random' },
    ...each(length => ({ name: `readSync, ${length} B`, role: 'peer', prepare: readSync(length) })),
    { name: 'readSync + readUInt32LE()', role: 'peer', prepare: readSyncNumbers },
    ...each(length => ({ name: `FileHandle.read, ${length} B`, role: 'peer', prepare: fileHandle(length) })),
    ...each(length => ({
      name: `random-access-file, ${length} B`,
      role: 'peer',
      prepare: randomAccessFile(length)
    })),
    ...mmapIoWhole([{ name: 'mmap-io, view of the whole file', read: whole(64) }]),
    ...smmapContestants(
      READS,
      ['view', 'copy'].flatMap(kind => each(length => [kind, length]))
    )
  ],
  goals: [
    ...each(length => ({ ours: `cursor view, ${length} B`, against: `readSync, ${length} B`, atLeast: 4 })),
    ...each(length => ({ ours: `cursor copy, ${length} B`, against: `readSync, ${length} B`, atLeast: 2.5 })),
    { ours: 'buffer.readUInt32LE()', against: 'readSync + readUInt32LE()', atLeast: 10 }
  ]
}
