/** What Windows has that no other system has. `npm run test:windows` runs it under wine. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { join, relative, toNamespacedPath } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { expect } from 'chai'
import { MapManager, type MappedFile, type WindowOptions } from '../lib/index.js'
import { findAddon, loadAddon } from '../lib/mapping/load-addon.js'
import { failure } from './support/failure.js'
import { bytesAt, collect, GiB, KiB, MiB, sparseFile, tempFile, tempPath } from './support/files.js'
import { eventually, realMappers } from './support/mappers.js'

/** libuv's flag for opening a file alone, which Node does not name. */
const O_EXLOCK = 0x10000000
const content = bytesAt(1, 0, 300_000)

/** All bytes of a file, through windows that are smaller than it. */
function bytesOf(file: MappedFile, options: WindowOptions = {}): Promise<Buffer> {
  async function* pieces() {
    for await (const { bytes } of file.windows({ size: 100_000, ...options })) yield bytes
  }
  return collect(pieces())
}

/** Linux' own, where this is wine: Windows' refuses to cut short what is mapped. */
const truncate = '/usr/bin/truncate'
const isWine = process.platform === 'win32' && fs.existsSync(`Z:${truncate}`)

/** What Node itself says of a call. */
function codeOf(call: () => unknown): string | undefined {
  try {
    call()
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  }
}

if (process.platform === 'win32') {
  for (const mapper of realMappers)
    describe(`On Windows, with the ${mapper} mapper,`, () => everywhere(mapper))
  if (realMappers.includes('native')) describe('On Windows, with the native mapper,', native)
}

