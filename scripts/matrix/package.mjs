/** The package as it would be published, and folders that it is installed in. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { run } from './processes.mjs'

export const here = dirname(fileURLToPath(import.meta.url))
export const root = join(here, '../..')

/** What each cell runs, beside the package that it imports. */
const program = ['program.mjs', 'checks.mjs', 'fixtures.mjs', 'held.mjs', 'worker.mjs']

/**
 * `npm pack`, with all that it runs, in a copy of the sources: it builds anew, and others may be at work on this tree.
 *
 * @param scratch a folder of the caller's own
 * @returns the path of the tarball
 */
export async function pack(scratch) {
  const { status, output } = await run('npm', ['pack', '--pack-destination', scratch], {
    cwd: copySources(join(scratch, 'sources')),
    seconds: 300
  })
  const name = readdirSync(scratch).find(file => file.endsWith('.tgz'))
  if (status !== 0 || !name) throw new Error(`npm pack failed:\n${output}`)
  return join(scratch, name)
}

/** The sources as git knows them, and the development dependencies of this tree; answers the folder. */
function copySources(folder) {
  const list = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 26
  })
  for (const path of list.split('\0')) {
    if (path && existsSync(join(root, path)))
      cpSync(join(root, path), join(folder, path), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction')
  return folder
}

/** A folder with nothing in it but a manifest and the matrix's program; answers it. */
export function emptyFolder(folder) {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n')
  for (const name of program) copyFileSync(join(here, name), join(folder, name))
  return folder
}

/** Such a folder with the package installed in it, and its mappers by themselves, for the suite that tests them. */
export async function installed(tarball, folder) {
  const { status, output } = await run('npm', ['install', '--no-audit', '--no-fund', tarball], {
    cwd: emptyFolder(folder)
  })
  if (status !== 0) throw new Error(`npm install failed:\n${output}`)
  await bundleMappers(join(folder, 'mappers.mjs'))
  return folder
}

/** The package exports no mapper: they are the managers' own. */
async function bundleMappers(outfile) {
  const contents = `
    export { nativeMapper } from './lib/mapping/native.ts'
    export { readMapper } from './lib/mapping/read.ts'
    export { loadAddon } from './lib/mapping/load-addon.ts'`
  await build({
    stdin: { contents, resolveDir: root },
    outfile,
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node'
  })
}

/** A copy of an installed folder, in which `native/` of the package can be changed. */
export function copyInstalled(app, folder) {
  cpSync(app, folder, { recursive: true })
  return { app: folder, native: join(folder, 'node_modules/slidemap/native') }
}
