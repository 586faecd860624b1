import { expect } from 'chai'
import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, fsyncSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { compileLimit } from '../../bench/harness/c-limit.mjs'
import { release, runSync as map } from '../support/addon.js'
import { tempFile } from '../support/files.js'

const MiB = 2 ** 20

describe('the C limit', function () {
  this.timeout(20_000)
  let limit: string

  before(function () {
    if (spawnSync(process.env.CC ?? 'cc', ['--version']).error) this.skip()
    limit = compileLimit(dirname(tempFile('limit/folder', '')))
  })

  const run = (mode: string, file: string) =>
    JSON.parse(execFileSync(limit, [mode, file], { encoding: 'utf8' }))

  it('sees every byte, and the one that is sought, in each of its ways', () => {
    // No window, one, a part of one, whole ones and a part, and more than are mapped at a time.
    for (const size of [0, 1, 16 * MiB, 16 * MiB + 1, 64 * MiB + 4097]) {
      const bytes = Buffer.alloc(size, 1)
      const clean = tempFile(`limit/clean-${size}`, bytes)
      const modes = ['read', 'sliding', 'populated', 'ahead', ...(size > 0 ? ['whole'] : [])]
      for (const mode of modes)
        expect(run(mode, clean), `${mode}, ${size}`).to.include({ bytes: size, found: 0 })
      if (size === 0) continue
      bytes[size - 1] = 0
      const dirty = tempFile(`limit/dirty-${size}`, bytes)
      for (const mode of modes) expect(run(mode, dirty), `${mode}, ${size}`).to.include({ found: 1 })
    }
  })

  it('makes a file cold, and sees that it is', function () {
    const file = tempFile('limit/cold', Buffer.alloc(4 * MiB, 1))
    const fd = openSync(file, 'r')
    fsyncSync(fd)
    closeSync(fd)
    // The kernel may take back what nobody has mapped.
    const kept = map(file, { length: 4 * MiB, populate: true })
    expect(run('resident', file).bytes).to.equal(4 * MiB)
    release(kept)
    // Some file systems have nowhere else to keep their bytes.
    if (run('drop', file).bytes > 0) this.skip()
    expect(run('resident', file).bytes).to.equal(0)
  })
})
