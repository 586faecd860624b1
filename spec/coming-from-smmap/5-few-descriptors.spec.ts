import { expect } from 'chai'
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { root } from '../support/child.js'

const mocha = join(dirname(createRequire(import.meta.url).resolve('mocha/package.json')), 'bin/mocha.js')

describe('coming from smmap: under `ulimit -n 48`', () => {
  before(function () {
    if (process.platform === 'win32') this.skip()
  })

  it('all of this holds as well', () => {
    const { status, stdout, stderr } = spawnSync(
      'sh',
      [
        '-c',
        'ulimit -n 48 && exec "$0" "$@"',
        process.execPath,
        mocha,
        'spec/coming-from-smmap/[1-4f]*.spec.ts'
      ],
      { cwd: root, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } }
    )
    expect(status, `${stdout}${stderr}`).to.equal(0)
    expect(stdout).to.match(/ \d+ passing/)
    expect(stdout).to.not.match(/failing/)
  })
})