function everywhere(mapper: 'native' | 'read'): void {
  let manager: MapManager
  beforeEach(() => {
    manager = new MapManager({ mapper })
  })
  afterEach(() => manager.close())

  async function read(source: Parameters<MapManager['open']>[0]): Promise<boolean> {
    const file = await manager.open(source)
    const equal = (await bytesOf(file)).equals(content)
    await file.close()
    return equal
  }

  describe('a path', () => {
    it('may have spaces, any script, dots, and either slash', async () => {
      for (const name of [
        'a file.bin',
        'ü 日本 🗺.bin',
        'two  spaces/in it.d/x',
        "it's (50%) #1 & more.bin"
      ]) {
        const path = tempFile(name, content)
        for (const source of [path, path.replaceAll('\\', '/'), Buffer.from(path), pathToFileURL(path)]) {
          expect(await read(source), String(source)).to.equal(true)
        }
      }
    })

    it('may have more than 260 characters, as Node takes it', async () => {
      const folder = join(tempPath('long'), ...Array.from({ length: 30 }, (_, i) => `a folder ü number ${i}`))
      fs.mkdirSync(folder, { recursive: true })
      const path = join(folder, 'deep.bin')
      expect(path.length).to.be.greaterThan(600)
      fs.writeFileSync(path, content)
      for (const source of [
        path,
        pathToFileURL(path),
        toNamespacedPath(path),
        relative(process.cwd(), path)
      ]) {
        expect(await read(source), String(source)).to.equal(true)
      }
      const missing = join(folder, 'missing')
      expect(await failure(manager.open(missing))).to.include({ code: 'ENOENT', path: missing })
      fs.rmSync(tempPath('long'), { recursive: true })
    })

    it('may be of another case than the name of the file', async () => {
      const path = tempFile('Cased.bin', content)
      expect(await read(path.toUpperCase().replace(/^.*\\/, match => path.slice(0, match.length)))).to.equal(
        true
      )
      const file = await manager.open(path)
      const cursor = file.cursor().use(0)
      expect(manager.unmapFile(path.toUpperCase())).to.equal(1)
      expect(cursor.valid).to.equal(false)
    })

    it('that is a Buffer and absolute is found again when it is opened anew', async () => {
      await using few = new MapManager({ mapper, maxHandles: 1 })
      const file = await few.open(Buffer.from(tempFile('again.bin', content)))
      const other = await few.open(tempFile('between.bin', 'x'))
      expect((await bytesOf(other)).toString()).to.equal('x')
      expect((await bytesOf(file)).equals(content)).to.equal(true)
    })

    it('of a folder, of nothing, and with a name that cannot be is refused as Node refuses it', async () => {
      expect(await failure(manager.open(tempPath('.')).then(file => bytesOf(file)))).to.include({
        code: 'EISDIR'
      })
      for (const name of ['missing', 'no/such/folder', 'a<b', 'a|b', 'a?b']) {
        const path = tempPath(name)
        const code = codeOf(() => fs.closeSync(fs.openSync(path, 'r')))
        expect(await failure(manager.open(path)), path).to.include({ code, syscall: 'open', path })
      }
    })
  })

  describe('a file in use', () => {
    it('by somebody who shares it with no one is refused as Node refuses it', async () => {
      const path = tempFile('alone.bin', content)
      const alone = fs.openSync(path, fs.constants.O_RDWR | O_EXLOCK)
      try {
        const code = codeOf(() => fs.closeSync(fs.openSync(path, 'r')))
        expect(code).to.equal('EBUSY')
        expect(await failure(manager.open(path))).to.include({ code, syscall: 'open', path })
      } finally {
        fs.closeSync(alone)
      }
      expect(await read(path)).to.equal(true)
    })

    it('here may be opened, written to and renamed by others', async () => {
      const path = tempFile('shared.bin', content)
      const file = await manager.open(path)
      const cursor = file.cursor().use(0)
      expect(cursor.bytes.length).to.equal(content.length)
      const writer = fs.openSync(path, 'r+')
      fs.writeSync(writer, 'more', content.length)
      fs.closeSync(writer)
      expect(await file.refresh()).to.equal(content.length + 4)
      expect((await file.read(content.length, 4)).toString()).to.equal('more')
      fs.renameSync(path, tempPath('renamed.bin'))
      expect(cursor.bytes.subarray(0, 100).equals(content.subarray(0, 100))).to.equal(true)
      expect((await file.read(200_000, 100)).equals(content.subarray(200_000, 200_100))).to.equal(true)
    })

    it('here may be deleted and replaced once unmapFile() has been called, and is told apart from the new one', async () => {
      const path = tempFile('replaced.bin', content)
      const file = await manager.open(path)
      const cursor = file.cursor().use(0)
      const windows = file.windows({ size: 64 * KiB, prefetch: 0 })
      const { value: window } = await windows.next()
      if (mapper === 'native') expect(codeOf(() => fs.unlinkSync(path))).to.equal('EPERM')
      expect(manager.unmapFile(path)).to.be.greaterThan(0)
      expect([cursor.valid, window?.length && manager.stats().mappedBytes]).to.deep.equal([false, 0])
      fs.unlinkSync(path)
      expect(fs.existsSync(path)).to.equal(false)
      fs.writeFileSync(path, 'another one')
      expect(await failure(windows.next())).to.include({ code: 'ERR_MAP_RELEASED' })
      expect(await failure(file.read(0, 10))).to.include({ code: 'ERR_MAP_FILE_CHANGED' })
      await file.close()
      fs.renameSync(tempFile('next.bin', content), path)
      expect(await read(path)).to.equal(true)
    })
  })

  describe('closing', () => {
    const orders: [string, (manager: MapManager, path: string) => Promise<void>][] = [
      [
        'a window, then its file',
        async (manager, path) => {
          const file = await manager.open(path)
          for await (const window of file.windows({ size: 64 * KiB })) window.release()
          await file.close()
        }
      ],
      [
        'a file under a retained window and a cursor',
        async (manager, path) => {
          const file = await manager.open(path)
          file.cursor().use(0)
          const { value: window } = await file.windows({ size: 64 * KiB }).next()
          window?.retain()
          await file.close()
        }
      ],
      [
        'the manager under a walk, a load and a stream',
        async (manager, path) => {
          const file = await manager.open(path)
          await file.windows({ size: 64 * KiB, prefetch: 2 }).next()
          file
            .cursor()
            .load(70_000)
            .catch(() => {})
          file
            .stream()
            .on('error', () => {})
            .resume()
          await manager.close()
        }
      ]
    ]
    for (const [what, close] of orders) {
      it(`${what}, leaves nothing that forbids to delete the file`, async () => {
        const path = tempFile('closed.bin', content)
        await close(manager, path)
        fs.unlinkSync(path)
        expect(fs.existsSync(path)).to.equal(false)
      })
    }
  })

  it('bytes on either side of 2 and 4 GiB, and far beyond, are right', async () => {
    const places = [2 * GiB, 4 * GiB, 6 * GiB + 12_345, 40 * GiB]
    const blocks = places.map(place => ({
      offset: place - 70_000,
      bytes: bytesAt(2, place - 70_000, 140_000)
    }))
    const file = await manager.open(sparseFile('far.bin', 41 * GiB, blocks))
    for (const place of places) {
      const [start, end] = [place - 70_000, place + 70_000]
      const expected = bytesAt(2, start, 140_000)
      expect((await bytesOf(file, { start, end, size: 64 * KiB })).equals(expected), `${place}`).to.equal(
        true
      )
      expect((await file.read(start, 140_000)).equals(expected), `read at ${place}`).to.equal(true)
    }
    expect((await file.read(41 * GiB - 1, 9)).length).to.equal(1)
  })
}

