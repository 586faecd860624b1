/**
 * Build the addon of this checkout once more for tests: with calls that fail when they are told to (native/inject/),
 * as native/build/inject/slidemap.node. Does nothing where that is newer than all it is made of. GNU ld or lld.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const target = join(root, 'native/build/inject/slidemap.node')

/** What is wrapped: see native/inject/inject.c. */
const wrapped = [
  ...['open', 'close', 'syscall', 'lseek', 'pread', 'mmap', 'munmap', 'madvise', 'mincore', 'posix_fadvise'],
  ...['malloc', 'calloc', 'realloc'],
  ...[
    'external_arraybuffer',
    'async_work',
    'promise',
    'reference',
    'arraybuffer',
    'typedarray',
    'object'
  ].map(name => `napi_create_${name}`),
  ...['napi_detach_arraybuffer', 'napi_queue_async_work', 'napi_call_function']
]

const flags = [
  '-Dnapi_register_module_v1=slidemap_register',
  '-Wno-builtin-declaration-mismatch',
  ...wrapped.map(name => `-Wl,--wrap=${name}`),
  'inject/inject.c',
  'inject/bus.c'
]

function changedAt(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

const sources = ['native', 'native/inject', 'scripts'].flatMap(folder =>
  readdirSync(join(root, folder)).map(name => join(root, folder, name))
)
const newest = Math.max(...sources.filter(path => /\.(c|h|mjs)$/.test(path)).map(changedAt))

if (changedAt(target) <= newest) {
  const { status } = spawnSync(process.execPath, [join(root, 'scripts/build-native.mjs'), target], {
    env: { ...process.env, SLIDEMAP_CFLAGS: flags.join(' ') },
    stdio: 'inherit'
  })
  process.exitCode = status ?? 1
}
