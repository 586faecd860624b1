import { expect } from 'chai'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { addonPath } from '../support/addon.js'
import { tempFile, tempPath } from '../support/files.js'

const root = join(addonPath, '../../../..')

describe('the addon, where the runtime forbids external buffers', () => {
  it('hands out copies, and keeps nothing mapped', function () {
    const made = tempPath('copies.node')
    const build = spawnSync(process.execPath, [join(root, 'scripts/build-native.mjs'), made], {
      encoding: 'utf8',
      env: { ...process.env, SLIDEMAP_CFLAGS: '-DSLIDEMAP_NO_EXTERNAL_BUFFERS' }
    })
    if (build.stderr.includes('ENOENT')) return this.skip() // no compiler here
    expect(build.status, build.stderr).to.equal(0)
    const file = tempFile('copied', Buffer.alloc(10_000, 'copies'))
    // A child: an addon cannot be unloaded again, and would be left in the temporary folder's mappings.
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
        assert.deepEqual([short.errno, short.buffer, short.size, short.copied], [0, undefined, 10_000, false])
        addon.closeSync(short.fd)
        console.log('right')
      })`
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', program, made, file], { encoding: 'utf8' })
    expect(stdout, stderr).to.equal('right\n')
  }).timeout(120_000)
})
