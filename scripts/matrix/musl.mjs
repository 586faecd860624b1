/**
 * A C++ library for programs that were built for musl: Debian has musl, and no such library for it. Bun wants one; the
 * addon does not.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { here } from './package.mjs'
import { run } from './processes.mjs'

/** What lacks here, for a sentence; undefined where nothing does. */
export function muslLacks() {
  if (!existsSync('/lib/ld-musl-x86_64.so.1')) return "Debian's package musl"
  try {
    if (!existsSync(gcc('libstdc++_pic.a'))) return "Debian's package libstdc++-12-pic"
  } catch {
    return 'gcc'
  }
  return undefined
}

/** Where gcc has a file of its own. */
function gcc(name) {
  return execFileSync('gcc', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim()
}

/** Make libstdc++.so.6 in a folder; answers the folder. */
export async function muslLibraries(folder) {
  mkdirSync(folder, { recursive: true })
  const begin = gcc('crtbeginS.o')
  const words = [
    ...[
      '-shared',
      '-nostdlib',
      '-O1',
      '-fPIC',
      '-Wl,-soname,libstdc++.so.6',
      begin,
      join(here, 'musl-gaps.c')
    ],
    ...['-Wl,--whole-archive', gcc('libstdc++_pic.a'), '-Wl,--no-whole-archive'],
    ...['libgcc_eh.a', 'libgcc.a', 'crtendS.o'].map(name => join(dirname(begin), name)),
    ...['-o', join(folder, 'libstdc++.so.6')]
  ]
  const { status, output } = await run('gcc', words)
  if (status !== 0) throw new Error(output)
  return folder
}
