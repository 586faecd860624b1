/**
 * Windows, by MinGW. The binary imports from two libraries that every Windows has; Node-API it takes from the program
 * that loads it (native/win32/delay_load.c).
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { languageFlags, plainFlags, warningFlags } from './flags.mjs'

const prefix = 'x86_64-w64-mingw32'
const gcc = `${prefix}-gcc`
const dlltool = `${prefix}-dlltool`
const objdump = `${prefix}-objdump`

/** By their names in small letters. */
const LIBRARIES = ['kernel32.dll', 'msvcrt.dll']

/** @type {import('./index.mjs').Target} */
export const win32X64 = {
  name: 'win32-x64',
  commands: [gcc, dlltool, objdump],
  debianPackages: ['gcc-mingw-w64-x86-64-win32'],

  build({ sources, headers, definitions, scratch, output, run }) {
    const host = importHost(definitions, scratch, run)
    run(gcc, [
      ...languageFlags,
      ...warningFlags,
      ...plainFlags,
      `-I${headers}`,
      ...sources,
      'mapping_win32.c',
      'win32/delay_load.c',
      '-shared',
      host,
      '-ldelayimp',
      '-static-libgcc',
      // Microsoft's, where every 64-bit library begins.
      '-Wl,--image-base,0x180000000',
      '-Wl,--no-insert-timestamp',
      '-s',
      '-o',
      output
    ])
  },

  inspect({ output, run }) {
    const imports = importsOf(run(objdump, ['--private-headers', output]))
    return {
      imports: imports.map(({ library, symbol }) => `${symbol} (${library})`),
      faults: [
        ...imports
          .filter(({ library }) => !LIBRARIES.includes(library.toLowerCase()))
          .map(({ library, symbol }) => `it imports ${symbol} from ${library}`),
        ...(imports.length === 0 ? ['objdump tells nothing of what it imports'] : [])
      ]
    }
  }
}

/** An import library of what a runtime exports, to be asked for when it is called first; answers its path. */
function importHost(definitions, scratch, run) {
  const exported = ['js_native_api.def', 'node_api.def'].flatMap(name =>
    readFileSync(join(definitions, name), 'utf8').match(/^(napi|node_api)_\w+/gm)
  )
  const definition = join(scratch, 'host.def')
  const library = join(scratch, 'libhost.a')
  writeFileSync(definition, `NAME node.exe\nEXPORTS\n${exported.join('\n')}\n`)
  run(dlltool, [
    '--input-def',
    definition,
    '--output-delaylib',
    library,
    '--temp-prefix',
    join(scratch, 'host')
  ])
  return library
}

/** What a binary has Windows load with it. */
function importsOf(headers) {
  const imports = []
  let library
  for (const line of headers.split('\n')) {
    library = line.match(/^\s*DLL Name: (\S+)/)?.[1] ?? library
    const symbol = line.match(/^\s+[0-9a-f]+\s+\d+\s+(\w+)$/)?.[1]
    if (library && symbol) imports.push({ library, symbol })
    // What follows the tables of imports (exports, relocations) has lines of the same shape.
    if (/Export|Function Table/.test(line)) library = undefined
  }
  return imports.sort((a, b) => (a.symbol < b.symbol ? -1 : 1))
}
