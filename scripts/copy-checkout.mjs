import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Not what is built, and not the packages, which are shared. */
const left = ['node_modules', 'build', '.git']

/**
 * A copy of the checkout, in which the addon can be built in another way: the one of the checkout stays as it is.
 * Removed when the process ends.
 *
 * @param name what it is for, a word
 * @returns the folder, in the one for temporary files
 */
export function copyCheckout(name) {
  const root = join(dirname(fileURLToPath(import.meta.url)), '..')
  const folder = mkdtempSync(join(tmpdir(), `slidemap-${name}-`))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
  cpSync(root, folder, { recursive: true, filter: path => !left.includes(basename(path)) })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  return folder
}
