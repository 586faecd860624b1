/**
 * macOS, by Debian's Clang and LLD: without Apple's SDK, with the declarations of native/darwin/ instead.
 *
 * What the linker finds neither in libSystem.tbd nor among the runtime's own functions fails the build.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { languageFlags, plainFlags, warningFlags } from './flags.mjs'
import { readMachO } from './mach-o.mjs'

/** The standard headers that the C sources include: each is native/darwin/libSystem.h. */
const standardHeaders = [
  'dlfcn.h',
  'errno.h',
  'fcntl.h',
  'pthread.h',
  'sched.h',
  'signal.h',
  'stdio.h',
  'stdlib.h',
  'string.h',
  'sys/mman.h',
  'sys/resource.h',
  'sys/stat.h',
  'unistd.h'
]

const LIB_SYSTEM = '/usr/lib/libSystem.B.dylib'

/** @type {import('./index.mjs').Target} */
export const darwinX64 = target('darwin-x64', 'x86_64-apple-macos10.15')

/** @type {import('./index.mjs').Target} The linker signs it, ad hoc: arm64 loads nothing unsigned. */
export const darwinArm64 = target('darwin-arm64', 'arm64-apple-macos11')

function target(name, triplet) {
  return {
    name,
    commands: ['clang', 'ld.lld'],
    debianPackages: ['clang', 'lld'],

    build({ native, sources, headers, definitions, scratch, output, run }) {
      const include = join(scratch, 'include')
      for (const header of standardHeaders) {
        mkdirSync(dirname(join(include, header)), { recursive: true })
        writeFileSync(join(include, header), `#include "${join(native, 'darwin/libSystem.h')}"\n`)
      }
      run('clang', [
        '-target',
        triplet,
        ...languageFlags,
        ...warningFlags,
        ...plainFlags,
        '-ffreestanding',
        // Of all headers only Clang's own, not those of the Linux that it runs on.
        '-nostdlibinc',
        `-I${include}`,
        `-I${headers}`,
        ...sources,
        'mapping_posix.c',
        '-bundle',
        '-fuse-ld=lld',
        '-nostdlib',
        '-Ldarwin',
        '-lSystem',
        ...runtimeFunctions(definitions).map(symbol => `-Wl,-U,_${symbol}`),
        '-Wl,-S',
        '-o',
        output
      ])
    },

    inspect({ output }) {
      const { libraries, symbols, signed } = readMachO(readFileSync(output))
      return {
        imports: symbols.filter(symbol => !symbol.startsWith('_napi_')),
        faults: [
          ...libraries
            .filter(library => library !== LIB_SYSTEM)
            .map(library => `it names a library: ${library}`),
          ...(name === 'darwin-arm64' && !signed ? ['it is not signed'] : [])
        ]
      }
    }
  }
}

/** What a runtime exports: the names in node-api-headers' lists. */
function runtimeFunctions(definitions) {
  return ['node_api.def', 'js_native_api.def']
    .flatMap(name => readFileSync(join(definitions, name), 'utf8').match(/^\s*(napi_|node_api_)\w+/gm) ?? [])
    .map(symbol => symbol.trim())
}
