import { expect } from 'chai'
import { spawnSync } from 'node:child_process'
import {
  constants,
  closeSync,
  existsSync,
  fstatSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync
} from 'node:fs'
import { constants as os } from 'node:os'
import { constants as limits } from 'node:buffer'
import { dirname } from 'node:path'
import { ADVICE, KIND } from '../../lib/mapping/addon.js'
import { addon, bytesOf, nextJob, release, run, runSync } from '../support/addon.js'
import { needsMappings } from '../support/mappers.js'
import { bytesAt, GiB, KiB, MiB, sparseBytes, sparseFile, tempFile, tempPath } from '../support/files.js'
import { adviceOf, descriptorsOf, mappingsOf } from '../support/os.js'
import { countCached, dropFromCache } from '../support/page-cache.js'

const { pageSize: page } = addon
const { ECANCELED, EBADF, ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG, ENODEV } = os.errno

describe('the addon', () => {
  describe('mapping', () => {
    it('hands over the right bytes around 2, 4 and 6 GiB of a sparse file', async () => {
      const at = [0, 2 * GiB, 4 * GiB, 6 * GiB]
      const blocks = at.map((offset, seed) => {
        const from = Math.max(0, offset - 100_000)
        return { offset: from, bytes: bytesAt(seed, from, 300_000) }
      })
      const size = 6 * GiB + 250_001
      const path = sparseFile('huge', size, blocks)
      const { fd } = runSync(path, { length: 0 })
      for (const boundary of at) {
        for (const pages of [-31, -1, 0, 1, 30]) {
          const offset = boundary + pages * page
          if (offset < 0) continue
          for (const length of [1, page - 1, page, 3 * page + 7, 64 * KiB]) {
            const outcome = await run(fd, { offset, length })
            expect(outcome.size).to.equal(size)
            expect(
              bytesOf(outcome).equals(sparseBytes(blocks, offset, length)),
              `${offset}+${length}`
            ).to.equal(true)
            release(outcome, true)
          }
        }
      }
      addon.closeSync(fd)
    }).timeout(120_000)

    it('has the OS read in large steps where all of 2 MiB or more is faulted in, and not elsewhere', async function () {
      if (!existsSync('/sys/kernel/mm/transparent_hugepage')) this.skip()
      const cases = [
        { length: 2 * MiB, populate: true, large: true },
        { length: 2 * MiB, populate: false, large: false },
        { length: 2 * MiB - page, populate: true, large: false }
      ]
      const path = tempFile('steps', Buffer.alloc(2 * MiB, 1))
      for (const { large, ...range } of cases) {
        const outcome = await run(path, range)
        expect(adviceOf(path).map(flags => flags.includes('hg'))).to.deep.equal([large])
        release(outcome, true)
        addon.closeSync(outcome.fd)
      }
    })

    it('has the OS read nothing but the range where it is to be exact', async function () {
      if (process.platform !== 'linux') this.skip()
      const path = tempFile('exact', Buffer.alloc(3 * MiB, 1))
      for (const exact of [false, true]) {
        const outcome = await run(path, { length: 2 * MiB, exact })
        expect(adviceOf(path).map(flags => flags.includes('rr'))).to.deep.equal([exact])
        release(outcome, true)
        addon.closeSync(outcome.fd)
      }
      if (!dropFromCache(path)) this.skip()
      release(await run(path, { length: page, exact: true }))
      expect(countCached(path)).to.be.at.most(1)
    })

    it('maps 3 GiB and a byte at once, exactly as long as asked for', () => {
      const last = { offset: 5 * GiB, bytes: Uint8Array.of(77) }
      const outcome = runSync(sparseFile('long', 5 * GiB + 1, [last]), {
        offset: 2 * GiB,
        length: 3 * GiB + 1
      })
      expect(outcome.buffer?.byteLength).to.equal(3 * GiB + 1)
      expect(bytesOf(outcome).at(-1)).to.equal(77)
      release(outcome)
    })

    it('leaves nothing behind of a mapping longer than the runtime can hold', async function () {
      needsMappings.call(this)
      const tooLong = limits.MAX_LENGTH + page
      if (tooLong > 2 ** 45) return this.skip()
      const path = sparseFile('too long', tooLong)
      expect(() => runSync(path, { length: tooLong }))
        .to.throw()
        .with.property('code', 'ERR_BUFFER_TOO_LARGE')
      let caught: unknown
      await run(path, { length: tooLong, populate: false }).catch(error => {
        caught = error
      })
      expect(caught).to.have.property('code', 'ERR_BUFFER_TOO_LARGE')
      expect([mappingsOf(path), descriptorsOf(path)]).to.deep.equal([[], []])
      expect(addon.counters()).to.include({ mappings: 0, mappedBytes: 0, jobs: 0 })
    })

    it('tells what fstat tells', async () => {
      const path = tempFile('told', 'x'.repeat(12345))
      const outcome = await run(path)
      const stats = fstatSync(outcome.fd, { bigint: true })
      expect(outcome).to.deep.include({ errno: 0, syscall: '', kind: KIND.file, size: 12345 })
      expect(outcome).to.deep.include({ dev: stats.dev, ino: stats.ino, mtimeNs: stats.mtimeNs })
      release(outcome)
    })

    it('uses a descriptor that it was given, and leaves it open', async () => {
      const path = tempFile('given', bytesAt(1, 0, 3 * page))
      const fd = openSync(path, 'r')
      const outcome = await run(fd, { offset: page, length: page + 1 })
      expect(outcome.fd).to.equal(fd)
      expect(bytesOf(outcome).equals(bytesAt(1, page, page + 1))).to.equal(true)
      release(outcome, true)
      expect(addon.closeSync(fd), "not the addon's to close").to.equal(EBADF)
      closeSync(fd)
    })

    it('only opens and stats where no bytes are asked for', () => {
      const outcome = runSync(tempFile('stat only', 'abc'), { length: 0 })
      expect(outcome).to.include({ errno: 0, kind: KIND.file, size: 3, slot: 0, serial: 0 })
      expect(outcome).to.not.have.property('buffer')
      release(outcome)
    })

    it('maps nothing of a file that ends before the range, says its size and keeps it open', async () => {
      const path = tempFile('short', 'x'.repeat(page + 1))
      for (const attempt of [run, runSync]) {
        const outcome = await attempt(path, { length: page + 2 })
        expect(outcome).to.include({ errno: 0, syscall: '', size: page + 1, kind: KIND.file })
        expect(outcome).to.not.have.property('buffer')
        expect(descriptorsOf(path)).to.deep.equal([outcome.fd])
        release(outcome)
      }
      expect(addon.counters().mappings).to.equal(0)
    })

    it('keeps what is written into a mapping out of the file and out of other mappings', async () => {
      const content = bytesAt(3, 0, 4 * page)
      const path = tempFile('written', content)
      const one = await run(path, { length: 4 * page })
      const other = await run(one.fd, { length: 4 * page })
      const written = bytesOf(one).fill(0xee)
      expect(bytesOf(other).equals(content)).to.equal(true)
      expect(readFileSync(path).equals(content)).to.equal(true)
      expect(written.every(byte => byte === 0xee)).to.equal(true)
      release(other, true)
      release(one)
      expect(readFileSync(path).equals(content)).to.equal(true)
    })

    it('finds files by paths that are no UTF-8', () => {
      const folder = tempPath('raw')
      mkdirSync(folder)
      const name = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff, 0xfe, 0x80])])
      linkSync(tempFile('raw source', 'raw'), name)
      const { errno, fd, size } = addon.runSync(-1, name, 0, 0, 0, false)
      expect({ errno, size }).to.deep.equal({ errno: 0, size: 3 })
      addon.closeSync(fd)
    })
  })

  describe('kinds of files', () => {
    const mkfifo = (path: string) => spawnSync('mkfifo', [path]).status === 0

    it('maps regular files only, and says what the others are', async () => {
      const fifo = tempPath('fifo')
      const paths: [path: string, kind: number][] = [
        [dirname(tempFile('folder/file')), KIND.directory],
        ['/dev/zero', KIND.other],
        ['/proc/self/status', KIND.pseudo],
        ['/sys/kernel/mm/transparent_hugepage/enabled', KIND.pseudo]
      ]
      if (mkfifo(fifo)) paths.push([fifo, KIND.other])
      for (const [path, kind] of paths) {
        for (const length of [0, page]) {
          const outcome = await run(path, { length })
          expect(outcome, path).to.include({ errno: 0, kind })
          expect(outcome, path).to.not.have.property('buffer')
          release(outcome)
        }
      }
    })

    it('takes files without blocks for what they are: sparse and empty files, not pseudo ones', () => {
      const files: [path: string, size: number][] = [
        [tempFile('empty'), 0],
        [sparseFile('all holes', 7 * GiB + 1), 7 * GiB + 1]
      ]
      for (const [path, size] of files) {
        const outcome = runSync(path, { length: 0 })
        expect(outcome, path).to.include({ errno: 0, kind: KIND.file, size })
        release(outcome)
      }
    })
  })

  describe('errors of the OS', () => {
    it('answers the number and the call, and no descriptor', async () => {
      const file = tempFile('plain')
      const link = tempPath('a link')
      symlinkSync(file, link)
      const cases: [path: string, flags: number, errno: number][] = [
        [tempPath('missing'), 0, ENOENT],
        [`${file}/below`, 0, ENOTDIR],
        [link, constants.O_NOFOLLOW, ELOOP],
        ['x'.repeat(5000), 0, ENAMETOOLONG],
        ['', 0, ENOENT]
      ]
      for (const [path, flags, errno] of cases) {
        for (const outcome of [await run(path, { flags }), runSync(path, { flags })])
          expect(outcome, path.slice(0, 50))
            .to.include({ errno, syscall: 'open', fd: -1 })
            .and.not.have.property('buffer')
      }
    })

    it('says that a closed descriptor is closed', async () => {
      const fd = openSync(tempFile('closed'), 'r')
      closeSync(fd)
      expect(await run(fd)).to.include({ errno: EBADF, syscall: 'fstat', fd })
      expect(addon.forget(fd, 0, 0)).to.equal(EBADF)
    })

    it('passes on that a file cannot be mapped, and closes it again', function () {
      // A file of sysfs that tells its true size.
      const path = '/sys/kernel/notes'
      const { size, fd, errno } = runSync(path, { length: 0 })
      if (errno !== 0) return this.skip()
      addon.closeSync(fd)
      expect(runSync(path, { length: size })).to.include({ errno: ENODEV, syscall: 'mmap', fd: -1 })
      expect(descriptorsOf(path)).to.deep.equal([])
    })
  })

  describe('cancel', () => {
    it('ends jobs that run and jobs that wait with ECANCELED, and undoes what they did', async () => {
      const path = sparseFile('cancelled', 3 * GiB)
      const jobs = Array.from({ length: 12 }, nextJob)
      const outcomes = jobs.map(job => run(path, { length: 3 * GiB }, job))
      for (const job of jobs) addon.cancel(job)
      for (const outcome of await Promise.all(outcomes)) {
        expect(outcome).to.include({ errno: ECANCELED, syscall: '', fd: -1 })
        expect(outcome).to.not.have.property('buffer')
      }
      expect([mappingsOf(path), descriptorsOf(path)]).to.deep.equal([[], []])
      expect(addon.counters()).to.include({ mappings: 0, mappedBytes: 0, jobs: 0 })
    })

    it('leaves a given descriptor alone, and knows no job that is over', async () => {
      const { fd } = runSync(tempFile('kept', 'x'.repeat(page)), { length: 0 })
      const job = nextJob()
      const outcome = run(fd, {}, job)
      addon.cancel(job)
      expect(await outcome).to.include({ errno: ECANCELED, fd })
      addon.cancel(job)
      addon.cancel(job + 1)
      const next = await run(fd)
      expect(next.errno).to.equal(0)
      release(next)
    })
  })

  describe('descriptors', () => {
    it('are closed once: not again, and not those of others', async () => {
      const path = tempFile('closing')
      const { fd } = runSync(path, { length: 0 })
      expect(await addon.close(fd)).to.equal(0)
      expect(descriptorsOf(path)).to.deep.equal([])
      expect(await addon.close(fd)).to.equal(EBADF)
      expect(addon.closeSync(fd)).to.equal(EBADF)
      const foreign = openSync(path, 'r')
      expect(await addon.close(foreign)).to.equal(EBADF)
      closeSync(foreign)
    })

    it('are not passed on to children', () => {
      const path = tempFile('not inherited', 'x')
      const outcome = runSync(path, { length: 1 })
      expect(descriptorsOf(path)).to.deep.equal([outcome.fd])
      const { stdout } = spawnSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' })
      expect(stdout).to.contain('/proc').and.not.contain(path)
      release(outcome)
    })
  })

  describe('advice', () => {
    before(needsMappings)

    it('tells which pages are in RAM, and brings them there', async () => {
      const path = tempFile('advised', bytesAt(1, 0, 2 * MiB + 1))
      const { fd } = runSync(path, { length: 0 })
      const outcome = runSync(fd, { length: 2 * MiB + 1 })
      const { slot, serial } = outcome
      const pages = new Uint8Array(Math.ceil((2 * MiB + 1) / page))
      for (const advice of Object.values(ADVICE))
        expect(addon.advise(slot, serial, 1, 2 * MiB, advice)).to.equal(0)
      expect(addon.advise(slot, serial, 0, 2 * MiB + 1, ADVICE.populate)).to.equal(0)
      expect(addon.resident(slot, serial, pages)).to.equal(0)
      expect(pages.every(byte => (byte & 1) === 1)).to.equal(true)
      expect(addon.forget(fd, 0, 0)).to.equal(0)
      expect(bytesOf(outcome).equals(bytesAt(1, 0, 2 * MiB + 1))).to.equal(true)
      release(outcome)
    })
  })

  it('counts mappings, bytes in whole pages, resting ranges and jobs', async function () {
    needsMappings.call(this)
    addon.drain()
    const { fd } = runSync(tempFile('counted', 'x'.repeat(3 * page)), { length: 0 })
    const pending = run(fd, { length: page + 1 })
    expect(addon.counters().jobs).to.equal(1)
    const one = await pending
    const two = runSync(fd, { length: 1 })
    expect(addon.counters()).to.include({
      mappings: 2,
      mappedBytes: 3 * page,
      resting: 0,
      restingBytes: 0,
      jobs: 0
    })
    release(one, true)
    expect(addon.counters()).to.include({
      mappings: 1,
      mappedBytes: page,
      resting: 1,
      restingBytes: 2 * page
    })
    release(two)
    addon.drain()
    expect(addon.counters()).to.include({ mappings: 0, mappedBytes: 0, resting: 0, restingBytes: 0, jobs: 0 })
  })
})
