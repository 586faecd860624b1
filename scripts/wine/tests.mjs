/**
 * The specs on Windows: TypeScript made into JavaScript as it lies, the binary of the package beside it, and mocha in
 * Windows' Node.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, statSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { NODES, root, Wine, whatLacks, windowsNode, windowsPath } from './wine.mjs'
import { all, notThere, short } from './specs.mjs'

/**
 * Run the specs in each release of Node. Prints what mocha prints.
 *
 * @param {{ nodes?: string[], short?: boolean, grep?: string, specs?: string[], print?: (text: string) => void }} options
 *   short: what has most to do with Windows, in one release, in a minute or two; specs: only those, by their paths in the checkout
 * @returns {Promise<{ node: string, passed: number, failed: number, skipped: number, ended: boolean }[]>} ended: false
 *   where mocha did not come to its end
 * @throws {Error} where something lacks to run them
 */
export async function testWindows({
  nodes,
  grep,
  print = text => process.stdout.write(text),
  ...choice
} = {}) {
  const lack = whatLacks()
  if (lack) throw new Error(lack)
  const specs = choice.specs ?? (choice.short ? short.specs : all())
  const only = grep ?? (choice.short ? short.grep : undefined)
  const wine = new Wine()
  const stop = () => {
    wine.close()
    process.exit(1)
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop)
  try {
    const made = build(join(wine.folder, 'checkout'))
    const results = []
    for (const node of nodes ?? (choice.short ? NODES.slice(-1) : NODES)) {
      print(`\n== Node ${node} of Windows, ${specs.length} files of specs\n`)
      const request = JSON.stringify({
        specs: specs.map(spec => spec.replace(/\.ts$/, '.js')),
        grep: only,
        notThere
      })
      const { code, output } = await wine.run(
        windowsNode(node),
        [
          '--expose-gc',
          windowsPath(join(made, 'inside.mjs')),
          windowsPath(join(wine.folder, `files-${node}`)),
          request
        ],
        { onOutput: print, timeout: 3_600_000 }
      )
      results.push(countsOf(node, code, output))
    }
    return results
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, stop)
    wine.close()
  }
}

function countsOf(node, code, output) {
  const counts = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\r?$/m.exec(output)
  const [passed = 0, failed = 0, skipped = 0] = (counts ?? []).slice(1).map(Number)
  // What was left behind fails the run without failing a test.
  return { node, passed, failed: failed || Number(code !== 0), skipped: skipped || 0, ended: counts !== null }
}

/** A copy of the checkout that Node runs as it is; answers its folder. */
function build(folder) {
  mkdirSync(folder)
  run('node', ['scripts/prebuild.mjs', 'win32-x64'])
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')
  // Types are not this script's business: `npm run typecheck` says what is wrong with them.
  spawnSync(process.execPath, [tsc, '--noEmit', 'false', '--outDir', folder, '--rootDir', '.'], { cwd: root })
  // What is JavaScript already, and whatever else lies beside it.
  const isOther = path => statSync(path).isDirectory() || !/\.[cm]?ts$/.test(path)
  for (const part of ['lib', 'spec'])
    cpSync(join(root, part), join(folder, part), { recursive: true, filter: isOther })
  const binary = join(root, 'native/prebuilds/win32-x64/slidemap.node')
  for (const place of ['native/prebuilds/win32-x64', 'native/build/Release']) {
    mkdirSync(join(folder, place), { recursive: true })
    copyFileSync(binary, join(folder, place, 'slidemap.node'))
  }
  copyFileSync(join(root, 'scripts/wine/inside.mjs'), join(folder, 'inside.mjs'))
  for (const name of ['node_modules', 'package.json', 'README.md'])
    symlinkSync(join(root, name), join(folder, name))
  return folder
}

function run(command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed\n${stdout}${stderr}`)
}
