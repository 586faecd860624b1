import { truncateSync } from 'node:fs'
import { expect } from 'chai'
import {
  concat,
  type MappedFile,
  MapManager,
  type MapRecord,
  type RecordBatch,
  type RecordOptions,
  SlidemapError
} from '../../lib/index.js'
import { failure } from '../support/failure.js'
import { bytesAt, KiB, MiB, tempFile } from '../support/files.js'
import { collectedUntil, eventually, realMappers } from '../support/mappers.js'
import { mappingsOf } from '../support/os.js'

/** Records of these lengths, with a prefix of 4 bytes each. */
function prefixed(lengths: readonly number[]): Buffer {
  return Buffer.concat(
    lengths.flatMap((length, i) => {
      const prefix = Buffer.alloc(4)
      prefix.writeUInt32LE(length)
      return [prefix, bytesAt(i, 0, length)]
    })
  )
}

const framing = { lengthPrefix: 4, endian: 'le' } as const

for (const mapper of realMappers) {
  describe(`records() on the ${mapper} mapper`, () => {
    /** Of 0 to 1999 bytes, 4 MB in all. */
    const lengths = Array.from({ length: 4000 }, (_, i) => (i * 7919) % 2000)
    const content = prefixed(lengths)
    let path: string
    let manager: MapManager
    let file: MappedFile

    beforeEach(async () => {
      path = tempFile('records.bin', content)
      manager = new MapManager({ mapper, maxMappedBytes: 2 * MiB, windowSize: 512 * KiB })
      file = await manager.open(path)
    })

    afterEach(async () => {
      await manager.close()
      const { mappedBytes, regions, handles, waiters } = manager.stats()
      expect({ mappedBytes, regions, handles, waiters }).to.deep.equal({
        mappedBytes: 0,
        regions: 0,
        handles: 0,
        waiters: 0
      })
    })

    /** Nothing of this file is held, though it is still open. */
    function expectNothingMapped() {
      expect(mappingsOf(path)).to.deep.equal([])
      const { mappedBytes, regions, waiters } = manager.stats()
      expect({ mappedBytes, regions, waiters }).to.deep.equal({ mappedBytes: 0, regions: 0, waiters: 0 })
    }

    /** All records are what they ought to be; says how many there are. */
    async function check(records: AsyncIterable<MapRecord>, whole = content): Promise<number> {
      let count = 0
      let last = -1
      for await (const { offset, length, bytes } of records) {
        expect(bytes.length).to.equal(length)
        if (offset <= last) throw new Error(`${offset} after ${last}`)
        if (!bytes.equals(whole.subarray(offset, offset + length)))
          throw new Error(`wrong bytes at ${offset}`)
        last = offset
        count++
      }
      return count
    }

    it('yields records of every framing, in windows of many sizes, without copying one that fits', async () => {
      for (const size of [64 * KiB, 100_000, 256 * KiB, MiB]) {
        expect(await check(file.records({ ...framing, size }))).to.equal(lengths.length)
        const header = { headerSize: 4, lengthOf: (bytes: Buffer) => 4 + bytes.readUInt32LE() }
        expect(await check(file.records({ ...header, size }))).to.equal(lengths.length)
        const end = 4096 * 900
        expect(await check(file.records({ recordSize: 4096, end, size }))).to.equal(900)
      }
      expect(manager.stats().bytesCopied).to.equal(0)
      expectNothingMapped()
    })

    it('slides the window to the page of a record, also where that is longer than what windows repeat', async () => {
      const large = prefixed([300_000, 450_000, 10, 450_000, 400_000, 1, 480_000])
      const one = await manager.open(tempFile('large.bin', large))
      expect(await check(one.records(framing), large)).to.equal(7)
      expect(manager.stats().bytesCopied).to.equal(0)
      expect(manager.stats().peakMappedBytes).to.be.at.most(2 * MiB)
    })

    it('assembles a record longer than a window, up to maxRecordBytes', async () => {
      const large = prefixed([10, 3 * MiB, 20, 5 * MiB, 30])
      const one = await manager.open(tempFile('large.bin', large))
      expect(await check(one.records(framing), large)).to.equal(5)
      expect(manager.stats().bytesCopied).to.be.within(8 * MiB, 8 * MiB + 100)
      const seen: number[] = []
      const reading = (async () => {
        for await (const { length } of one.records({ ...framing, maxRecordBytes: 4 * MiB })) seen.push(length)
      })()
      const error = await failure(reading)
      expect(error).to.include({
        code: 'ERR_MAP_RECORD_TOO_LONG',
        offset: 14 + 3 * MiB + 4 + 24,
        path: one.path
      })
      expect(seen).to.deep.equal([10, 3 * MiB, 20])
    })

    it('gives up on a record without end at maxRecordBytes', async () => {
      const reading = check(file.records({ delimiter: 'not there', maxRecordBytes: MiB }))
      expect(await failure(reading)).to.include({
        code: 'ERR_MAP_RECORD_TOO_LONG',
        offset: 0,
        path: file.path
      })
      expect(manager.stats().bytesCopied).to.be.at.most(2 * MiB)
      expectNothingMapped()
    })

    it('takes a byte, bytes or text as delimiter, and what follows the last as a record', async () => {
      const one = await manager.open(tempFile('text.txt', 'a--b--\n--c'))
      for (const [delimiter, expected] of [
        ['--', ['a', 'b', '\n', 'c']],
        [10, ['a--b--', '--c']],
        [Buffer.from('--c'), ['a--b--\n']]
      ] as const) {
        const found: string[] = []
        for await (const { bytes } of one.records({ delimiter })) found.push(bytes.toString())
        expect(found).to.deep.equal(expected)
      }
    })

    it('frames a range as if it were the whole file', async () => {
      const start = 4 + (lengths[0] as number)
      const end = start + 4 + (lengths[1] as number)
      expect(await check(file.records({ ...framing, start, end }))).to.equal(1)
      const short = check(file.records({ ...framing, start, end: end - 1 }))
      const wanted = { code: 'ERR_MAP_FILE_TRUNCATED', offset: start, path }
      expect(await failure(short)).to.include(wanted)
      expect(await failure(check(file.records({ recordSize: 100, start: 1, end: 250 })))).to.include({
        code: 'ERR_MAP_FILE_TRUNCATED',
        offset: 201,
        length: 100
      })
    })

    it('finishes under a limit of one window', async () => {
      const small = new MapManager({ mapper, maxMappedBytes: 512 * KiB, windowSize: 512 * KiB })
      const one = await small.open(path)
      const counts = await Promise.all([
        check(one.records(framing)),
        check(one.records({ ...framing, size: 64 * KiB }))
      ])
      expect(counts).to.deep.equal([lengths.length, lengths.length])
      expect(small.stats().peakMappedBytes).to.be.at.most(512 * KiB)
      await small.close()
    })

    it('lends a record until its window passes, and says so afterwards', async () => {
      let first: MapRecord | undefined
      let bytes: Buffer | undefined
      for await (const record of file.records(framing)) {
        if (record.length === 0) continue
        first ??= record
        bytes ??= record.bytes
        if (record.offset < 2 * MiB) continue
        expect(bytes.length).to.equal(0)
        expect(() => first?.bytes)
          .to.throw(SlidemapError)
          .with.property('code', 'ERR_MAP_RELEASED')
        break
      }
      expectNothingMapped()
    })

    it('leaves copied records to the consumer for good', async () => {
      const kept: MapRecord[] = []
      for await (const record of file.records({ ...framing, lifetime: 'copied' })) kept.push(record)
      expectNothingMapped()
      expect(kept.map(({ length }) => length)).to.deep.equal(lengths)
      for (const { offset, length, bytes } of kept)
        expect(bytes.equals(content.subarray(offset, offset + length))).to.equal(true)
      expect(manager.stats().bytesCopied).to.equal(content.length)
    })

    it('yields batches that are arrays of places, and records one by one', async () => {
      let count = 0
      let reached = 0
      for await (const { bytes, offset, starts, ends, length } of file.recordBatches(framing)) {
        expect(length).to.be.at.least(1)
        expect([starts.length, ends.length]).to.deep.equal([length, length])
        expect(offset).to.equal(reached)
        for (let i = 0; i < length; i++) {
          const [start, end] = [starts[i] as number, ends[i] as number]
          if (!bytes.subarray(start, end).equals(content.subarray(offset + start, offset + end)))
            throw new Error(`wrong bytes at ${offset + start}`)
          reached = offset + end
        }
        count += length
      }
      expect(count).to.equal(lengths.length)
      const batches = file.recordBatches(framing)
      const batch = (await batches.next()).value as RecordBatch
      expect([...batch].map(({ offset }) => offset)).to.deep.equal(
        [...batch.starts].map(start => batch.offset + start)
      )
      expect(batch.at(batch.length)).to.equal(undefined)
      await batches.return?.()
    })

    it('has nothing mapped however it is left', async () => {
      for await (const _ of file.records(framing)) break
      expectNothingMapped()
      const thrown = (async () => {
        for await (const _ of file.recordBatches(framing)) throw new Error('mine')
      })()
      expect((await failure(thrown)).message).to.equal('mine')
      expectNothingMapped()
      const stop = new AbortController()
      const records = file.records({ ...framing, signal: stop.signal })
      await records.next()
      stop.abort(new Error('enough'))
      expect((await failure(records.next())).message).to.equal('enough')
      expectNothingMapped()
      const lengthOf = () => {
        throw new Error('theirs')
      }
      expect((await failure(check(file.records({ headerSize: 1, lengthOf })))).message).to.equal('theirs')
      expectNothingMapped()
    })

    it('cancels a wait for budget when it is returned from', async () => {
      const holder = file.windows({ prefetch: 0, size: 2 * MiB })
      await holder.next()
      const records = file.records(framing)
      const next = records.next()
      await eventually(() => manager.stats().waiters === 1)
      await records.return?.()
      expect(await next).to.deep.equal({ done: true, value: undefined })
      await holder.return?.()
      expectNothingMapped()
    })

    it('rejects when the file is closed under it', async () => {
      const records = file.records(framing)
      await records.next()
      await file.close()
      expect(await failure(records.next())).to.have.property('code', 'ERR_MAP_CLOSED')
      expect(() => file.records(framing))
        .to.throw(SlidemapError)
        .with.property('code', 'ERR_MAP_CLOSED')
    })

    it('is collected when it is dropped half way', async () => {
      await (async () => {
        await file.records(framing).next()
      })()
      expect(await collectedUntil(() => manager.stats().regions === 0)).to.equal(true)
    })

    it('tells of a file that was cut short, and not of records made of zeros', async () => {
      const cut = await manager.open(tempFile('cut.bin', content))
      let seen = 0
      const reading = (async () => {
        for await (const { length } of cut.records({ ...framing, size: 256 * KiB, prefetch: 1 })) {
          expect(length).to.equal(lengths[seen++])
          if (seen === 1000) truncateSync(cut.path as string, 64 * KiB)
        }
      })()
      expect(await failure(reading)).to.have.property('code', 'ERR_MAP_FILE_TRUNCATED')
    })

    it('assembles records and lines that cross from one file into another', async () => {
      const parts = [0, 1, 100_001, 100_002, 1_500_000, 1_500_000, content.length]
      const sources = parts
        .slice(1)
        .map((end, i) => tempFile(`part-${i}`, content.subarray(parts[i] as number, end)))
      const whole = manager.concat(sources)
      expect(await check(whole.records(framing))).to.equal(lengths.length)
      expect(await check(manager.concat(sources).records({ ...framing, size: 64 * KiB }))).to.equal(
        lengths.length
      )
      const lines: string[] = []
      const texts = ['one\ntw', 'o', '', '\r', '\nthree\nfour'].map((text, i) => tempFile(`text-${i}`, text))
      for await (const line of concat(texts).lines()) lines.push(line)
      expect(lines).to.deep.equal(['one', 'two', 'three', 'four'])
    })

    it('refuses wrong options', () => {
      const options = (o: object) => () => file.records(o as RecordOptions)
      for (const o of [
        { recordSize: 0 },
        { recordSize: 10, maxRecordBytes: 9 },
        { delimiter: '' },
        { delimiter: 256 },
        { lengthPrefix: 3 },
        { lengthPrefix: 4, endian: 'middle' },
        { headerSize: 0, lengthOf: () => 1 },
        { recordSize: 1, maxRecordBytes: 2 ** 31 },
        { recordSize: 1, lifetime: 'lent' },
        { recordSize: 1, size: 0 }
      ])
        expect(options(o), JSON.stringify(o)).to.throw(RangeError).with.property('code', 'ERR_OUT_OF_RANGE')
      for (const o of [
        {},
        { recordSize: 1, delimiter: 'a' },
        { delimiter: true },
        { recordSize: '1' },
        { lengthPrefix: 4, includesPrefix: 1 },
        { headerSize: 4 }
      ])
        expect(options(o), JSON.stringify(o))
          .to.throw(TypeError)
          .with.property('code', 'ERR_INVALID_ARG_TYPE')
      expect(options({ recordSize: 1, start: file.size + 1 }))
        .to.throw(SlidemapError)
        .with.property('code', 'ERR_MAP_OUT_OF_RANGE')
      for (const name of ['start', 'end', 'size', 'prefetch', 'maxRecordBytes'])
        expect(options({ recordSize: 1, [name]: null }), name).to.throw(TypeError, `"options.${name}"`)
    })

    it('names the framings it was given where they are not one', () => {
      expect(() => file.records({ recordSize: 1, delimiter: 'x' })).to.throw(
        TypeError,
        "{ recordSize: 1, delimiter: 'x' }"
      )
    })

    it('refuses options of windows that records do not take', () => {
      for (const o of [{ follow: true }, { follow: {} }, { dropBehind: true }, { overlap: 1 }]) {
        const given = { recordSize: 1, ...o } as RecordOptions
        for (const call of [() => file.records(given), () => file.recordBatches(given)])
          expect(call)
            .to.throw(SlidemapError, `options.${Object.keys(o)[0]}`)
            .with.property('code', 'ERR_MAP_UNSUPPORTED')
      }
      expect(() => file.records({ recordSize: 1, follow: false, overlap: 0 } as RecordOptions)).not.to.throw()
    })
  })
}
