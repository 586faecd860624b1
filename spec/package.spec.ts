import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { build } from 'esbuild'
import * as lib from '../lib/index.js'
import { root } from './support/child.js'
import { tempFile, tempPath } from './support/files.js'

const run = promisify(execFile)
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** Node 20 calls require() of an ES module an experiment; a checkout without a compiler has no addon. */
const quiet = {
  ...process.env,
  NODE_OPTIONS: '--disable-warning=ExperimentalWarning --disable-warning=SlidemapWarning'
}

/** What a program of one line prints, run in the checkout: there the package is found by its own name. */
async function printed(kind: 'module' | 'commonjs', program: string): Promise<string> {
  const { stdout, stderr } = await run(process.execPath, [`--input-type=${kind}`, '-e', program], {
    cwd: root,
    env: quiet
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

  it('is imported without streams, which are loaded when the first one is made', async () => {
    const loaded = async (program: string) => {
      // Not console.log(), which is a stream.
      const tell = `
        const { createRequire } = process.getBuiltinModule('node:module')
        const builtins = process.moduleLoadList.filter(name => /^NativeModule (stream|stream.web|net)$/.test(name))
        const installed = Object.keys(createRequire('/').cache).filter(path => /streamx.index.js$/.test(path))
        process.getBuiltinModule('node:fs').writeSync(1, JSON.stringify([...builtins, ...installed]))`
      return JSON.parse(await printed('module', `${program}\n${tell}`)) as string[]
    }
    expect(await loaded(`import 'slidemap'`)).to.deep.equal(await loaded(''))
    const streaming = `import { open } from 'slidemap'; (await open('package.json')).stream()`
    expect((await loaded(streaming)).join()).to.match(/streamx.index\.js$/)
  })

  it('runs as one file with all it depends on, where nothing is installed', async () => {
    const file = tempFile('package/bundled/four.txt', '1\n2\n3\n4\n')
    const contents = `
      import { open } from 'slidemap'
      const file = await open(${JSON.stringify(file)})
      let bytes = 0
      for await (const chunk of file.stream()) bytes += chunk.length
      await file.close()
      console.log(bytes)`
    const bundled = tempPath('package/bundled/program.mjs')
    await build({
      stdin: { contents, resolveDir: root },
      bundle: true,
      platform: 'node',
      format: 'esm',
      // What esbuild asks of whoever bundles CommonJS that requires a module of Node.
      banner: {
        js: `import { createRequire as maker } from 'node:module'; const require = maker(import.meta.url)`
      },
      outfile: bundled
    })
    const { stdout, stderr } = await run(process.execPath, [bundled], { env: quiet })
    expect(stderr).to.equal('')
    expect(stdout).to.equal('8\n')
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
