import { closeSync, openSync } from 'node:fs'
import { Writable } from 'node:stream'
import { expect } from 'chai'
import { MapManager, type MappedFile } from '../../lib/index.js'
import type { Addon } from '../../lib/mapping/addon.js'
import { nativeMapper } from '../../lib/mapping/native.js'
import { addon, nextJob, release, run } from '../support/addon.js'
import { FakeManager, map } from '../support/fake-manager.js'
import { FakeMapper, settled } from '../support/fake-mapper.js'
import { bytesAt, MiB, tempFile } from '../support/files.js'
import { eventually, needsMappings } from '../support/mappers.js'
import { cachedPages, countCached, dropFromCache } from '../support/page-cache.js'

/**
 * Have the kernel cache a few stretches of a file, and keep them: as pages that are mapped. Others it may take back
 * whenever it likes (DAMON does, with memory to spare).
 */
function warm(path: string, stretches: [offset: number, length: number][]) {
  const fd = openSync(path, 'r')
  const mapped = stretches.map(async ([offset, length]) => {
    await addon.visitCache(nextJob(), fd, offset, length, new Float64Array())
    return run(path, { offset, length, exact: true })
  })
  return Promise.all(mapped).finally(() => closeSync(fd))
}

describe('dropBehind', () => {
  const size = 12 * MiB + 5000
  let path: string
  let manager: MapManager
  let file: MappedFile

  before(function () {
    if (process.platform !== 'linux') this.skip()
    // The witness maps the file.
    needsMappings.call(this)
    path = tempFile('behind.bin', bytesAt(5, 0, size))
    if (!dropFromCache(path)) this.skip()
  })

  /** What the kernel was told to forget: it would keep a page that is mapped all the same. */
  let forgotten: number[]
  const telling: Addon = {
    ...addon,
    visitCache(job, fd, offset, length, forget) {
      forgotten.push(...forget)
      return addon.visitCache(job, fd, offset, length, forget)
    }
  }

  beforeEach(async () => {
    forgotten = []
    manager = new MapManager({ mapper: nativeMapper(telling), windowSize: MiB })
    file = await manager.open(path)
  })

  afterEach(() => manager.close())

  /** Walk in a cache that is cold, and in one that is warm in places, and compare what is in it before and after. */
  async function expectCacheAsFound(walk: (file: MappedFile) => Promise<unknown>): Promise<void> {
    for (const stretches of [
      [],
      [
        [3 * MiB + 4096, 2 * MiB],
        [8 * MiB, 4096]
      ]
    ] as [number, number][][]) {
      dropFromCache(path)
      const kept = await warm(path, stretches)
      const before = cachedPages(path)
      expect(before.reduce((sum, page) => sum + page, 0)).to.equal(stretches.length && 513)
      forgotten = []
      const opened = await manager.open(path)
      await walk(opened)
      await opened.close()
      expect(Buffer.compare(cachedPages(path), before)).to.equal(0)
      expect(forgotten).to.not.be.empty
      for (let i = 0; i < forgotten.length; i += 2) {
        const [offset = 0, length = 0] = forgotten.slice(i)
        expect(before.subarray(offset / 4096, (offset + length) / 4096).includes(1)).to.equal(false)
      }
      for (const outcome of kept) release(outcome)
    }
  }

  it('is needed: without it, a scan leaves in the page cache what it has passed', async () => {
    dropFromCache(path)
    let most = 0
    // The most, as the kernel may take back what is not mapped.
    for await (const _ of file.windows()) most = Math.max(most, countCached(path) * 4096)
    expect(most).to.be.above(5 * MiB)
  })

  it('hands over the right bytes', async () => {
    dropFromCache(path)
    for await (const { offset, bytes } of file.windows({ dropBehind: true }))
      expect(bytes.equals(bytesAt(5, offset, bytes.length))).to.equal(true)
  })

  it('forgets windows while the scan goes on, not at its end', async () => {
    dropFromCache(path)
    for await (const { offset } of file.windows({ dropBehind: true, prefetch: 0 })) {
      if (offset >= 2 * MiB) expect(countCached(path) * 4096).to.be.at.most(2 * MiB)
    }
  })

  for (const [name, walk] of Object.entries<(file: MappedFile) => Promise<unknown>>({
    'a scan by windows': async file => {
      for await (const _ of file.windows({ dropBehind: true }));
    },
    'a scan by windows that share pages': async file => {
      for await (const _ of file.windows({ dropBehind: true, size: 1234567, overlap: 4321 }));
    },
    'a scan of a part': async file => {
      for await (const _ of file.windows({ dropBehind: true, start: 1_000_001, end: 7_000_003 }));
    },
    'a break half way': async file => {
      for await (const { offset } of file.windows({ dropBehind: true })) if (offset > 4 * MiB) break
    },
    'an abort half way': async file => {
      const stop = new AbortController()
      try {
        for await (const { offset } of file.windows({ dropBehind: true, signal: stop.signal }))
          if (offset > 4 * MiB) stop.abort()
      } catch {}
    },
    'a file closed half way': async file => {
      const windows = file.windows({ dropBehind: true })
      await windows.next()
      await windows.next()
      await file.close()
    },
    'a window kept until the file is closed': async file => {
      for await (const window of file.windows({ dropBehind: true })) if (window.offset === 0) window.retain()
    },
    'a scan of a concatenation': async () => {
      for await (const _ of manager.concat([path, path]).windows({ dropBehind: true }));
    },
    'a stream': async file => {
      for await (const _ of file.stream({ dropBehind: true }));
    },
    'a pipe': file =>
      file.pipeTo(new Writable({ write: (_chunk, _encoding, done) => done() }), { dropBehind: true })
  })) {
    it(`leaves the page cache as it was found after ${name}`, () => expectCacheAsFound(walk))
  }

  it('keeps the hard limit of one window, and is fair to others', async () => {
    const tight = new MapManager({ mapper: 'native', windowSize: MiB, maxMappedBytes: MiB })
    const opened = await tight.open(path)
    const scan = async (dropBehind: boolean) => {
      let seen = 0
      for await (const { length } of opened.windows({ dropBehind })) seen += length
      return seen
    }
    expect(await Promise.all([scan(true), scan(false), scan(true)])).to.deep.equal([size, size, size])
    expect(tight.stats().peakMappedBytes).to.equal(MiB)
    await tight.close()
  })

  it('works where the descriptor was closed meanwhile, to make room for other files', async () => {
    const one = new MapManager({ mapper: 'native', windowSize: MiB, maxHandles: 1, prefetch: 0 })
    const other = tempFile('other.bin', 'x')
    dropFromCache(path)
    const opened = await one.open(path)
    for await (const _ of opened.windows({ dropBehind: true })) await (await one.open(other)).close()
    expect(countCached(path)).to.equal(0)
    expect(one.stats().peakHandles).to.equal(1)
    await one.close()
  })

  it('leaves nothing behind where the kernel takes pages back before they are mapped', async () => {
    const losing: Addon = {
      ...addon,
      async visitCache(job, fd, offset, length, forget) {
        const absent = await addon.visitCache(job, fd, offset, length, forget)
        addon.forget(fd, offset, length)
        return absent
      }
    }
    for (const windowSize of [MiB, 4 * MiB]) {
      await using pressed = new MapManager({ mapper: nativeMapper(losing), windowSize, prefetch: 0 })
      dropFromCache(path)
      const opened = await pressed.open(path)
      for await (const { offset, bytes } of opened.windows({ dropBehind: true })) {
        expect(bytes.equals(bytesAt(5, offset, bytes.length))).to.equal(true)
        expect(countCached(path) * 4096).to.equal(windowSize)
        break
      }
      await opened.close()
      expect(countCached(path)).to.equal(0)
    }
  })

  it('changes nothing on the read mapper', async () => {
    const reading = new MapManager({ mapper: 'read' })
    const opened = await reading.open(path)
    let seen = 0
    for await (const { length } of opened.windows({ dropBehind: true })) seen += length
    expect(seen).to.equal(size)
    await reading.close()
  })
})

