/**
 * Linux, glibc and musl alike: linked without the C library. The binary names no library and no version of a symbol,
 * so the loader takes each from the C library that the program has already.
 */
import { join } from 'node:path'
import { languageFlags, plainFlags, warningFlags } from './flags.mjs'

/** As of 2012. Node 20 wants 2.28. */
const NEWEST_GLIBC = [2, 17]

/** @type {import('./index.mjs').Target} */
export const linuxX64 = target(
  'linux-x64',
  'x86_64-linux-gnu',
  ['gcc', 'libc6-dev'],
  ['-fcf-protection=none']
)

/** @type {import('./index.mjs').Target} */
export const linuxArm64 = target(
  'linux-arm64',
  'aarch64-linux-gnu',
  ['gcc-aarch64-linux-gnu', 'libc6-dev-arm64-cross'],
  // Else atomics are calls into libgcc, which asks glibc for the processor's features.
  ['-mno-outline-atomics']
)

function target(name, triplet, debianPackages, machineFlags) {
  const gcc = `${triplet}-gcc`
  const readelf = `${triplet}-readelf`
  const link = ({ sources, headers, run }, output, ...linkFlags) =>
    run(gcc, [
      ...languageFlags,
      ...warningFlags,
      ...plainFlags,
      ...machineFlags,
      '-fPIC',
      `-I${headers}`,
      ...sources,
      'mapping_posix.c',
      '-shared',
      // Never unloaded: a Worker that was the last to use it must not take the fault handler with it.
      '-Wl,-z,nodelete',
      '-Wl,--build-id=none',
      // Code on pages of its own would be padded to whole pages in the file.
      '-Wl,-z,noseparate-code',
      '-s',
      ...linkFlags,
      '-o',
      output
    ])

  return {
    name,
    commands: [gcc, readelf],
    debianPackages,
    build: job => link(job, job.output, '-nostdlib'),
    inspect(job) {
      // Linked once more, with the C library: that names the version that each symbol is from.
      const versioned = join(job.scratch, 'versioned.so')
      link(job, versioned, '-nostdlib', '-lc')
      const { needed, wanted } = read(job.run, readelf, job.output)
      const versions = new Map(read(job.run, readelf, versioned).wanted.map(symbol => symbol.split('@')))
      const imports = wanted.filter(symbol => !symbol.startsWith('napi_'))
      return {
        imports: imports.map(symbol => `${symbol} ${versions.get(symbol) ?? ''}`.trim()),
        faults: [
          ...needed.map(library => `it names a library: ${library}`),
          ...imports
            .filter(symbol => !isOld(versions.get(symbol)))
            .map(symbol => `${symbol} is of ${versions.get(symbol) ?? 'no glibc'}`)
        ]
      }
    }
  }
}

/** The libraries that an ELF file names, and the symbols that it wants, as `symbol` or `symbol@VERSION`. */
function read(run, readelf, file) {
  const lines = run(readelf, ['--wide', '--dynamic', '--dyn-syms', file]).split('\n')
  return {
    needed: lines.flatMap(line => line.match(/\(NEEDED\).*\[(.+)\]/)?.[1] ?? []),
    wanted: lines.flatMap(line => line.match(/ UND ([^\s@]+(?:@[^\s]+)?)/)?.[1] ?? []).sort()
  }
}

function isOld(version) {
  const [, major, minor] = version?.match(/^GLIBC_(\d+)\.(\d+)/) ?? []
  if (major === undefined) return false
  return (
    Number(major) < NEWEST_GLIBC[0] || (Number(major) === NEWEST_GLIBC[0] && Number(minor) <= NEWEST_GLIBC[1])
  )
}
