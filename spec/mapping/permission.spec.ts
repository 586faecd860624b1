import { execFile, execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, realpathSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { findAddon } from '../../lib/mapping/load-addon.js'
import { root } from '../support/child.js'
import { tempFile, tempPath } from '../support/files.js'
import { requireAddon } from './installed.js'

const flag = Number(process.versions.node.split('.')[0]) < 22 ? '--experimental-permission' : '--permission'

const dependencies = realpathSync(join(root, 'node_modules'))

/** The package, as it is built, in the temporary folder: nothing that translates TypeScript may run where it is tried. */
function makePackage(): string {
  execFileSync(process.execPath, [join(root, 'scripts/build.mjs')])
  const folder = dirname(tempFile('permission/package/package.json', '{ "type": "module" }'))
  cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true })
  copyFileSync(findAddon(), tempFile('permission/package/native/build/Release/slidemap.node'))
  symlinkSync(dependencies, join(folder, 'node_modules'), 'junction')
  return folder
}

describe('under Node’s permission model', function () {
  this.timeout(60_000)
  let folder: string

  /** Run a program that has all of the package, and may read the package and the open folder; what it prints. */
  async function printed(flags: readonly string[], body: string): Promise<unknown> {
    const program = tempFile(
      'permission/package/program.js',
      `import { concat, MapManager, open } from './dist/index.js'
      const [allowed, secret] = process.argv.slice(2)
      const manager = new MapManager()
      const answers = []
      process.on('warning', ({ name, message }) => name === 'SlidemapWarning' && answers.push(message))
      const told = promise => promise.then(() => 'done', ({ code, permission }) => [code, permission])
      ${body}
      setImmediate(() => console.log(JSON.stringify(answers)))`
    )
    const allowed = [folder, dependencies, tempPath('permission/open')]
    const { stdout } = await promisify(execFile)(process.execPath, [
      flag,
      ...allowed.map(path => `--allow-fs-read=${path}/`),
      ...flags,
      program,
      tempPath('permission/open/file'),
      tempPath('permission/secret/file')
    ])
    return JSON.parse(stdout)
  }

  before(function () {
    requireAddon.call(this)
    folder = makePackage()
    tempFile('permission/open/file', 'open')
    tempFile('permission/secret/file', 'secret')
  })

  const denied = ['ERR_ACCESS_DENIED', 'FileSystemRead']

  it('files are mapped with --allow-addons, and only those that may be read', async () => {
    const answers = await printed(
      ['--allow-addons'],
      `answers.push(
        manager.stats().mapper,
        String(await (await manager.open(allowed)).read(0, 4)),
        await told(manager.open(secret)),
        await told(manager.open(Buffer.from(secret))),
        await told(manager.open(allowed + '/../../secret/file'))
      )`
    )
    expect(answers).to.deep.equal(['native', 'open', denied, denied, denied])
  })

  it('small files are not read in batches where one of them may not be read', async () => {
    const answers = await printed(
      ['--allow-addons'],
      `const seen = []
      const walk = async () => {
        for await (const { bytes } of concat([allowed, allowed, secret, allowed]).windows()) seen.push(String(bytes))
      }
      answers.push(await told(walk()), seen)`
    )
    expect(answers).to.deep.equal([denied, ['open', 'open']])
  })

  it('files are read without --allow-addons, and one warning names it, however many managers there are', async () => {
    const answers = (await printed(
      [],
      `for (const one of [manager, new MapManager(), new MapManager()])
        answers.push(one.stats().mapper, String(await (await one.open(allowed)).read(0, 4)))
      answers.push(String(await (await open(allowed)).read(0, 4)))
      answers.push(await told(manager.open(secret)))`
    )) as unknown[]
    expect(answers.slice(1)).to.deep.equal([...Array(3).fill(['read', 'open']).flat(), 'open', denied])
    expect(answers[0]).to.match(/--allow-addons/)
  })
})
