import { expect } from 'chai'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { addonPath } from '../support/addon.js'
import { MiB, sparseFile, tempFile, tempPath } from '../support/files.js'

const root = join(addonPath, '../../../..')

// In children: an addon cannot be unloaded again, and would be left in the temporary folder's mappings.
describe('the addon, where the runtime forbids external buffers', () => {
  const made = tempPath('copies.node')

  before(function () {
    this.timeout(120_000)
    const build = spawnSync(process.execPath, [join(root, 'scripts/build-native.mjs'), made], {
      encoding: 'utf8',
      env: { ...process.env, SLIDEMAP_CFLAGS: '-DSLIDEMAP_NO_EXTERNAL_BUFFERS' }
    })
    if (build.stderr.includes('ENOENT')) return this.skip() // no compiler here
    expect(build.status, build.stderr).to.equal(0)
  })

  it('hands out copies, and keeps nothing mapped', () => {
    const file = tempFile('copied', Buffer.alloc(10_000, 'copies'))
    const program = `
      const assert = require('node:assert'), fs = require('node:fs')
      const [addonPath, path] = process.argv.slice(1)
      const addon = require(addonPath)
      const none = { mappings: 0, mappedBytes: 0, jobs: 0, faults: 0 }
      for (const key of ['resting', 'restingBytes', 'outlasting', 'outlastingBytes']) none[key] = 0
      const check = outcome => {
        const { errno, copied, slot, serial, buffer, fd } = outcome
        assert.deepEqual({ errno, copied, slot, serial }, { errno: 0, copied: true, slot: 0, serial: 0 })
        assert(Buffer.from(buffer).equals(fs.readFileSync(path).subarray(4096, 9097)))
        assert.equal(addon.unmap(slot, serial, buffer), -1)
        assert.equal(buffer.byteLength, 5001)
        assert.equal(addon.closeSync(fd), 0)
        assert(!fs.readFileSync('/proc/self/maps', 'utf8').includes(path))
        assert.deepEqual(addon.counters(), none)
      }
      check(addon.runSync(-1, Buffer.from(path), 0, 4096, 5001, false))
      addon.run(1, -1, Buffer.from(path), 0, 4096, 5001, true).then(outcome => {
        check(outcome)
        const short = addon.runSync(-1, Buffer.from(path), 0, 4096, 10_000, false)
        assert.deepEqual([short.errno, short.buffer, short.size, short.copied], [0, undefined, 10_000, undefined])
        addon.closeSync(short.fd)
        console.log('right')
      })`
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', program, made, file], { encoding: 'utf8' })
    expect(stdout, stderr).to.equal('right\n')
  })

  it('hands out nothing where the file is cut short before it is copied, within a page too', () => {
    const file = tempFile('cut-before-copying', Buffer.alloc(8192, 'copies'))
    const program = `
      const assert = require('node:assert'), fs = require('node:fs')
      const [addonPath, path] = process.argv.slice(1)
      const addon = require(addonPath)
      const mapThenCut = async (job, length) => {
        const mapped = addon.run(job, -1, Buffer.from(path), 0, 0, fs.statSync(path).size, true)
        const after = path + job
        const fd = fs.openSync(after, 'w')
        // On the pool's one thread: when it is written, the job has mapped, and nobody has copied yet.
        fs.write(fd, 'after', () => fs.closeSync(fd))
        while (fs.statSync(after).size === 0);
        fs.truncateSync(path, length)
        const outcome = await mapped
        assert.deepEqual([outcome.errno, outcome.buffer, outcome.size], [0, undefined, length])
        assert.equal(outcome.copied, undefined)
        addon.closeSync(outcome.fd)
        assert.equal(addon.counters().mappings, 0)
      }
      mapThenCut(1, 5000).then(() => mapThenCut(2, 4096)).then(() => mapThenCut(3, 10)).then(() => console.log('right'))`
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', program, made, file], {
      encoding: 'utf8',
      env: { ...process.env, UV_THREADPOOL_SIZE: '1' }
    })
    expect(stdout, stderr).to.equal('right\n')
  })

  it('says ENOMEM where there is no memory for a copy, and goes on when there is', function () {
    if (process.platform !== 'linux') this.skip()
    const file = sparseFile('large copies', 64 * MiB)
    const program = `
      const assert = require('node:assert')
      const [addonPath, path] = process.argv.slice(1)
      const addon = require(addonPath)
      const map = () => {
        const outcome = addon.runSync(-1, Buffer.from(path), 0, 0, ${64 * MiB}, false)
        if (outcome.errno === 0) addon.closeSync(outcome.fd)
        else assert.deepEqual([outcome.fd, outcome.buffer, outcome.copied], [-1, undefined, undefined])
        return outcome
      }
      let kept = [map()]
      while (kept.at(-1).errno === 0 && kept.length < 100) kept.push(map())
      const { errno, syscall } = kept.at(-1)
      assert.deepEqual([errno, syscall], [require('node:os').constants.errno.ENOMEM, 'malloc'])
      kept = []
      setImmediate(() => {
        gc()
        assert.equal(map().errno, 0)
        assert.equal(addon.counters().mappings, 0)
        console.log('right')
      })`
    // KiB: what Node takes of it to begin with, and some more.
    const limited = [
      '-c',
      'ulimit -v 1500000 && exec "$@"',
      'sh',
      process.execPath,
      '--expose-gc',
      '-e',
      program
    ]
    // Without what was loaded before: the runtime of a sanitizer takes more addresses than that.
    const env = { ...process.env, LD_PRELOAD: '' }
    const { stdout, stderr } = spawnSync('sh', [...limited, made, file], { encoding: 'utf8', env })
    expect(stdout, stderr).to.equal('right\n')
  })
})
