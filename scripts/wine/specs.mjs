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
  'late-readers',
  'limits',
  'map-manager',
  'map-manager-model',
  'map-manager-open',
  'map-manager-options',
  'range',
  'source',
  'windows'
]

/** Of these the ones that do not run, and why. */
export const leftOut = new Map([
  [
    'coming-from-smmap/1-windows-and-regions',
    'tens of thousands of random reads, each a call to wine’s server'
  ],
  ['coming-from-smmap/5-few-descriptors', 'compares with a program in Python'],
  ['manager/handle-limit', 'of ulimit, which Windows has not'],
  ['mapping/addon', 'of POSIX’ numbers and pages of 4 KiB; spec/windows.spec.ts has what is Windows’ own'],
  ['mapping/addon-copies', 'builds the addon anew with cc'],
  ['mapping/addon-faults', 'cuts short what is mapped; the same'],
  ['mapping/addon-page-cache', 'Windows does not tell what its cache has'],
  ['mapping/addon-unmap', 'of pages of 4 KiB'],
  ['mapping/mmap-io', 'mmap-io is built where it is installed'],
  ['mapping/permission', 'starts children and reads what they print: no pipes in wine'],
  ['sequence/concat-many', 'tens of thousands of files, each several calls to wine’s server'],
  ['sequence/drop-behind', 'Windows’ cache cannot be told to forget'],
  ['sequence/streams-large', 'gigabytes, page by page through wine']
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

/** What has most to do with the OS: the conformance suite on native and read, not on the mappers that it must find out. */
export const short = {
  specs: ['mapping/conformance', 'windows'].map(pathOf),
  grep: '^(the read mapper|on the addon|On Windows)'
}

const small = 'of windows below 64 KiB'
const cut = 'Windows does not cut short or replace what is mapped'

/** Tests that cannot hold there, by regular expressions of their titles, and why. */
export const notThere = [
  ['native mapper tells in stats\\(\\) (who waits|how many regions were unmapped)', small],
  ['tell what is mapped and unmapped, in order \\(native\\)', small],
  ['the options of a manager round the size of windows up', small],
  ['on the native mapper, a budget of one window serves walks from any byte', `${small}: docs/platforms.md`],
  ['native mapper, of files that change under it tells which was', cut],
  ['records\\(\\) on the native mapper yields records of every framing', small],
  ['pipeTo\\(\\) on the native mapper .* destroys it when the file fails', cut],
  [
    'read mapper opens a descriptor, which stays open, and where it was',
    'Node moves the place of a descriptor while it reads'
  ],
  ['windows that follow a file wait again where nothing has come', 'of paths without a drive'],
  ['handles are opened again on need', 'of paths without a drive'],
  ['refuses, leaving nothing open, what is not there, as the OS says it', 'Windows says ENOENT for ENOTDIR'],
  [
    'a source is (a file: URL|refused as out of range where its path has a null byte)',
    'of URLs without a drive'
  ]
]

function pathOf(name) {
  return `spec/${name}.spec.ts`
}
