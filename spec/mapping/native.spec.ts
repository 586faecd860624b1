import { constants as limits } from 'node:buffer'
import * as fs from 'node:fs'
import { constants } from 'node:os'
import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'chai'
import { type Addon, type AddonOutcome, KIND } from '../../lib/mapping/addon.js'
import { loadAddon } from '../../lib/mapping/load-addon.js'
import { nativeMapper } from '../../lib/mapping/native.js'
import { bytesAt, tempFile, temporaryFolder } from '../support/files.js'
import { needsMappings } from '../support/mappers.js'
import { mappingsOf } from '../support/os.js'
import { requireAddon } from './installed.js'

const { EACCES, ECANCELED, EMFILE, ENFILE, ENODEV, ENOMEM, ENOENT } = constants.errno

const success: AddonOutcome = {
  errno: 0,
  syscall: '',
  fd: 7,
  kind: KIND.file,
  size: 100_000,
  dev: 1n,
  ino: 2n,
  mtimeNs: 3n,
  slot: -1,
  serial: -1
}

/** A stand-in for the addon: comes to the outcome it is told to, and notes what is asked of it. */
function standIn(outcome: Partial<AddonOutcome> = {}, change: Partial<Addon> = {}) {
  const calls: unknown[][] = []
  const note =
    <R>(name: string, result: R) =>
    (...args: unknown[]): R => {
      calls.push([name, ...args])
      return result
    }
  const addon: Addon = {
    pageSize: 4096,
    granularity: 65_536,
    losses: new Uint32Array(1),
    run: note('run', Promise.resolve({ ...success, ...outcome })),
    runSync: note('runSync', { ...success, ...outcome }),
    readSmall: note('readSmall', Promise.resolve(new Int32Array())),
    cancel: note('cancel', undefined),
    unmap: note('unmap', -1),
    fault: note('fault', -1),
    advise: note('advise', 0),
    resident: note('resident', 0),
    forget: note('forget', 0),
    scan: note('scan', 0),
    visitCache: note('visitCache', Promise.resolve(new Float64Array())),
    close: note('close', Promise.resolve(0)),
    closeSync: note('closeSync', 0),
    keepFreedMemory: note('keepFreedMemory', undefined),
    drain: note('drain', undefined),
    counters: () => expect.fail('not asked for'),
    ...change
  }
  return { addon, calls }
}

/** What a job is rejected with. */
async function reasonOf(job: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await job
  } catch (error) {
    return error as Error & Record<string, unknown>
  }
  return expect.fail('it succeeded')
}

function mapped(length: number): Partial<AddonOutcome> {
  return { buffer: new ArrayBuffer(length), slot: 5, serial: 77 }
}

