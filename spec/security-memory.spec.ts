/**
 * What of a file is in this process's memory, for how long, and who else sees it; and what is not promised: docs that
 * claim something name the spec that shows it.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { MapManager } from '../lib/index.js'
import { root } from './support/child.js'
import { bytesAt, KiB, tempFile } from './support/files.js'
import { needsMappings, realMappers } from './support/mappers.js'
import { canWitness, mappingsOf } from './support/os.js'

/** Bytes of a file's mapping that this process has copies of, by what the OS says of each. */
function privateBytesOf(path: string): number {
  let inside = false
  let kib = 0
  for (const line of readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) inside = line.endsWith(` ${path}`)
    const dirty = /^Anonymous:\s+(\d+) kB/.exec(line)
    if (inside && dirty) kib += Number(dirty[1])
  }
  return kib * KiB
}

describe('Memory, on the native mapper', () => {
  const content = bytesAt(21, 0, 256 * KiB)
  let manager: MapManager
  let path: string

  before(function () {
    if (!canWitness) this.skip()
    needsMappings.call(this)
  })

  beforeEach(() => {
    manager = new MapManager({ mapper: 'native', windowSize: 64 * KiB })
    path = tempFile('security-memory', content)
  })

  afterEach(() => manager.close())

  it('is the page cache until it is written to; then a page is a copy of this process, and never the file', async () => {
    const file = await manager.open(path)
    const windows = file.windows()
    const { value: window } = await windows.next()
    if (!window) throw new Error('no window')
    expect(window.bytes.equals(content.subarray(0, 64 * KiB))).to.equal(true)
    expect(privateBytesOf(path)).to.equal(0)
    window.bytes.fill(0xaa, 0, 100)
    expect(privateBytesOf(path)).to.be.within(1, 64 * KiB)
    expect(readFileSync(path).equals(content)).to.equal(true)
    await windows.return?.()
  })

  it('has nothing of a file once its window is released: neither a mapping nor a view', async () => {
    const file = await manager.open(path)
    const windows = file.windows({ prefetch: 0 })
    const { value: window } = await windows.next()
    const view = window?.bytes as Buffer
    window?.release()
    expect(mappingsOf(path)).to.deep.equal([])
    expect(view).to.have.length(0)
    await windows.return?.()
  })

  it('is mapped private, readable and writable, never executable', async () => {
    const file = await manager.open(path)
    using cursor = file.cursor()
    cursor.use(0)
    const lines = readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .filter(line => line.endsWith(path))
    expect(lines).to.not.be.empty
    for (const line of lines) expect(line).to.match(/^\S+ rw-p /)
  })

  it('is not given to programs that are executed', async () => {
    const file = await manager.open(path)
    using cursor = file.cursor()
    cursor.use(0)
    expect(mappingsOf(path)).to.not.be.empty
    const { stdout } = spawnSync('cat', ['/proc/self/maps'], { encoding: 'utf8' })
    expect(stdout).to.include('[stack]').and.to.not.include(path)
  })
})

describe('A file that is rewritten in place while it is read', () => {
  for (const mapper of realMappers) {
    it(`is seen as it is at each moment, half of it old and half new, without an error: ${mapper}`, async () => {
      const path = tempFile('security-rewritten', Buffer.alloc(256 * KiB, 'a'))
      await using manager = new MapManager({ mapper, windowSize: 64 * KiB, prefetch: 0 })
      const file = await manager.open(path)
      let seen = ''
      for await (const { bytes } of file.windows()) {
        seen += String.fromCharCode(bytes[0] as number)
        if (seen !== 'aa') continue
        const fd = openSync(path, 'r+')
        writeSync(fd, Buffer.alloc(256 * KiB, 'b'), 0, 256 * KiB, 0)
        closeSync(fd)
      }
      expect(seen).to.equal('aabb')
    })
  }
})

describe('docs/safety.md and SECURITY.md', () => {
  for (const name of ['docs/safety.md', 'SECURITY.md']) {
    it(`${name} names specs that are there, with titles that they have`, () => {
      const text = readFileSync(join(root, name), 'utf8')
      const named = [...text.matchAll(/`((?:spec|prove)\/[\w./-]+)`(?:, "([^"]+)")?/g)]
      expect(named).to.not.be.empty
      for (const [, path = '', title] of named) {
        expect(existsSync(join(root, path)), path).to.equal(true)
        if (title) expect(readFileSync(join(root, path), 'utf8'), path).to.include(title)
      }
    })
  }

  it('docs/safety.md names a spec for every claim', () => {
    const rows = readFileSync(join(root, 'docs/safety.md'), 'utf8')
      .split('\n')
      .filter(line => line.startsWith('| ') && !/^\| (what|---)/.test(line))
    expect(rows).to.have.length.above(15)
    for (const row of rows) expect(row).to.match(/`(spec|prove)\/[\w./-]+`/)
  })
})