describe('the trace of the page cache', () => {
  /** A mapper whose cache lacks whatever it is asked for, and which tells what it was asked. */
  class LackingMapper extends FakeMapper {
    readonly asked: string[] = []
    refuses = false
    /** What it lacks of each range; default all of it. */
    lacking: { offset: number; length: number }[] | undefined

    async visitCache(
      _fd: number,
      range: { offset: number; length: number },
      forget: readonly { offset: number; length: number }[]
    ) {
      const text = ({ offset, length }: { offset: number; length: number }) => `${offset}+${length}`
      if (this.refuses) throw new Error('not now')
      this.asked.push(`read ${text(range)} forget ${forget.map(text).join(' ')}`)
      return range.length > 0 ? (this.lacking ?? [range]) : []
    }
  }

  let mapper: LackingMapper
  let manager: FakeManager

  beforeEach(() => {
    mapper = new LackingMapper()
    manager = new FakeManager({ mapper })
  })

  afterEach(() => manager.closeClean())

  it('forgets a range with the next visit, once its region has gone', async () => {
    const file = await manager.with('/a', 100)
    const never = new AbortController().signal
    const first = await file.map({ offset: 0, length: 16 }, never, true)
    const second = await file.map({ offset: 16, length: 16 }, never, true)
    first.release()
    const third = await file.map({ offset: 32, length: 16 }, never, true)
    expect(mapper.asked).to.deep.equal(['read 0+16 forget ', 'read 16+16 forget ', 'read 32+16 forget 0+16'])
    second.release()
    third.release()
    await file.cache.forget()
    await file.cache.forget()
    expect(mapper.asked.slice(3)).to.deep.equal(['read 0+0 forget 16+16 32+16'])
  })

  it('waits with a range while another region shares a page of it', async () => {
    const file = await manager.with('/a', 100)
    const never = new AbortController().signal
    const first = await file.map({ offset: 0, length: 24 }, never, true)
    const second = await file.map({ offset: 24, length: 16 }, never, true)
    first.release()
    await file.cache.forget()
    expect(mapper.asked.at(-1)).to.equal('read 0+0 forget ')
    second.release()
    await file.cache.forget()
    expect(mapper.asked.at(-1)).to.equal('read 0+0 forget 0+24 16+24')
  })

  it('forgets what was read for a region that could not be mapped', async () => {
    const file = await manager.with('/a', 100)
    const never = new AbortController().signal
    mapper.failNext(new Error('no map'))
    expect(await file.map({ offset: 0, length: 16 }, never, true).catch(error => error.message)).to.equal(
      'no map'
    )
    await file.close()
    expect(mapper.asked).to.deep.equal(['read 0+16 forget ', 'read 0+0 forget 0+16'])
  })

  it('maps all the same where the cache cannot be asked, and asks again to forget', async () => {
    const file = await manager.with('/a', 100)
    const never = new AbortController().signal
    ;(await file.map({ offset: 0, length: 16 }, never, true)).release()
    mapper.refuses = true
    ;(await file.map({ offset: 16, length: 16 }, never, true)).release()
    mapper.refuses = false
    await file.cache.forget()
    expect(mapper.asked).to.deep.equal(['read 0+16 forget ', 'read 0+0 forget 0+16'])
  })

  it('takes any number of stretches that the cache lacks, and forgets them all', async () => {
    const file = await manager.with('/a', 100)
    const count = 200_000
    mapper.lacking = Array.from({ length: count }, (_, i) => ({ offset: 2 * i, length: 1 }))
    const region = await file.map({ offset: 0, length: 16 }, new AbortController().signal, true)
    region.release()
    expect([manager.bytes.held, file.regions.size]).to.deep.equal([0, 0])
    // Those that could not be forgotten are still to be.
    mapper.refuses = true
    await file.cache.forget()
    mapper.refuses = false
    await file.cache.forget()
    expect(mapper.asked.at(-1)?.split(' ')).to.have.length(3 + count)
  })

  it('does not open a file again that was closed while it waited for a handle', async () => {
    const one = new FakeManager({ mapper, maxHandles: 1 })
    const file = await one.with('/a', 100)
    ;(await file.map({ offset: 0, length: 16 }, new AbortController().signal, true)).release()
    const other = await one.with('/b', 100)
    mapper.hold()
    const busy = map(other, 0, 16)
    await settled()
    const forgetting = file.cache.forget()
    await settled()
    expect(one.handles.budget.waiters).to.equal(1)
    await file.close()
    mapper.resume()
    ;(await busy).release()
    await forgetting
    expect(mapper.logged('open')).to.deep.equal(['/a', '/b'])
    await one.closeClean()
  })

  it('asks nothing for those who did not ask for it', async () => {
    const file = await manager.with('/a', 100)
    ;(await map(file, 0, 16)).release()
    await file.close()
    await eventually(() => manager.handles.budget.held === 0)
    expect(mapper.asked).to.deep.equal([])
  })
})
