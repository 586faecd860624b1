import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import * as lib from '../lib/index.js'
import { root } from './support/child.js'
import { tempFile } from './support/files.js'

const run = promisify(execFile)
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** What a program of one line prints, run in the checkout: there the package is found by its own name. */
async function printed(kind: 'module' | 'commonjs', program: string): Promise<string> {
  const { stdout, stderr } = await run(process.execPath, [`--input-type=${kind}`, '-e', program], {
    cwd: root,
    // Node 20 calls require() of an ES module an experiment; a checkout without a compiler has no addon.
    env: {
      ...process.env,
      NODE_OPTIONS: '--disable-warning=ExperimentalWarning --disable-warning=SlidemapWarning'
    }
  })
  expect(stderr).to.equal('')
  return stdout.trim()
}

describe('the package', function () {
  this.timeout(60_000)
  before(() => run(process.execPath, [join(root, 'scripts/build.mjs')]))

  const names = Object.keys(lib).sort().join()

  it('exports by import what lib/index.ts does', async () => {
    const program = `import * as all from 'slidemap'; console.log(Object.keys(all).sort().join())`
    expect(await printed('module', program)).to.equal(names)
  })

  it('exports the same by require()', async () => {
    const program = `console.log(Object.keys(require('slidemap')).sort().join())`
    expect(await printed('commonjs', program)).to.equal(names)
  })

  it('is the same to both, instances included', async () => {
    const program = `
      const required = require('slidemap')
      import('slidemap').then(imported => console.log(required.MapManager === imported.MapManager))`
    expect(await printed('commonjs', program)).to.equal('true')
  })

  it('reads a file by each of its entrances', async () => {
    const file = tempFile('package/three.txt', 'one\ntwo\nthree\n')
    const program = `open(${JSON.stringify(file)}).then(async file => {
      let lines = 0
      for await (const line of file.lines()) lines++
      await file.close()
      console.log(lines)
    })`
    expect(await printed('module', `import { open } from 'slidemap'; ${program}`)).to.equal('3')
    expect(await printed('commonjs', `const { open } = require('slidemap'); ${program}`)).to.equal('3')
  })

  it('exports its conformance suite and its manifest, and no file of its inside', async () => {
    const program = `import('slidemap/conformance').then(({ mapperConformance }) =>
      console.log(typeof mapperConformance, require('slidemap/package.json').name))`
    expect(await printed('commonjs', program)).to.equal('function slidemap')
    const { resolve } = createRequire(join(root, 'package.json'))
    for (const path of ['slidemap/dist/index.js', 'slidemap/dist/mapping/native.js', 'slidemap/native']) {
      expect(() => resolve(path), path)
        .to.throw()
        .with.property('code', 'ERR_PACKAGE_PATH_NOT_EXPORTED')
    }
  })

  it('has no script that npm would run, or warn of, where it is installed', () => {
    expect(manifest.scripts).not.to.have.any.keys('preinstall', 'install', 'postinstall', 'prepare')
  })
})
