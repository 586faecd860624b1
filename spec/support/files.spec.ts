import { expect } from 'chai'
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bytesAt, GiB, KiB, sparseBytes, sparseFile, tempFile, tempPath } from './files.js'
import { canWitness, descriptorsBelow, descriptorsOf } from './os.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')

describe('the fixtures', () => {
  it('give one byte an offset, whatever range it is asked for in', () => {
    const start = 4 * GiB - 10
    const whole = bytesAt(7, start, 64)
    for (let from = 0; from < 8; from++) {
      for (let to = from; to < 64; to += 5) {
        expect(bytesAt(7, start + from, to - from).equals(whole.subarray(from, to))).to.equal(true)
      }
    }
  })

  it('give other bytes 2 GiB, 4 GiB and 16 GiB further, and under another seed', () => {
    const bytes = bytesAt(1, 5, 32)
    for (const other of [2 * GiB, 4 * GiB, 16 * GiB, 2 ** 52]) {
      expect(bytesAt(1, other + 5, 32).equals(bytes), `at ${other}`).to.equal(false)
    }
    expect(bytesAt(2, 5, 32).equals(bytes)).to.equal(false)
  })

  it('make sparse files that hold what sparseBytes says', () => {
    const size = 3 * 64 * KiB
    const blocks = [
      { offset: 10, bytes: bytesAt(1, 10, 5000) },
      { offset: 5000, bytes: bytesAt(2, 5000, 100) },
      { offset: size - 1, bytes: bytesAt(3, size - 1, 1) }
    ]
    const path = sparseFile('sparse', size, blocks)
    expect(readFileSync(path).equals(sparseBytes(blocks, 0, size))).to.equal(true)
    expect(sparseBytes(blocks, 4999, 102).equals(readFileSync(path).subarray(4999, 5101))).to.equal(true)
    expect(statSync(path).blocks * 512).to.be.below(size)
  })

  it('name the descriptors open on a file, one with a space in its name and a deleted one included', function () {
    if (!canWitness) return this.skip()
    const path = tempFile('a folder/with (deleted) in it')
    const fd = openSync(path, 'r')
    try {
      expect(descriptorsOf(path)).to.deep.equal([fd])
      expect(descriptorsBelow(tempPath('a folder'))).to.deep.equal([{ fd, path }])
    } finally {
      closeSync(fd)
    }
    expect(descriptorsOf(path)).to.deep.equal([])
  })
})

describe('the root hooks', () => {
  it('fail the test that leaves a descriptor open, and run the tests after it', function () {
    if (!canWitness) return this.skip()
    const spec = tempFile(
      'leak.spec.ts',
      `import { openSync } from 'node:fs'
       import { tempFile, temporaryFolder } from '${join(root, 'spec/support/files.ts')}'
       it('leaks', () => { console.log('folder:' + temporaryFolder); openSync(tempFile('left open'), 'r') })
       it('does not', () => {})`
    )
    const { status, stdout } = spawnSync(
      process.execPath,
      [
        '--import=tsx',
        'node_modules/mocha/bin/mocha.js',
        '--no-config',
        '--no-color',
        '--require=spec/support/hooks.ts',
        spec
      ],
      { cwd: root, encoding: 'utf8' }
    )
    expect(status).to.equal(1)
    expect(stdout).to.match(/1\) leaks[\s\S]*descriptor \d+ on .*left open/)
    expect(stdout)
      .to.match(/1 failing/)
      .and.to.match(/✔ does not/)
    const folder = /folder:(.*)/.exec(stdout)?.[1] ?? ''
    expect(folder).to.match(/slidemap-spec-/)
    expect(existsSync(folder), 'the folder of that run').to.equal(false)
  })
})
