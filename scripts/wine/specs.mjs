/** Which specs run on Windows: those of what the library does there, not of the checkout, its documents and tools. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './wine.mjs'

const folders = ['access', 'coming-from-smmap', 'manager', 'mapping', 'sequence']
const files = [
  'abort',
  'arguments',
  'diagnostics',
  'errors',
  'large-files',
  'late-readers',
  'limits',
  'map-manager',
  'map-manager-model',
  'map-manager-open',
  'map-manager-options',
  'random-access',
  'range',
  'source',
  'windows'
]

/** Of these the ones that do not run, and why. */
export const leftOut = new Map([
  ['coming-from-smmap/5-few-descriptors', 'compares with a program in Python'],
  ['manager/handle-limit', 'of ulimit, which Windows has not'],
  ['mapping/addon-copies', 'builds the addon anew with cc'],
  ['mapping/mmap-io', 'mmap-io is built where it is installed'],
  ['mapping/permission', 'starts children and reads what they print: no pipes in wine']
])

/** All that run, by their paths in the checkout. */
export function all() {
  const inFolders = folders.flatMap(folder =>
    readdirSync(join(root, 'spec', folder))
      .filter(name => name.endsWith('.spec.ts'))
      .map(name => `${folder}/${name.replace('.spec.ts', '')}`)
  )
  return [...inFolders, ...files]
    .filter(name => !leftOut.has(name))
    .map(pathOf)
    .sort()
}

/** What has most to do with the OS. */
export const short = [
  'windows',
  'mapping/conformance',
  'mapping/native',
  'mapping/addon',
  'mapping/addon-faults',
  'map-manager'
].map(pathOf)

function pathOf(name) {
  return `spec/${name}.spec.ts`
}
