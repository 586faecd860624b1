import { expect } from 'chai'
import type { Cursor } from '../../lib/access/cursor.js'
import type { OpenFile } from '../../lib/manager/open-file.js'
import { cursorOn } from '../support/cursors.js'
import { failure } from '../support/failure.js'
import { FakeManager, map } from '../support/fake-manager.js'
import { settled } from '../support/fake-mapper.js'
import { bytesAt } from '../support/files.js'
import { collectedUntil } from '../support/mappers.js'

/** Windows of 32 bytes, pages of 16, a budget of 160. */
describe('a cursor', () => {
  let manager: FakeManager
  let file: OpenFile
  let cursor: Cursor
  beforeEach(async () => {
    manager = new FakeManager()
    file = await manager.with('/a', 1000)
    cursor = cursorOn(file)
  })
  afterEach(async () => {
    manager.fake.resume()
    await manager.closeClean()
  })

  const code = (call: () => unknown) => {
    try {
      call()
    } catch (error) {
      return (error as { code?: string }).code
    }
    return 'it did not throw'
  }
  const released = 'ERR_MAP_RELEASED'
  const outside = 'ERR_MAP_OUT_OF_RANGE'

  it('has no window at first, and has mapped nothing', () => {
    expect([cursor.valid, cursor.offset, cursor.length, cursor.includes(0), cursor.lost]).to.deep.equal([
      false,
      0,
      0,
      false,
      -1
    ])
    expect(code(() => cursor.bytes)).to.equal(released)
    cursor.unuse()
    cursor.unuse()
    expect(manager.fake.logged('map')).to.deep.equal([])
  })

  it('shows the bytes at an offset, without a copy, and answers itself', () => {
    expect(cursor.use(40, 10)).to.equal(cursor)
    expect([cursor.valid, cursor.offset, cursor.length]).to.deep.equal([true, 40, 10])
    expect(cursor.bytes).to.deep.equal(bytesAt(1, 40, 10))
    expect([39, 40, 49, 50].map(offset => cursor.includes(offset))).to.deep.equal([false, true, true, false])
    expect(cursor.bytes).to.equal(cursor.bytes)
    const { buffer } = cursor.bytes
    expect(cursor.use(34, 5).bytes.buffer).to.equal(buffer)
    expect(manager.fake.logged('map')).to.deep.equal(['/a 32+32'])
  })

  it('shows as much as the region has where no size is asked for', () => {
    expect([cursor.use(40).length, cursor.bytes]).to.deep.equal([24, bytesAt(1, 40, 24)])
    expect(cursor.use(63).length).to.equal(1)
  })

  it('shows all that is asked for where nothing is in the way, up to a window from an odd offset on', () => {
    expect(cursor.use(60, 20).bytes).to.deep.equal(bytesAt(1, 60, 20))
    expect(cursorOn(file).use(205, 500).length).to.equal(35)
  })

  it('slides: at the end of a region it goes on in the next', () => {
    const read: Buffer[] = []
    for (let at = 5; at < 1000; at += cursor.length) read.push(Buffer.from(cursor.use(at, 77).bytes))
    expect(Buffer.concat(read)).to.deep.equal(bytesAt(1, 5, 995))
    expect(manager.bytes.peak).to.be.at.most(160)
  })

  it('ends with the file, and goes to no byte at its end or past it', () => {
    expect(cursor.use(990, 100).length).to.equal(10)
    for (const offset of [1000, 1001, 2 ** 53 - 1]) {
      cursor.use(990)
      expect(
        code(() => cursor.use(offset)),
        `${offset}`
      ).to.equal(outside)
    }
    const empty = cursorOn(file, { base: 500, limit: 500 })
    expect(code(() => empty.use(0))).to.equal(outside)
  })

  it('stays where it was when it is told to go where there is nothing', () => {
    cursor.use(40, 10)
    expect(code(() => cursor.use(1000))).to.equal(outside)
    expect([cursor.valid, cursor.offset, cursor.bytes.length]).to.deep.equal([true, 40, 10])
  })

  it('counts from where its view begins, and ends where that ends', () => {
    const part = cursorOn(file, { base: 100, limit: 150 })
    expect(part.use(0, 4).bytes).to.deep.equal(bytesAt(1, 100, 4))
    expect([part.use(20, 100).length, part.offset, part.includes(20)]).to.deep.equal([8, 20, true])
    expect(part.use(45).length).to.equal(5)
    expect(code(() => part.use(50))).to.equal(outside)
    // The region goes on to both sides of the view, the cursor does not.
    expect(code(() => part.use(-1))).to.equal('ERR_OUT_OF_RANGE')
    expect(part.includes(-4)).to.equal(false)
  })

  it('refuses arguments that are none, in and out of the region in use', () => {
    for (const place of [40, 900]) {
      cursor.use(place)
      for (const wrong of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
        expect(
          code(() => cursor.use(wrong)),
          `offset ${wrong}`
        ).to.equal('ERR_OUT_OF_RANGE')
        expect(
          code(() => cursor.use(41, wrong)),
          `size ${wrong}`
        ).to.equal('ERR_OUT_OF_RANGE')
      }
      expect(code(() => cursor.use(41, 0))).to.equal('ERR_OUT_OF_RANGE')
      expect(code(() => cursor.use(40.5, 1))).to.equal('ERR_OUT_OF_RANGE')
      for (const wrong of ['40', null, 40n, {}]) {
        expect(code(() => cursor.use(wrong as number))).to.equal('ERR_INVALID_ARG_TYPE')
        expect(code(() => cursor.use(41, wrong as number))).to.equal('ERR_INVALID_ARG_TYPE')
      }
    }
  })

  it('keeps its region from being unmapped, and lets it go when it is unused', () => {
    const { bytes } = cursor.use(0)
    expect([manager.collect(), bytes.length]).to.deep.equal([0, 32])
    cursor.unuse()
    expect([cursor.valid, cursor.length, cursor.offset, cursor.includes(0)]).to.deep.equal([
      false,
      0,
      0,
      false
    ])
    expect(code(() => cursor.bytes)).to.equal(released)
    expect([bytes.length, manager.collect(), bytes.length]).to.deep.equal([32, 1, 0])
    expect(cursor.use(0).valid).to.equal(true)
  })

  it('takes writing into its bytes as its own affair: the file does not change', () => {
    cursor.use(0, 4).bytes.fill(0)
    cursor.unuse()
    manager.collect()
    expect(cursor.use(0, 4).bytes).to.deep.equal(bytesAt(1, 0, 4))
  })

  describe('with others on the same file', () => {
    it('shares their regions', () => {
      const other = cursorOn(file)
      expect(cursor.use(0, 4).bytes.buffer).to.equal(other.use(20, 4).bytes.buffer)
      expect([manager.counts.maps, manager.cached.size]).to.deep.equal([1, 0])
      cursor.unuse()
      expect([manager.cached.size, other.valid]).to.deep.equal([0, true])
      other.unuse()
      expect(manager.cached.size).to.equal(1)
    })

    it('holds the limit and is collected, also after one of them was disposed of before it mapped anything', () => {
      cursorOn(file)[Symbol.dispose]()
      for (let at = 0; at < 1000; at += 32) cursor.use(at)
      cursor.unuse()
      expect(manager.fake.peakMappedBytes).to.equal(160)
      expect([manager.collect(), manager.fake.mappings]).to.deep.equal([5, 0])
    })

    it('is cloned with a lease of its own: each goes its ways', () => {
      const blank = cursorOn(file).clone()
      expect([blank.valid, blank.use(0).valid]).to.deep.equal([false, true])
      blank.unuse()

      const clone = cursor.use(40, 10).clone()
      expect([clone.offset, clone.length, clone.bytes]).to.deep.equal([40, 10, bytesAt(1, 40, 10)])
      cursor.use(500)
      expect(clone.bytes).to.deep.equal(bytesAt(1, 40, 10))
      expect([cursor.use(41).bytes.buffer === clone.bytes.buffer, manager.collect()]).to.deep.equal([true, 2])
      cursor[Symbol.dispose]()
      expect([manager.collect(), clone.use(33, 3).bytes]).to.deep.equal([0, bytesAt(1, 33, 3)])
      clone[Symbol.dispose]()
      expect(manager.collect()).to.equal(1)
    })
  })

  describe('disposed of', () => {
    it('has no window, and refuses to be used', async () => {
      {
        using own = cursor
        own.use(0)
      }
      expect([cursor.valid, manager.cached.size]).to.deep.equal([false, 1])
      cursor[Symbol.dispose]()
      cursor.unuse()
      for (const call of [() => cursor.use(0), () => cursor.bytes, () => cursor.clone()]) {
        expect(code(call)).to.equal(released)
      }
      expect(await failure(cursor.load(0))).to.include({ code: released, path: '/a' })
    })
  })

  describe('on a file that is closed', () => {
    it('is not valid any more, its bytes are gone, and it cannot be used', async () => {
      const { bytes } = cursor.use(0)
      const clone = cursor.clone()
      await file.close()
      expect([cursor.valid, cursor.length, bytes.length, clone.valid]).to.deep.equal([false, 0, 0, false])
      expect(code(() => cursor.bytes)).to.equal(released)
      expect(code(() => cursor.use(0))).to.equal('ERR_MAP_CLOSED')
      expect(await failure(cursor.load(0))).to.include({ code: 'ERR_MAP_CLOSED', path: '/a' })
      cursor.unuse()
      clone[Symbol.dispose]()
      manager.expectNothingHeld()
    })

    it('rejects when that happens while it loads', async () => {
      manager.fake.hold()
      const loading = failure(cursor.load(0))
      await settled()
      await file.close()
      expect(await loading).to.include({ code: 'ERR_MAP_CLOSED' })
      manager.expectNothingHeld()
    })
  })

  it('is not valid after everything of its file was unmapped, and maps again when it is used', async () => {
    const { bytes } = cursor.use(0)
    const window = await map(file, 500, 16)
    const other = cursorOn(await manager.with('/b', 100)).use(0)
    expect(manager.unmap(({ path }) => path === '/a')).to.equal(2)
    expect([cursor.valid, bytes.length, window.released, other.valid]).to.deep.equal([false, 0, true, true])
    expect(manager.fake.logged('close')).to.deep.equal(['/a'])
    expect(cursor.use(0).bytes).to.deep.equal(bytesAt(1, 0, 32))
    manager.unmap(() => true)
    manager.fake.disk.add('/a', 'another')
    expect(code(() => cursor.use(0))).to.equal('ERR_MAP_FILE_CHANGED')
    expect(cursor.valid).to.equal(false)
  })

  describe('over bytes that are lost', () => {
    const cut = () => manager.fake.disk.file('/a').resize(40)

    it('says so when it goes elsewhere', () => {
      cursor.use(40, 20)
      cut()
      expect([cursor.lost, cursor.bytes[8]]).to.deep.equal([48, 0])
      expect(code(() => cursor.use(0))).to.equal('ERR_MAP_FILE_TRUNCATED')
      expect([cursor.valid, cursor.use(0, 8).bytes]).to.deep.equal([false, bytesAt(1, 0, 8)])
    })

    it('says so when it stays in the region, is unused, or disposed of: once', () => {
      for (const done of [() => cursor.use(32), () => cursor.unuse(), () => cursor[Symbol.dispose]()]) {
        manager.fake.disk.file('/a').write(bytesAt(1, 0, 1000))
        cursor.use(40, 20)
        cut()
        expect(code(done)).to.equal('ERR_MAP_FILE_TRUNCATED')
        cursor.unuse()
      }
      expect(manager.fake.mappings).to.equal(0)
    })

    it('calls it an I/O error where the file is long enough', () => {
      cursor.use(40, 20)
      manager.fake.disk.file('/a').lose(50)
      expect(() => cursor.unuse())
        .to.throw()
        .that.includes({ code: 'ERR_MAP_IO', path: '/a', offset: 50 })
    })

    it('does not mind what it has not shown, and lets nobody else have that region', () => {
      const other = cursorOn(file).use(32, 5)
      cursor.use(60, 4)
      cut()
      expect([other.lost, cursor.lost]).to.deep.equal([-1, 48])
      other.unuse()
      expect(code(() => cursor.unuse())).to.equal('ERR_MAP_FILE_TRUNCATED')
      expect([manager.cached.size, manager.fake.mappings]).to.deep.equal([0, 0])
      expect(code(() => other.use(60))).to.equal('ERR_MAP_FILE_TRUNCATED')
      expect(manager.bytes.held).to.equal(0)
    })
  })

  describe('that was dropped', () => {
    function drop(): void {
      cursorOn(file).use(0)
    }

    it('lets its region go when it is collected', async () => {
      drop()
      expect(manager.fake.mappings).to.equal(1)
      expect(await collectedUntil(() => manager.fake.mappings === 0)).to.equal(true)
      expect(manager.bytes.held).to.equal(0)
    })

    it('leaves the region to views of it: these stay right as long as somebody has one', async () => {
      const view = (() => cursorOn(file).use(0).bytes.subarray(4, 8))()
      ;(() => cursorOn(file).use(64))()
      expect(await collectedUntil(() => manager.fake.mappings === 1)).to.equal(true)
      for (let at = 96; at < 1000; at += 32) cursor.use(at)
      expect(view).to.deep.equal(bytesAt(1, 4, 4))
      cursor.unuse()
      expect([manager.collect(), manager.fake.mappings, view.length]).to.deep.equal([4, 1, 4])
    })

    it('leaves it to others that lease it', async () => {
      drop()
      cursor.use(0)
      const before = manager.counts.maps
      await collectedUntil(() => cursorOn(file).use(0).bytes.buffer !== cursor.bytes.buffer, 20)
      expect(cursor.bytes).to.deep.equal(bytesAt(1, 0, 32))
      expect(manager.counts.maps).to.equal(before + 1)
    })
  })
})