describe('the native mapper', () => {
  it('says of itself what the addon says', () => {
    const mapper = nativeMapper(standIn().addon)
    expect(mapper).to.include({ pageSize: 4096, granularity: 65_536, maxOffset: 2 ** 53 - 1 })
    expect(mapper.maxLength).to.equal(limits.MAX_LENGTH)
  })

  it('asks for one job: open, stat, map and populate off this thread; not to populate on it', async () => {
    const { addon, calls } = standIn(mapped(99))
    const mapper = nativeMapper(addon)
    const task = { target: '/ä', flags: 8, offset: 65_536, length: 99 }
    const { fd, info, mapping } = await mapper.run(task)
    mapper.runSync({ ...task, target: Buffer.from('/b'), exact: true })
    mapper.runSync({ target: 3 })
    expect(calls).to.deep.equal([
      ['run', 1, -1, Buffer.from('/ä'), 8, 65_536, 99, true, undefined],
      ['runSync', -1, Buffer.from('/b'), 8, 65_536, 99, false, true],
      ['runSync', 3, null, 0, 0, 0, false, undefined]
    ])
    expect(fd).to.equal(7)
    expect(info).to.deep.equal({ kind: 'file', size: 100_000, dev: 1n, ino: 2n, mtimeNs: 3n })
    expect(mapping?.buffer.byteLength).to.equal(99)
  })

  it('asks the addon of its own mapping, and unmaps it once', () => {
    const { addon, calls } = standIn(mapped(99), {
      unmap: (...args) => {
        calls.push(['unmap', ...args])
        return 64
      }
    })
    const mapping = nativeMapper(addon).runSync({ target: 3, length: 99 }).mapping
    expect(mapping?.fault()).to.equal(-1)
    expect(mapping?.unmap()).to.equal(64)
    expect(mapping?.unmap()).to.equal(64)
    expect(mapping?.fault()).to.equal(64)
    mapping?.forget()
    expect(calls.slice(1)).to.deep.equal([
      ['fault', 5, 77],
      ['unmap', 5, 77, mapping?.buffer],
      ['unmap', 5, 77, null]
    ])
  })

  it('asks what a mapping lost once, and again only when anything was lost', () => {
    const losses = new Uint32Array([2 ** 32 - 1])
    const answers = [-1, -1, 64]
    const { addon } = standIn(mapped(99), { losses, fault: () => answers.shift() as number })
    const mapping = nativeMapper(addon).runSync({ target: 3, length: 99 }).mapping
    for (const [count, lost, left] of [
      [2 ** 32 - 1, -1, 2],
      [0, -1, 1],
      [1, 64, 0]
    ]) {
      losses[0] = count as number
      expect([mapping?.fault(), mapping?.fault(), answers.length]).to.deep.equal([lost, lost, left])
    }
  })

  it('makes Node’s errors of what the OS said, with a hint where there is one', async () => {
    const cases = [
      [EACCES, 'open', /^EACCES: permission denied, open '\/x'$/],
      [EMFILE, 'open', /^EMFILE: .*ulimit -n/],
      [ENFILE, 'open', /^ENFILE: .*fs\.file-max/],
      [ENOMEM, 'mmap', /^ENOMEM: .*vm\.max_map_count.*ulimit -v/],
      [ENODEV, 'mmap', /^ENODEV: no such device, mmap '\/x'$/]
    ] as const
    for (const [errno, syscall, message] of cases) {
      const { addon, calls } = standIn({ errno, syscall, fd: -1 })
      const error = await reasonOf(nativeMapper(addon).run({ target: '/x', length: 1 }))
      expect(error.message).to.match(message)
      expect(error).to.include({ errno: -errno, syscall, path: '/x' })
      expect(() => nativeMapper(addon).runSync({ target: '/x', length: 1 })).to.throw(message)
      expect(calls.map(([name]) => name)).to.deep.equal(['run', 'runSync'])
    }
  })

  it('cancels its own job, whoever else works on the same addon', async () => {
    const started: number[] = []
    const cancelled: number[] = []
    const jobs = new Map<number, (outcome: AddonOutcome) => void>()
    const { addon } = standIn(
      {},
      {
        run: job => {
          started.push(job)
          return new Promise(resolve => jobs.set(job, resolve))
        },
        cancel: job => {
          cancelled.push(job)
          jobs.get(job)?.({ ...success, errno: ECANCELED, syscall: 'madvise', fd: -1 })
        }
      }
    )
    const controllers = [1, 2, 3, 4].map(() => new AbortController())
    const [one, two] = [nativeMapper(addon), nativeMapper(addon)]
    const reasons = controllers.map(({ signal }, i) =>
      reasonOf((i % 2 ? two : one).run({ target: '/x', length: 1 }, signal))
    )
    expect(new Set(started).size).to.equal(4)
    for (const i of [2, 0, 3, 1]) controllers[i]?.abort(`reason ${i}`)
    expect(await Promise.all(reasons)).to.deep.equal(['reason 0', 'reason 1', 'reason 2', 'reason 3'])
    expect(cancelled).to.deep.equal([2, 0, 3, 1].map(i => started[i]))
  })

  it('undoes a job that was done before it heard of the abort', async () => {
    const controller = new AbortController()
    const { addon, calls } = standIn(mapped(10))
    const job = reasonOf(nativeMapper(addon).run({ target: '/x', length: 10 }, controller.signal))
    controller.abort('late')
    expect(await job).to.equal('late')
    expect(calls.map(([name]) => name)).to.deep.equal(['run', 'cancel', 'unmap', 'close'])
    expect(calls[3]).to.deep.equal(['close', 7])
  })

  it('leaves a descriptor open that it was given, also when it undoes a job', async () => {
    const controller = new AbortController()
    const { addon, calls } = standIn({ ...mapped(10), fd: 3 })
    const job = reasonOf(nativeMapper(addon).run({ target: 3, length: 10 }, controller.signal))
    controller.abort('late')
    expect(await job).to.equal('late')
    expect(calls.map(([name]) => name)).to.deep.equal(['run', 'cancel', 'unmap'])
  })

  it('rejects with what the addon throws', async () => {
    const { addon } = standIn(
      {},
      {
        run: () => {
          throw new RangeError('refused')
        }
      }
    )
    const { signal } = new AbortController()
    const error = await reasonOf(nativeMapper(addon).run({ target: '/x', length: 1 }, signal))
    expect(error.message).to.equal('refused')
  })

  it('refuses what cannot be mapped, and closes what it opened', async () => {
    const cases = [
      [KIND.directory, 'EISDIR'],
      [KIND.other, 'ERR_MAP_UNSUPPORTED'],
      [KIND.pseudo, 'ERR_MAP_UNSUPPORTED']
    ] as const
    for (const [kind, code] of cases) {
      const { addon, calls } = standIn({ kind })
      const mapper = nativeMapper(addon)
      expect(await reasonOf(mapper.run({ target: '/x', length: 1 }))).to.include({ code, path: '/x' })
      expect(() => mapper.runSync({ target: '/x', length: 1 }))
        .to.throw()
        .with.property('code', code)
      expect(() => mapper.runSync({ target: 7, length: 1 }))
        .to.throw()
        .with.property('code', code)
      expect(calls.map(([name]) => name)).to.deep.equal(['run', 'close', 'runSync', 'closeSync', 'runSync'])
      expect(mapper.runSync({ target: '/x' }).fd).to.equal(7)
    }
  })

  it('looks again at a descriptor whose file falls short: it may be one without a size', async () => {
    for (const kind of [KIND.pseudo, KIND.file]) {
      const answers = [
        { kind: KIND.file, size: 0 },
        { kind, size: 500 }
      ]
      const calls: unknown[][] = []
      const answer = (...args: unknown[]) => {
        calls.push(args)
        return { ...success, fd: 3, ...answers[(calls.length - 1) % 2] }
      }
      const mapper = nativeMapper(
        standIn({}, { run: async (...args) => answer(...args), runSync: answer }).addon
      )
      const task = { target: 3, length: 100 }
      if (kind === KIND.pseudo) {
        expect(await reasonOf(mapper.run(task))).to.include({ code: 'ERR_MAP_UNSUPPORTED' })
        expect(() => mapper.runSync(task)).to.throw('whose size is not its content')
      } else {
        for (const outcome of [await mapper.run(task), mapper.runSync(task)]) {
          expect(outcome.mapping).to.equal(undefined)
          expect(outcome.info).to.include({ kind: 'file', size: 0 })
        }
      }
      expect(calls.map(args => args.filter(arg => arg !== undefined).slice(-3))).to.deep.equal([
        [0, 100, true],
        [0, 0, false],
        [0, 100, false],
        [0, 0, false]
      ])
    }
  })

  it('takes no mapping that reaches past the size', () => {
    const { addon, calls } = standIn({ ...mapped(100), size: 99 })
    const { fd, info, mapping } = nativeMapper(addon).runSync({ target: '/x', length: 100 })
    expect(fd).to.equal(7)
    expect(info.size).to.equal(99)
    expect(mapping).to.equal(undefined)
    expect(calls.map(([name]) => name)).to.deep.equal(['runSync', 'unmap'])
  })

  it('detaches a copy, too, where the runtime forbids external buffers', () => {
    const { addon, calls } = standIn({ ...mapped(100), copied: true })
    const mapper = nativeMapper(addon)
    const { mapping } = mapper.runSync({ target: '/x', length: 100 })
    const view = Buffer.from(mapping?.buffer as ArrayBuffer)
    expect(mapping?.fault()).to.equal(-1)
    expect(mapping?.unmap()).to.equal(-1)
    expect(mapping?.unmap()).to.equal(-1)
    mapping?.forget()
    expect(view.length).to.equal(0)
    mapper.drain()
    expect(calls.map(([name]) => name)).to.deep.equal(['runSync', 'drain'])
  })

  it('says what the OS said of closing', async () => {
    const { addon } = standIn({}, { close: async () => ENOENT, closeSync: () => ENOENT })
    const mapper = nativeMapper(addon)
    expect(await reasonOf(mapper.close(3))).to.include({ code: 'ENOENT', syscall: 'close' })
    expect(() => mapper.closeSync(3)).to.throw('ENOENT: no such file or directory, close')
  })

  describe('on the addon', () => {
    before(requireAddon)

    it('takes the page size from the OS', () => {
      const { pageSize, granularity } = nativeMapper()
      expect(Number.isInteger(Math.log2(pageSize)), `${pageSize}`).to.equal(true)
      expect(granularity % pageSize).to.equal(0)
    })

    it('reads zeros where a file lost its pages, and says from where on', function () {
      needsMappings.call(this)
      const mapper = nativeMapper()
      const page = mapper.pageSize
      const content = bytesAt(1, 0, 8 * page)
      const path = tempFile('lost', content)
      const { fd, mapping } = mapper.runSync({ target: path, length: 8 * page })
      mapper.closeSync(fd)
      if (!mapping) expect.fail('no mapping')
      const bytes = Buffer.from(mapping.buffer)
      expect(mapping.fault()).to.equal(-1)
      fs.truncateSync(path, 3 * page)
      expect(bytes.subarray(0, 3 * page).equals(content.subarray(0, 3 * page))).to.equal(true)
      expect(mapping.fault()).to.equal(-1)
      expect(bytes.subarray(3 * page).equals(Buffer.alloc(5 * page))).to.equal(true)
      expect(mapping.fault()).to.equal(3 * page)
      expect(mapping.unmap()).to.equal(3 * page)
      expect(mapping.fault()).to.equal(3 * page)
      mapper.drain()
    })

    it('holds no buffer by its forget(), and unmaps what was dropped', async function () {
      needsMappings.call(this)
      if (process.platform !== 'linux') this.skip()
      const mapper = nativeMapper()
      const path = tempFile('dropped', bytesAt(1, 0, 100_000))
      const { buffer, forget } = await drop(path)
      expect(mappingsOf(path).length).to.equal(1)
      for (let i = 0; i < 10; i++) {
        // Not asking the reference in between: that keeps what it refers to until the next turn.
        await turn()
        global.gc?.()
      }
      expect(buffer.deref()).to.equal(undefined)
      forget()
      forget()
      expect(mappingsOf(path)).to.deep.equal([])
      mapper.drain()

      async function drop(target: string): Promise<{ buffer: WeakRef<ArrayBuffer>; forget: () => void }> {
        const { fd, mapping } = await mapper.run({ target, length: 100_000 })
        await mapper.close(fd)
        if (!mapping) expect.fail('no mapping')
        return { buffer: new WeakRef(mapping.buffer), forget: mapping.forget }
      }
    })

    it('counts nothing in the addon after all is released', async function () {
      needsMappings.call(this)
      const addon = loadAddon()
      const mapper = nativeMapper(addon)
      const path = tempFile('counted', bytesAt(1, 0, 100_000))
      const before = addon.counters()
      const { fd, mapping } = await mapper.run({ target: path, length: 100_000 })
      expect(addon.counters().mappings).to.equal(before.mappings + 1)
      mapping?.unmap()
      await mapper.close(fd)
      mapper.drain()
      expect(addon.counters()).to.include({
        mappings: before.mappings,
        mappedBytes: before.mappedBytes,
        resting: 0,
        restingBytes: 0,
        jobs: 0
      })
    })

    it('does not map a folder', () => {
      expect(() => nativeMapper().runSync({ target: temporaryFolder, length: 1 })).to.throw(
        `EISDIR: illegal operation on a directory, read '${temporaryFolder}'`
      )
    })
  })
})
