/** `SLIDEMAP_LONG=1`: packs the package and installs it as its users do. Needs Linux and a registry; takes a minute. */
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { root } from './support/child.js'
import { GiB, sparseFile, tempFile, tempPath } from './support/files.js'

const run = promisify(execFile)
const long = process.env.SLIDEMAP_LONG === '1' && process.platform === 'linux'

/** What npm may use besides node: coreutils and a shell, no compiler, no python, no make. */
const tools = ['sh', 'env', 'ls', 'cat', 'cp', 'mv', 'rm', 'mkdir', 'chmod', 'uname', 'tr', 'head', 'dirname']

const program = `
import { MapManager } from 'slidemap'
const manager = new MapManager()
const file = await manager.open(process.argv[2])
let bytes = 0
for await (const chunk of file.stream()) bytes += chunk.length
await file.close()
console.log(manager.stats().mapper, bytes)
await manager.close()
`

/** npm from the registry, and a node that it runs on; together they can be called as \`node npm\`. */
interface Npm {
  node: string
  cli: string
}

/** npm's own settings that say where the registry is; all others are npm's defaults. */
async function registrySettings(): Promise<Record<string, string>> {
  const { stdout } = await run('npm', ['config', 'get', 'registry', 'cafile', 'cache'], { encoding: 'utf8' })
  const settings = [...stdout.matchAll(/^(\w+)=(.+)$/gm)].filter(([, , value]) => value !== 'null')
  return Object.fromEntries(settings.map(([, name, value]) => [`npm_config_${name}`, value ?? '']))
}

async function fetchNpm(major: number): Promise<Npm> {
  const folder = tempPath(`package-install/npm-${major}`)
  const node = `node-${process.platform}-${process.arch}`
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  // npm 12 needs a newer node than this may be.
  await run('npm', ['install', '--no-audit', `npm@${major}`, `${node}@22`], { cwd: folder })
  return {
    node: join(folder, 'node_modules', node, 'bin/node'),
    cli: join(folder, 'node_modules/npm/bin/npm-cli.js')
  }
}

/** A folder with node and coreutils in it, for PATH. */
function bareFolder(name: string, node: string): string {
  const folder = tempPath(`package-install/${name}`)
  mkdirSync(folder)
  symlinkSync(node, join(folder, 'node'))
  for (const tool of tools) {
    const found = (process.env.PATH ?? '')
      .split(delimiter)
      .map(path => join(path, tool))
      .find(existsSync)
    if (found !== undefined) symlinkSync(found, join(folder, tool))
  }
  return folder
}

describe('the package, installed without a compiler, python or make', function () {
  this.timeout(600_000)
  let tarball: string
  let big: string
  let settings: Record<string, string>

  before(async function () {
    if (!long) return this.skip()
    const folder = tempPath('package-install')
    mkdirSync(folder)
    execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: root, stdio: 'ignore' })
    tarball = join(folder, readdirSync(folder).find(name => name.endsWith('.tgz')) ?? '')
    big = sparseFile('package-install/big', 5 * GiB)
    settings = await registrySettings()
  })

  for (const major of [11, 12]) {
    it(`says nothing under npm ${major}, and streams 5 GiB on the native mapper`, async () => {
      const { node, cli } = await fetchNpm(major)
      const bare = bareFolder(`bare-${major}`, node)
      const folder = tempPath(`package-install/user-${major}`)
      mkdirSync(folder)
      const options = {
        cwd: folder,
        env: {
          ...settings,
          PATH: bare,
          HOME: tempPath('package-install'),
          npm_config_update_notifier: 'false'
        }
      }
      const npm = (...args: string[]) => run(node, [cli, ...args], options)
      for (const tool of ['cc', 'gcc', 'c++', 'make', 'python3', 'node-gyp']) {
        expect(readdirSync(bare)).not.to.include(tool)
      }

      const installed = await npm('install', tarball)
      expect(installed.stderr).to.equal('')
      expect(installed.stdout)
        .to.match(/^\s*added \d+ packages/)
        .and.not.to.match(/warn|script/i)

      const again = await npm('ci', '--strict-allow-scripts')
      expect(again.stderr).to.equal('')
      expect(again.stdout)
        .to.match(/^\s*added \d+ packages/)
        .and.not.to.match(/warn|script/i)

      const script = tempFile(`package-install/user-${major}/stream.mjs`, program)
      for (const runtime of [node, process.execPath]) {
        const { stdout, stderr } = await run(runtime, [script, big], options)
        expect(stderr).to.equal('')
        expect(stdout.trim()).to.equal(`native ${5 * GiB}`)
      }
      console.log(
        `        ${basename(tarball)}, npm ${(await npm('--version')).stdout.trim()}: ${installed.stdout.trim().split('\n')[0]}`
      )
    })
  }
})