function native(): void {
  const addon = loadAddon()
  const open = (path: string, length: number, populate = true) =>
    addon.runSync(-1, Buffer.from(toNamespacedPath(path)), 0, 0, length, populate)
  const end = (outcome: ReturnType<typeof open>) => {
    addon.unmap(outcome.slot, outcome.serial, outcome.buffer ?? null)
    addon.closeSync(outcome.fd)
  }
  const cutBehindItsBack = async (path: string, size: number) => {
    const unixPath = path.slice(2).replaceAll('\\', '/')
    spawnSync('start.exe', ['/unix', truncate, '-s', `${size}`, unixPath])
    // Wine does not wait for programs of Linux.
    await eventually(() => fs.statSync(path).size === size)
  }

  it('offsets of mappings are multiples of 64 KiB, and windows begin anywhere', async () => {
    expect([addon.granularity, addon.pageSize]).to.deep.equal([64 * KiB, 4 * KiB])
    await using manager = new MapManager({ mapper: 'native', windowSize: 64 * KiB })
    const file = await manager.open(tempFile('anywhere.bin', content))
    for (const start of [1, 4096, 65_535, 65_536, 65_537, 200_001]) {
      expect((await bytesOf(file, { start, overlap: 100 })).length).to.be.greaterThan(
        content.length - start - 1
      )
      expect((await bytesOf(file, { start })).equals(content.subarray(start)), `${start}`).to.equal(true)
    }
  })

  it('a mapped file cannot be cut short, and can once it is not', async () => {
    await using manager = new MapManager({ mapper: 'native' })
    const path = tempFile('cut.bin', content)
    const file = await manager.open(path)
    file.cursor().use(0)
    expect(codeOf(() => fs.truncateSync(path, 10))).to.be.a('string')
    expect(fs.statSync(path).size).to.equal(content.length)
    expect(manager.unmapFile(path)).to.equal(1)
    fs.truncateSync(path, 10)
    expect(await failure(file.read(0, 100))).to.include({ code: 'ERR_MAP_FILE_CHANGED' })
    expect(await file.refresh()).to.equal(10)
    expect((await file.read(0, 100)).equals(content.subarray(0, 10))).to.equal(true)
  })

  it('a job on a file that is cut short and grows meanwhile comes to its bytes or its size, never an error', async () => {
    const path = tempFile('racing.bin', content)
    const stop = new Int32Array(new SharedArrayBuffer(4))
    const worker = new Worker(
      `const { workerData: { path, length, stop } } = require('node:worker_threads')
       const { ftruncateSync, openSync, closeSync } = require('node:fs')
       const fd = openSync(path, 'r+')
       const resize = size => { try { ftruncateSync(fd, size) } catch {} }
       while (Atomics.load(stop, 0) === 0) { resize(10); resize(length) }
       closeSync(fd)`,
      { eval: true, execArgv: [], workerData: { path, length: content.length, stop } }
    )
    await once(worker, 'online')
    const wrong: unknown[] = []
    for (let i = 0; i < 300; i++) {
      const outcome = open(path, content.length)
      const { errno, syscall, size, buffer } = outcome
      const right = errno === 0 && size < content.length === (buffer === undefined)
      if (!right) wrong.push({ errno, syscall, size, bytes: buffer?.byteLength })
      if (errno === 0) end(outcome)
    }
    Atomics.store(stop, 0, 1)
    await once(worker, 'exit')
    expect(wrong).to.deep.equal([])
  })

  it('a page that is lost reads as zeros, is counted, and becomes an error', async function () {
    if (!isWine) this.skip()
    const path = tempFile('lost.bin', bytesAt(1, 0, 4 * MiB))
    const outcome = open(path, 4 * MiB)
    const bytes = Buffer.from(outcome.buffer as ArrayBuffer)
    const losses = addon.losses[0] as number
    await cutBehindItsBack(path, 100)
    expect(addon.fault(outcome.slot, outcome.serial)).to.equal(-1)
    expect(bytes[2 * MiB]).to.equal(0)
    expect(addon.fault(outcome.slot, outcome.serial), 'all of the view').to.equal(0)
    expect(addon.losses[0]).to.equal(losses + 1)
    expect(bytes.every(byte => byte === 0)).to.equal(true)
    end(outcome)

    await using manager = new MapManager({ mapper: 'native' })
    const file = await manager.open(tempFile('lost.bin', content))
    const windows = file.windows({ size: 64 * KiB, prefetch: 0 })
    await windows.next()
    const { value: second } = await windows.next()
    await cutBehindItsBack(path, 10)
    expect(second?.bytes[60_000]).to.equal(0)
    expect(await failure(windows.next())).to.include({ code: 'ERR_MAP_FILE_TRUNCATED', path })
  })

  it('what rests takes no memory, however much it is, and is given back', async () => {
    const path = sparseFile('resting.bin', 64 * MiB)
    addon.drain()
    const before = process.memoryUsage().rss
    for (let i = 0; i < 100; i++) end(open(path, 64 * MiB, false))
    expect(addon.counters()).to.include({ mappings: 0, resting: 100, restingBytes: 6400 * MiB })
    expect(process.memoryUsage().rss - before).to.be.lessThan(64 * MiB)
    fs.unlinkSync(path)
    addon.drain()
    expect(addon.counters()).to.include({ resting: 0, restingBytes: 0 })
  })

  it('a Worker that is terminated leaves neither mapping nor descriptor', async () => {
    const path = tempFile('worker.bin', content)
    const worker = new Worker(
      `const { parentPort, workerData: { addonPath, path } } = require('node:worker_threads')
       const addon = require(addonPath)
       globalThis.kept = [1, 2, 3].map(() => addon.runSync(-1, Buffer.from(path), 0, 0, 300000, true))
       for (let job = 1; job <= 8; job++) addon.run(job, -1, Buffer.from(path), 0, 0, 300000, true)
       parentPort.postMessage(kept.length)
       setInterval(() => {}, 1000)`,
      { eval: true, execArgv: [], workerData: { addonPath: findAddon(), path } }
    )
    await once(worker, 'message')
    expect(codeOf(() => fs.unlinkSync(path))).to.equal('EPERM')
    await worker.terminate()
    fs.unlinkSync(path)
    fs.writeFileSync(path, 'free')
  })

  it('Workers that map and release at the same time get their own bytes', async () => {
    const workers = Array.from({ length: 3 }, (_, i) => {
      const path = tempFile(`worker-${i}.bin`, Buffer.alloc(2 * MiB, i + 1))
      return new Worker(
        `const { parentPort, workerData: { addonPath, path, byte } } = require('node:worker_threads')
         const addon = require(addonPath)
         let wrong = 0
         for (let i = 0; i < 100; i++) {
           const o = addon.runSync(-1, Buffer.from(path), 0, 65536 * (i % 16), 1048576, false)
           const bytes = Buffer.from(o.buffer)
           if (bytes[0] !== byte || bytes[1048575] !== byte || bytes[i * 100] !== byte) wrong++
           addon.unmap(o.slot, o.serial, o.buffer)
           addon.closeSync(o.fd)
         }
         parentPort.postMessage([wrong, addon.counters().mappings])`,
        { eval: true, execArgv: [], workerData: { addonPath: findAddon(), path, byte: i + 1 } }
      )
    })
    const told = await Promise.all(workers.map(worker => once(worker, 'message')))
    expect(told).to.deep.equal(workers.map(() => [[0, 0]]))
    await turn()
  })
}
